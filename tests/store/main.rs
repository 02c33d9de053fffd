//! The conformance suite of stores: what every backend must hold, races included.
//!
//! A backend joins by one line in [`backends`].

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should say where")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "a test is read as a story")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no outside")]

mod basics;
mod competition;
mod encoded;
#[path = "../help/opened.rs"]
mod opened;
mod races;
mod retention;

use docendorse_mock::base::document::{Key, Record};
use docendorse_mock::store::{Memory, Repository, Retention, Store};
use encoded::Encoded;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// A fresh, empty store of every kind, each keeping at most `limit` notes.
pub fn backends(limit: Option<usize>) -> Vec<(&'static str, Arc<dyn Store>)> {
    let retention =
        || limit.map_or_else(Retention::unlimited, |limit| Retention::unlimited().keep("notes", limit, 100_000));
    vec![
        ("memory", Arc::new(Memory::new(retention()))),
        ("memory that holds JSON", Arc::new(Encoded(Memory::new(retention())))),
    ]
}

/// Something to keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    pub id: String,
    pub keys: Vec<String>,
    pub text: String,
    pub count: u64,
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
}

pub fn note(id: &str, keys: &[&str]) -> Arc<Note> {
    let keys = keys.iter().map(ToString::to_string).collect();
    Arc::new(Note { id: id.to_owned(), keys, text: format!("text of {id}"), count: 0 })
}

pub fn notes(store: &Arc<dyn Store>, sandbox: &str) -> Repository<Note> {
    Repository::new(Arc::clone(store), sandbox.into())
}
