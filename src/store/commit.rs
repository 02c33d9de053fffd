//! Collects the writes of one commit.

use super::{Content, Document, LogEntry, Write};
use crate::base::document::{Logged, Record};
use jiff::Timestamp;
use std::sync::Arc;

/// Typed writes to any collections and logs of one sandbox. [`Store::commit`](super::Store::commit) applies them
/// together.
#[derive(Debug, Default)]
pub struct Commit {
    writes: Vec<Write>,
    has_awaited: bool,
}

impl Commit {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    pub fn insert<T: Record>(&mut self, record: Arc<T>) -> &mut Self {
        self.has_awaited |= T::AWAITED;
        self.writes.push(Write::Insert { collection: T::COLLECTION, document: document(record) });
        self
    }

    /// Replaces the record with the same id if it is still at `version`.
    pub fn replace<T: Record>(&mut self, record: Arc<T>, version: u64) -> &mut Self {
        self.writes.push(Write::Replace { collection: T::COLLECTION, document: document(record), version });
        self
    }

    /// Deletes a record if it is at `version`; `None` deletes any version.
    pub fn delete<T: Record>(&mut self, id: impl Into<Arc<str>>, version: Option<u64>) -> &mut Self {
        self.writes.push(Write::Delete { collection: T::COLLECTION, id: id.into(), version });
        self
    }

    /// Appends entries to their log, oldest first.
    pub fn append<T: Logged>(&mut self, entries: impl IntoIterator<Item = Arc<T>>) -> &mut Self {
        let entry = |entry: Arc<T>| LogEntry { size: entry.size(), content: Content::Live(entry) };
        self.writes.push(Write::Append { log: T::LOG, entries: entries.into_iter().map(entry).collect() });
        self
    }

    /// Appends the writes of another commit.
    pub fn extend(&mut self, other: Self) -> &mut Self {
        self.writes.extend(other.writes);
        self.has_awaited |= other.has_awaited;
        self
    }

    /// What observers of the sandbox must know once the commit is applied.
    pub(super) fn news(&self) -> News {
        let due = |write: &Write| match write {
            Write::Insert { document, .. } | Write::Replace { document, .. } => document.due.map(|due| due.at),
            Write::Delete { .. } | Write::Append { .. } => None,
        };
        News {
            first_due: self.writes.iter().filter_map(due).min(),
            has_entries: self.writes.iter().any(|write| matches!(write, Write::Append { .. })),
            has_awaited: self.has_awaited,
        }
    }
}

/// What a commit changes for callers that wait for events, records or due tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct News {
    /// When the first task of the written documents is due.
    pub first_due: Option<Timestamp>,
    /// Whether entries were appended to a log.
    pub has_entries: bool,
    /// Whether records that callers can wait for were inserted ([`Record::AWAITED`]).
    pub has_awaited: bool,
}

impl From<Commit> for Vec<Write> {
    fn from(commit: Commit) -> Self {
        commit.writes
    }
}

fn document<T: Record>(record: Arc<T>) -> Document {
    Document {
        id: record.id(),
        keys: record.keys(),
        tags: record.tags(),
        due: record.due(),
        size: record.size(),
        content: Content::Live(record),
    }
}
