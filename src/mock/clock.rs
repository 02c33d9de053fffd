//! The clock of a sandbox of the embedded server.

use super::{MockError, MockSandbox};
use crate::sandbox::Ran;
use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, SystemTime};

impl MockSandbox {
    /// The sandbox's time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.current().clock.now().into()
    }

    /// Stops the clock.
    pub fn freeze_clock(&self) {
        let sandbox = self.current();
        sandbox.clock.freeze();
        sandbox.clock_changed();
    }

    /// Lets the clock run again, from where it stands.
    pub fn resume_clock(&self) {
        let sandbox = self.current();
        sandbox.clock.resume();
        sandbox.clock_changed();
    }

    /// Moves the clock forward to a time, carries out what became due, and returns that.
    ///
    /// # Errors
    /// When the time is in the past of the sandbox.
    pub async fn set_clock(&self, to: SystemTime) -> Result<Vec<Ran>, MockError> {
        let to = Timestamp::try_from(to).map_err(|_| MockError::Time)?;
        self.current().clock.set(to)?;
        self.settle().await
    }

    /// Moves the clock forward, carries out what became due, and returns that.
    ///
    /// # Errors
    /// When that leads beyond the year 9999.
    pub async fn advance_clock(&self, by: Duration) -> Result<Vec<Ran>, MockError> {
        let by = SignedDuration::try_from(by).map_err(|_| MockError::Time)?;
        self.current().clock.advance(by)?;
        self.settle().await
    }

    async fn settle(&self) -> Result<Vec<Ran>, MockError> {
        let sandbox = self.current();
        let ran = sandbox.settle().await?;
        sandbox.clock_changed();
        Ok(ran)
    }
}
