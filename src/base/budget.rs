//! Byte budgets shared by several owners, and the account of each owner.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// A limit in bytes shared by several owners.
#[derive(Debug)]
pub struct Budget {
    limit: usize,
    used: AtomicUsize,
}

impl Budget {
    /// A budget of `limit` bytes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Arc::new(Self { limit, used: AtomicUsize::new(0) })
    }

    /// A budget that is never exceeded.
    #[must_use]
    pub fn unlimited() -> Arc<Self> {
        Self::new(usize::MAX)
    }

    /// The limit in bytes.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes in use; may exceed the limit until owners free some.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether more bytes are in use than the limit allows.
    #[must_use]
    pub fn is_exceeded(&self) -> bool {
        self.used() > self.limit
    }
}

/// The bytes used by one owner. Dropping it returns them to the budget.
#[derive(Debug)]
pub struct Account {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Account {
    #[must_use]
    pub fn new(budget: &Arc<Budget>) -> Self {
        Self { budget: Arc::clone(budget), bytes: 0 }
    }

    /// An empty account of the same budget.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(&self.budget)
    }

    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds bytes even if the budget has no room for them.
    pub fn add(&mut self, bytes: usize) {
        self.bytes += bytes;
        self.budget.used.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Returns bytes to the budget.
    pub fn sub(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        self.budget.used.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Sets the bytes of this account even if the budget has no room for them.
    pub fn set(&mut self, bytes: usize) {
        self.sub(self.bytes);
        self.add(bytes);
    }

    /// Adds bytes if the budget has room for them; returns whether it had.
    #[must_use]
    pub fn try_add(&mut self, bytes: usize) -> bool {
        let limit = self.budget.limit;
        let fits = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= limit);
        let added = self.budget.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, fits).is_ok();
        if added {
            self.bytes += bytes;
        }
        added
    }
}

impl Drop for Account {
    fn drop(&mut self) {
        self.sub(self.bytes);
    }
}

impl Default for Account {
    /// An empty account with its own unlimited budget.
    fn default() -> Self {
        Self::new(&Budget::unlimited())
    }
}

/// The share of its bytes that an owner may keep.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    /// Bytes to keep.
    pub stays: usize,
    /// Bytes in total.
    pub of: usize,
}

impl Share {
    /// Returns the part of `bytes` to keep.
    #[must_use]
    pub fn of(self, bytes: usize) -> usize {
        let stays = bytes as u128 * self.stays as u128 / self.of.max(1) as u128;
        usize::try_from(stays).unwrap_or(bytes).min(bytes)
    }
}

/// Returns the size to which the largest owners must shrink so that all together use at most `target` bytes. Smaller
/// owners keep what they have.
#[must_use]
pub fn level(mut sizes: Vec<usize>, target: usize) -> usize {
    sizes.sort_unstable();
    let mut left = target;
    for (place, size) in sizes.iter().enumerate() {
        let share = left / (sizes.len() - place);
        if *size > share {
            return share;
        }
        left -= size;
    }
    usize::MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_returns_its_bytes_when_dropped() {
        let budget = Budget::new(10);
        let (mut one, mut other) = (Account::new(&budget), Account::new(&budget));
        assert!(one.try_add(6) && !other.try_add(5) && other.try_add(4));
        other.add(3);
        assert!(budget.is_exceeded());
        drop(other);
        assert_eq!((budget.used(), one.bytes()), (6, 6));
    }

    #[test]
    fn only_the_largest_owners_shrink() {
        assert_eq!(level(vec![1, 2, 100, 50], 40), 18);
        assert_eq!(level(vec![10, 10], 20), usize::MAX);
        assert_eq!(level(vec![10, 10, 11], 0), 0);
        assert_eq!(level(Vec::new(), 0), usize::MAX);
    }
}
