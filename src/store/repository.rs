//! Typed access to a store: one repository a kind of document.

use super::{Content, Document, Fill, Live, Page, Place, Store, StoreError, Stored};
use crate::base::document::Record;
use std::{any::Any, marker::PhantomData, sync::Arc};

/// About how many bytes of records one page holds at most, except for the last record on it.
const PAGE_BYTES: usize = 4 << 20;

/// What an update came to.
#[derive(Debug)]
pub enum Update<T, E> {
    /// The record as it now is.
    Done(Arc<T>),
    /// The closure refused, and nothing was changed: its reason, and the record as it is.
    Refused(E, Arc<T>),
    /// There is no such record.
    Missing,
}

/// The records of one kind in one sandbox.
#[derive(Debug)]
pub struct Repository<T> {
    store: Arc<dyn Store>,
    place: Place,
    kind: PhantomData<fn() -> T>,
}

impl<T: Record> Repository<T> {
    /// The records of a sandbox.
    #[must_use]
    pub fn new(store: Arc<dyn Store>, sandbox: Arc<str>) -> Self {
        Self { store, place: Place { sandbox, collection: T::COLLECTION }, kind: PhantomData }
    }

    /// Keeps a new record.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its id or one of its keys is in use.
    pub async fn insert(&self, record: Arc<T>) -> Result<(), StoreError> {
        self.store.insert(&self.place, document(record)).await
    }

    /// The record of an id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn get(&self, id: &str) -> Result<Option<Arc<T>>, StoreError> {
        self.store.get(&self.place, id).await?.map(|stored| decode(&stored)).transpose()
    }

    /// The record that holds a key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn find(&self, key: &str) -> Result<Option<Arc<T>>, StoreError> {
        self.store.find(&self.place, key).await?.map(|stored| decode(&stored)).transpose()
    }

    /// The records that `wanted` admits, newest first, from after the record `after` on: a page of `limit` and of a few
    /// megabytes at most, and how many there are in all from there on.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list(
        &self,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&T) -> bool,
    ) -> Result<(Vec<Arc<T>>, usize), StoreError> {
        let before = match after {
            None => None,
            // A record that has gone since leaves no place to go on from: nothing follows it.
            Some(id) => match self.store.get(&self.place, id).await? {
                Some(stored) => Some(stored.sequence),
                None => return Ok((Vec::new(), 0)),
            },
        };
        let (mut page, mut total, mut bytes) = (Vec::new(), 0, 0);
        for stored in self.store.list(&self.place, Page { before, limit: None }).await? {
            let record = decode::<T>(&stored)?;
            if wanted(&record) {
                total += 1;
                if page.len() < limit && bytes < PAGE_BYTES {
                    bytes += stored.document.size;
                    page.push(record);
                }
            }
        }
        Ok((page, total))
    }

    /// About how many bytes all records take up.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn size(&self) -> Result<usize, StoreError> {
        Ok(self.store.list(&self.place, Page::default()).await?.iter().map(|stored| stored.document.size).sum())
    }

    /// All records that `wanted` admits, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn all(&self, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        let stored = self.store.list(&self.place, Page::default()).await?;
        let records = stored.iter().map(|stored| decode::<T>(stored));
        records.filter(|record| record.as_ref().map_or(true, |record| wanted(record))).collect()
    }

    /// Changes a record by a pure function, which runs again when another caller was quicker.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the changed record claims a key of another one.
    pub async fn update<E>(
        &self,
        id: &str,
        mut change: impl FnMut(&mut T) -> Result<(), E>,
    ) -> Result<Update<T, E>, StoreError> {
        self.evolve(id, |current| {
            let mut changed = T::clone(current);
            change(&mut changed).map(|()| Some(changed))
        })
        .await
    }

    /// Puts in a record's stead what a pure function makes of it, which runs again when another caller was quicker.
    /// Where the function makes nothing of it, or refuses, nothing is copied and nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the new record claims a key of another one.
    pub async fn evolve<E>(
        &self,
        id: &str,
        mut next: impl FnMut(&T) -> Result<Option<T>, E>,
    ) -> Result<Update<T, E>, StoreError> {
        loop {
            let Some(stored) = self.store.get(&self.place, id).await? else {
                return Ok(Update::Missing);
            };
            let current = decode::<T>(&stored)?;
            let changed = match next(&current) {
                Ok(Some(changed)) => Arc::new(changed),
                Ok(None) => return Ok(Update::Done(current)),
                Err(reason) => return Ok(Update::Refused(reason, current)),
            };
            if self.store.replace(&self.place, document(Arc::clone(&changed)), stored.version).await? {
                return Ok(Update::Done(changed));
            }
        }
    }

    /// Removes a record that `may` allows to be removed. The record cannot change between the look and the removal.
    /// [`Update::Done`] holds the record as it was.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delete_if<E>(&self, id: &str, may: impl Fn(&T) -> Result<(), E>) -> Result<Update<T, E>, StoreError> {
        loop {
            let Some(stored) = self.store.get(&self.place, id).await? else {
                return Ok(Update::Missing);
            };
            let current = decode::<T>(&stored)?;
            if let Err(reason) = may(&current) {
                return Ok(Update::Refused(reason, current));
            }
            if self.store.delete_at(&self.place, id, stored.version).await? {
                return Ok(Update::Done(current));
            }
        }
    }

    /// Removes a record; says whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        self.store.delete(&self.place, id).await
    }

    /// How full the collection is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn fill(&self) -> Result<Fill, StoreError> {
        self.store.fill(&self.place).await
    }
}

fn document<T: Record>(record: Arc<T>) -> Document {
    Document { id: record.id(), keys: record.keys(), size: record.size(), content: Content::Live(record) }
}

fn decode<T: Record>(stored: &Stored) -> Result<Arc<T>, StoreError> {
    match &stored.document.content {
        Content::Live(value) => {
            let value: Arc<dyn Live> = Arc::clone(value);
            let value: Arc<dyn Any + Send + Sync> = value;
            value.downcast().map_err(|_| StoreError::Unavailable(format!("{} holds another type", T::COLLECTION)))
        }
        Content::Encoded(json) => {
            let value = serde_json::from_slice(json).map_err(|error| {
                StoreError::Unavailable(format!("{} {} cannot be read: {error}", T::COLLECTION, stored.document.id))
            })?;
            Ok(Arc::new(value))
        }
    }
}
