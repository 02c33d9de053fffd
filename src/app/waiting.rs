//! Waits: their maximum number, and the task that serves the waits of a sandbox for exchanges.

use super::{App, WorkError};
use crate::sandbox::{Sandbox, Tally, Wait};
use std::{sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

/// Maximum number of callers that wait for exchanges or messages at the same time, over all sandboxes.
pub const MOST_WAITS: usize = 1_000;

/// Pause between two comparisons, so that many exchanges in a row are compared in one pass.
const PAUSE: Duration = Duration::from_millis(1);

impl App {
    /// Takes a place for one more waiting caller, held until it is dropped; `None` if all places are taken.
    #[must_use]
    pub fn wait_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.waits).try_acquire_owned().ok()
    }

    /// Waits for the given number of exchanges, including those that a first search found.
    #[must_use]
    pub fn wait(self: &Arc<Self>, sandbox: &Arc<Sandbox>, tally: Tally, wanted: usize) -> Wait {
        let (wait, must_drive) = sandbox.waiters.wait(tally, wanted);
        if must_drive {
            tokio::spawn(drive(Arc::clone(self), Arc::clone(sandbox)));
        }
        wait
    }
}

/// Compares new exchanges with the waiters until there are none left.
async fn drive(app: Arc<App>, sandbox: Arc<Sandbox>) {
    loop {
        sandbox.waiters.rung().await;
        let looked_at = Arc::clone(&sandbox);
        let look = move |deadline: &_| Some(looked_at.waiters.look(&looked_at.journal, deadline));
        match app.comparisons.run(look).await {
            Ok(true) => {}
            Ok(false) => return,
            Err(WorkError::Stopping | WorkError::Failed) => return sandbox.waiters.abandon(),
            Err(WorkError::Busy | WorkError::TooLong(_)) => sandbox.waiters.ring(),
        }
        sleep(PAUSE).await;
    }
}
