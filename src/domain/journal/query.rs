//! The exchanges that `count`, `find` and `wait` ask for.

use super::{Endpoint, Entry};
use crate::domain::scenario::{Facts, Match, TooCostly};

/// Selects exchanges by body and endpoint.
#[derive(Debug, Default)]
pub struct Query {
    /// What the request bodies must match.
    pub matcher: Match,
    /// The endpoint that the requests were sent to; `None` means any path.
    pub endpoint: Option<Endpoint>,
}

impl Query {
    /// Whether an exchange was sent to the requested endpoint.
    #[must_use]
    pub fn covers(&self, entry: &Entry) -> bool {
        self.endpoint.is_none_or(|endpoint| entry.endpoint() == Some(endpoint))
    }

    /// Whether an exchange, given its facts, satisfies the query.
    ///
    /// # Errors
    /// [`TooCostly`] when the comparison takes too many steps.
    pub fn matches(&self, entry: &Entry, facts: &Facts<'_>) -> Result<bool, TooCostly> {
        Ok(self.covers(entry) && self.matcher.matches(facts)?)
    }
}
