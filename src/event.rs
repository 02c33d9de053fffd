//! Events: what happened in a sandbox, in one order (W4).
//!
//! The log is bounded; the oldest events give way and are counted. An event is small and plain: its texts are put
//! together when somebody reads it.

mod log;

pub use log::{Batch, EventLog, Fill, Page};

use crate::signing::{AgentId, EnvelopeId, Origin, RecipientId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use std::sync::Arc;

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is documented by its own word in `as_str`")]
pub enum EventKind {
    #[serde(rename = "envelope.created")]
    EnvelopeCreated,
    #[serde(rename = "envelope.sent")]
    EnvelopeSent,
    #[serde(rename = "envelope.finalized")]
    EnvelopeFinalized,
    #[serde(rename = "envelope.voided")]
    EnvelopeVoided,
    #[serde(rename = "envelope.expired")]
    EnvelopeExpired,
    #[serde(rename = "recipient.activated")]
    RecipientActivated,
    #[serde(rename = "recipient.completed")]
    RecipientCompleted,
    #[serde(rename = "recipient.declined")]
    RecipientDeclined,
    #[serde(rename = "request.re-sent")]
    RequestResent,
    #[serde(rename = "agent.invited")]
    AgentInvited,
    #[serde(rename = "agent.opened")]
    AgentOpened,
    #[serde(rename = "agent.accepted")]
    AgentAccepted,
    #[serde(rename = "agent.released")]
    AgentReleased,
    #[serde(rename = "agent.declined")]
    AgentDeclined,
    #[serde(rename = "document.signed")]
    DocumentSigned,
}

impl EventKind {
    /// Every kind, once.
    pub const ALL: [Self; 15] = [
        Self::EnvelopeCreated,
        Self::EnvelopeSent,
        Self::EnvelopeFinalized,
        Self::EnvelopeVoided,
        Self::EnvelopeExpired,
        Self::RecipientActivated,
        Self::RecipientCompleted,
        Self::RecipientDeclined,
        Self::RequestResent,
        Self::AgentInvited,
        Self::AgentOpened,
        Self::AgentAccepted,
        Self::AgentReleased,
        Self::AgentDeclined,
        Self::DocumentSigned,
    ];

    /// The word for it (W4).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EnvelopeCreated => "envelope.created",
            Self::EnvelopeSent => "envelope.sent",
            Self::EnvelopeFinalized => "envelope.finalized",
            Self::EnvelopeVoided => "envelope.voided",
            Self::EnvelopeExpired => "envelope.expired",
            Self::RecipientActivated => "recipient.activated",
            Self::RecipientCompleted => "recipient.completed",
            Self::RecipientDeclined => "recipient.declined",
            Self::RequestResent => "request.re-sent",
            Self::AgentInvited => "agent.invited",
            Self::AgentOpened => "agent.opened",
            Self::AgentAccepted => "agent.accepted",
            Self::AgentReleased => "agent.released",
            Self::AgentDeclined => "agent.declined",
            Self::DocumentSigned => "document.signed",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// 1, 2, 3, … in the order of the log.
    pub number: u64,
    /// When, by the sandbox's clock.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// To which envelope.
    pub envelope: EnvelopeId,
    /// To which recipient, if to one.
    pub recipient: Option<u32>,
    /// To which agent, if to one; its number in the envelope.
    pub agent: Option<u32>,
    /// The agent session that made the envelope, if one did.
    pub origin: Option<Arc<Origin>>,
}

impl Event {
    /// About how many bytes the event takes up, here and as text.
    #[must_use]
    pub fn size(&self) -> usize {
        let origin = self.origin.as_ref().map_or(0, |origin| origin.handoff_id.len() + origin.agent_session_id.len());
        2 * size_of::<Self>() + origin
    }
}

/// The id of an event: `evt_00000001`.
#[must_use]
pub fn event_id(number: u64) -> String {
    format!("evt_{number:08}")
}

/// Reads an event's number from its id.
#[must_use]
pub fn event_number(id: &str) -> Option<u64> {
    let digits = id.strip_prefix("evt_")?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

impl Serialize for Event {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { envelope, .. } = *self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &event_id(self.number))?;
        map.serialize_entry("at", &self.at)?;
        map.serialize_entry("event", &self.kind)?;
        map.serialize_entry("envelope_id", &envelope)?;
        if let Some(number) = self.recipient {
            map.serialize_entry("recipient_id", &RecipientId { envelope, number })?;
        }
        if let Some(number) = self.agent {
            map.serialize_entry("agent_id", &AgentId { envelope, number })?;
        }
        if let Some(origin) = &self.origin {
            map.serialize_entry("agent_session_id", &origin.agent_session_id)?;
            map.serialize_entry("handoff_id", &origin.handoff_id)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_word() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::named(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(event_number(&event_id(7)), Some(7));
    }
}
