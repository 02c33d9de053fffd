//! Elapsed real time, independent of any clock.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
// The runtime's clock, so that a test that pauses the runtime's time also pauses this one.
use tokio::time::Instant;

/// Measures elapsed real time, independent of any sandbox's clock.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this module provides time to the crate")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// When a long computation must give up: after a period of real time, or as soon as it is stopped.
#[derive(Clone, Debug)]
pub struct Deadline {
    started: Stopwatch,
    limit: Duration,
    stopped: Arc<AtomicBool>,
}

impl Deadline {
    /// Expires after `limit`, or once `stopped` is set.
    #[must_use]
    pub fn new(limit: Duration, stopped: Arc<AtomicBool>) -> Self {
        Self { started: Stopwatch::start(), limit, stopped }
    }

    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.started.elapsed() >= self.limit
    }
}

/// When something was last used, in real time.
#[derive(Debug)]
pub struct LastUse(Mutex<Stopwatch>);

impl LastUse {
    #[must_use]
    pub fn now() -> Self {
        Self(Mutex::new(Stopwatch::start()))
    }

    pub fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
    }

    /// Real time since the last use.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}
