//! How many bytes of request bodies the server holds at once, over all connections.

use crate::{base::budget::Budget, config::Settings};
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// The least budget for bodies of the contract, in bytes, however small the largest body may be.
const CONTRACT: usize = 64 << 20;

/// The least budget for bodies of the control plane, in bytes: two of the largest snapshots.
const CONTROL: usize = 128 << 20;

/// The budgets for request bodies. Those of the contract and of the control plane are independent.
#[derive(Debug)]
pub struct Bodies {
    /// Of the handoff, the token endpoint and the signing service.
    pub contract: Arc<Budget>,
    /// Of the control plane.
    pub control: Arc<Budget>,
    large: Semaphore,
}

impl Bodies {
    /// Room for at least two of the largest bodies of either kind.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            contract: Budget::new(CONTRACT.max(settings.max_body.saturating_mul(2))),
            control: Budget::new(CONTROL.max(settings.max_admin_body.saturating_mul(2))),
            large: Semaphore::new(1),
        }
    }

    /// The permit to read a large body; `None` while another caller has it.
    #[must_use]
    pub fn turn_of_large(&self) -> Option<SemaphorePermit<'_>> {
        self.large.try_acquire().ok()
    }
}
