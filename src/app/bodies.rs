//! Limits on the bytes of all request bodies that the server holds at the same time, over all connections.

use crate::{base::budget::Budget, config::Settings};
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Minimum budget for contract bodies, in bytes, however small the maximum body size is.
const CONTRACT: usize = 64 << 20;

/// Minimum budget for control plane bodies, in bytes: two snapshots of the maximum size.
const CONTROL: usize = 128 << 20;

/// The memory budgets for request bodies. Contract and control plane have independent budgets.
#[derive(Debug)]
pub struct Bodies {
    /// For the handoff, the token endpoint and the signing service.
    pub contract: Arc<Budget>,
    /// For the control plane.
    pub control: Arc<Budget>,
    large: Semaphore,
}

impl Bodies {
    /// Creates budgets with room for at least two bodies of the maximum size each.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            contract: Budget::new(CONTRACT.max(settings.max_body.saturating_mul(2))),
            control: Budget::new(CONTROL.max(settings.max_admin_body.saturating_mul(2))),
            large: Semaphore::new(1),
        }
    }

    /// The permit to read a large body; `None` while another caller holds it.
    #[must_use]
    pub fn turn_of_large(&self) -> Option<SemaphorePermit<'_>> {
        self.large.try_acquire().ok()
    }
}
