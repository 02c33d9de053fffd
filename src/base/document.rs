//! What a thing must say of itself to be kept.

use serde::{Serialize, de::DeserializeOwned};
use std::sync::Arc;

/// A value that no two documents of a collection may share.
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

    /// About how many bytes the record takes up, for collections that are bounded by them.
    fn size(&self) -> usize {
        size_of::<Self>()
    }
}
