//! Earlier scenario sets, kept so that recorded requests can still be matched against them.
//!
//! Bounded by count and by bytes. The oldest set is dropped first, so each set counts only for what its successor does
//! not share.

use crate::{
    base::budget::{Account, Budget, Share},
    domain::scenario::ScenarioSet,
};
use std::{collections::VecDeque, sync::Arc};

/// Maximum number of replaced sets that a sandbox keeps.
const MOST_SETS: usize = 16;

/// Maximum number of bytes that they take together.
const MOST_BYTES: usize = 8 << 20;

/// Replaced scenario sets, oldest first.
#[derive(Debug)]
pub(super) struct History {
    sets: VecDeque<Replaced>,
    bytes: Account,
}

#[derive(Debug)]
struct Replaced {
    version: u64,
    set: Arc<ScenarioSet>,
    /// Bytes counted in the account.
    bytes: usize,
}

impl History {
    pub(super) fn new(budget: &Arc<Budget>) -> Self {
        Self { sets: VecDeque::new(), bytes: Account::new(budget) }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes.bytes()
    }

    /// Returns the set of a version, while it is kept.
    pub(super) fn get(&self, version: u64) -> Option<Arc<ScenarioSet>> {
        let place = self.sets.binary_search_by_key(&version, |replaced| replaced.version).ok()?;
        Some(Arc::clone(&self.sets[place].set))
    }

    /// Adds a replaced set. Call [`History::enforce_limits`] afterwards.
    pub(super) fn push(&mut self, version: u64, set: Arc<ScenarioSet>) {
        self.sets.push_back(Replaced { version, set, bytes: 0 });
    }

    /// Recounts the newest set by what it does not share with `current`, and drops the oldest sets until the rest is
    /// within the limits and fits into the budget.
    pub(super) fn enforce_limits(&mut self, current: &ScenarioSet) {
        let Some(newest) = self.sets.back_mut() else { return };
        let bytes = newest.set.size_beside(current);
        self.bytes.sub(std::mem::take(&mut newest.bytes));
        while self.sets.len() > MOST_SETS || self.bytes.bytes() + bytes > MOST_BYTES || !self.bytes.try_add(bytes) {
            self.drop_oldest();
            if self.sets.is_empty() {
                return;
            }
        }
        if let Some(newest) = self.sets.back_mut() {
            newest.bytes = bytes;
        }
    }

    /// Drops the oldest sets until only a share of the bytes is left.
    pub(super) fn shrink(&mut self, share: Share) {
        let stays = share.of(self.bytes.bytes());
        while self.bytes.bytes() > stays && !self.sets.is_empty() {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        if let Some(oldest) = self.sets.pop_front() {
            self.bytes.sub(oldest.bytes);
        }
    }
}
