//! What types provide so that a store can keep them.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// A value by which documents are found (`keys`, each unique in its collection) or listed (`tags`, which documents may
/// share).
pub type Key = Arc<str>;

/// When a task of a document is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// By the sandbox's clock.
    pub at: Timestamp,
    /// Of several documents due at the same instant, those of a lower rank come first. Documents of one rank are of one
    /// collection; of those the oldest comes first.
    pub rank: u8,
    /// How many tasks the document has.
    pub tasks: u32,
}

impl Due {
    /// Where the document stands among others that have tasks.
    #[must_use]
    pub fn order(self) -> (Timestamp, u8) {
        (self.at, self.rank)
    }
}

/// A type that a store keeps in a collection of its own.
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    const COLLECTION: &'static str;

    /// The record's id, unique in its sandbox.
    fn id(&self) -> Arc<str>;

    /// Further values by which the record is found, each unique in its sandbox.
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    /// Values by which records are listed. Records may share them.
    fn tags(&self) -> Vec<Key> {
        Vec::new()
    }

    /// When the first of its tasks is due, if it has any.
    fn due(&self) -> Option<Due> {
        None
    }

    /// About how many bytes the record takes up, for collections that are bounded by them.
    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// A type that is appended to a log of its own.
pub trait Logged: Serialize + DeserializeOwned + Send + Sync + 'static {
    const LOG: &'static str;

    /// About how many bytes the entry takes up, for logs that are bounded by them.
    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// An entry with its number in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbered<T> {
    /// Numbers start at 1 and have no gaps.
    pub number: u64,
    pub entry: T,
}
