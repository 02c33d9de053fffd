//! Time. The only place in the crate that reads a clock; every sandbox owns one `Clock`.
//!
//! Knows nothing of what the time is used for.

use jiff::Timestamp;
use std::time::{Duration, Instant};

/// A sandbox's clock: the system's time, for now without a shift.
#[derive(Clone, Debug, Default)]
pub struct Clock(());

impl Clock {
    /// A clock that follows the system's.
    #[must_use]
    pub fn system() -> Self {
        Self(())
    }

    /// The sandbox's present, in UTC.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where time enters the crate")]
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Measures how long something really took, whatever a sandbox's clock says.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where time enters the crate")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}
