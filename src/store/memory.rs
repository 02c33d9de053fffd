//! The in-memory store: fast and bounded; its contents end with the process.
//!
//! One lock per sandbox guards its collections, logs and counters, which makes a commit atomic. Readers share the lock
//! and only copy pointers while they hold it. Values are freed after the lock is released, because freeing a large
//! value takes longer than a commit.

use super::{
    Committed, DueSlice, LogEntry, LogSlice, Page, Pending, Place, Store, StoreError, Stored, Usage, Write, Written,
    collection::Collection,
    retention::Retention,
    ring::Ring,
    sync::{PoisonError, RwLock},
};
use crate::base::{
    budget::{Account, Budget, Share},
    document::Due,
};
use hashbrown::HashMap;
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

/// A store that keeps documents and logs in memory.
#[derive(Debug, Default)]
pub struct Memory {
    retention: Retention,
    spaces: RwLock<HashMap<Arc<str>, Arc<RwLock<Space>>>>,
    /// The last version assigned. Versions are unique in the store, because an id can be reused, even after a `clear`,
    /// while a caller still holds the version of the earlier document.
    versions: AtomicU64,
    /// Accounts for the bytes of everything kept.
    account: Account,
}

impl Memory {
    /// An empty store with the limits of `retention`.
    #[must_use]
    pub fn new(retention: Retention) -> Self {
        Self { retention, ..Self::default() }
    }

    /// Makes the store count its bytes against a budget.
    #[must_use]
    pub fn counted_in(self, budget: &Arc<Budget>) -> Self {
        Self { account: Account::new(budget), ..self }
    }

    /// Approximate number of droppable bytes in each sandbox.
    #[must_use]
    pub fn bytes_by_sandbox(&self) -> HashMap<Arc<str>, usize> {
        let spaces: Vec<_> = {
            let spaces = self.spaces.read().unwrap_or_else(PoisonError::into_inner);
            spaces.iter().map(|(sandbox, space)| (Arc::clone(sandbox), Arc::clone(space))).collect()
        };
        spaces.into_iter().map(|(sandbox, space)| (sandbox, read(&space, Space::droppable_bytes))).collect()
    }

    /// Drops the oldest documents of each collection and the oldest entries of each log until only the sandbox's share
    /// is left. Returns how many were dropped.
    pub fn shrink(&self, sandbox: &str, share: Share) -> u64 {
        let Some(space) = self.space(sandbox) else { return 0 };
        let mut freed = Freed::default();
        write(&space, |space| space.shrink(share, &mut freed));
        (freed.documents.len() + freed.entries.len()) as u64
    }

    fn space(&self, sandbox: &str) -> Option<Arc<RwLock<Space>>> {
        self.spaces.read().unwrap_or_else(PoisonError::into_inner).get(sandbox).cloned()
    }

    fn space_to_write(&self, sandbox: &str) -> Arc<RwLock<Space>> {
        self.space(sandbox).unwrap_or_else(|| {
            let mut spaces = self.spaces.write().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(spaces.entry(sandbox.into()).or_default())
        })
    }

    /// Reads from a collection; returns `T::default()` if it was never written to.
    fn look<T: Default>(&self, place: &Place, look: impl FnOnce(&Collection) -> T) -> T {
        let Some(space) = self.space(&place.sandbox) else { return T::default() };
        read(&space, |space| space.collections.get(place.collection).map(look)).unwrap_or_default()
    }
}

/// Recovers a poisoned lock: code that holds a space's lock cannot panic halfway through a change.
fn read<T>(space: &RwLock<Space>, look: impl FnOnce(&Space) -> T) -> T {
    look(&space.read().unwrap_or_else(PoisonError::into_inner))
}

fn write<T>(space: &RwLock<Space>, change: impl FnOnce(&mut Space) -> T) -> T {
    change(&mut space.write().unwrap_or_else(PoisonError::into_inner))
}

/// Wraps an immediate result in the future that slower stores need.
fn now<'a, T: Send + 'a>(result: Result<T, StoreError>) -> Pending<'a, T> {
    Box::pin(std::future::ready(result))
}

