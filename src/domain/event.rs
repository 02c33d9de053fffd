//! Events: what happened in a sandbox, in one order (W4).
//!
//! The log is bounded; the oldest events give way and are counted. An event is small and plain: its texts are put
//! together when somebody reads it.

mod log;

pub use log::{Batch, EventLog, Fill, Page};

use crate::domain::signing::{AgentId, EffectKind, EnvelopeId, Origin, RecipientId};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};
use std::sync::Arc;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// To an envelope, a recipient or an agent.
    Signing(EffectKind),
}

impl EventKind {
    /// Every kind, once.
    pub fn all() -> impl Iterator<Item = Self> {
        EffectKind::ALL.into_iter().map(Self::Signing)
    }

    /// The word for it (W4).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signing(kind) => kind.as_str(),
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn named(word: &str) -> Option<Self> {
        EffectKind::named(word).map(Self::Signing)
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
        map.serialize_entry("event", self.kind.as_str())?;
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
    fn ids_are_read_back() {
        assert_eq!(event_number(&event_id(7)), Some(7));
        for kind in EventKind::all() {
            assert_eq!(EventKind::named(kind.as_str()), Some(kind));
        }
    }
}
