//! Events: what happened in a sandbox, in one order (W4).
//!
//! The log is bounded; the oldest events give way and are counted. An event is small and plain: its texts are put
//! together when somebody reads it.

use crate::signing::{AgentId, EnvelopeId, Origin, RecipientId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

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

/// What one transition of an envelope brought about, on its way into the log.
#[derive(Debug)]
pub struct Batch {
    /// The envelope.
    pub envelope: EnvelopeId,
    /// How many transitions of the envelope had effects, this one included.
    pub revision: u64,
    /// When, by the sandbox's clock.
    pub at: Timestamp,
    /// The agent session that made the envelope, if one did.
    pub origin: Option<Arc<Origin>>,
    /// What happened, with the numbers of the recipient and of the agent.
    pub happened: Vec<(EventKind, Option<u32>, Option<u32>)>,
}

/// How full the log is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Events held.
    pub kept: usize,
    /// Events given up for newer ones since the last reset.
    pub dropped: u64,
}

/// What one look at the log shows to a reader who goes along it.
#[derive(Debug, PartialEq, Eq)]
pub struct Page {
    /// The events that are wanted, oldest first.
    pub events: Vec<Event>,
    /// The number of the last event that was looked at: where the next look begins.
    pub seen: u64,
    /// Whether more that are wanted follow.
    pub more: bool,
    /// How many events gave way before the reader came to them, wanted or not.
    pub lost: u64,
    /// Events given up for newer ones since the last reset.
    pub dropped: u64,
    /// The number of the last event there is.
    pub last: u64,
    /// How often the log was reset: numbers of different lives have nothing to do with each other.
    pub life: u64,
}

/// How many envelopes more than the store keeps are told apart.
const SPARE: usize = 1_000;

/// The bounded log of a sandbox's events.
#[derive(Debug)]
pub struct EventLog {
    most: usize,
    envelopes: usize,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Event>,
    recorded: u64,
    dropped: u64,
    life: u64,
    /// The last revision told of each envelope.
    told: HashMap<EnvelopeId, u64>,
    /// The keys of `told`, oldest first.
    known: VecDeque<EnvelopeId>,
    /// Batches that came before the one they follow on.
    early: BTreeMap<(EnvelopeId, u64), Batch>,
}

impl EventLog {
    /// An empty log that keeps `most` events, of at most so many `envelopes` that still change. Those are told apart in
    /// the order in which they come, as the store drops them, with some to spare for those under way.
    #[must_use]
    pub fn new(most: usize, envelopes: usize) -> Self {
        Self { most: most.max(1), envelopes: envelopes.saturating_add(SPARE), ring: Mutex::default() }
    }

    /// Takes in what a transition brought about. Transitions are told in the order in which they happened, whichever
    /// thread comes here first: a batch waits for those before it.
    pub fn append(&self, batch: Batch) {
        let mut ring = self.ring();
        let (envelope, revision) = (batch.envelope, batch.revision);
        let told = ring.told.get(&envelope).copied().unwrap_or(0);
        if revision > told + 1 {
            ring.early.insert((envelope, revision), batch);
            return;
        }
        ring.take(batch, self.most);
        let mut last = revision;
        while let Some(batch) = ring.early.remove(&(envelope, last + 1)) {
            ring.take(batch, self.most);
            last += 1;
        }
        ring.tell(envelope, last, self.envelopes);
    }

    /// Says that an envelope is told of up to a revision already: it came from elsewhere.
    pub fn begin_at(&self, envelope: EnvelopeId, revision: u64) {
        self.ring().tell(envelope, revision, self.envelopes);
    }

    /// The events after a number that `wanted` admits, oldest first, `limit` of them at most; and the number of the
    /// last event that was looked at.
    #[must_use]
    pub fn after(&self, number: u64, limit: usize, wanted: impl Fn(&Event) -> bool) -> (Vec<Event>, u64) {
        let page = self.page(number, limit, wanted);
        (page.events, page.seen)
    }

    /// As [`EventLog::after`], with all that a reader must know who is not alone with the log: what gave way before
    /// they came to it, and whether the log is still the one that they began with.
    #[must_use]
    pub fn page(&self, number: u64, limit: usize, wanted: impl Fn(&Event) -> bool) -> Page {
        let ring = self.ring();
        let given_up = ring.recorded - ring.events.len() as u64;
        let mut page = Page {
            events: Vec::new(),
            seen: number.max(given_up),
            more: false,
            lost: given_up.saturating_sub(number),
            dropped: ring.dropped,
            last: ring.recorded,
            life: ring.life,
        };
        let start = ring.events.partition_point(|event| event.number <= number);
        for event in ring.events.range(start..) {
            if wanted(event) {
                if page.events.len() == limit {
                    page.more = true;
                    break;
                }
                page.events.push(event.clone());
            }
            page.seen = event.number;
        }
        page
    }

