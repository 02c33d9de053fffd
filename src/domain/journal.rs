//! The journal: a sandbox's most recent exchanges, each with its answer and the reasons for it.
//!
//! Bounded by count and by bytes; the oldest exchanges are dropped and counted. Recording only moves collected data;
//! the view for readers is composed when it is read.

mod endpoint;
mod filter;
mod pending;
mod query;
mod secrets;
mod size;
mod view;

pub use endpoint::Endpoint;
pub use filter::{Filter, StatusFilter};
pub use query::Query;
pub use secrets::{is_secret_name, mask_credentials, mask_jwts, mask_shapes};

use self::size::size_of_exchange;
use crate::{
    base::{
        budget::{Account, Budget, Share},
        names::{number_of_id, numbered_id},
    },
    domain::{
        contract::{Advice, Violation},
        oauth::JudgedAssertion,
        scenario::{Chosen, Facts, KeptFacts, LazyBody},
    },
};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use utoipa::ToSchema;

/// A recorded request with its answer and the reasons for it.
#[derive(Debug)]
pub struct Exchange {
    /// When the request arrived, by the sandbox's clock.
    pub at: Timestamp,
    /// The id of the client, once the credential has been checked.
    pub client: Option<Arc<str>>,
    /// The request line and headers with masked credentials: `POST /path`, then `name: value` lines.
    pub head: Box<str>,
    /// The request body; `None` if the request was refused before it was read.
    pub body: Option<Arc<[u8]>>,
    /// The answer; `None` while it is pending, or if the connection ended before there was one.
    pub answer: Option<RecordedAnswer>,
    /// Whether the answer is decided but still delayed.
    pub pending: bool,
    /// How the request violates the contract.
    pub violations: Vec<Violation>,
    /// Number of violations beyond the listed ones.
    pub omitted_violations: usize,
    /// What the contract allows but was probably not meant.
    pub advices: Vec<Advice>,
    /// The rule that chose the answer, and why.
    pub chosen: Chosen,
    /// The version of the scenario set that the request was matched against; `None` if it was not matched.
    pub scenarios: Option<u64>,
    /// The agent session that the answer names.
    pub agent_session: Option<Arc<str>>,
    /// Id of the access token that was issued or presented.
    pub token: Option<Arc<str>>,
    /// The presented assertion with the result for each claim.
    pub assertion: Option<Box<JudgedAssertion>>,
    /// The `status` in the answer's body: one of the contract's five values. The token endpoint has none.
    pub status: Option<&'static str>,
    /// How long the answer took, in real time; for a pending exchange, how long it took to decide.
    pub duration: Duration,
    /// The id under which the request was logged.
    pub request_id: Box<str>,
}

/// An answer as it was sent.
#[derive(Debug)]
pub struct RecordedAnswer {
    /// The HTTP status.
    pub status: u16,
    /// `name: value` lines.
    pub headers: Box<str>,
    /// The body.
    pub body: Box<[u8]>,
}

/// An exchange in the journal, with its number.
#[derive(Debug)]
pub struct Entry {
    /// 1, 2, 3, … in the order in which the exchanges were recorded.
    pub number: u64,
    /// The exchange.
    pub exchange: Exchange,
    /// The facts that matchers use most, once a matcher has asked for them. Only set while the journal is locked,
    /// because they count among the journal's bytes.
    facts: OnceLock<KeptFacts>,
}

/// The id of an exchange, as in the `X-Mock-Exchange` header and the control plane: `ex_00000001`.
#[must_use]
pub fn exchange_id(number: u64) -> String {
    numbered_id("ex_", number)
}

/// Parses an exchange's number from its id.
#[must_use]
pub fn exchange_number(id: &str) -> Option<u64> {
    number_of_id(id, "ex_")
}

/// The limits of a journal.
#[derive(Clone, Copy, Debug)]
pub struct JournalLimits {
    /// Maximum number of exchanges.
    pub exchanges: usize,
    /// Maximum number of bytes of heads and bodies.
    pub bytes: usize,
}

/// Approximate maximum size of a page in bytes. The last exchange may exceed it.
const PAGE_BYTES: usize = 4 << 20;