impl Store for Memory {
    fn get<'a>(&'a self, place: &'a Place, id: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        now(Ok(self.look(place, |collection| collection.get(id).cloned())))
    }

    fn find<'a>(&'a self, place: &'a Place, key: &'a str) -> Pending<'a, Option<Arc<Stored>>> {
        now(Ok(self.look(place, |collection| collection.find(key).cloned())))
    }

    fn list<'a>(&'a self, place: &'a Place, page: Page<'a>) -> Pending<'a, Vec<Arc<Stored>>> {
        now(Ok(self.look(place, |collection| collection.list(page))))
    }

    fn due<'a>(&'a self, sandbox: &'a str, limit: usize) -> Pending<'a, DueSlice> {
        let space = self.space(sandbox);
        now(Ok(space.map(|space| read(&space, |space| space.due(limit))).unwrap_or_default()))
    }

    fn log<'a>(&'a self, sandbox: &'a str, log: &'static str, after: u64, limit: usize) -> Pending<'a, LogSlice> {
        let space = self.space(sandbox);
        let slice =
            space.and_then(|space| read(&space, |space| space.logs.get(log).map(|ring| ring.slice(after, limit))));
        now(Ok(slice.unwrap_or_default()))
    }

    fn next<'a>(&'a self, sandbox: &'a str, counter: &'static str, count: u64) -> Pending<'a, u64> {
        let first = write(&self.space_to_write(sandbox), |space| {
            let last = space.counters.entry(counter).or_default();
            let first = *last + 1;
            *last += count;
            first
        });
        now(Ok(first))
    }

    fn commit<'a>(&'a self, sandbox: &'a str, writes: Vec<Write>) -> Pending<'a, Committed> {
        // If `clear` removes the space at the same time, this commit is lost with it, as if it had come first.
        let space = self.space_to_write(sandbox);
        let mut applied = Vec::with_capacity(writes.len());
        let mut undo = Vec::with_capacity(writes.len());
        let mut freed = Freed::default();
        let mut writes = writes.into_iter();
        let result = write(&space, |space| {
            for (number, write) in writes.by_ref().enumerate() {
                match space.apply(self, number, write, &mut undo, &mut freed) {
                    Ok(written) => applied.push(written),
                    Err(error) => {
                        space.undo(&mut undo, &mut freed);
                        return Err(error);
                    }
                }
            }
            space.trim(&undo, &mut freed);
            Ok(())
        });
        // Unapplied writes and replaced or dropped values are freed here, outside the lock.
        drop((writes, undo, freed));
        now(result.map(|()| applied))
    }

    fn clear<'a>(&'a self, sandbox: &'a str) -> Pending<'a, ()> {
        let gone = self.spaces.write().unwrap_or_else(PoisonError::into_inner).remove(sandbox);
        drop(gone);
        now(Ok(()))
    }

    fn usage<'a>(&'a self, place: &'a Place) -> Pending<'a, Usage> {
        now(Ok(self.look(place, Collection::usage)))
    }
}

/// The contents of one sandbox.
#[derive(Debug, Default)]
struct Space {
    collections: HashMap<&'static str, Collection>,
    logs: HashMap<&'static str, Ring>,
    counters: HashMap<&'static str, u64>,
}

