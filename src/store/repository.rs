//! Typed access to a store: one repository a kind of document.

use super::{Commit, Page, Place, Shelf, StoreError, Stored, Usage, Written};
use crate::base::document::Record;
use std::{marker::PhantomData, sync::Arc};

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
    shelf: Arc<Shelf>,
    place: Place,
    kind: PhantomData<fn() -> T>,
}

impl<T: Record> Repository<T> {
    /// The records of a sandbox.
    #[must_use]
    pub fn new(shelf: &Arc<Shelf>) -> Self {
        let place = Place { sandbox: Arc::clone(shelf.name()), collection: T::COLLECTION };
        Self { shelf: Arc::clone(shelf), place, kind: PhantomData }
    }

    /// Keeps a new record.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its id or one of its keys is in use.
    pub async fn insert(&self, record: Arc<T>) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.insert(record);
        self.shelf.commit(commit).await.map(drop)
    }

    /// The record of an id.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn get(&self, id: &str) -> Result<Option<Arc<T>>, StoreError> {
        self.shelf.store().get(&self.place, id).await?.map(|stored| decode(&stored)).transpose()
    }

    /// The record of an id, with the version at which a commit may replace or remove it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn get_versioned(&self, id: &str) -> Result<Option<(Arc<T>, u64)>, StoreError> {
        let Some(stored) = self.shelf.store().get(&self.place, id).await? else { return Ok(None) };
        Ok(Some((decode(&stored)?, stored.version)))
    }

    /// The record that holds a key.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn find(&self, key: &str) -> Result<Option<Arc<T>>, StoreError> {
        self.shelf.store().find(&self.place, key).await?.map(|stored| decode(&stored)).transpose()
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
            Some(id) => match self.shelf.store().get(&self.place, id).await? {
                Some(stored) => Some(stored.sequence),
                None => return Ok((Vec::new(), 0)),
            },
        };
        let (mut page, mut total, mut bytes) = (Vec::new(), 0, 0);
        for stored in self.shelf.store().list(&self.place, Page { before, ..Page::default() }).await? {
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
        Ok(self.shelf.store().usage(&self.place).await?.bytes)
    }

    /// All records that `wanted` admits, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn all(&self, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        self.collect(Page::default(), wanted).await
    }

    /// All records with a tag that `wanted` admits, newest first. Other records are not read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn tagged(&self, tag: &str, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        self.collect(Page { tag: Some(tag), ..Page::default() }, wanted).await
    }

    async fn collect(&self, page: Page<'_>, wanted: impl Fn(&T) -> bool) -> Result<Vec<Arc<T>>, StoreError> {
        let stored = self.shelf.store().list(&self.place, page).await?;
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

    /// Replaces a record by what a pure function makes of it, which runs again when another caller was quicker.
    /// If the function makes nothing of it, or refuses, nothing is copied and nothing is written.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when the new record claims a key of another one.
    pub async fn evolve<E>(
        &self,
        id: &str,
        mut next: impl FnMut(&T) -> Result<Option<T>, E>,
    ) -> Result<Update<T, E>, StoreError> {
        self.evolve_with(id, |current, _| next(current)).await
    }

    /// As [`Repository::evolve`], with further writes that the function adds to the commit: all are applied with the
    /// replacement or not at all. Each run of the function starts with an empty commit.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when a new record claims a key of another one. [`StoreError::Conflict`] when one of the
    /// further writes expects a version that has gone; running the function again would not help.
    pub async fn evolve_with<E>(
        &self,
        id: &str,
        mut next: impl FnMut(&T, &mut Commit) -> Result<Option<T>, E>,
    ) -> Result<Update<T, E>, StoreError> {
        loop {
            let Some((current, version)) = self.get_versioned(id).await? else {
                return Ok(Update::Missing);
            };
            let mut further = Commit::new();
            let changed = match next(&current, &mut further) {
                Ok(Some(changed)) => Arc::new(changed),
                Ok(None) => return Ok(Update::Done(current)),
                Err(reason) => return Ok(Update::Refused(reason, current)),
            };
            let mut commit = Commit::new();
            commit.replace(Arc::clone(&changed), version).extend(further);
            match self.shelf.commit(commit).await {
                Ok(_) => return Ok(Update::Done(changed)),
                Err(StoreError::Conflict { write: 0 }) => {}
                Err(error) => return Err(error),
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
            let Some((current, version)) = self.get_versioned(id).await? else {
                return Ok(Update::Missing);
            };
            if let Err(reason) = may(&current) {
                return Ok(Update::Refused(reason, current));
            }
            let mut commit = Commit::new();
            commit.delete::<T>(id, Some(version));
            match self.shelf.commit(commit).await {
                Ok(_) => return Ok(Update::Done(current)),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Removes a record, and returns whether it was there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        let mut commit = Commit::new();
        commit.delete::<T>(id, None);
        Ok(self.shelf.commit(commit).await?.contains(&Written::Deleted(true)))
    }

    /// Removes all records that there are, and returns how many those were.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn delete_all(&self) -> Result<usize, StoreError> {
        let mut commit = Commit::new();
        for stored in self.shelf.store().list(&self.place, Page::default()).await? {
            commit.delete::<T>(Arc::clone(&stored.document.id), None);
        }
        let committed = self.shelf.commit(commit).await?;
        Ok(committed.into_iter().filter(|written| *written == Written::Deleted(true)).count())
    }

    /// How full the collection is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
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
