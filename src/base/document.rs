//! What types provide so that a store can keep them.

use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// A value by which documents are found (`keys`, each unique in its collection) or listed (`tags`, which documents may
/// share).
pub type Key = Arc<str>;

/// A type that lies in a collection of its own.
pub trait Record: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    /// The name of the collection.
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

    /// About how many bytes the record takes up, for collections that are bounded by them.
    fn size(&self) -> usize {
        size_of::<Self>()
    }
}

/// A type that is appended to a log of its own.
pub trait Logged: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// The name of the log.
    const LOG: &'static str;

    /// About how many bytes the entry takes up, for logs that are bounded by them.
    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