/// How to undo one write.
enum Undo {
    /// Remove the document at a sequence number.
    Remove(&'static str, u64),
    /// Restore a replaced or deleted document.
    Restore(&'static str, Arc<Stored>),
    /// Remove the last entries of a log.
    Withdraw(&'static str, usize),
}

/// Removed values, to be freed after the lock is released.
#[derive(Default)]
struct Freed {
    documents: Vec<Arc<Stored>>,
    entries: Vec<LogEntry>,
    refused: Option<super::Document>,
}

impl Space {
    fn droppable_bytes(&self) -> usize {
        self.collections.values().map(Collection::droppable_bytes).sum::<usize>()
            + self.logs.values().map(Ring::droppable_bytes).sum::<usize>()
    }

    /// Merges the first due documents of all collections. Few collections hold documents with tasks.
    fn due(&self, limit: usize) -> DueSlice {
        let mut documents: Vec<_> = self
            .collections
            .iter()
            .flat_map(|(name, collection)| collection.due().take(limit).map(|stored| (*name, Arc::clone(stored))))
            .collect();
        documents.sort_by_key(|(name, stored)| (stored.document.due.map(Due::order), *name, stored.sequence));
        documents.truncate(limit);
        DueSlice { documents, tasks: self.collections.values().map(Collection::tasks).sum() }
    }

    fn collection(&mut self, memory: &Memory, name: &'static str) -> &mut Collection {
        let new = || Collection::new(memory.retention.limit(name), memory.account.another());
        self.collections.entry(name).or_insert_with(new)
    }

    fn apply(
        &mut self,
        memory: &Memory,
        number: usize,
        write: Write,
        undo: &mut Vec<Undo>,
        freed: &mut Freed,
    ) -> Result<Written, StoreError> {
        let version = || memory.versions.fetch_add(1, Ordering::Relaxed) + 1;
        match write {
            Write::Insert { collection: name, document } => {
                let version = version();
                match self.collection(memory, name).insert(document, version) {
                    Ok(sequence) => undo.push(Undo::Remove(name, sequence)),
                    Err(document) => {
                        freed.refused = Some(document);
                        return Err(StoreError::Taken);
                    }
                }
                Ok(Written::Version(version))
            }
            Write::Replace { collection: name, document, version: expected } => {
                let version = version();
                match self.collection(memory, name).replace(document, expected, version, number) {
                    Ok(old) => undo.extend(old.map(|old| Undo::Restore(name, old))),
                    Err((error, document)) => {
                        freed.refused = Some(document);
                        return Err(error);
                    }
                }
                Ok(Written::Version(version))
            }
            Write::Delete { collection: name, id, version } => {
                let collection = self.collection(memory, name);
                let found = collection.get(&id).map(|stored| (stored.version, stored.sequence));
                if version.is_some() && version != found.map(|(version, _)| version) {
                    return Err(StoreError::Conflict { write: number });
                }
                let gone = found.and_then(|(_, sequence)| collection.take(sequence));
                let was_there = gone.is_some();
                undo.extend(gone.map(|gone| Undo::Restore(name, gone)));
                Ok(Written::Deleted(was_there))
            }
            Write::Append { log: name, entries } => {
                let new = || Ring::new(memory.retention.limit(name), memory.account.another());
                undo.push(Undo::Withdraw(name, entries.len()));
                Ok(Written::Appended(self.logs.entry(name).or_insert_with(new).append(entries)))
            }
        }
    }

    /// Undoes the applied writes, last one first.
    fn undo(&mut self, undo: &mut Vec<Undo>, freed: &mut Freed) {
        while let Some(step) = undo.pop() {
            match step {
                Undo::Remove(name, sequence) => {
                    let collection = self.collections.get_mut(name);
                    freed.documents.extend(collection.and_then(|collection| collection.take(sequence)));
                }
                Undo::Restore(name, stored) => {
                    if let Some(collection) = self.collections.get_mut(name) {
                        freed.documents.extend(collection.put(stored));
                    }
                }
                Undo::Withdraw(name, count) => {
                    if let Some(ring) = self.logs.get_mut(name) {
                        ring.withdraw(count, &mut freed.entries);
                    }
                }
            }
        }
    }

    /// Enforces the limits of the collections and logs that were written to.
    fn trim(&mut self, written: &[Undo], freed: &mut Freed) {
        for step in written {
            match step {
                Undo::Remove(name, _) | Undo::Restore(name, _) => {
                    if let Some(collection) = self.collections.get_mut(name) {
                        collection.trim(&mut freed.documents);
                    }
                }
                Undo::Withdraw(name, _) => {
                    if let Some(ring) = self.logs.get_mut(name) {
                        ring.trim(&mut freed.entries);
                    }
                }
            }
        }
    }

    fn shrink(&mut self, share: Share, freed: &mut Freed) {
        for collection in self.collections.values_mut() {
            collection.shrink(share, &mut freed.documents);
        }
        for ring in self.logs.values_mut() {
            ring.shrink(share, &mut freed.entries);
        }
    }
}
