//! Versioned documents and numbered logs, kept per sandbox.
//!
//! A store deals in sandboxes, collections, ids, keys, tags, due times, logs and counters; it does not interpret
//! documents. [`Store::commit`] is the only way to write. Everything else builds on its guarantee: a commit applies all
//! of its writes or none, and when several callers want the same key or the same version, exactly one succeeds.

mod collection;
mod commit;
mod log;
mod memory;
mod reader;
mod repository;
mod retention;
mod ring;
mod shelf;

/// Locks used by stores. `tests/model` compiles the same source with a model checker's locks.
mod sync {
    pub(super) use std::sync::{PoisonError, RwLock};
}

pub use commit::{Commit, News};
pub use log::{Log, LogPage};
pub use memory::Memory;
pub use reader::{Reader, RecordPage, decode};
pub use repository::{Repository, Update};
pub use retention::Retention;
pub use shelf::{Observer, Shelf};

pub use crate::base::document::Numbered;

use crate::base::document::{Due, Key};
use serde::{Serialize, de::DeserializeOwned};
use std::{any::Any, fmt, pin::Pin, sync::Arc};

/// A call to a store, which resolves to its result.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store call failed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another document has the same id or holds one of the keys. Nothing was changed.
    #[error("the id or a key is already taken")]
    Taken,
    /// A document is not at the version that a write expects. Nothing was changed.
    #[error("another caller changed the document")]
    Conflict {
        /// The index of the first such write in its commit.
        write: usize,
    },
    /// The store cannot work at all.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// The collection that a document belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub sandbox: Arc<str>,
    pub collection: &'static str,
}

/// A document, as a store sees it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Document id, unique in its collection.
    pub id: Arc<str>,
    /// Further unique keys by which the document can be found.
    pub keys: Vec<Key>,
    /// Tags by which documents are listed. Documents can share tags.
    pub tags: Vec<Key>,
    /// When the document's first task is due; `None` without tasks.
    pub due: Option<Due>,
    /// Approximate size in bytes.
    pub size: usize,
    pub content: Content,
}

/// A stored document with its version.
#[derive(Clone, Debug)]
pub struct Stored {
    pub document: Document,
    /// Changes with each replacement and is never reused for this id, even after a delete or a clear. A version that
    /// still matches means that the document is unchanged.
    pub version: u64,
    /// Position in insertion order: larger is newer.
    pub sequence: u64,
}

/// The content of a document: a live value if the store can hold one, otherwise its JSON text.
#[derive(Clone)]
pub enum Content {
    /// A shared value in memory, not serialized.
    Live(Arc<dyn Live>),
    Encoded(bytes::Bytes),
}

impl Content {
    /// Returns the live value, or parses it from JSON.
    ///
    /// # Errors
    /// A description of the problem, when the content is of another type.
    pub fn decode<T: DeserializeOwned + Any + Send + Sync>(&self) -> Result<Arc<T>, String> {
        match self {
            Self::Live(value) => {
                let value: Arc<dyn Live> = Arc::clone(value);
                let value: Arc<dyn Any + Send + Sync> = value;
                value.downcast().map_err(|_| "it has another type".to_owned())
            }
            Self::Encoded(json) => serde_json::from_slice(json).map(Arc::new).map_err(|error| error.to_string()),
        }
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live(_) => formatter.write_str("Live(..)"),
            Self::Encoded(json) => formatter.debug_tuple("Encoded").field(json).finish(),
        }
    }
}

/// A value that a store can hold as it is.
pub trait Live: Any + Send + Sync {
    /// Serializes the value to JSON, for stores that write it to disk.
    ///
    /// # Errors
    /// When the value cannot be serialized.
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error>;
}

impl<T: Serialize + Any + Send + Sync> Live for T {
    fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

/// Selects a page of a collection, newest first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Page<'a> {
    /// Only documents with this tag; `None` for all.
    pub tag: Option<&'a str>,
    /// Only documents older than this sequence number.
    pub before: Option<u64>,
    /// Maximum number of documents; `None` for all.
    pub limit: Option<usize>,
}

