//! What is kept: documents, in a store that says little and promises much.
//!
//! A store knows sandboxes, collections, ids and keys, and nothing of what a document means. Its one promise on which
//! everything else rests is that of [`Store::insert`], [`Store::replace`] and [`Store::delete_at`]: of any number of callers that want the
//! same key or the same version, exactly one succeeds.

mod memory;
mod repository;

/// Where the locks of stores come from, and what spreads documents over them: one place, so that `tests/model` can put
/// the same source under a model checker.
mod sync {
    pub(super) use hashbrown::DefaultHashBuilder as Spread;
    pub(super) use std::sync::{Mutex, MutexGuard, PoisonError, RwLock};
}

pub use memory::{Memory, Retention};
pub use repository::{Repository, Update};

use crate::base::document::Key;
use serde::Serialize;
use std::{any::Any, fmt, pin::Pin, sync::Arc};

/// A call to a store: its result, once it is there.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another document has the same id, or holds one of the keys. Nothing was changed.
    #[error("the id or a key is taken already")]
    Taken,
    /// The store itself cannot do its work.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// Where a document lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// The name of the sandbox.
    pub sandbox: Arc<str>,
    /// The kind of document.
    pub collection: &'static str,
}

/// A document, as a store sees it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id, unique in its place.
    pub id: Arc<str>,
    /// Further values by which it is found, each unique in its place.
    pub keys: Vec<Key>,
    /// About how many bytes it takes up.
    pub size: usize,
    /// What it says.
    pub content: Content,
}

/// A document as it is kept.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The document.
    pub document: Document,
    /// Another one after each replacement, and never one that lay at this id before, were it deleted or cleared since: what
    /// was read at a version is what lies there as long as the version does.
    pub version: u64,
    /// Its place in the order of insertion: larger is newer.
    pub sequence: u64,
}

/// What a document says: a live value where the store can hold one, else its JSON text.
#[derive(Clone)]
pub enum Content {
    /// A value in memory, shared and not serialized.
    Live(Arc<dyn Live>),
    /// JSON.
    Encoded(bytes::Bytes),
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(_) => formatter.write_str("Live(..)"),
            Self::Encoded(json) => formatter.debug_tuple("Encoded").field(json).finish(),
        }
    }
}

/// A value that can lie in a store as it is.
pub trait Live: Any + Send + Sync {
    /// The value as JSON, for stores that write it down.
    ///
    /// # Errors
    /// When the value cannot be written as JSON.
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error>;
}

impl<T: Serialize + Any + Send + Sync> Live for T {
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// A part of a collection, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page {
    /// Only documents older than this sequence number.
    pub before: Option<u64>,
    /// So many at most; `None` for all.
    pub limit: Option<usize>,
}

/// How full a collection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Documents held.
    pub kept: usize,
    /// Documents given up for newer ones since the collection was last cleared.
    pub dropped: u64,
}

/// A document store. Every backend passes the same conformance suite.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    /// Keeps a new document, at a version of its own.
    ///
    /// Fails with [`StoreError::Taken`] when the id or a key is in use; of several callers at once one succeeds.
    fn insert<'a>(&'a self, place: &'a Place, document: Document) -> Pending<'a, ()>;

    /// The document of an id.
    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>>;

    /// The document that holds a key.
    fn find<'a>(&'a self, place: &'a Place, key: &'a str) -> Pending<'a, Option<Arc<Stored>>>;

    /// Documents, newest first.
    fn list<'a>(&'a self, place: &'a Place, page: Page) -> Pending<'a, Vec<Arc<Stored>>>;

    /// Puts a document in the stead of the one of the same id, if that is still at `version`; says whether it was.
    ///
    /// Fails with [`StoreError::Taken`] when the document claims a key of another one. The document keeps its place
    /// in the order of insertion.
    fn replace<'a>(&'a self, place: &'a Place, document: Document, version: u64) -> Pending<'a, bool>;

    /// Removes a document if it is still at `version`; says whether it was.
    fn delete_at<'a>(&'a self, place: &'a Place, id: &'a str, version: u64) -> Pending<'a, bool>;

    /// Removes a document; says whether it was there.
    fn delete<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, bool>;

    /// Removes all documents of a sandbox.
    fn clear<'a>(&'a self, sandbox: &'a str) -> Pending<'a, ()>;

    /// How full a collection is.
    fn fill<'a>(&'a self, place: &'a Place) -> Pending<'a, Fill>;
}
