//! Typed writing to a store: one repository per type of document.

use super::{Commit, Page, Reader, Shelf, StoreError, Written};
use crate::base::document::Record;
use std::{ops::Deref, sync::Arc};

#[derive(Debug)]
pub enum Update<T, E> {
    /// The record after the update.
    Done(Arc<T>),
    /// The closure refused and nothing was changed: its reason, and the current record.
    Refused(E, Arc<T>),
    Missing,
}

/// Reads and changes the records of one type in one sandbox.
#[derive(Debug)]
pub struct Repository<T>(Reader<T>);

impl<T> Deref for Repository<T> {
    type Target = Reader<T>;

    fn deref(&self) -> &Reader<T> {
        &self.0
    }
}

impl<T: Record> Repository<T> {
    #[must_use]
    pub fn new(shelf: &Arc<Shelf>) -> Self {
        Self(Reader::new(shelf))
    }

    /// Inserts a new record.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its id or one of its keys is in use.
    pub async fn insert(&self, record: Arc<T>) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.insert(record);
        self.shelf.commit(commit).await.map(drop)
    }

    /// Updates a record with a pure function, which runs again if another caller changed the record first.
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

    /// Replaces a record with the result of a pure function, which runs again if another caller changed the record
    /// first. If the function returns nothing or refuses, nothing is copied or written.
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

    /// Like [`Repository::evolve`], but the function can add further writes to the commit. They are applied together
    /// with the replacement or not at all. Each run of the function starts with an empty commit.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when a new record claims another record's key. [`StoreError::Conflict`] when one of the
    /// further writes expects a version that no longer exists; running the function again would not help.
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

    /// Deletes a record if `may` allows it. The record cannot change between the check and the deletion.
    /// [`Update::Done`] holds the deleted record.
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

    /// Deletes a record and returns whether it existed.
    pub async fn delete(&self, id: &str) -> Result<bool, StoreError> {
        let mut commit = Commit::new();
        commit.delete::<T>(id, None);
        Ok(self.shelf.commit(commit).await?.contains(&Written::Deleted(true)))
    }

    /// Deletes all records and returns how many there were.
    pub async fn delete_all(&self) -> Result<usize, StoreError> {
        let mut commit = Commit::new();
        for stored in self.shelf.store().list(&self.place, Page::default()).await? {
            commit.delete::<T>(Arc::clone(&stored.document.id), None);
        }
        let committed = self.shelf.commit(commit).await?;
        Ok(committed.into_iter().filter(|written| *written == Written::Deleted(true)).count())
    }
}
