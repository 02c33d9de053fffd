//! Versioned documents and numbered logs, kept per sandbox.
//!
//! A store knows sandboxes, collections, ids, keys, tags, due times, logs and counters, and nothing of what a document
//! means.
//! [`Store::commit`] is the only way to write. Its promise carries everything else: a commit applies all of its writes or
//! none, and of any number of callers that want the same key or the same version, exactly one succeeds.

mod collection;
mod commit;
mod log;
mod memory;
mod reader;
mod repository;
mod retention;
mod ring;
mod shelf;

/// The locks of stores. `tests/model` compiles the same source with those of a model checker.
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

/// A call to a store: its result, once it is there.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another document has the same id, or holds one of the keys. Nothing was changed.
    #[error("the id or a key is taken already")]
    Taken,
    /// No document is at the version that a write expects. Nothing was changed.
    #[error("a document was changed meanwhile")]
    Conflict {
        /// The index of the first such write in its commit.
        write: usize,
    },
    /// The store itself cannot do its work.
    #[error("the store is unavailable: {0}")]
    Unavailable(String),
}

/// Where a document lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    pub sandbox: Arc<str>,
    pub collection: &'static str,
}

/// A document, as a store sees it.
#[derive(Clone, Debug)]
pub struct Document {
    /// Its id, unique in its place.
    pub id: Arc<str>,
    /// Further values by which it is found, each unique in its place.
    pub keys: Vec<Key>,
    /// Values by which it is listed, which documents may share.
    pub tags: Vec<Key>,
    /// When the first of its tasks is due, if it has any.
    pub due: Option<Due>,
    /// About how many bytes it takes up.
    pub size: usize,
    pub content: Content,
}

/// A document as it is kept.
#[derive(Clone, Debug)]
pub struct Stored {
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
    Encoded(bytes::Bytes),
}

impl Content {
    /// The value itself, or read from its JSON.
    ///
    /// # Errors
    /// What is wrong, when the content is of another type.
    pub fn decode<T: DeserializeOwned + Any + Send + Sync>(&self) -> Result<Arc<T>, String> {
        match self {
            Self::Live(value) => {
                let value: Arc<dyn Live> = Arc::clone(value);
                let value: Arc<dyn Any + Send + Sync> = value;
                value.downcast().map_err(|_| "it is of another type".to_owned())
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
pub struct Page<'a> {
    /// Only documents with this tag; `None` for all.
    pub tag: Option<&'a str>,
    /// Only documents older than this sequence number.
    pub before: Option<u64>,
    /// The largest number of documents; `None` for all.
    pub limit: Option<usize>,
}

/// How full a collection or a log is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Documents or entries held.
    pub kept: usize,
    /// Documents or entries dropped for newer ones since the sandbox was last cleared.
    pub dropped: u64,
    /// About how many bytes those held take up.
    #[serde(skip)]
    pub bytes: usize,
}

/// One change of a commit.
#[derive(Clone, Debug)]
pub enum Write {
    /// Keeps a new document, at a version of its own. Fails with [`StoreError::Taken`] if the id or a key is in use.
    Insert { collection: &'static str, document: Document },
    /// Replaces the document of the same id, which must be at `version`; otherwise fails with [`StoreError::Conflict`].
    /// Fails with [`StoreError::Taken`] if the document claims a key of another one. The document keeps its place in
    /// the order of insertion.
    Replace {
        collection: &'static str,
        /// What replaces it.
        document: Document,
        /// The version that was read.
        version: u64,
    },
    /// Removes a document. With a version, fails with [`StoreError::Conflict`] unless the document is at that version.
    Delete {
        collection: &'static str,
        id: Arc<str>,
        /// The version that was read; `None` to remove whatever is there.
        version: Option<u64>,
    },
    /// Adds entries to the end of a log. The store numbers them 1, 2, 3, … without gaps, in the order of commits.
    Append {
        log: &'static str,
        /// The entries, oldest first.
        entries: Vec<LogEntry>,
    },
}

/// The result of one write that was applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// The new version of a document that was inserted or replaced.
    Version(u64),
    /// Whether the document to be removed existed.
    Deleted(bool),
    /// The number of the first appended entry.
    Appended(u64),
}

/// The results of a commit that was applied: one for each write, in the same order.
pub type Committed = Vec<Written>;

#[derive(Clone, Debug)]
pub struct LogEntry {
    /// About how many bytes it takes up.
    pub size: usize,
    pub content: Content,
}

/// The first documents that have tasks.
#[derive(Clone, Debug, Default)]
pub struct DueSlice {
    /// In the order of [`Due`], then of insertion; each with its collection.
    pub documents: Vec<(&'static str, Arc<Stored>)>,
    /// How many tasks all documents of the sandbox have together.
    pub tasks: u64,
}

/// A part of a log, oldest first.
#[derive(Clone, Debug, Default)]
pub struct LogSlice {
    /// Consecutive entries.
    pub entries: Vec<Numbered<LogEntry>>,
    /// How the whole log is filled. The oldest entry kept has the number `usage.dropped + 1`.
    pub usage: Usage,
    /// The number of the newest entry, 0 if there never was one.
    pub last: u64,
}

/// A store of documents and logs. Every backend passes the same conformance suite.
pub trait Store: fmt::Debug + Send + Sync + 'static {
    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>>;

    /// The document that holds a key.
    fn find<'a>(&'a self, place: &'a Place, key: &'a str) -> Pending<'a, Option<Arc<Stored>>>;

    /// Documents, newest first.
    fn list<'a>(&'a self, place: &'a Place, page: Page<'a>) -> Pending<'a, Vec<Arc<Stored>>>;

    /// The first documents of any collection that have tasks, at most `limit`.
    fn due<'a>(&'a self, sandbox: &'a str, limit: usize) -> Pending<'a, DueSlice>;

    /// At most `limit` entries of a log that follow the number `after`.
    fn log<'a>(&'a self, sandbox: &'a str, log: &'static str, after: u64, limit: usize) -> Pending<'a, LogSlice>;

    /// Takes `count` consecutive numbers of a counter and returns the first. Counters start at 1. No number is given
    /// twice until the sandbox is cleared; numbers that are not used leave gaps. With a `count` of 0 it returns the next
    /// number without taking it.
    fn next<'a>(&'a self, sandbox: &'a str, counter: &'static str, count: u64) -> Pending<'a, u64>;

    /// Applies all writes in order, or none of them. Each write sees those before it, and no reader sees only some.
    ///
    /// Afterwards the oldest documents and entries beyond a limit are dropped. Fails with [`StoreError::Conflict`] or
    /// [`StoreError::Taken`]; then neither documents nor logs were changed.
    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed>;

    /// Removes all documents, logs and counters of a sandbox.
    fn clear<'a>(&'a self, sandbox: &'a str) -> Pending<'a, ()>;

    fn usage<'a>(&'a self, place: &'a Place) -> Pending<'a, Usage>;
}
