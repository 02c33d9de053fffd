//! Waits for exchanges: how many there may be, and the task that drives those of a sandbox.

use super::{App, WorkError};
use crate::sandbox::{Sandbox, Tally, Wait};
use std::{sync::Arc, time::Duration};
use tokio::{sync::OwnedSemaphorePermit, time::sleep};

/// How many callers can wait for exchanges at once, in all sandboxes together.
pub const MOST_WAITS: usize = 1_000;

/// The pause between two looks at what was recorded, so that many exchanges in a row cost one look and not many.
const PAUSE: Duration = Duration::from_millis(1);

impl App {
    /// A place for one more waiting caller, held until it is dropped; `None` when all are taken.
    #[must_use]
    pub fn wait_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.waits).try_acquire_owned().ok()
    }

    /// Waits for as many exchanges as wanted, starting from what a first look found.
    #[must_use]
    pub fn wait(self: &Arc<Self>, sandbox: &Arc<Sandbox>, tally: Tally, wanted: usize) -> Wait {
        let (wait, must_drive) = sandbox.waiters.wait(tally, wanted);
        if must_drive {
            tokio::spawn(drive(Arc::clone(self), Arc::clone(sandbox)));
        }
        wait
    }
}

/// Compares new exchanges with the waiters until there are none.
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
