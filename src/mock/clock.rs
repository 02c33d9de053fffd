//! The clock of a sandbox in an embedded server.

use super::{MockError, MockSandbox};
use crate::{
    base::clock::ClockChange,
    sandbox::{ChangeClockError, Ran},
};
use jiff::{SignedDuration, Timestamp};
use std::time::{Duration, SystemTime};

impl MockSandbox {
    /// The sandbox's time.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        self.current().clock.now().into()
    }

    /// Freezes the clock, runs the tasks that are due, and returns them.
    ///
    /// # Errors
    /// If the store is unavailable.
    pub async fn freeze_clock(&self) -> Result<Vec<Ran>, MockError> {
        self.change_clock(ClockChange::Freeze).await
    }

    /// Resumes the clock from its current time, runs the tasks that are due, and returns them.
    ///
    /// # Errors
    /// If the store is unavailable.
    pub async fn resume_clock(&self) -> Result<Vec<Ran>, MockError> {
        self.change_clock(ClockChange::Resume).await
    }

    /// Moves the clock forward to a time, runs the tasks that become due, and returns them.
    ///
    /// # Errors
    /// If the time is before the sandbox's time, or the store is unavailable.
    pub async fn set_clock(&self, to: SystemTime) -> Result<Vec<Ran>, MockError> {
        let to = Timestamp::try_from(to).map_err(|_| MockError::Time)?;
        self.change_clock(ClockChange::Set(to)).await
    }

    /// Moves the clock forward by a duration, runs the tasks that become due, and returns them.
    ///
    /// # Errors
    /// If the result is beyond the year 9999, or the store is unavailable.
    pub async fn advance_clock(&self, by: Duration) -> Result<Vec<Ran>, MockError> {
        let by = SignedDuration::try_from(by).map_err(|_| MockError::Time)?;
        self.change_clock(ClockChange::Advance(by)).await
    }

    async fn change_clock(&self, change: ClockChange) -> Result<Vec<Ran>, MockError> {
        let (_, ran) = self.current().change_clock(change).await.map_err(|error| match error {
            ChangeClockError::Refused(error) => MockError::from(error),
            ChangeClockError::Store(error) => error.into(),
        })?;
        Ok(ran)
    }
}
