//! Changes to a sandbox's clock, and the document that stores them.

use super::{Ran, Sandbox};
use crate::{
    base::{
        clock::{ClockChange, ClockError, Mode, Reading},
        document::Record,
    },
    store::{StoreError, Update},
};
use serde::{Deserialize, Serialize};
use std::{convert::Infallible, sync::Arc};

/// How the sandbox's clock follows real time. Like the clock itself, it outlives resets.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct KeptClock {
    mode: Mode,
}

impl Record for KeptClock {
    const COLLECTION: &'static str = "clock";

    fn id(&self) -> Arc<str> {
        ID.into()
    }
}

/// The id of the only document in its collection.
const ID: &str = "clock";

#[derive(Debug, thiserror::Error)]
pub enum ChangeClockError {
    /// The clock was not changed.
    #[error(transparent)]
    Refused(#[from] ClockError),
    /// The clock was changed. Due tasks may not have been carried out; they stay due.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sandbox {
    /// Freezes, resumes or moves the clock and carries out the tasks that are then due. Returns them with the clock's
    /// new time.
    ///
    /// # Errors
    /// When the change is refused, or the store is unavailable.
    pub async fn change_clock(&self, change: ClockChange) -> Result<(Reading, Vec<Ran>), ChangeClockError> {
        let reading = self.clock.change(change)?;
        let ran = async {
            self.keep_clock().await?;
            self.settle().await
        };
        let ran = ran.await;
        self.clock_changed();
        Ok((reading, ran?))
    }

    /// Stores the clock's mode.
    pub(super) async fn keep_clock(&self) -> Result<(), StoreError> {
        loop {
            // Read after the document: of two callers, the last one to write has the newer mode or tries again.
            let keep = |kept: &mut KeptClock| {
                kept.mode = self.clock.mode();
                Ok::<_, Infallible>(())
            };
            let Update::Missing = self.lasting.kept_clock.update(ID, keep).await? else { return Ok(()) };
            match self.lasting.kept_clock.insert(Arc::new(KeptClock { mode: self.clock.mode() })).await {
                // Another caller wrote first.
                Err(StoreError::Taken) => {}
                result => return result,
            }
        }
    }

    /// Restores the clock of an earlier run, if it was changed.
    pub(super) async fn recall_clock(&self) -> Result<(), StoreError> {
        if let Some(kept) = self.lasting.kept_clock.get(ID).await? {
            self.clock.restore(kept.mode);
        }
        Ok(())
    }
}
