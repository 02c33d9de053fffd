//! One collection of a sandbox in memory: documents in insertion order, with their indexes.

use super::{Document, Page, StoreError, Stored, Usage, retention::Limit};
use crate::base::{
    budget::{Account, Share},
    document::Key,
};
use hashbrown::HashMap;
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// The documents of a collection. Takes no locks and frees nothing: methods return what they remove.
#[derive(Debug)]
pub(super) struct Collection {
    limit: Limit,
    /// By sequence number; the last entry is the newest.
    documents: BTreeMap<u64, Arc<Stored>>,
    ids: HashMap<Arc<str>, u64>,
    keys: HashMap<Key, u64>,
    tags: BTreeSet<(Key, u64)>,
    due: BTreeSet<(Timestamp, u8, u64)>,
    tasks: u64,
    last: u64,
    /// Bytes of the documents alone; the limit applies to these.
    size: usize,
    /// Bytes including the collection's overhead per document.
    bytes: Account,
    dropped: u64,
}

impl Collection {
    pub(super) fn new(limit: Limit, bytes: Account) -> Self {
        Self {
            limit,
            documents: BTreeMap::new(),
            ids: HashMap::new(),
            keys: HashMap::new(),
            tags: BTreeSet::new(),
            due: BTreeSet::new(),
            tasks: 0,
            last: 0,
            size: 0,
            bytes,
            dropped: 0,
        }
    }

    pub(super) fn get(&self, id: &str) -> Option<&Arc<Stored>> {
        self.documents.get(self.ids.get(id)?)
    }

    pub(super) fn find(&self, key: &str) -> Option<&Arc<Stored>> {
        self.documents.get(self.keys.get(key)?)
    }

    pub(super) fn list(&self, page: Page<'_>) -> Vec<Arc<Stored>> {
        let before = page.before.unwrap_or(u64::MAX);
        let limit = page.limit.unwrap_or(usize::MAX);
        match page.tag {
            None => self.documents.range(..before).rev().take(limit).map(|(_, stored)| Arc::clone(stored)).collect(),
            Some(tag) => {
                let tag = Key::from(tag);
                let tagged = self.tags.range((Arc::clone(&tag), 0)..(tag, before)).rev().take(limit);
                tagged.filter_map(|(_, sequence)| self.documents.get(sequence).cloned()).collect()
            }
        }
    }

    /// Documents with tasks, ordered by their first due task.
    pub(super) fn due(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.due.iter().filter_map(|(_, _, sequence)| self.documents.get(sequence))
    }

    /// Total number of tasks of all documents.
    pub(super) fn tasks(&self) -> u64 {
        self.tasks
    }

    pub(super) fn usage(&self) -> Usage {
        Usage { kept: self.documents.len(), dropped: self.dropped, bytes: self.size }
    }

    /// Bytes that count against the budget and can be dropped.
    pub(super) fn droppable_bytes(&self) -> usize {
        if self.limit.gives_way { self.bytes.bytes() } else { 0 }
    }

    /// Inserts a document and returns its sequence number; returns the document if its id or a key is taken.
    pub(super) fn insert(&mut self, document: Document, version: u64) -> Result<u64, Document> {
        if self.ids.contains_key(&document.id) || document.keys.iter().any(|key| self.keys.contains_key(key)) {
            return Err(document);
        }
        self.last += 1;
        let sequence = self.last;
        self.put(Arc::new(Stored { document, version, sequence }));
        Ok(sequence)
    }

    /// Replaces a document at the version `expected` and returns the old one; returns the new document if that fails.
    pub(super) fn replace(
        &mut self,
        document: Document,
        expected: u64,
        version: u64,
        write: usize,
    ) -> Result<Option<Arc<Stored>>, (StoreError, Document)> {
        let Some(old) = self.get(&document.id).filter(|stored| stored.version == expected) else {
            return Err((StoreError::Conflict { write }, document));
        };
        let sequence = old.sequence;
        let is_others = |key: &Key| self.keys.get(key).is_some_and(|holder| *holder != sequence);
        if document.keys != old.document.keys && document.keys.iter().any(is_others) {
            return Err((StoreError::Taken, document));
        }
        Ok(self.put(Arc::new(Stored { document, version, sequence })))
    }

    /// Stores a document at its sequence number and returns the previous state.
    pub(super) fn put(&mut self, stored: Arc<Stored>) -> Option<Arc<Stored>> {
        let new = Arc::clone(&stored);
        self.size += new.document.size;
        self.bytes.add(weight(&new.document));
        let Some(old) = self.documents.insert(stored.sequence, stored) else {
            self.ids.insert(Arc::clone(&new.document.id), new.sequence);
            self.add_to_indexes(&new);
            return None;
        };
        self.size -= old.document.size;
        self.bytes.sub(weight(&old.document));
        let (was, is) = (&old.document, &new.document);
        if was.keys != is.keys || was.tags != is.tags || was.due != is.due {
            self.remove_from_indexes(&old);
            self.add_to_indexes(&new);
        }
        Some(old)
    }

    /// Removes a document.
    pub(super) fn take(&mut self, sequence: u64) -> Option<Arc<Stored>> {
        let gone = self.documents.remove(&sequence)?;
        self.ids.remove(&gone.document.id);
        self.remove_from_indexes(&gone);
        self.size -= gone.document.size;
        self.bytes.sub(weight(&gone.document));
        Some(gone)
    }

    /// Drops the oldest documents beyond the limit.
    pub(super) fn trim(&mut self, dropped: &mut Vec<Arc<Stored>>) {
        while self.documents.len() > self.limit.count || self.size > self.limit.bytes {
            if !self.drop_oldest(dropped) {
                break;
            }
        }
    }

    /// Drops the oldest documents until a share of the bytes is left.
    pub(super) fn shrink(&mut self, share: Share, dropped: &mut Vec<Arc<Stored>>) {
        if !self.limit.gives_way {
            return;
        }
        let stays = share.of(self.bytes.bytes());
        while self.bytes.bytes() > stays && self.drop_oldest(dropped) {}
    }

    fn drop_oldest(&mut self, dropped: &mut Vec<Arc<Stored>>) -> bool {
        let oldest = self.documents.keys().next().copied();
        let Some(gone) = oldest.and_then(|oldest| self.take(oldest)) else { return false };
        self.dropped += 1;
        dropped.push(gone);
        true
    }

    fn add_to_indexes(&mut self, stored: &Stored) {
        for key in &stored.document.keys {
            self.keys.insert(Arc::clone(key), stored.sequence);
        }
        for tag in &stored.document.tags {
            self.tags.insert((Arc::clone(tag), stored.sequence));
        }
        if let Some(due) = stored.document.due {
            self.due.insert((due.at, due.rank, stored.sequence));
            self.tasks += u64::from(due.tasks);
        }
    }

    fn remove_from_indexes(&mut self, stored: &Stored) {
        for key in &stored.document.keys {
            self.keys.remove(key);
        }
        for tag in &stored.document.tags {
            self.tags.remove(&(Arc::clone(tag), stored.sequence));
        }
        if let Some(due) = stored.document.due {
            self.due.remove(&(due.at, due.rank, stored.sequence));
            self.tasks -= u64::from(due.tasks);
        }
    }
}

/// About how many bytes a document takes up with its entries in the indexes.
fn weight(document: &Document) -> usize {
    const OVERHEAD: usize = 256;
    let indexed: usize = document.keys.iter().chain(&document.tags).map(|key| key.len() + 64).sum();
    document.size + document.id.len() + indexed + OVERHEAD
}
