//! The assertions that a sandbox has let pass, each of which passes once (T1).

use crate::domain::oauth::{Jtis, ReplayError};
use jiff::Timestamp;
use std::sync::{Mutex, PoisonError};

/// The `jti`s of assertions that passed.
#[derive(Debug, Default)]
pub(super) struct Assertions(Mutex<Jtis>);

impl Assertions {
    /// Lets an assertion's `jti` pass once, and remembers it until `end`, in seconds since 1970.
    ///
    /// # Errors
    /// When it passed before, or may have.
    pub(super) fn use_up(&self, client: &str, jti: &str, end: i64, now: Timestamp) -> Result<(), ReplayError> {
        // Nothing that holds this lock can leave them half changed.
        let mut jtis = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jtis.remember(client, jti, end, now.as_second())
    }
}
