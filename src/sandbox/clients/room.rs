//! How much room is left for clients.

use super::{MOST_CLIENTS, RegisterError};
use crate::base::budget::{Account, Budget};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the clients of a sandbox and their bytes. Unlike other documents, clients never give way: one that does not fit
/// is refused.
#[derive(Debug)]
pub(super) struct Room(Mutex<Taken>);

#[derive(Debug)]
struct Taken {
    clients: usize,
    bytes: Account,
}

impl Room {
    pub(super) fn in_budget(budget: &Arc<Budget>) -> Self {
        Self(Mutex::new(Taken { clients: 0, bytes: Account::new(budget) }))
    }

    /// Takes room for a client that the sandbox begins with, whether or not there is any.
    pub(super) fn take_anyway(&self, bytes: usize) {
        self.change(|taken| {
            taken.clients += 1;
            taken.bytes.add(bytes);
        });
    }

    pub(super) fn take(&self, bytes: usize) -> Result<(), RegisterError> {
        self.change(|taken| {
            if taken.clients >= MOST_CLIENTS {
                return Err(RegisterError::TooMany);
            }
            if !taken.bytes.try_add(bytes) {
                return Err(RegisterError::Full);
            }
            taken.clients += 1;
            Ok(())
        })
    }

    pub(super) fn give_back(&self, bytes: usize) {
        self.change(|taken| {
            taken.clients = taken.clients.saturating_sub(1);
            taken.bytes.sub(bytes);
        });
    }

    /// A client that took `before` bytes takes `after` now. The keys of a client are few, so this never fails.
    pub(super) fn resize(&self, before: usize, after: usize) {
        self.change(|taken| {
            taken.bytes.sub(before);
            taken.bytes.add(after);
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut Taken) -> T) -> T {
        // Nothing that holds this lock can leave it half changed.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
