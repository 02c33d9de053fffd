//! Limits the number and size of a sandbox's clients.

use super::{MOST_CLIENTS, RegisterError};
use crate::base::budget::{Account, Budget};
use std::sync::{Arc, Mutex, PoisonError};

/// Counts the clients of a sandbox and their bytes. Unlike other documents, clients are never dropped to make room; a
/// client that does not fit is refused.
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

    /// Reserves room for a sandbox's initial client, even if there is none.
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

    /// Accounts for a client whose size changes from `before` to `after` bytes. Never fails, because a client has few
    /// keys.
    pub(super) fn resize(&self, before: usize, after: usize) {
        self.change(|taken| {
            taken.bytes.sub(before);
            taken.bytes.add(after);
        });
    }

    fn change<T>(&self, change: impl FnOnce(&mut Taken) -> T) -> T {
        // Code that holds this lock cannot leave the state half changed.
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
