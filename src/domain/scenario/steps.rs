//! What it may cost to compare one request with scenarios, counted in steps rather than in time.

use std::cell::Cell;

/// How many steps the comparison of one request takes at most: less than a tenth of a second.
pub const MOST_STEPS: u64 = 100_000_000;

/// A request that cannot be compared within [`MOST_STEPS`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "comparing the request takes more than {MOST_STEPS} steps; use fewer globs on long texts of the body, or globs \
     without * at both ends"
)]
pub struct TooCostly;

/// The steps of one comparison. Each test is paid for before it is made; once there are too many, every further test
/// fails at once, and so does the comparison.
#[derive(Debug, Default)]
pub(super) struct Steps(Cell<u64>);

impl Steps {
    /// Pays for a test; false when it may not be made.
    pub(super) fn pay(&self, steps: u64) -> bool {
        self.0.set(self.0.get().saturating_add(steps));
        self.0.get() <= MOST_STEPS
    }

    /// The result, unless it took too many steps to find.
    pub(super) fn judge<T>(&self, result: T) -> Result<T, TooCostly> {
        if self.0.get() <= MOST_STEPS { Ok(result) } else { Err(TooCostly) }
    }
}
