//! Events: what happened in a sandbox, in one order (W4).
//!
//! Events are small: their text is composed when they are read.

use crate::{
    base::{
        document::{Logged, Numbered},
        names::{number_of_id, numbered_id},
        schema::{AgentSessionId, EventId},
    },
    domain::signing::{AgentId, Effect, EffectKind, Envelope, EnvelopeId, Origin, RecipientId},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use std::sync::Arc;
use utoipa::ToSchema;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// Something happened to an envelope, a recipient or an agent.
    Signing(EffectKind),
}

impl EventKind {
    /// Every kind, once.
    pub fn all() -> impl Iterator<Item = Self> {
        EffectKind::ALL.into_iter().map(Self::Signing)
    }

    /// The name of the kind (W4).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signing(kind) => kind.as_str(),
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        EffectKind::named(word).map(Self::Signing)
    }
}

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// An envelope.
    Envelope(EnvelopeId),
    /// A recipient of an envelope.
    Recipient(RecipientId),
    /// An agent.
    Agent {
        /// The agent.
        id: AgentId,
        /// Number of the agent's recipient.
        recipient: u32,
    },
}

impl Subject {
    /// The envelope that this is or belongs to.
    #[must_use]
    pub fn envelope(self) -> EnvelopeId {
        match self {
            Self::Envelope(id) => id,
            Self::Recipient(id) => id.envelope,
            Self::Agent { id, .. } => id.envelope,
        }
    }

    /// The recipient that this is or belongs to.
    #[must_use]
    pub fn recipient(self) -> Option<RecipientId> {
        match self {
            Self::Envelope(_) => None,
            Self::Recipient(id) => Some(id),
            Self::Agent { id, recipient } => Some(RecipientId { envelope: id.envelope, number: recipient }),
        }
    }

    /// The agent, if this is one.
    #[must_use]
    pub fn agent(self) -> Option<AgentId> {
        match self {
            Self::Envelope(_) | Self::Recipient(_) => None,
            Self::Agent { id, .. } => Some(id),
        }
    }
}

/// Something that happened. The log gives it a number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, by the sandbox's clock.
    pub at: Timestamp,
    /// What happened.
    pub kind: EventKind,
    /// What it happened to.
    pub subject: Subject,
    /// The agent session that created the envelope, if one did.
    pub origin: Option<Arc<Origin>>,
    /// Whether this is the first event of its transition.
    pub is_first: bool,
}

impl Event {
    /// The effects of a transition as events; `envelope` is the state after the transition.
    pub fn of_transition(envelope: &Envelope, effects: &[Effect], at: Timestamp) -> impl Iterator<Item = Self> {
        effects.iter().enumerate().map(move |(place, effect)| Self {
            at,
            kind: EventKind::Signing(effect.kind),
            subject: Subject::of_effect(envelope, effect),
            origin: envelope.terms.origin.clone(),
            is_first: place == 0,
        })
    }
}

impl Subject {
    fn of_effect(envelope: &Envelope, effect: &Effect) -> Self {
        let role = effect.recipient.and_then(|place| envelope.recipient_at(place)).map(|recipient| &recipient.role);
        match (role, effect.agent) {
            (None, _) => Self::Envelope(envelope.id),
            (Some(role), None) => Self::Recipient(RecipientId { envelope: envelope.id, number: role.number }),
            (Some(role), Some(place)) => Self::Agent {
                id: AgentId { envelope: envelope.id, number: role.first_agent + place },
                recipient: role.number,
            },
        }
    }
}

impl Logged for Event {
    const LOG: &'static str = "events";

    /// The events of one transition share their origin, which is counted only once.
    fn size(&self) -> usize {
        let origin = self.origin.as_ref().filter(|_| self.is_first);
        size_of::<Self>() + origin.map_or(0, |origin| origin.size())
    }
}

/// An event as read from the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NumberedEvent {
    /// 1, 2, 3, … in log order.
    pub number: u64,
    /// What happened.
    pub event: Arc<Event>,
}

impl From<Numbered<Arc<Event>>> for NumberedEvent {
    fn from(entry: Numbered<Arc<Event>>) -> Self {
        Self { number: entry.number, event: entry.entry }
    }
}

impl std::ops::Deref for NumberedEvent {
    type Target = Event;

    fn deref(&self) -> &Event {
        &self.event
    }
}

/// The id of an event: `evt_00000001`.
#[must_use]
pub fn event_id(number: u64) -> String {
    numbered_id("evt_", number)
}

/// Reads an event's number from its id.
#[must_use]
pub fn event_number(id: &str) -> Option<u64> {
    number_of_id(id, "evt_")
}

/// An event as JSON.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub struct EventView<'e> {
    #[schema(value_type = EventId)]
    id: String,
    /// When it happened, by the sandbox's clock.
    at: Timestamp,
    #[schema(value_type = EffectKind)]
    event: &'static str,
    envelope_id: EnvelopeId,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<RecipientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<AgentId>,
    /// The agent session that created the envelope, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AgentSessionId>)]
    agent_session_id: Option<&'e str>,
    /// The caller's id of that handoff (R2).
    #[serde(skip_serializing_if = "Option::is_none")]
    handoff_id: Option<&'e str>,
}

impl Serialize for NumberedEvent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let origin = self.origin.as_ref();
        let view = EventView {
            id: event_id(self.number),
            at: self.at,
            event: self.kind.as_str(),
            envelope_id: self.subject.envelope(),
            recipient_id: self.subject.recipient(),
            agent_id: self.subject.agent(),
            agent_session_id: origin.map(|origin| &*origin.agent_session_id),
            handoff_id: origin.map(|origin| &*origin.handoff_id),
        };
        view.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back() {
        assert_eq!(event_number(&event_id(7)), Some(7));
        for kind in EventKind::all() {
            assert_eq!(EventKind::named(kind.as_str()), Some(kind));
        }
    }
}
