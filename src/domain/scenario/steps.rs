//! Limits the cost of matching a request, counted in steps instead of time.

use std::cell::Cell;

/// Maximum number of steps to match one request: less than a tenth of a second.
pub const MOST_STEPS: u64 = 100_000_000;

/// A request that cannot be matched within [`MOST_STEPS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "matching the request takes more than {MOST_STEPS} steps; use fewer globs on long texts of the body, or globs \
     without * at both ends"
)]
pub struct TooCostly;

/// The steps of one match. Each test is paid for before it is made. Once the steps are used up, every further test
/// fails immediately, and so does the match.
#[derive(Debug, Default)]
pub(super) struct Steps(Cell<u64>);

impl Steps {
    /// Pays for a test; returns false if the test must not be made.
    pub(super) fn pay(&self, steps: u64) -> bool {
        self.0.set(self.0.get().saturating_add(steps));
        self.0.get() <= MOST_STEPS
    }

    /// The result, unless finding it took too many steps.
    pub(super) fn judge<T>(&self, result: T) -> Result<T, TooCostly> {
        if self.0.get() <= MOST_STEPS { Ok(result) } else { Err(TooCostly) }
    }
}
