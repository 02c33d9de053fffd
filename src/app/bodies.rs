//! How much of request bodies may be under way at the same time, over all connections.

use crate::{base::budget::Budget, config::Settings};
use std::sync::Arc;
use tokio::sync::{Semaphore, SemaphorePermit};

/// Bytes of bodies of the contract at least, however small the largest of them may be.
const CONTRACT: usize = 64 << 20;

/// Bytes of bodies of the control plane at least: two of the largest snapshots.
const CONTROL: usize = 128 << 20;

/// The budgets of request bodies. Those of the contract leave those of the control plane alone, and the other way round.
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

    /// The turn to read a large body, if nobody else has it.
    #[must_use]
    pub fn turn_of_large(&self) -> Option<SemaphorePermit<'_>> {
        self.large.try_acquire().ok()
    }
}
