//! The store in memory: quick, bounded, gone with the process.
//!
//! Each collection of a sandbox is a [`Table`]: documents in shards, each behind a lock of its own, and one index of
//! keys and of the order of insertion. Whoever changes what the index says holds its lock and then that of a shard,
//! always in this order, so nobody waits in a circle, and a key and its document appear and go together. Reading a
//! document by id, or replacing it by one of the same keys and size, takes the lock of its shard alone.

use super::{
    Document, Fill, Page, Pending, Place, Store, StoreError, Stored,
    sync::{Mutex, MutexGuard, PoisonError, RwLock, Spread},
};
use crate::base::{
    budget::{Account, Budget, Share},
    document::Key,
};
use hashbrown::HashMap;
use std::{
    collections::VecDeque,
    hash::BuildHasher,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

/// Shards of a table; a power of two.
const SHARDS: usize = 16;

/// How much a collection of a sandbox keeps at most. A collection without a limit keeps all.
#[derive(Clone, Debug, Default)]
pub struct Retention(HashMap<&'static str, Limit>);

#[derive(Clone, Copy, Debug)]
struct Limit {
    documents: usize,
    bytes: usize,
}

impl Retention {
    /// No limits.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Keeps the newest `documents` of a collection, and of those the newest that fit into about `bytes`.
    #[must_use]
    pub fn keep(mut self, collection: &'static str, documents: usize, bytes: usize) -> Self {
        self.0.insert(collection, Limit { documents, bytes });
        self
    }
}

/// Documents in memory.
#[derive(Debug, Default)]
pub struct Memory {
    retention: Retention,
    tables: RwLock<HashMap<Place, Arc<Table>>>,
    versions: Arc<Versions>,
    /// What all collections of all sandboxes count against.
    account: Account,
}

/// Gives versions, none of them twice: an id may come again, in the same table or in the one after a `clear`, while
/// somebody still holds what lay there before.
#[derive(Debug, Default)]
struct Versions(AtomicU64);

impl Versions {
    fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) + 1
    }
}

impl Memory {
    /// An empty store that keeps as much as `retention` says.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// The same store, whose documents count against a budget.
    #[must_use]
    pub fn counted_in(self, budget: &Arc<Budget>) -> Self {
        Self { account: Account::new(budget), ..self }
    }

    /// About how many bytes each sandbox takes up.
    #[must_use]
    pub fn usage(&self) -> HashMap<Arc<str>, usize> {
        let mut usage = HashMap::new();
        for (place, table) in self.tables.read().unwrap_or_else(PoisonError::into_inner).iter() {
            *usage.entry(Arc::clone(&place.sandbox)).or_default() += lock(&table.index).bytes.bytes();
        }
        usage
    }

    /// Drops the oldest documents of each collection of a sandbox until its share is left, and says how many those were.
    pub fn shrink(&self, sandbox: &str, share: Share) -> u64 {
        let tables: Vec<_> = {
            let tables = self.tables.read().unwrap_or_else(PoisonError::into_inner);
            tables.iter().filter(|(place, _)| *place.sandbox == *sandbox).map(|(_, table)| Arc::clone(table)).collect()
        };
        tables.iter().map(|table| table.shrink(share)).sum()
    }

    fn table(&self, place: &Place) -> Arc<Table> {
        if let Some(table) = self.tables.read().unwrap_or_else(PoisonError::into_inner).get(place) {
            return Arc::clone(table);
        }
        let mut tables = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        let limit = self.retention.0.get(place.collection).copied();
        Arc::clone(
            tables
                .entry(place.clone())
                .or_insert_with(|| Arc::new(Table::new(limit, Arc::clone(&self.versions), self.account.another()))),
        )
    }
}

/// Wraps what is there at once in the shape that slower stores need.
fn now<'a, T: Send + 'a>(result: Result<T, StoreError>) -> Pending<'a, T> {
    Box::pin(std::future::ready(result))
}

