//! The wall clock: real time, which may jump forward and back.

use jiff::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// The source of real time: the system, or a time that a test moves manually.
#[derive(Clone, Debug, Default)]
pub struct WallClock(Option<Arc<Mutex<Timestamp>>>);

impl WallClock {
    /// A clock that shows `at` until it is set.
    #[must_use]
    pub fn by_hand(at: Timestamp) -> Self {
        Self(Some(Arc::new(Mutex::new(at))))
    }

    /// Moves a manual clock forward or back, as waking from sleep or a time server would.
    pub fn set(&self, to: Timestamp) {
        if let Some(at) = &self.0 {
            *at.lock().unwrap_or_else(PoisonError::into_inner) = to;
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.as_ref().map_or_else(system_now, |at| *at.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[expect(clippy::disallowed_methods, reason = "this module provides time to the crate")]
fn system_now() -> Timestamp {
    Timestamp::now()
}