/// How full a collection or a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Documents or entries held.
    pub kept: usize,
    /// Documents or entries dropped to make room since the sandbox was last cleared.
    pub dropped: u64,
    /// Approximate size of the held items in bytes.
    #[serde(skip)]
    pub bytes: usize,
}

/// One write of a commit.
#[derive(Clone, Debug)]
pub enum Write {
    /// Inserts a new document and assigns it a version. Fails with [`StoreError::Taken`] if the id or a key is in use.
    Insert { collection: &'static str, document: Document },
    /// Replaces the document with the same id, which must be at `version`; otherwise fails with
    /// [`StoreError::Conflict`]. Fails with [`StoreError::Taken`] if the new document claims another document's key.
    /// The document keeps its position in insertion order.
    Replace {
        collection: &'static str,
        /// The new document.
        document: Document,
        /// The version that the caller read.
        version: u64,
    },
    /// Removes a document. With a version, fails with [`StoreError::Conflict`] unless the document is at that version.
    Delete {
        collection: &'static str,
        id: Arc<str>,
        /// The version that the caller read; `None` deletes any version.
        version: Option<u64>,
    },
    /// Appends entries to a log. The store numbers them 1, 2, 3, … without gaps, in commit order.
    Append {
        log: &'static str,
        /// The entries, oldest first.
        entries: Vec<LogEntry>,
    },
}

/// The result of one applied write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The version of the inserted or replaced document.
    Version(u64),
    /// Whether the document existed before it was deleted.
    Deleted(bool),
    /// The number of the first appended entry.
    Appended(u64),
}

/// The results of an applied commit: one for each write, in the same order.
pub type Committed = Vec<Written>;

#[derive(Clone, Debug)]
pub struct LogEntry {
    /// Approximate size in bytes.
    pub size: usize,
    pub content: Content,
}

/// The documents with the earliest due tasks.
#[derive(Clone, Debug, Default)]
pub struct DueSlice {
    /// Ordered by [`Due`], then by insertion, each with its collection.
    pub documents: Vec<(&'static str, Arc<Stored>)>,
    /// Number of tasks of all documents in the sandbox.
    pub tasks: u64,
}

/// A range of log entries, oldest first.
#[derive(Clone, Debug, Default)]
pub struct LogSlice {
    /// Consecutive entries.
    pub entries: Vec<Numbered<LogEntry>>,
    /// Usage of the whole log. The oldest entry kept has the number `usage.dropped + 1`.
    pub usage: Usage,
    /// Number of the newest entry; 0 if there never was one.
    pub last: u64,
}

/// A store of documents and logs. Every backend passes the same conformance suite.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>>;

    /// Returns the document that holds a key.
    fn find<'a>(&'a self, place: &'a Place, key: &'a str) -> Pending<'a, Option<Arc<Stored>>>;

    /// Lists documents, newest first.
    fn list<'a>(&'a self, place: &'a Place, page: Page<'a>) -> Pending<'a, Vec<Arc<Stored>>>;

    /// Returns at most `limit` documents with tasks, from any collection, earliest due first.
    fn due<'a>(&'a self, sandbox: &'a str, limit: usize) -> Pending<'a, DueSlice>;

    /// Returns at most `limit` log entries with numbers above `after`.
    fn log<'a>(&'a self, sandbox: &'a str, log: &'static str, after: u64, limit: usize) -> Pending<'a, LogSlice>;

    /// Reserves `count` consecutive numbers of a counter and returns the first. Counters start at 1. A number is never
    /// returned twice until the sandbox is cleared; unused numbers leave gaps. With a `count` of 0, returns the next
    /// number without reserving it.
    fn next<'a>(&'a self, sandbox: &'a str, counter: &'static str, count: u64) -> Pending<'a, u64>;

    /// Applies all writes in order, or none of them. Each write sees the earlier ones, and no reader sees only some of
    /// them.
    ///
    /// Afterwards, the oldest documents and entries beyond a limit are dropped. Fails with [`StoreError::Conflict`] or
    /// [`StoreError::Taken`] without changing any document or log.
    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed>;

    /// Removes all documents, logs and counters of a sandbox.
    fn clear<'a>(&'a self, sandbox: &'a str) -> Pending<'a, ()>;

    fn usage<'a>(&'a self, place: &'a Place) -> Pending<'a, Usage>;
}
