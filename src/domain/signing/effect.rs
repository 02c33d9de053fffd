//! The effects of an envelope's transition.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Kinds of effects on an envelope, its recipients and agents (W4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
pub enum EffectKind {
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

impl EffectKind {
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

    /// The name of the kind in events (W4).
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

    /// The kind with this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// An effect of a transition, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Effect {
    pub kind: EffectKind,
    /// The recipient's index in the envelope, if the effect is about a recipient or one of its agents.
    pub recipient: Option<u32>,
    /// The agent's index among those of the recipient, if the effect is about an agent.
    pub agent: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_word() {
        for kind in EffectKind::ALL {
            assert_eq!(EffectKind::named(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
    }
}
