//! Which exchanges `count`, `find` and `wait` ask for.

use super::{Endpoint, Entry};
use crate::domain::scenario::{Facts, Match, TooCostly};

/// Which exchanges are asked for.
#[derive(Debug, Default)]
pub struct Query {
    /// What their bodies must match.
    pub matcher: Match,
    /// The surface that they were sent to; `None` means any path.
    pub endpoint: Option<Endpoint>,
}

impl Query {
    /// Whether an exchange was sent to the surface that is asked for.
    #[must_use]
    pub fn covers(&self, entry: &Entry) -> bool {
        self.endpoint.is_none_or(|endpoint| entry.endpoint() == Some(endpoint))
    }

    /// Whether an exchange, given its facts, is asked for.
    ///
    /// # Errors
    /// [`TooCostly`] when it takes too many steps to compare.
    pub fn matches(&self, entry: &Entry, facts: &Facts<'_>) -> Result<bool, TooCostly> {
        Ok(self.covers(entry) && self.matcher.matches(facts)?)
    }
}
