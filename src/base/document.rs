//! Traits that types implement so that a store can keep them.

use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// A value by which documents are found (`keys`, unique in their collection) or listed (`tags`, which documents can
/// share).
pub type Key = Arc<str>;

/// When a task of a document is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Due {
    /// By the sandbox's clock.
    pub at: Timestamp,
    /// Breaks ties between documents due at the same instant: a lower rank comes first. All documents of a rank are in
    /// one collection, where the oldest comes first.
    pub rank: u8,
    /// Number of tasks of the document.
    pub tasks: u32,
}

impl Due {
    /// Sort key among documents with tasks.
    #[must_use]
    pub fn order(self) -> (Timestamp, u8) {
        (self.at, self.rank)
    }
}

/// A type that a store keeps in its own collection.
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    const COLLECTION: &'static str;

    /// Whether callers can wait for new records of this type.
    const AWAITED: bool = false;

    /// The record's id, unique in its sandbox.
    fn id(&self) -> Arc<str>;

    /// Further unique keys by which the record can be found.
    fn keys(&self) -> Vec<Key> {
        Vec::new()
    }

    /// Tags by which records are listed. Records can share tags.
    fn tags(&self) -> Vec<Key> {
        Vec::new()
    }

    /// When the record's first task is due; `None` without tasks.
    fn due(&self) -> Option<Due> {
        None
    }

    /// Approximate size in bytes, for collections with a byte limit.
    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// A type whose values are appended to their own log.
pub trait Logged: Serialize + DeserializeOwned + Send + Sync + 'static {
    const LOG: &'static str;

    /// Approximate size in bytes, for logs with a byte limit.
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
