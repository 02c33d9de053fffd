//! Deserializes the state of an envelope or a recipient.
//!
//! serde reads a tagged enum from a copy of its members, which loses their locations. Here each member is read in
//! place, so that errors name it.

use super::{EnvelopeState, RecipientState, VoidReason};
use crate::base::times;
use jiff::Timestamp;
use serde::Deserialize;

/// The state of an envelope as stored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EnvelopeFields {
    status: EnvelopeWord,
    #[serde(default, deserialize_with = "times::deserialize_some")]
    sent_at: Option<Timestamp>,
    #[serde(default, deserialize_with = "times::deserialize_some")]
    at: Option<Timestamp>,
    because: Option<VoidReason>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum EnvelopeWord {
    Draft,
    Sent,
    Finalized,
    Voided,
    Expired,
}

impl TryFrom<EnvelopeFields> for EnvelopeState {
    type Error = String;

    fn try_from(fields: EnvelopeFields) -> Result<Self, String> {
        use EnvelopeWord as Word;
        Ok(match (fields.status, fields.sent_at, fields.at, fields.because) {
            (Word::Draft, None, None, None) => Self::Draft,
            (Word::Sent, Some(sent_at), None, None) => Self::Sent { sent_at },
            (Word::Finalized, Some(sent_at), Some(at), None) => Self::Finalized { sent_at, at },
            (Word::Voided, Some(sent_at), Some(at), Some(because)) => Self::Voided { sent_at, at, because },
            (Word::Expired, Some(sent_at), Some(at), None) => Self::Expired { sent_at, at },
            (Word::Draft, ..) => return Err(exactly("draft", &["status"])),
            (Word::Sent, ..) => return Err(exactly("sent", &["status", "sent_at"])),
            (Word::Finalized, ..) => return Err(exactly("finalized", &["status", "sent_at", "at"])),
            (Word::Voided, ..) => return Err(exactly("voided", &["status", "sent_at", "at", "because"])),
            (Word::Expired, ..) => return Err(exactly("expired", &["status", "sent_at", "at"])),
        })
    }
}

/// The state of a recipient as stored.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RecipientFields {
    state: RecipientWord,
    #[serde(default, deserialize_with = "times::deserialize_some")]
    activated_at: Option<Timestamp>,
    by: Option<u32>,
    #[serde(default, deserialize_with = "times::deserialize_some")]
    at: Option<Timestamp>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum RecipientWord {
    Waiting,
    Open,
    Claimed,
    Completed,
    Declined,
    Removed,
}

impl TryFrom<RecipientFields> for RecipientState {
    type Error = String;

    fn try_from(fields: RecipientFields) -> Result<Self, String> {
        use RecipientWord as Word;
        Ok(match (fields.state, fields.activated_at, fields.by, fields.at) {
            (Word::Waiting, None, None, None) => Self::Waiting,
            (Word::Open, Some(activated_at), None, None) => Self::Open { activated_at },
            (Word::Claimed, Some(activated_at), Some(by), Some(at)) => Self::Claimed { activated_at, by, at },
            (Word::Completed, activated_at, by, Some(at)) => Self::Completed { activated_at, by, at },
            (Word::Declined, Some(activated_at), None, Some(at)) => Self::Declined { activated_at, at },
            (Word::Removed, None, None, Some(at)) => Self::Removed { at },
            (Word::Waiting, ..) => return Err(exactly("waiting", &["state"])),
            (Word::Open, ..) => return Err(exactly("open", &["state", "activated_at"])),
            (Word::Claimed, ..) => return Err(exactly("claimed", &["state", "activated_at", "by", "at"])),
            (Word::Completed, ..) => return Err(exactly("completed", &["state", "activated_at", "by", "at"])),
            (Word::Declined, ..) => return Err(exactly("declined", &["state", "activated_at", "at"])),
            (Word::Removed, ..) => return Err(exactly("removed", &["state", "at"])),
        })
    }
}

/// The error for a state that lacks a member or has one that does not belong to it.
fn exactly(state: &str, members: &[&str]) -> String {
    let members: Vec<String> = members.iter().map(|member| format!("{member:?}")).collect();
    match &*members {
        [only] => format!("{state:?} takes only the member {only}; remove the others"),
        _ => format!("{state:?} takes exactly the members {}; add or remove what differs", members.join(", ")),
    }
}
