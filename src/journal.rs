//! The journal: the last exchanges of a sandbox, each with its answer and the reasons for it.
//!
//! Bounded by count and by bytes; the oldest exchanges give way and are counted. Recording only moves what was
//! collected; whatever a reader wants to see is put together when it is read.

mod size;

use self::size::size_of_exchange;
use crate::{
    budget::{Account, Budget, Share},
    contract::{Advice, Violation, is_json},
    oauth::JudgedAssertion,
    scenario::Chosen,
};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::{Map, Value, value::RawValue};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// One recorded request with its answer and the reasons for it.
#[derive(Debug)]
pub struct Exchange {
    /// When the request came, by the sandbox's clock.
    pub at: Timestamp,
    /// Who asked: the name of the client, once the credential has been judged.
    pub client: Option<Arc<str>>,
    /// The request line and headers, credentials masked: `POST /path`, then `name: value` lines.
    pub head: Box<str>,
    /// The request body; `None` when the request was refused before it was read.
    pub body: Option<Arc<[u8]>>,
    /// What went back; `None` when the caller hung up before it could.
    pub answer: Option<RecordedAnswer>,
    /// How the request breaks the contract.
    pub violations: Vec<Violation>,
    /// Violations beyond the listed ones.
    pub omitted_violations: usize,
    /// What the contract allows but was probably not meant.
    pub advices: Vec<Advice>,
    /// Which rule chose the answer, and why.
    pub chosen: Chosen,
    /// The agent session that the answer names.
    pub agent_session: Option<Arc<str>>,
    /// The access token that was issued or shown, by its id.
    pub token: Option<Arc<str>>,
    /// The assertion that came, and what became of each claim.
    pub assertion: Option<Box<JudgedAssertion>>,
    /// The `status` of the answer's body: one of the contract's five words. Answers of the token endpoint have none.
    pub status: Option<&'static str>,
    /// How long the answer took, in real time.
    pub duration: Duration,
    /// The id under which the request was logged.
    pub request_id: Box<str>,
}

/// An answer as it went out.
#[derive(Debug)]
pub struct RecordedAnswer {
    /// The HTTP status.
    pub status: u16,
    /// `name: value` lines.
    pub headers: Box<str>,
    /// The body.
    pub body: Box<[u8]>,
}

/// An exchange in the journal, under its number.
#[derive(Debug)]
pub struct Entry {
    /// 1, 2, 3, … in the order in which the exchanges ended.
    pub number: u64,
    /// The exchange.
    pub exchange: Exchange,
}

/// The header value that leads to an exchange, and its id in the control plane: `ex_00000001`.
#[must_use]
pub fn exchange_id(number: u64) -> String {
    format!("ex_{number:08}")
}

/// Reads an exchange's number from its id.
#[must_use]
pub fn exchange_number(id: &str) -> Option<u64> {
    let digits = id.strip_prefix("ex_")?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// How much a journal keeps.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Exchanges at most.
    pub exchanges: usize,
    /// Bytes of heads and bodies at most.
    pub bytes: usize,
}

/// How many bytes of exchanges one page holds at most, but for the last exchange on it.
const PAGE_BYTES: usize = 4 << 20;

/// The bounded list of exchanges.
#[derive(Debug)]
pub struct Journal {
    limits: Limits,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    entries: VecDeque<Arc<Entry>>,
    bytes: Account,
    recorded: u64,
    dropped: u64,
}

/// How full a journal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Exchanges held.
    pub kept: usize,
    /// Exchanges given up for newer ones since the last reset.
    pub dropped: u64,
}

/// Which exchanges a reader wants.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Only those that came at this time or later.
    pub since: Option<Timestamp>,
    /// Only those recorded after this number.
    pub after: Option<u64>,
    /// Only those recorded before this number.
    pub before: Option<u64>,
    /// Only those with this HTTP status, or with this `status` in their body.
    pub status: Option<StatusFilter>,
}

