//! Typed reading from a store: one reader per type of document.

use super::{Page, Place, Shelf, StoreError, Stored, Usage};
use crate::base::document::Record;
use std::{marker::PhantomData, sync::Arc};

/// Approximate maximum size of a page in bytes. The last record may exceed it.
const PAGE_BYTES: usize = 4 << 20;

/// Number of records that a search for the newest one reads at a time.
const CHUNK: usize = 64;

/// Reads the records of one type in one sandbox.
#[derive(Debug)]
pub struct Reader<T> {
    pub(super) shelf: Arc<Shelf>,
    pub(super) place: Place,
    kind: PhantomData<fn() -> T>,
}

/// A page of records.
#[derive(Debug)]
pub struct RecordPage<T> {
    /// The matching records, newest first.
    pub records: Vec<Arc<T>>,
    /// Total number of matching records from the start of the page on.
    pub matching: usize,
    /// The id to continue after; `None` on the last page.
    pub next: Option<Arc<str>>,
}

impl<T: Record> Reader<T> {
    pub(super) fn new(shelf: &Arc<Shelf>) -> Self {
        let place = Place { sandbox: Arc::clone(shelf.name()), collection: T::COLLECTION };
        Self { shelf: Arc::clone(shelf), place, kind: PhantomData }
    }

    pub async fn get(&self, id: &str) -> Result<Option<Arc<T>>, StoreError> {
        self.shelf.store().get(&self.place, id).await?.map(|stored| decode(&stored)).transpose()
    }

    /// Returns the record with this id and the version that a commit needs to replace or delete it.
    pub async fn get_versioned(&self, id: &str) -> Result<Option<(Arc<T>, u64)>, StoreError> {
        let Some(stored) = self.shelf.store().get(&self.place, id).await? else { return Ok(None) };
        Ok(Some((decode(&stored)?, stored.version)))
    }

    /// Returns the record that holds a key.
    pub async fn find(&self, key: &str) -> Result<Option<Arc<T>>, StoreError> {
        self.shelf.store().find(&self.place, key).await?.map(|stored| decode(&stored)).transpose()
    }

    /// Returns the record that holds a key and the version that a commit needs to replace or delete it.
    pub async fn find_versioned(&self, key: &str) -> Result<Option<(Arc<T>, u64)>, StoreError> {
        let Some(stored) = self.shelf.store().find(&self.place, key).await? else { return Ok(None) };
        Ok(Some((decode(&stored)?, stored.version)))
    }

    /// Returns the position of a record in insertion order: larger is newer.
    pub async fn sequence(&self, id: &str) -> Result<Option<u64>, StoreError> {
        Ok(self.shelf.store().get(&self.place, id).await?.map(|stored| stored.sequence))
    }

    /// Returns the newest record at a later position than `after` that satisfies `wanted`, and the position of the
    /// newest record. Earlier records are not read.
    pub async fn newest(&self, after: u64, wanted: impl Fn(&T) -> bool) -> Result<(Option<Arc<T>>, u64), StoreError> {
        let (mut before, mut last) = (None, after);
        loop {
            let page = Page { before, limit: Some(CHUNK), ..Page::default() };
            let page = self.shelf.store().list(&self.place, page).await?;
            last = page.first().map_or(last, |newest| last.max(newest.sequence));
            for stored in page.iter().take_while(|stored| stored.sequence > after) {
                let record = decode(stored)?;
                if wanted(&record) {
                    return Ok((Some(record), last));
                }
            }
            match page.last().filter(|oldest| page.len() == CHUNK && oldest.sequence > after) {
                Some(oldest) => before = Some(oldest.sequence),
                None => return Ok((None, last)),
            }
        }
    }

    /// Returns records older than the record `after` that satisfy `wanted`, newest first: at most `limit` records and
    /// about 4 MiB. Returns `None` if the record `after` does not exist.
    pub async fn page(
        &self,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Option<RecordPage<T>>, StoreError> {
        self.page_since(0, after, limit, wanted).await
    }

    /// As [`Reader::page`], without records up to the position `since` in insertion order.
    pub async fn page_since(
        &self,
        since: u64,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<Option<RecordPage<T>>, StoreError> {
        let before = match after {
            None => None,
            Some(id) => match self.shelf.store().get(&self.place, id).await? {
                Some(stored) => Some(stored.sequence),
                None => return Ok(None),
            },
        };
        let (mut records, mut matching, mut bytes) = (Vec::new(), 0, 0);
        let listed = self.shelf.store().list(&self.place, Page { before, ..Page::default() }).await?;
        for stored in listed.into_iter().take_while(|stored| stored.sequence > since) {
            let record = decode::<T>(&stored)?;
            if wanted(&record) {
                matching += 1;
                if records.len() < limit && bytes < PAGE_BYTES {
                    bytes += stored.document.size;
                    records.push(record);
                }
            }
        }
        let next = if matching > records.len() { records.last().map(|record| record.id()) } else { None };
        Ok(Some(RecordPage { records, matching, next }))
    }

    /// Approximate size of all records in bytes.
    pub async fn size(&self) -> Result<usize, StoreError> {
        Ok(self.shelf.store().usage(&self.place).await?.bytes)
    }

    /// Returns all records that satisfy `wanted`, newest first.
    pub async fn all(&self, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        self.collect(Page::default(), wanted).await
    }

    /// Returns all records with a tag that satisfy `wanted`, newest first. Other records are not read.
    pub async fn tagged(&self, tag: &str, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        self.collect(Page { tag: Some(tag), ..Page::default() }, wanted).await
    }

    /// Returns all records, newest first, each with the version that a commit needs to replace or delete it.
    pub async fn all_versioned(&self) -> Result<Vec<(Arc<T>, u64)>, StoreError> {
        let stored = self.shelf.store().list(&self.place, Page::default()).await?;
        stored.iter().map(|stored| Ok((decode::<T>(stored)?, stored.version))).collect()
    }

    async fn collect(&self, page: Page<'_>, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        let stored = self.shelf.store().list(&self.place, page).await?;
        let records = stored.iter().map(|stored| decode::<T>(stored));
        records.filter(|record| record.as_ref().map_or(true, |record| wanted(record))).collect()
    }

    pub async fn fill(&self) -> Result<Usage, StoreError> {
        self.shelf.store().usage(&self.place).await
    }
}

/// Decodes a stored document into a record.
///
/// # Errors
/// [`StoreError::Unavailable`] when the document is of another type.
pub fn decode<T: Record>(stored: &Stored) -> Result<Arc<T>, StoreError> {
    stored.document.content.decode().map_err(|problem| {
        StoreError::Unavailable(format!("{} {} cannot be read: {problem}", T::COLLECTION, stored.document.id))
    })
}