/// The bounded list of exchanges.
#[derive(Debug)]
pub struct Journal {
    limits: JournalLimits,
    ring: Mutex<JournalRing>,
    parsed: AtomicU64,
}

#[derive(Debug, Default)]
struct JournalRing {
    entries: VecDeque<Arc<Entry>>,
    bytes: Account,
    recorded: u64,
    dropped: u64,
}

/// The exchanges recorded since a reader last looked.
#[derive(Debug)]
pub struct News {
    /// The exchanges that are still kept, oldest first.
    pub entries: Vec<Arc<Entry>>,
    /// Number of the oldest exchange that is kept, or of the next one.
    pub oldest: u64,
}

/// How full a collection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Fill {
    /// Number of items kept.
    pub kept: usize,
    /// Number of items dropped to make room since the last reset.
    pub dropped: u64,
}

impl Journal {
    #[must_use]
    pub fn new(limits: JournalLimits, budget: &Arc<Budget>) -> Self {
        let bytes = Account::new(budget);
        Self { limits, ring: Mutex::new(JournalRing { bytes, ..JournalRing::default() }), parsed: AtomicU64::new(0) }
    }

    /// Maximum number of exchanges.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.limits.exchanges
    }

    /// Records an exchange and returns its number. An exchange larger than the whole journal is counted as dropped at
    /// once.
    pub fn record(&self, exchange: Exchange) -> u64 {
        self.insert(exchange, |entry| entry.number)
    }

    fn insert<T>(&self, exchange: Exchange, result: impl FnOnce(&Arc<Entry>) -> T) -> T {
        let size = size_of_exchange(&exchange);
        let mut given_up = Vec::new();
        let mut ring = self.ring();
        ring.recorded += 1;
        let entry = Arc::new(Entry { number: ring.recorded, exchange, facts: OnceLock::new() });
        let result = result(&entry);
        if size > self.limits.bytes || self.limits.exchanges == 0 {
            // It would not fit even if all others were dropped.
            ring.dropped += 1;
            return result;
        }
        ring.entries.push_back(entry);
        ring.bytes.add(size);
        self.enforce_limits(&mut ring, &mut given_up);
        drop(ring);
        // Freed here, outside the lock.
        drop(given_up);
        result
    }

    /// Moves the oldest entries to `given_up` until the rest is within the limits.
    fn enforce_limits(&self, ring: &mut JournalRing, given_up: &mut Vec<Arc<Entry>>) {
        while ring.entries.len() > self.limits.exchanges || ring.bytes.bytes() > self.limits.bytes {
            let Some(oldest) = ring.drop_oldest() else { break };
            given_up.push(oldest);
        }
    }

    /// Returns the matching exchanges, newest first, at most `limit` of them and about 4 MiB, and the total number of
    /// matches.
    #[must_use]
    pub fn list(&self, filter: &Filter, limit: usize) -> (Vec<Arc<Entry>>, usize) {
        let all: Vec<Arc<Entry>> = self.ring().entries.iter().cloned().collect();
        let mut matching = all.into_iter().rev().filter(|entry| filter.admits(entry));
        let mut bytes = 0;
        let mut page: Vec<Arc<Entry>> = Vec::new();
        let mut total = 0;
        for entry in matching.by_ref() {
            total += 1;
            bytes += entry.size();
            page.push(entry);
            if page.len() >= limit || bytes >= PAGE_BYTES {
                break;
            }
        }
        total += matching.count();
        (page, total)
    }

    /// Returns the exchanges recorded after a number.
    #[must_use]
    pub fn since(&self, after: u64) -> News {
        let ring = self.ring();
        let first = ring.entries.partition_point(|entry| entry.number <= after);
        News {
            entries: ring.entries.range(first..).cloned().collect(),
            oldest: ring.entries.front().map_or(ring.recorded + 1, |entry| entry.number),
        }
    }

    /// Returns the exchanges with these numbers that are still kept, in the given order.
    #[must_use]
    pub fn kept<'n>(&self, numbers: impl IntoIterator<Item = &'n u64>) -> Vec<Arc<Entry>> {
        let ring = self.ring();
        let place = |number: &u64| ring.entries.binary_search_by_key(number, |entry| entry.number).ok();
        numbers.into_iter().filter_map(|number| ring.entries.get(place(number)?).cloned()).collect()
    }

    /// Passes the facts of an exchange to `ask`. The body is parsed only once, unless a matcher looks into it or the
    /// journal has no room for the facts.
    pub fn with_facts<T>(&self, entry: &Entry, ask: impl FnOnce(&Facts<'_>) -> T) -> T {
        let body = LazyBody::new(entry.exchange.body.as_deref().unwrap_or_default());
        if let Some(kept) = entry.facts.get() {
            return ask(&Facts::kept(kept, &body));
        }
        self.parsed.fetch_add(1, Ordering::Relaxed);
        let facts = Facts::of(&body);
        if let Some(kept) = facts.keep() {
            self.keep(entry, kept);
        }
        ask(&facts)
    }

    /// Number of bodies parsed for their facts.
    #[must_use]
    pub fn parsed(&self) -> u64 {
        self.parsed.load(Ordering::Relaxed)
    }

    /// Keeps the facts of an exchange, if it still exists and there is room; nothing is dropped for them.
    fn keep(&self, entry: &Entry, facts: KeptFacts) {
        let size = facts.size();
        let mut ring = self.ring();
        let place = ring.entries.binary_search_by_key(&entry.number, |entry| entry.number);
        let is_kept = place.is_ok_and(|place| std::ptr::eq(&raw const *ring.entries[place], entry));
        let fits = ring.bytes.bytes() + size <= self.limits.bytes;
        if is_kept && fits && entry.facts.get().is_none() && ring.bytes.try_add(size) {
            let _ = entry.facts.set(facts);
        }
    }

    /// All exchanges, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.ring().entries.iter().rev().cloned().collect()
    }

    /// Total number of recorded exchanges, which is also the number of the last one.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.ring().recorded
    }

    /// Returns the exchange with a number, while it is kept.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<Arc<Entry>> {
        let ring = self.ring();
        let index = ring.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        ring.entries.get(index).cloned()
    }

    /// Removes an exchange; returns whether it existed.
    pub fn delete(&self, number: u64) -> bool {
        let mut ring = self.ring();
        let Ok(index) = ring.entries.binary_search_by_key(&number, |entry| entry.number) else {
            return false;
        };
        if let Some(entry) = ring.entries.remove(index) {
            ring.bytes.sub(entry.size());
        }
        true
    }

    /// Removes all exchanges and returns how many there were. Numbering continues.
    pub fn clear(&self) -> usize {
        let mut ring = self.ring();
        ring.bytes = ring.bytes.another();
        let removed = std::mem::take(&mut ring.entries);
        drop(ring);
        removed.len()
    }

    /// Approximate size of the exchanges in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ring().bytes.bytes()
    }

    /// Drops the oldest exchanges until only a share is left; returns how many were dropped.
    pub fn shrink(&self, share: Share) -> u64 {
        let mut given_up = Vec::new();
        let mut ring = self.ring();
        let stays = share.of(ring.bytes.bytes());
        while ring.bytes.bytes() > stays {
            let Some(oldest) = ring.drop_oldest() else { break };
            given_up.push(oldest);
        }
        drop(ring);
        given_up.len() as u64
    }

    #[must_use]
    pub fn fill(&self) -> Fill {
        let ring = self.ring();
        Fill { kept: ring.entries.len(), dropped: ring.dropped }
    }

    fn ring(&self) -> MutexGuard<'_, JournalRing> {
        // Code that holds this lock cannot leave the ring half changed.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl JournalRing {
    fn drop_oldest(&mut self) -> Option<Arc<Entry>> {
        let oldest = self.entries.pop_front()?;
        self.bytes.sub(oldest.size());
        self.dropped += 1;
        Some(oldest)
    }
}

impl Entry {
    /// Size in bytes, as counted in the journal.
    fn size(&self) -> usize {
        size_of_exchange(&self.exchange) + self.facts.get().map_or(0, KeptFacts::size)
    }

    /// Method and path, as received.
    #[must_use]
    pub fn request_line(&self) -> (&str, &str) {
        let line = self.exchange.head.lines().next().unwrap_or_default();
        line.split_once(' ').unwrap_or((line, ""))
    }

    /// The contract endpoint that the request was sent to.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        Endpoint::of(self.request_line().1)
    }
}
