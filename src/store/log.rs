//! Typed access to the logs of a store.

use super::{Commit, Numbered, Shelf, StoreError, Usage, Written};
use crate::base::document::Logged;
use std::{marker::PhantomData, sync::Arc};

/// Approximate maximum size of a page in bytes. The last entry may exceed it.
const PAGE_BYTES: usize = 4 << 20;

/// Number of entries read per call to the store.
const CHUNK: usize = 1_000;

/// A typed log of one sandbox.
#[derive(Debug)]
pub struct Log<T> {
    shelf: Arc<Shelf>,
    kind: PhantomData<fn() -> T>,
}

/// A page of log entries for a reader that follows the log.
#[derive(Debug, PartialEq, Eq)]
pub struct LogPage<T> {
    /// The matching entries, oldest first.
    pub entries: Vec<Numbered<Arc<T>>>,
    /// Number of the last entry examined. The next page starts after it.
    pub seen: u64,
    /// Whether more matching entries follow.
    pub more: bool,
    /// Entries after the reader's position that were dropped before this page was read, matching or not.
    pub lost: u64,
    /// Entries dropped since the sandbox was last cleared.
    pub dropped: u64,
    pub last: u64,
}

impl<T: Logged> Log<T> {
    #[must_use]
    pub fn new(shelf: &Arc<Shelf>) -> Self {
        Self { shelf: Arc::clone(shelf), kind: PhantomData }
    }

    /// Appends entries in their own commit and returns the number of the first.
    pub async fn append(&self, entries: impl IntoIterator<Item = Arc<T>>) -> Result<u64, StoreError> {
        let mut commit = Commit::new();
        commit.append(entries);
        match self.shelf.commit(commit).await?[..] {
            [Written::Appended(first)] => Ok(first),
            _ => Err(StoreError::Unavailable("a commit returned unexpected results".to_owned())),
        }
    }

    /// Returns entries after a number that satisfy `wanted`, oldest first: at most `limit` entries and about 4 MiB.
    pub async fn page(
        &self,
        after: u64,
        limit: usize,
        wanted: impl Fn(u64, &T) -> bool,
    ) -> Result<LogPage<T>, StoreError> {
        self.page_within(after, limit, PAGE_BYTES, wanted).await
    }

    /// Like [`Log::page`], but limited to about `bytes` bytes; the last entry may exceed them. Entries appended after
    /// the call began may be left for the next page.
    pub async fn page_within(
        &self,
        after: u64,
        limit: usize,
        bytes: usize,
        wanted: impl Fn(u64, &T) -> bool,
    ) -> Result<LogPage<T>, StoreError> {
        let mut page = LogPage { entries: Vec::new(), seen: after, more: false, lost: 0, dropped: 0, last: 0 };
        let mut left = bytes;
        let mut end = None;
        loop {
            let slice = self.shelf.store().log(self.shelf.name(), T::LOG, page.seen, CHUNK).await?;
            let dropped = slice.usage.dropped;
            page.lost += dropped.saturating_sub(page.seen);
            page.seen = page.seen.max(dropped);
            (page.dropped, page.last) = (dropped, slice.last);
            let is_over = slice.entries.is_empty();
            for Numbered { number, entry: raw } in slice.entries {
                let entry = raw.content.decode::<T>().map_err(|problem| {
                    StoreError::Unavailable(format!("entry {number} of the log {} cannot be read: {problem}", T::LOG))
                })?;
                if wanted(number, &entry) {
                    if page.entries.len() == limit || left == 0 {
                        page.more = true;
                        return Ok(page);
                    }
                    left = left.saturating_sub(raw.size);
                    page.entries.push(Numbered { number, entry });
                }
                page.seen = number;
            }
            // A reader whose filter matches nothing must not chase writers forever.
            if is_over || page.seen >= *end.get_or_insert(page.last) {
                return Ok(page);
            }
        }
    }

    /// Number of the newest entry; 0 if there is none.
    pub async fn last(&self) -> Result<u64, StoreError> {
        Ok(self.shelf.store().log(self.shelf.name(), T::LOG, 0, 0).await?.last)
    }

    pub async fn usage(&self) -> Result<Usage, StoreError> {
        Ok(self.shelf.store().log(self.shelf.name(), T::LOG, 0, 0).await?.usage)
    }
}