    /// The number of the last event.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.ring().recorded
    }

    /// How full the log is.
    #[must_use]
    pub fn fill(&self) -> Fill {
        let ring = self.ring();
        Fill { kept: ring.events.len(), dropped: ring.dropped }
    }

    /// Back to the beginning.
    pub fn reset(&self) {
        let mut ring = self.ring();
        *ring = Ring { life: ring.life + 1, ..Ring::default() };
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing that holds this lock can leave the log half changed.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn tell(&mut self, envelope: EnvelopeId, revision: u64, most: usize) {
        if self.told.insert(envelope, revision).is_none() {
            self.known.push_back(envelope);
        }
        while self.known.len() > most {
            if let Some(oldest) = self.known.pop_front() {
                self.told.remove(&oldest);
            }
        }
    }

    fn take(&mut self, batch: Batch, most: usize) {
        let Batch { envelope, at, origin, happened, .. } = batch;
        for (kind, recipient, agent) in happened {
            self.recorded += 1;
            let origin = origin.clone();
            self.events.push_back(Event { number: self.recorded, at, kind, envelope, recipient, agent, origin });
            if self.events.len() > most {
                self.events.pop_front();
                self.dropped += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(envelope: u64, revision: u64, kinds: &[EventKind]) -> Batch {
        let happened = kinds.iter().map(|kind| (*kind, Some(1), None)).collect();
        Batch { envelope: EnvelopeId(envelope), revision, at: Timestamp::UNIX_EPOCH, origin: None, happened }
    }

    fn words(log: &EventLog) -> Vec<(u64, &'static str)> {
        log.after(0, usize::MAX, |_| true).0.iter().map(|event| (event.envelope.0, event.kind.as_str())).collect()
    }

    #[test]
    fn what_follows_is_not_told_before_what_it_follows_on() {
        let log = EventLog::new(10, 10);
        log.append(batch(1, 1, &[EventKind::EnvelopeCreated]));
        log.append(batch(1, 3, &[EventKind::DocumentSigned]));
        log.append(batch(2, 1, &[EventKind::EnvelopeCreated]));
        assert_eq!(words(&log), [(1, "envelope.created"), (2, "envelope.created")]);
        log.append(batch(1, 2, &[EventKind::AgentAccepted]));
        assert_eq!(words(&log)[2..], [(1, "agent.accepted"), (1, "document.signed")]);
        log.append(batch(1, 4, &[EventKind::EnvelopeFinalized]));
        assert_eq!(log.last(), 5);
    }

    #[test]
    fn the_oldest_events_give_way_and_are_counted() {
        let log = EventLog::new(2, 10);
        log.append(batch(1, 1, &[EventKind::EnvelopeCreated, EventKind::EnvelopeSent, EventKind::EnvelopeVoided]));
        assert_eq!(log.fill(), Fill { kept: 2, dropped: 1 });
        assert_eq!(words(&log), [(1, "envelope.sent"), (1, "envelope.voided")]);
        let (page, seen) = log.after(2, 10, |_| true);
        assert_eq!((page.len(), page[0].number, seen), (1, 3, 3));
        assert_eq!(log.after(3, 10, |_| true), (Vec::new(), 3));
        assert_eq!(log.after(0, 10, |_| false), (Vec::new(), 3));
    }

    #[test]
    fn a_reader_is_told_what_they_missed_and_that_the_log_began_anew() {
        let log = EventLog::new(2, 10);
        log.append(batch(1, 1, &[EventKind::EnvelopeCreated, EventKind::EnvelopeSent, EventKind::EnvelopeVoided]));
        let first = log.page(0, 1, |_| true);
        assert_eq!((first.lost, first.seen, first.more, first.dropped, first.last), (1, 2, true, 1, 3));
        let second = log.page(first.seen, 1, |_| true);
        assert_eq!((second.lost, second.seen, second.more, second.life), (0, 3, false, first.life));
        log.reset();
        let anew = log.page(second.seen, 1, |_| true);
        assert_eq!((anew.lost, anew.last, anew.life), (0, 0, first.life + 1));
    }

    #[test]
    fn every_kind_has_one_word() {
        for kind in EventKind::ALL {
            assert_eq!(EventKind::named(kind.as_str()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
        }
        assert_eq!(event_number(&event_id(7)), Some(7));
    }
}
