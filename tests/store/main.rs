//! The conformance suite for store backends, races included.
//!
//! To test a backend, add a line to [`backends`].

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

mod basics;
mod broken;
mod commits;
mod competition;
#[path = "../help/delegate.rs"]
mod delegate;
mod encoded;
mod logs;
#[path = "../help/opened.rs"]
mod opened;
mod property;
mod races;
mod retention;

use docendorse_mock::base::document::{Due, Key, Logged, Record};
use docendorse_mock::store::{Log, Memory, Repository, Retention, Shelf, Store};
use encoded::Encoded;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An empty store of every backend, each limited to `limit` notes and lines.
pub fn backends(limit: Option<usize>) -> Vec<(&'static str, Arc<dyn Store>)> {
    let retention = || match limit {
        None => Retention::unlimited(),
        Some(limit) => Retention::unlimited().keep(Note::COLLECTION, limit, 100_000).keep(Line::LOG, limit, 1_000),
    };
    vec![
        ("memory", Arc::new(Memory::new(retention()))),
        ("memory that holds JSON", Arc::new(Encoded(Memory::new(retention())))),
    ]
}

/// A document for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub id: String,
    pub keys: Vec<String>,
    pub tags: Vec<String>,
    pub text: String,
    pub count: u64,
    /// When it is due, in seconds, and its rank.
    pub due: Option<(i64, u8)>,
}

impl Record for Note {
    const COLLECTION: &'static str = "notes";

    fn id(&self) -> Arc<str> {
        self.id.as_str().into()
    }

    fn size(&self) -> usize {
        self.text.len()
    }

    fn keys(&self) -> Vec<Key> {
        self.keys.iter().map(|key| key.as_str().into()).collect()
    }

    fn due(&self) -> Option<Due> {
        self.due.map(|(second, rank)| due_at(second, rank))
    }

    fn tags(&self) -> Vec<Key> {
        self.tags.iter().map(|tag| tag.as_str().into()).collect()
    }
}

pub fn due_at(second: i64, rank: u8) -> Due {
    Due { at: Timestamp::from_second(second).unwrap(), rank, tasks: 1 }
}

pub fn note(id: &str, keys: &[&str]) -> Arc<Note> {
    let keys = keys.iter().map(ToString::to_string).collect();
    Arc::new(Note { id: id.to_owned(), keys, tags: Vec::new(), text: format!("text of {id}"), count: 0, due: None })
}

pub fn tagged(id: &str, tags: &[&str]) -> Arc<Note> {
    let tags = tags.iter().map(ToString::to_string).collect();
    Arc::new(Note { tags, ..Arc::unwrap_or_clone(note(id, &[])) })
}

/// A document in a second collection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    pub id: String,
    /// When it is due, in seconds.
    pub due: Option<i64>,
}

impl Record for Card {
    const COLLECTION: &'static str = "cards";

    fn id(&self) -> Arc<str> {
        self.id.as_str().into()
    }

    fn due(&self) -> Option<Due> {
        self.due.map(|second| due_at(second, 0))
    }
}

pub fn card(id: &str) -> Arc<Card> {
    Arc::new(Card { id: id.to_owned(), due: None })
}

/// A log entry for tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    pub text: String,
}

impl Logged for Line {
    const LOG: &'static str = "lines";

    fn size(&self) -> usize {
        self.text.len()
    }
}

pub fn line(text: &str) -> Arc<Line> {
    Arc::new(Line { text: text.to_owned() })
}

pub fn lines(store: &Arc<dyn Store>, sandbox: &str) -> Log<Line> {
    Log::new(&Arc::new(Shelf::new(Arc::clone(store), sandbox.into())))
}

pub fn notes(store: &Arc<dyn Store>, sandbox: &str) -> Repository<Note> {
    Repository::new(&Arc::new(Shelf::new(Arc::clone(store), sandbox.into())))
}

pub fn cards(store: &Arc<dyn Store>, sandbox: &str) -> Repository<Card> {
    Repository::new(&Arc::new(Shelf::new(Arc::clone(store), sandbox.into())))
}
