//! The parts of a sandbox that outlive a reset.

use super::{Clients, Credentials, Issuing, time::KeptClock};
use crate::{
    base::{
        budget::Budget,
        clock::{Clock, LastUse},
    },
    config::Switches,
    domain::{journal, scenario::Scenario},
    store::{Repository, Store},
};
use std::sync::{Arc, Mutex, PoisonError, atomic::AtomicU64};
use tokio::sync::Notify;

#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// The seed of its ids; random if not given.
    pub seed: Option<u64>,
    /// The settings that a sandbox can override.
    pub switches: Switches,
    pub journal: journal::JournalLimits,
    /// The memory budget, shared with all other sandboxes of the server.
    pub memory: Arc<Budget>,
    /// The budget for clients and own scenarios. These are never dropped; new ones are refused instead.
    pub definitions: Arc<Budget>,
}

/// The parts of a sandbox that outlive a reset.
#[derive(Debug)]
pub(super) struct Lasting {
    pub(super) name: Arc<str>,
    /// The name under which the store keeps its documents before the first reset. Differs from that of an earlier
    /// sandbox with the same name.
    pub(super) first_shelf: Arc<str>,
    pub(super) settings: SandboxSettings,
    pub(super) clock: Arc<Clock>,
    pub(super) kept_clock: Repository<KeptClock>,
    pub(super) credentials: Option<Credentials>,
    pub(super) clients: Clients,
    /// The own scenarios that it was created with.
    pub(super) scenarios: Arc<[Arc<Scenario>]>,
    pub(super) issuing: Arc<Issuing>,
    pub(super) store: Arc<dyn Store>,
    /// Wakes the timer.
    pub(super) alarm: Arc<Notify>,
    pub(super) leftovers: Arc<Leftovers>,
    pub(super) used: LastUse,
    /// Number of items dropped because of the memory budget.
    pub(super) gave_up: AtomicU64,
}

impl Lasting {
    /// The name under which the store keeps the documents after a reset.
    pub(super) fn shelf(&self, reset: u64) -> Arc<str> {
        if reset == 0 { Arc::clone(&self.first_shelf) } else { format!("{}~{reset}", self.first_shelf).into() }
    }
}

impl Drop for Lasting {
    fn drop(&mut self) {
        // Requests that held the sandbox may have written after its documents were cleared.
        self.leftovers.put(name_over_resets(&self.first_shelf));
        self.alarm.notify_one();
    }
}

/// The name under which the store keeps what outlives resets.
pub(super) fn name_over_resets(first_shelf: &str) -> Arc<str> {
    format!("{first_shelf}~lasting").into()
}

/// Why a sandbox ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was reset, and another object replaced it.
    Reset,
    /// It was deleted, or removed to make room.
    Gone,
}

/// Names under which the store still keeps documents of ended sandboxes.
#[derive(Debug, Default)]
pub(super) struct Leftovers(Mutex<Vec<Arc<str>>>);

impl Leftovers {
    pub(super) fn put(&self, name: Arc<str>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(name);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    pub(super) fn next(&self) -> Option<Arc<str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }

    pub(super) fn remove(&self, name: &Arc<str>) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = names.iter().position(|left| left == name) {
            names.remove(place);
        }
    }
}