/// A status of HTTP or of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StatusFilter {
    /// The HTTP status.
    Http(u16),
    /// The `status` of the body.
    Contract(&'static str),
}

impl Filter {
    fn admits(&self, entry: &Entry) -> bool {
        let exchange = &entry.exchange;
        self.since.is_none_or(|since| exchange.at >= since)
            && self.after.is_none_or(|after| entry.number > after)
            && self.before.is_none_or(|before| entry.number < before)
            && self.status.as_ref().is_none_or(|status| match status {
                StatusFilter::Http(code) => exchange.answer.as_ref().is_some_and(|answer| answer.status == *code),
                StatusFilter::Contract(word) => exchange.status == Some(*word),
            })
    }
}

impl Journal {
    /// An empty journal.
    #[must_use]
    pub fn new(limits: Limits, budget: &Arc<Budget>) -> Self {
        let bytes = Account::new(budget);
        Self { limits, ring: Mutex::new(Ring { bytes, ..Ring::default() }) }
    }

    /// Takes an exchange in and answers with its number. An exchange larger than the whole journal is counted as
    /// dropped at once.
    pub fn record(&self, exchange: Exchange) -> u64 {
        let size = size_of_exchange(&exchange);
        let mut given_up = Vec::new();
        let mut ring = self.ring();
        ring.recorded += 1;
        let number = ring.recorded;
        if size > self.limits.bytes || self.limits.exchanges == 0 {
            // All others would have to go, and it would still not fit.
            ring.dropped += 1;
            return number;
        }
        ring.entries.push_back(Arc::new(Entry { number, exchange }));
        ring.bytes.add(size);
        while ring.entries.len() > self.limits.exchanges || ring.bytes.bytes() > self.limits.bytes {
            let Some(oldest) = ring.drop_oldest() else { break };
            given_up.push(oldest);
        }
        drop(ring);
        // Freed here, outside the lock.
        drop(given_up);
        number
    }

    /// The matching exchanges, newest first, `limit` of them at most and no more than a few megabytes, and how many
    /// match in all.
    #[must_use]
    pub fn list(&self, filter: &Filter, limit: usize) -> (Vec<Arc<Entry>>, usize) {
        let all: Vec<Arc<Entry>> = self.ring().entries.iter().cloned().collect();
        let mut matching = all.into_iter().rev().filter(|entry| filter.admits(entry));
        let mut bytes = 0;
        let mut page: Vec<Arc<Entry>> = Vec::new();
        let mut total = 0;
        for entry in matching.by_ref() {
            total += 1;
            bytes += size_of_exchange(&entry.exchange);
            page.push(entry);
            if page.len() >= limit || bytes >= PAGE_BYTES {
                break;
            }
        }
        total += matching.count();
        (page, total)
    }

    /// All exchanges, newest first.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Entry>> {
        self.ring().entries.iter().rev().cloned().collect()
    }

    /// The exchange of a number, while it is kept.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<Arc<Entry>> {
        let ring = self.ring();
        let index = ring.entries.binary_search_by_key(&number, |entry| entry.number).ok()?;
        ring.entries.get(index).cloned()
    }

    /// Removes one exchange; says whether it was there.
    pub fn delete(&self, number: u64) -> bool {
        let mut ring = self.ring();
        let Ok(index) = ring.entries.binary_search_by_key(&number, |entry| entry.number) else {
            return false;
        };
        if let Some(entry) = ring.entries.remove(index) {
            ring.bytes.sub(size_of_exchange(&entry.exchange));
        }
        true
    }

    /// Removes all exchanges and says how many there were. Numbers go on from where they were.
    pub fn clear(&self) -> usize {
        let mut ring = self.ring();
        ring.bytes = ring.bytes.another();
        let removed = std::mem::take(&mut ring.entries);
        drop(ring);
        removed.len()
    }

    /// As new: no exchanges, and the next one is number 1.
    pub fn reset(&self) {
        let mut ring = self.ring();
        *ring = Ring { bytes: ring.bytes.another(), ..Ring::default() };
    }

    /// About how many bytes the exchanges take up.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ring().bytes.bytes()
    }

    /// Drops the oldest exchanges until a share of them is left, and says how many those were.
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

    /// How full the journal is.
    #[must_use]
    pub fn fill(&self) -> Fill {
        let ring = self.ring();
        Fill { kept: ring.entries.len(), dropped: ring.dropped }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing that holds this lock can leave the ring half changed.
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn drop_oldest(&mut self) -> Option<Arc<Entry>> {
        let oldest = self.entries.pop_front()?;
        self.bytes.sub(size_of_exchange(&oldest.exchange));
        self.dropped += 1;
        Some(oldest)
    }
}