impl Store for Memory {
    fn insert<'a>(&'a self, place: &'a Place, document: Document) -> Pending<'a, ()> {
        now(self.table(place).insert(document))
    }

    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        now(Ok(self.table(place).get(id)))
    }

    fn find<'a>(&'a self, place: &'a Place, key: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        now(Ok(self.table(place).find(key)))
    }

    fn list<'a>(&'a self, place: &'a Place, page: Page) -> Pending<'a, Vec<Arc<Stored>>> {
        now(Ok(self.table(place).list(page)))
    }

    fn replace<'a>(&'a self, place: &'a Place, document: Document, version: u64) -> Pending<'a, bool> {
        now(self.table(place).replace(document, version))
    }

    fn delete_at<'a>(&'a self, place: &'a Place, id: &'a str, version: u64) -> Pending<'a, bool> {
        now(Ok(self.table(place).delete(id, Some(version))))
    }

    fn delete<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, bool> {
        now(Ok(self.table(place).delete(id, None)))
    }

    fn clear<'a>(&'a self, sandbox: &'a str) -> Pending<'a, ()> {
        // Whoever still holds a table finishes on it unseen, as if it had come before.
        self.tables.write().unwrap_or_else(PoisonError::into_inner).retain(|place, _| *place.sandbox != *sandbox);
        now(Ok(()))
    }

    fn fill<'a>(&'a self, place: &'a Place) -> Pending<'a, Fill> {
        now(Ok(self.table(place).fill()))
    }
}

type Documents = HashMap<Arc<str>, Arc<Stored>>;

/// One collection of one sandbox.
#[derive(Debug)]
struct Table {
    limit: Limit,
    versions: Arc<Versions>,
    spread: Spread,
    shards: [Mutex<Documents>; SHARDS],
    index: Mutex<Index>,
}

/// What is true of the collection as a whole.
#[derive(Debug, Default)]
struct Index {
    /// Which document holds a key.
    keys: HashMap<Key, Arc<str>>,
    /// The documents in order of insertion, oldest first.
    order: VecDeque<(u64, Arc<str>)>,
    last: u64,
    /// Bytes of the documents alone, which the collection's own limit is about.
    size: usize,
    /// Bytes with what the table keeps beside each document.
    bytes: Account,
    dropped: u64,
}

impl Table {
    fn new(limit: Option<Limit>, versions: Arc<Versions>, bytes: Account) -> Self {
        Self {
            limit: limit.unwrap_or(Limit { documents: usize::MAX, bytes: usize::MAX }),
            versions,
            spread: Spread::default(),
            shards: Default::default(),
            index: Mutex::new(Index { bytes, ..Index::default() }),
        }
    }

    fn insert(&self, document: Document) -> Result<(), StoreError> {
        let mut given_up = Vec::new();
        let mut index = lock(&self.index);
        if document.keys.iter().any(|key| index.keys.contains_key(key)) {
            return Err(StoreError::Taken);
        }
        let id = Arc::clone(&document.id);
        let mut shard = self.shard(&id);
        if shard.contains_key(&id) {
            return Err(StoreError::Taken);
        }
        for key in &document.keys {
            index.keys.insert(key.clone(), Arc::clone(&id));
        }
        index.last += 1;
        let sequence = index.last;
        index.size += document.size;
        index.bytes.add(weight(&document));
        index.order.push_back((sequence, Arc::clone(&id)));
        shard.insert(id, Arc::new(Stored { document, version: self.versions.next(), sequence }));
        drop(shard);
        while index.order.len() > self.limit.documents || index.size > self.limit.bytes {
            let Some((_, oldest)) = index.order.pop_front() else { break };
            given_up.push(self.take(&mut index, &oldest, None));
            index.dropped += 1;
        }
        drop(index);
        // Freed here, outside the lock.
        drop(given_up);
        Ok(())
    }

    fn get(&self, id: &str) -> Option<Arc<Stored>> {
        self.shard(id).get(id).cloned()
    }

    fn find(&self, key: &str) -> Option<Arc<Stored>> {
        let index = lock(&self.index);
        let id = index.keys.get(key)?;
        self.get(id)
    }

