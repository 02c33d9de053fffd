//! Typed access to the logs of a store.

use super::{Commit, Numbered, Shelf, StoreError, Usage, Written};
use crate::base::document::Logged;
use std::{marker::PhantomData, sync::Arc};

/// About how many bytes of entries a page holds at most, except for the last entry on it.
const PAGE_BYTES: usize = 4 << 20;

/// How many entries one call to the store reads.
const CHUNK: usize = 1_000;

/// The log of one kind of entry in one sandbox.
#[derive(Debug)]
pub struct Log<T> {
    shelf: Arc<Shelf>,
    kind: PhantomData<fn() -> T>,
}

/// A part of a log for a reader that follows it.
#[derive(Debug, PartialEq, Eq)]
pub struct LogPage<T> {
    /// The entries that are wanted, oldest first.
    pub entries: Vec<Numbered<Arc<T>>>,
    /// The number of the last entry that was examined. The next page starts after it.
    pub seen: u64,
    /// Whether more wanted entries follow.
    pub more: bool,
    /// How many entries after the reader's position were dropped before this page was read, wanted or not.
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

    /// Appends entries in a commit of their own, and returns the number of the first.
    pub async fn append(&self, entries: impl IntoIterator<Item = Arc<T>>) -> Result<u64, StoreError> {
        let mut commit = Commit::new();
        commit.append(entries);
        match self.shelf.commit(commit).await?[..] {
            [Written::Appended(first)] => Ok(first),
            _ => Err(StoreError::Unavailable("a commit has other results than writes".to_owned())),
        }
    }

    /// The entries after a number that `wanted` admits, oldest first: at most `limit`, and a few megabytes.
    pub async fn page(
        &self,
        after: u64,
        limit: usize,
        wanted: impl Fn(u64, &T) -> bool,
    ) -> Result<LogPage<T>, StoreError> {
        self.page_within(after, limit, PAGE_BYTES, wanted).await
    }

    /// As [`Log::page`], with at most `limit` entries, and about `bytes` except for the last one. Entries appended
    /// after the call began may be left for the next page.
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
            // A reader whose filter admits nothing must not chase writers for ever.
            if is_over || page.seen >= *end.get_or_insert(page.last) {
                return Ok(page);
            }
        }
    }

    /// The number of the newest entry, 0 if there is none.
    pub async fn last(&self) -> Result<u64, StoreError> {
        Ok(self.shelf.store().log(self.shelf.name(), T::LOG, 0, 0).await?.last)
    }

    pub async fn usage(&self) -> Result<Usage, StoreError> {
        Ok(self.shelf.store().log(self.shelf.name(), T::LOG, 0, 0).await?.usage)
    }
}