impl Entry {
    /// Method and path, as they came.
    #[must_use]
    pub fn request_line(&self) -> (&str, &str) {
        let line = self.exchange.head.lines().next().unwrap_or_default();
        line.split_once(' ').unwrap_or((line, ""))
    }
}

impl Serialize for Entry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let exchange = &self.exchange;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &exchange_id(self.number))?;
        map.serialize_entry("at", &exchange.at)?;
        map.serialize_entry("client", &exchange.client)?;
        map.serialize_entry("request", &RequestView(self))?;
        map.serialize_entry("answer", &exchange.answer.as_ref().map(|answer| AnswerView(answer, exchange.status)))?;
        map.serialize_entry("violations", &exchange.violations)?;
        map.serialize_entry("omitted_violations", &exchange.omitted_violations)?;
        map.serialize_entry("advices", &exchange.advices)?;
        map.serialize_entry("chosen", &exchange.chosen)?;
        map.serialize_entry("agent_session_id", &exchange.agent_session)?;
        map.serialize_entry("token_id", &exchange.token)?;
        map.serialize_entry("assertion", &exchange.assertion)?;
        map.serialize_entry("duration_us", &u64::try_from(exchange.duration.as_micros()).unwrap_or(u64::MAX))?;
        map.serialize_entry("request_id", &exchange.request_id)?;
        map.end()
    }
}

struct RequestView<'e>(&'e Entry);

impl Serialize for RequestView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (method, path) = self.0.request_line();
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("method", method)?;
        map.serialize_entry("path", path)?;
        map.serialize_entry("headers", &headers(self.0.exchange.head.lines().skip(1)))?;
        serialize_body(&mut map, self.0.exchange.body.as_deref())?;
        map.end()
    }
}

struct AnswerView<'e>(&'e RecordedAnswer, Option<&'static str>);

impl Serialize for AnswerView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("http_status", &self.0.status)?;
        map.serialize_entry("status", &self.1)?;
        map.serialize_entry("headers", &headers(self.0.headers.lines()))?;
        serialize_body(&mut map, Some(&self.0.body))?;
        map.end()
    }
}

/// Header lines as an object; a name given more than once has its values joined as RFC 9110 5.2 allows.
fn headers<'h>(lines: impl Iterator<Item = &'h str>) -> Map<String, Value> {
    let mut map = Map::new();
    for (name, value) in lines.filter_map(|line| line.split_once(": ")) {
        match map.get_mut(name) {
            Some(Value::String(joined)) => {
                joined.push_str(", ");
                joined.push_str(value);
            }
            _ => {
                map.insert(name.to_owned(), value.into());
            }
        }
    }
    map
}

/// A body letter by letter: as `body` where it is JSON, so that a key given twice shows twice; else as `body_text`,
/// with what is no text replaced.
fn serialize_body<M: SerializeMap>(map: &mut M, body: Option<&[u8]>) -> Result<(), M::Error> {
    let Some(body) = body else {
        return map.serialize_entry("body", &());
    };
    if is_json(body)
        && let Ok(json) = serde_json::from_slice::<&RawValue>(body)
    {
        return map.serialize_entry("body", json);
    }
    map.serialize_entry("body", &())?;
    map.serialize_entry("body_text", &String::from_utf8_lossy(body))
}
