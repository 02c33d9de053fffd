//! Typed reading from a store: one reader a kind of document.

use super::{Page, Place, Shelf, StoreError, Stored, Usage};
use crate::base::document::Record;
use std::{marker::PhantomData, sync::Arc};

/// About how many bytes of records one page holds at most, except for the last record on it.
const PAGE_BYTES: usize = 4 << 20;

/// The records of one kind in one sandbox, to be read.
#[derive(Debug)]
pub struct Reader<T> {
    pub(super) shelf: Arc<Shelf>,
    pub(super) place: Place,
    kind: PhantomData<fn() -> T>,
}

/// A part of a list of records.
#[derive(Debug)]
pub struct RecordPage<T> {
    /// Those that are wanted, newest first.
    pub records: Vec<Arc<T>>,
    /// How many are wanted in all, from the start of the page on.
    pub matching: usize,
    /// The id after which the next page begins; `None` on the last one.
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

    /// The record with this id, and the version at which a commit may replace or remove it.
    pub async fn get_versioned(&self, id: &str) -> Result<Option<(Arc<T>, u64)>, StoreError> {
        let Some(stored) = self.shelf.store().get(&self.place, id).await? else { return Ok(None) };
        Ok(Some((decode(&stored)?, stored.version)))
    }

    /// The record that holds a key.
    pub async fn find(&self, key: &str) -> Result<Option<Arc<T>>, StoreError> {
        self.shelf.store().find(&self.place, key).await?.map(|stored| decode(&stored)).transpose()
    }

    /// The record that holds a key, with the version at which a commit may replace or remove it.
    pub async fn find_versioned(&self, key: &str) -> Result<Option<(Arc<T>, u64)>, StoreError> {
        let Some(stored) = self.shelf.store().find(&self.place, key).await? else { return Ok(None) };
        Ok(Some((decode(&stored)?, stored.version)))
    }

    /// The records that `wanted` admits, newest first, from after the record `after` on: at most `limit`, and a few
    /// megabytes. `None` when there is no record `after`, which may have gone.
    pub async fn page(
        &self,
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
        for stored in self.shelf.store().list(&self.place, Page { before, ..Page::default() }).await? {
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

    /// About how many bytes all records take up.
    pub async fn size(&self) -> Result<usize, StoreError> {
        Ok(self.shelf.store().usage(&self.place).await?.bytes)
    }

    /// All records that `wanted` admits, newest first.
    pub async fn all(&self, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        self.collect(Page::default(), wanted).await
    }

    /// All records with a tag that `wanted` admits, newest first. Other records are not read.
    pub async fn tagged(&self, tag: &str, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        self.collect(Page { tag: Some(tag), ..Page::default() }, wanted).await
    }

    /// All records, newest first, each with the version at which a commit may replace or remove it.
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

/// Reads a record from a document of its collection.
///
/// # Errors
/// [`StoreError::Unavailable`] when the document is of another kind.
pub fn decode<T: Record>(stored: &Stored) -> Result<Arc<T>, StoreError> {
    stored.document.content.decode().map_err(|problem| {
        StoreError::Unavailable(format!("{} {} cannot be read: {problem}", T::COLLECTION, stored.document.id))
    })
}
