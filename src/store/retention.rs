//! Limits on what a store keeps.

use hashbrown::HashMap;

/// The limit of each collection and log of a sandbox. Without a limit, everything is kept.
#[derive(Clone, Debug, Default)]
pub struct Retention(HashMap<&'static str, Limit>);

#[derive(Clone, Copy, Debug)]
pub(super) struct Limit {
    pub(super) count: usize,
    pub(super) bytes: usize,
    /// Whether the oldest items may be dropped when memory is short.
    pub(super) gives_way: bool,
}

impl Retention {
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Keeps the newest `count` documents of a collection or entries of a log, as far as they fit into about `bytes`.
    #[must_use]
    pub fn keep(mut self, name: &'static str, count: usize, bytes: usize) -> Self {
        self.0.insert(name, Limit { count, bytes, gives_way: true });
        self
    }

    /// Never drops items of this collection or log, not even when memory is short. For documents whose loss would undo
    /// an effect.
    #[must_use]
    pub fn never_drop(mut self, name: &'static str) -> Self {
        self.0.insert(name, Limit { count: usize::MAX, bytes: usize::MAX, gives_way: false });
        self
    }

    pub(super) fn limit(&self, name: &str) -> Limit {
        self.0.get(name).copied().unwrap_or(Limit { count: usize::MAX, bytes: usize::MAX, gives_way: true })
    }
}
