//! One sandbox's part of a store.

use super::{Commit, Committed, News, Store, StoreError};
use std::{fmt, sync::Arc};

/// Is notified of every commit to a shelf.
pub trait Observer: fmt::Debug + Send + Sync {
    /// A commit was applied, or may have been: the store failed, or the caller stopped waiting.
    fn committed(&self, news: News);
}

/// One sandbox's documents and logs, under its own name in the store.
#[derive(Debug)]
pub struct Shelf {
    store: Arc<dyn Store>,
    name: Arc<str>,
    observer: Option<Arc<dyn Observer>>,
}

impl Shelf {
    #[must_use]
    pub fn new(store: Arc<dyn Store>, name: Arc<str>) -> Self {
        Self { store, name, observer: None }
    }

    /// The same shelf, reporting its commits to `observer`.
    #[must_use]
    pub fn observed_by(self, observer: Arc<dyn Observer>) -> Self {
        Self { observer: Some(observer), ..self }
    }

    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Applies all writes of a commit, or none of them.
    ///
    /// # Errors
    /// As [`Store::commit`].
    pub async fn commit(&self, commit: Commit) -> Result<Committed, StoreError> {
        // Notifies when dropped, so that observers also learn of a commit whose caller hangs up while a slow store is
        // still busy.
        let mut telling = Telling { observer: self.observer.as_deref(), news: commit.news() };
        let result = self.store.commit(&self.name, commit.into()).await;
        if matches!(result, Err(StoreError::Taken | StoreError::Conflict { .. })) {
            telling.observer = None;
        }
        result
    }
}

struct Telling<'o> {
    observer: Option<&'o dyn Observer>,
    news: News,
}

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        if let Some(observer) = self.observer {
            observer.committed(self.news);
        }
    }
}
