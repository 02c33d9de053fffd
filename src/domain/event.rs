//! Events: what happened in a sandbox, in one order (W4).
//!
//! Events are small: their text is composed when they are read.

use crate::{
    base::{
        document::{Logged, Numbered},
        names::{number_of_id, numbered_id},
        schema::{AgentSessionId, EventId},
    },
    domain::{
        actor::ActorStep,
        signing::{AgentId, Effect, EffectKind, Envelope, EnvelopeId, Origin, RecipientId, Spot},
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
use std::{borrow::Cow, sync::Arc};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EventKind {
    /// Something happened to an envelope, a recipient or an agent.
    Signing(EffectKind),
    /// A step of the journey around a handoff.
    Journey(JourneyKind),
}

/// A step of the journey around a handoff.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum JourneyKind {
    /// The page of an agent session was opened for the first time.
    #[serde(rename = "agent_session.opened")]
    SessionOpened,
    /// An actor registered (S5).
    #[serde(rename = "actor.registered")]
    Registered,
    /// An actor verified their email (S4).
    #[serde(rename = "actor.verified")]
    Verified,
    /// An actor subscribed (S3).
    #[serde(rename = "actor.subscribed")]
    Subscribed,
    /// An agent's signing page was viewed. Opening the invitation requires the button (G4).
    #[serde(rename = "link.viewed")]
    LinkViewed,
}

impl JourneyKind {
    /// Every kind, once.
    pub const ALL: [Self; 5] =
        [Self::SessionOpened, Self::Registered, Self::Verified, Self::Subscribed, Self::LinkViewed];

    /// The name of the kind in events.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SessionOpened => "agent_session.opened",
            Self::Registered => "actor.registered",
            Self::Verified => "actor.verified",
            Self::Subscribed => "actor.subscribed",
            Self::LinkViewed => "link.viewed",
        }
    }
}

impl EventKind {
    /// Every kind, once.
    pub fn all() -> impl Iterator<Item = Self> {
        let journey = JourneyKind::ALL.into_iter().map(Self::Journey);
        EffectKind::ALL.into_iter().map(Self::Signing).chain(journey)
    }

    /// The name of the kind (W4).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signing(kind) => kind.as_str(),
            Self::Journey(kind) => kind.as_str(),
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        Self::all().find(|kind| kind.as_str() == word)
    }
}

/// The schema of the name of an [`EventKind`].
#[derive(Debug)]
pub struct EventName;

impl PartialSchema for EventName {
    fn schema() -> RefOr<Schema> {
        let names = EventKind::all().map(EventKind::as_str);
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).into()
    }
}

impl ToSchema for EventName {
    fn name() -> Cow<'static, str> {
        "EventKind".into()
    }
}

/// What an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// An envelope.
    Envelope(EnvelopeId),
    /// A recipient of an envelope.
    Recipient(RecipientId),
    /// An agent.
    Agent {
        /// The agent.
        id: AgentId,
        /// The number of the recipient that the agent belongs to.
        recipient: u32,
    },
    /// An agent session: the event's origin names it.
    AgentSession,
    /// An actor, by email.
    Actor(Arc<str>),
}

impl Subject {
    /// The envelope that it is or belongs to.
    #[must_use]
    pub fn envelope(&self) -> Option<EnvelopeId> {
        match self {
            Self::Envelope(id) => Some(*id),
            Self::Recipient(id) => Some(id.envelope),
            Self::Agent { id, .. } => Some(id.envelope),
            Self::AgentSession | Self::Actor(_) => None,
        }
    }

    /// The recipient that it is or belongs to.
    #[must_use]
    pub fn recipient(&self) -> Option<RecipientId> {
        match self {
            Self::Recipient(id) => Some(*id),
            Self::Agent { id, recipient } => Some(RecipientId { envelope: id.envelope, number: *recipient }),
            Self::Envelope(_) | Self::AgentSession | Self::Actor(_) => None,
        }
    }

    /// The agent that it is.
    #[must_use]
    pub fn agent(&self) -> Option<AgentId> {
        if let Self::Agent { id, .. } = self { Some(*id) } else { None }
    }

    /// The email of the actor that it is.
    #[must_use]
    pub fn actor(&self) -> Option<&str> {
        if let Self::Actor(email) = self { Some(email) } else { None }
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
    /// The page of an agent session was opened for the first time.
    #[must_use]
    pub fn session_opened(session: Origin, at: Timestamp) -> Self {
        Self::of_journey(JourneyKind::SessionOpened, Subject::AgentSession, Some(Arc::new(session)), at)
    }

    /// An actor completed a step.
    #[must_use]
    pub fn of_actor(step: ActorStep, email: &Arc<str>, at: Timestamp) -> Self {
        let kind = match step {
            ActorStep::Registered => JourneyKind::Registered,
            ActorStep::Verified => JourneyKind::Verified,
            ActorStep::Subscribed => JourneyKind::Subscribed,
        };
        Self::of_journey(kind, Subject::Actor(Arc::clone(email)), None, at)
    }

    /// An agent's signing page was viewed.
    #[must_use]
    pub fn link_viewed(envelope: &Envelope, spot: Spot, at: Timestamp) -> Self {
        let subject = Subject::at(envelope, Some(spot.recipient), Some(spot.agent));
        Self::of_journey(JourneyKind::LinkViewed, subject, envelope.terms.origin.clone(), at)
    }

    fn of_journey(kind: JourneyKind, subject: Subject, origin: Option<Arc<Origin>>, at: Timestamp) -> Self {
        Self { at, kind: EventKind::Journey(kind), subject, origin, is_first: true }
    }

    /// The effects of a transition as events; `envelope` is the state after the transition.
    pub fn of_transition(envelope: &Envelope, effects: &[Effect], at: Timestamp) -> impl Iterator<Item = Self> {
        effects.iter().enumerate().map(move |(place, effect)| Self {
            at,
            kind: EventKind::Signing(effect.kind),
            subject: Subject::at(envelope, effect.recipient, effect.agent),
            origin: envelope.terms.origin.clone(),
            is_first: place == 0,
        })
    }
}

impl Subject {
    /// The agent, the recipient or the envelope itself, depending on which indexes are given.
    fn at(envelope: &Envelope, recipient: Option<u32>, agent: Option<u32>) -> Self {
        let role = recipient.and_then(|place| envelope.recipient_at(place)).map(|recipient| &recipient.role);
        match (role, agent) {
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
        let email = self.subject.actor().map_or(0, str::len);
        size_of::<Self>() + origin.map_or(0, |origin| origin.size()) + email
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
    #[schema(value_type = EventName)]
    event: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope_id: Option<EnvelopeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient_id: Option<RecipientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<AgentId>,
    /// The actor's email, of an event about an actor.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'e str>,
    /// The agent session that the event is about, or that created the envelope.
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
            email: self.subject.actor(),
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