    fn list(&self, page: Page) -> Vec<Arc<Stored>> {
        let mut all: Vec<Arc<Stored>> = Vec::new();
        for shard in &self.shards {
            let older = |stored: &&Arc<Stored>| page.before.is_none_or(|before| stored.sequence < before);
            all.extend(lock(shard).values().filter(older).cloned());
        }
        all.sort_unstable_by_key(|stored| std::cmp::Reverse(stored.sequence));
        all.truncate(page.limit.unwrap_or(usize::MAX));
        all
    }

    fn replace(&self, document: Document, version: u64) -> Result<bool, StoreError> {
        let same_place =
            |stored: &Stored| stored.document.keys == document.keys && stored.document.size == document.size;
        {
            let mut shard = self.shard(&document.id);
            match shard.get_mut(&document.id) {
                Some(stored) if stored.version != version => return Ok(false),
                None => return Ok(false),
                Some(stored) if same_place(stored) => {
                    *stored = Arc::new(Stored { document, version: self.versions.next(), sequence: stored.sequence });
                    return Ok(true);
                }
                Some(_) => {}
            }
        }
        let mut index = lock(&self.index);
        let mut shard = self.shard(&document.id);
        let Some(stored) = shard.get_mut(&document.id).filter(|stored| stored.version == version) else {
            return Ok(false);
        };
        if document.keys.iter().any(|key| index.keys.get(key).is_some_and(|holder| *holder != document.id)) {
            return Err(StoreError::Taken);
        }
        for key in &stored.document.keys {
            index.keys.remove(key);
        }
        for key in &document.keys {
            index.keys.insert(key.clone(), Arc::clone(&document.id));
        }
        index.size = index.size - stored.document.size + document.size;
        index.bytes.sub(weight(&stored.document));
        index.bytes.add(weight(&document));
        *stored = Arc::new(Stored { document, version: self.versions.next(), sequence: stored.sequence });
        Ok(true)
    }

    /// Removes a document, at a version if one is given.
    fn delete(&self, id: &str, version: Option<u64>) -> bool {
        let mut index = lock(&self.index);
        let Some(gone) = self.take(&mut index, id, version) else { return false };
        if let Ok(place) = index.order.binary_search_by_key(&gone.sequence, |(sequence, _)| *sequence) {
            index.order.remove(place);
        }
        true
    }

    /// Takes a document and its keys out, at a version if one is given.
    fn take(&self, index: &mut Index, id: &str, version: Option<u64>) -> Option<Arc<Stored>> {
        let mut shard = self.shard(id);
        if version.is_some_and(|version| shard.get(id).is_none_or(|stored| stored.version != version)) {
            return None;
        }
        let gone = shard.remove(id)?;
        drop(shard);
        index.size -= gone.document.size;
        index.bytes.sub(weight(&gone.document));
        for key in &gone.document.keys {
            index.keys.remove(key);
        }
        Some(gone)
    }

    fn shrink(&self, share: Share) -> u64 {
        let mut given_up = Vec::new();
        let mut index = lock(&self.index);
        let stays = share.of(index.bytes.bytes());
        while index.bytes.bytes() > stays {
            let Some((_, oldest)) = index.order.pop_front() else { break };
            given_up.push(self.take(&mut index, &oldest, None));
            index.dropped += 1;
        }
        drop(index);
        // Freed at the end, outside the lock.
        given_up.len() as u64
    }

    fn fill(&self) -> Fill {
        let index = lock(&self.index);
        Fill { kept: index.order.len(), dropped: index.dropped }
    }

    fn shard(&self, id: &str) -> MutexGuard<'_, Documents> {
        // The map inside a shard goes by other bits of a hash of its own.
        let number = usize::try_from(self.spread.hash_one(id) >> 32).unwrap_or(0) % SHARDS;
        lock(&self.shards[number])
    }
}

/// About how many bytes a document takes up with its places in shards, keys and order.
fn weight(document: &Document) -> usize {
    const OVERHEAD: usize = 256;
    let keys: usize = document.keys.iter().map(|key| key.len() + 64).sum();
    document.size + document.id.len() + keys + OVERHEAD
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds one of these locks runs foreign code, so no panic can leave a table half changed.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
