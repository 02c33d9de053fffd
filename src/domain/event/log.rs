//! The log of a sandbox's events: bounded, and in the order of each envelope's transitions, whichever thread comes first.

use super::{Event, EventKind};
use crate::{
    base::budget::{Account, Budget, Share},
    domain::signing::{Effect, Envelope, EnvelopeId},
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What one transition of an envelope brought about, on its way into the log.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The envelope as the transition left it; its revision says after which others it is told.
    pub envelope: Arc<Envelope>,
    /// When, by the sandbox's clock.
    pub at: Timestamp,
    /// What happened, in order.
    pub effects: Vec<Effect>,
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
}

/// About how many bytes of events one page holds at most, except for the last event on it.
const PAGE_BYTES: usize = 4 << 20;

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
    bytes: Account,
    recorded: u64,
    dropped: u64,
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

    /// The same log, whose events count against a budget.
    #[must_use]
    pub fn counted_in(self, budget: &Arc<Budget>) -> Self {
        self.ring().bytes = Account::new(budget);
        self
    }

    /// About how many bytes the events take up.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ring().bytes.bytes()
    }

    /// Drops the oldest events until a share of them is left, and says how many those were.
    pub fn shrink(&self, share: Share) -> u64 {
        let mut ring = self.ring();
        let (before, stays) = (ring.dropped, share.of(ring.bytes.bytes()));
        while ring.bytes.bytes() > stays && ring.drop_oldest() {}
        ring.dropped - before
    }

    /// Announces an envelope that is about to be made, before anybody else can see it.
    pub fn expect(&self, envelope: &Envelope) {
        let mut ring = self.ring();
        if !ring.told.contains_key(&envelope.id) {
            ring.tell(envelope.id, envelope.revision.saturating_sub(1), self.envelopes);
        }
    }

    /// Says that an envelope is told of up to a revision already: it came from elsewhere.
    pub fn begin_at(&self, envelope: EnvelopeId, revision: u64) {
        self.ring().tell(envelope, revision, self.envelopes);
    }

    /// Takes in what a transition brought about, and lets `follow` do what comes of it. Transitions are told and followed
    /// in the order in which they happened, whichever thread comes here first: a batch waits for those before it, and
    /// whoever brings the last of those follows it too. An envelope that the log does not know begins with what comes
    /// first.
    ///
    /// `follow` is called while nobody else can look at the log, and must not do so itself.
    pub fn append(&self, batch: Batch, follow: impl Fn(&Batch)) {
        let mut ring = self.ring();
        let (envelope, revision) = (batch.envelope.id, batch.envelope.revision);
        let told = ring.told.get(&envelope).copied();
        if told.is_some_and(|told| revision > told + 1) {
            ring.early.insert((envelope, revision), batch);
            return;
        }
        ring.take(&batch, self.most);
        follow(&batch);
        // Of an envelope that the log does not know, a later one may have come before.
        let mut last = revision.max(told.unwrap_or(0));
        while let Some(batch) = ring.early.remove(&(envelope, last + 1)) {
            ring.take(&batch, self.most);
            follow(&batch);
            last += 1;
        }
        ring.tell(envelope, last, self.envelopes);
    }

    /// The events after a number that `wanted` admits, oldest first, `limit` of them at most; and the number of the
    /// last event that was looked at.
    #[must_use]
    pub fn after(&self, number: u64, limit: usize, wanted: impl Fn(&Event) -> bool) -> (Vec<Event>, u64) {
        let page = self.page(number, limit, wanted);
        (page.events, page.seen)
    }

    /// As [`EventLog::after`], with all that a reader must know who is not alone with the log: what gave way before
    /// they came to it.
    #[must_use]
    pub fn page(&self, number: u64, limit: usize, wanted: impl Fn(&Event) -> bool) -> Page {
        self.page_within(number, limit, PAGE_BYTES, wanted)
    }

    /// As [`EventLog::page`], with about `bytes` of events at most, except for the last one.
    #[must_use]
    pub fn page_within(&self, number: u64, limit: usize, bytes: usize, wanted: impl Fn(&Event) -> bool) -> Page {
        let mut left = bytes;
        let ring = self.ring();
        let given_up = ring.recorded - ring.events.len() as u64;
        let mut page = Page {
            events: Vec::new(),
            seen: number.max(given_up),
            more: false,
            lost: given_up.saturating_sub(number),
            dropped: ring.dropped,
            last: ring.recorded,
        };
        let start = ring.events.partition_point(|event| event.number <= number);
        for event in ring.events.range(start..) {
            if wanted(event) {
                if page.events.len() == limit || left == 0 {
                    page.more = true;
                    break;
                }
                left = left.saturating_sub(event.size());
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

    fn take(&mut self, batch: &Batch, most: usize) {
        let Batch { envelope, at, effects, .. } = batch;
        for effect in effects {
            self.recorded += 1;
            let role = effect.recipient.and_then(|place| envelope.recipient_at(place)).map(|recipient| &recipient.role);
            let event = Event {
                number: self.recorded,
                at: *at,
                kind: EventKind::Signing(effect.kind),
                envelope: envelope.id,
                recipient: role.map(|role| role.number),
                agent: role.zip(effect.agent).map(|(role, place)| role.first_agent + place),
                origin: envelope.terms.origin.clone(),
            };
            self.bytes.add(event.size());
            self.events.push_back(event);
            if self.events.len() > most {
                self.drop_oldest();
            }
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.events.pop_front() else { return false };
        self.bytes.sub(oldest.size());
        self.dropped += 1;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{signing::EffectKind, signing::Terms};

    fn envelope(id: u64, revision: u64) -> Envelope {
        let terms = Terms {
            name: "NDA".into(),
            context: None,
            expiration_period_days: 30,
            reminder_initial_delay_days: 0,
            reminder_repeat_interval_days: 0,
            reminder_before_expiration_days: 0,
            reopen: false,
            keep_declined: false,
            created_at: Timestamp::UNIX_EPOCH,
            origin: None,
            plan: None,
        };
        Envelope { revision, ..Envelope::new(EnvelopeId(id), terms) }
    }

    fn batch(id: u64, revision: u64, kinds: &[EffectKind]) -> Batch {
        let effects = kinds.iter().map(|kind| Effect { kind: *kind, recipient: None, agent: None }).collect();
        Batch { envelope: envelope(id, revision).into(), at: Timestamp::UNIX_EPOCH, effects }
    }

    impl EventLog {
        fn tell(&self, batch: Batch) {
            self.append(batch, |_| ());
        }
    }

    #[test]
    fn an_unknown_envelope_begins_with_what_comes_first() {
        let log = EventLog::new(10, 10);
        for revision in [3, 2, 4] {
            log.tell(batch(1, revision, &[EffectKind::RequestResent]));
        }
        assert_eq!(log.last(), 3);
    }

    #[test]
    fn what_follows_from_transitions_is_done_in_their_order_and_once() {
        let log = EventLog::new(10, 10);
        log.expect(&envelope(1, 2));
        let followed = Mutex::new(Vec::new());
        for revision in [4, 5, 3, 2, 6] {
            log.append(batch(1, revision, &[EffectKind::RequestResent]), |batch| {
                followed.lock().unwrap().push((revision, batch.envelope.revision));
            });
        }
        assert_eq!(*followed.lock().unwrap(), [(2, 2), (2, 3), (2, 4), (2, 5), (6, 6)]);
    }

    fn words(log: &EventLog) -> Vec<(u64, &'static str)> {
        log.after(0, usize::MAX, |_| true).0.iter().map(|event| (event.envelope.0, event.kind.as_str())).collect()
    }

    #[test]
    fn what_follows_is_not_told_before_what_it_follows_on() {
        let log = EventLog::new(10, 10);
        log.expect(&envelope(1, 1));
        log.tell(batch(1, 1, &[EffectKind::EnvelopeCreated]));
        log.tell(batch(1, 3, &[EffectKind::DocumentSigned]));
        log.tell(batch(2, 1, &[EffectKind::EnvelopeCreated]));
        assert_eq!(words(&log), [(1, "envelope.created"), (2, "envelope.created")]);
        log.tell(batch(1, 2, &[EffectKind::AgentAccepted]));
        assert_eq!(words(&log)[2..], [(1, "agent.accepted"), (1, "document.signed")]);
        log.tell(batch(1, 4, &[EffectKind::EnvelopeFinalized]));
        assert_eq!(log.last(), 5);
    }

    #[test]
    fn the_oldest_events_give_way_and_are_counted() {
        let log = EventLog::new(2, 10);
        log.tell(batch(1, 1, &[EffectKind::EnvelopeCreated, EffectKind::EnvelopeSent, EffectKind::EnvelopeVoided]));
        assert_eq!(log.fill(), Fill { kept: 2, dropped: 1 });
        assert_eq!(words(&log), [(1, "envelope.sent"), (1, "envelope.voided")]);
        let (page, seen) = log.after(2, 10, |_| true);
        assert_eq!((page.len(), page[0].number, seen), (1, 3, 3));
        assert_eq!(log.after(3, 10, |_| true), (Vec::new(), 3));
        assert_eq!(log.after(0, 10, |_| false), (Vec::new(), 3));
    }

    #[test]
    fn a_reader_learns_how_many_events_were_lost() {
        let log = EventLog::new(2, 10);
        log.tell(batch(1, 1, &[EffectKind::EnvelopeCreated, EffectKind::EnvelopeSent, EffectKind::EnvelopeVoided]));
        let first = log.page(0, 1, |_| true);
        assert_eq!((first.lost, first.seen, first.more, first.dropped, first.last), (1, 2, true, 1, 3));
        let second = log.page(first.seen, 1, |_| true);
        assert_eq!((second.lost, second.seen, second.more), (0, 3, false));
    }
}
