//! Keeps the memory of all sandboxes together within `--max-memory`.

use super::App;
use crate::{
    base::budget::{self, Budget, Share},
    store::Memory,
};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Semaphore;

/// The memory budget, and the store whose documents count against it.
#[derive(Debug)]
pub(super) struct Room {
    budget: Arc<Budget>,
    store: Arc<Memory>,
    turn: Semaphore,
}

impl Room {
    pub(super) fn new(budget: Arc<Budget>, store: Arc<Memory>) -> Self {
        Self { budget, store, turn: Semaphore::new(1) }
    }
}

/// Memory in use, and its limit.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct BudgetUse {
    /// Bytes that all sandboxes keep together.
    pub used: usize,
    /// Maximum bytes (`--max-memory`).
    pub limit: usize,
}

impl App {
    /// Bytes that all sandboxes keep together, and their limit.
    #[must_use]
    pub fn memory(&self) -> BudgetUse {
        BudgetUse { used: self.memory.budget.used(), limit: self.memory.budget.limit() }
    }

    /// Makes the largest sandboxes drop their oldest exchanges, documents, events and messages if all sandboxes
    /// together exceed the limit. Otherwise it costs one comparison.
    ///
    /// Frees an eighth of the limit, so that the next request does not search the sandboxes again.
    pub fn make_room(&self) {
        let Room { budget, store, turn } = &self.memory;
        if !budget.is_exceeded() {
            return;
        }
        // One caller frees memory for all.
        let Ok(_turn) = turn.try_acquire() else { return };
        let mut usage = store.bytes_by_sandbox();
        let mut owners: Vec<_> = self
            .sandboxes
            .list()
            .into_iter()
            .map(|sandbox| {
                let bytes = sandbox.bytes() + usage.remove(sandbox.shelf_name()).unwrap_or_default();
                (Arc::clone(sandbox.shelf_name()), bytes, Some(sandbox))
            })
            .collect();
        // Documents of removed sandboxes stay while a stream still reads them.
        owners.extend(usage.into_iter().map(|(shelf, bytes)| (shelf, bytes, None)));
        let sizes: Vec<usize> = owners.iter().map(|(_, bytes, _)| *bytes).collect();
        // Data that must not be dropped, such as the scenarios of sandboxes.
        let stays = budget.used().saturating_sub(sizes.iter().sum());
        let target = (budget.limit() - budget.limit() / 8).saturating_sub(stays);
        let level = budget::level(sizes, target);
        for (shelf, bytes, sandbox) in owners.iter().filter(|(_, bytes, _)| *bytes > level) {
            let share = Share { stays: level, of: *bytes };
            let of_store = store.shrink(shelf, share);
            if let Some(sandbox) = sandbox {
                sandbox.shrink(share, of_store);
            }
        }
    }
}
