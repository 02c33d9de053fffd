//! The assertions that a sandbox has accepted, each of which is accepted once (T1).

use crate::domain::oauth::{Jtis, ReplayError};
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};

/// The `jti`s of accepted assertions.
#[derive(Debug, Default)]
pub(super) struct Assertions(Mutex<Jtis>);

impl Assertions {
    /// Accepts an assertion's `jti` once, and remembers it until `end`, in seconds since 1970.
    ///
    /// # Errors
    /// When it was accepted before, or may have been.
    pub(super) fn use_up(&self, client: &str, jti: &str, end: i64, now: Timestamp) -> Result<(), ReplayError> {
        // Nothing that holds this lock can leave them half changed.
        let mut jtis = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jtis.remember(client, jti, end, now.as_second())
    }
}
