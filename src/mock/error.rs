//! Errors of the helpers of an embedded server.

use crate::{
    base::clock::ClockError,
    domain::scenario::{ScenarioError, TooCostly},
    sandbox::{CreateError, ScenarioChangeError},
    store::StoreError,
};
use std::time::Duration;

/// Why a helper has no result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MockError {
    /// A sandbox cannot be created.
    #[error(transparent)]
    Sandbox(#[from] CreateError),
    /// The sandbox was deleted, or the server is stopping.
    #[error("the sandbox was deleted, or the server is stopping")]
    Gone,
    /// The clock cannot be moved to that time.
    #[error(transparent)]
    Clock(#[from] ClockError),
    /// The time is not between the years -9999 and 9999.
    #[error("the time is not between the years -9999 and 9999")]
    Time,
    /// The scenario cannot be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The sandbox has no scenario of this name.
    #[error("there is no scenario {0:?} in this sandbox")]
    NoSuchScenario(String),
    /// The scenario queue has no room for that many requests.
    #[error("the sandbox has no room for more queued scenarios; let some be answered, or reset it")]
    NoRoom,
    /// The sandbox's client was deleted.
    #[error("the sandbox no longer has the client {0:?}")]
    NoSuchClient(String),
    /// The query of the journal is invalid.
    #[error("invalid query: {0}")]
    Query(String),
    /// Comparing with the query takes too many steps.
    #[error("invalid query: {0}")]
    TooCostly(#[from] TooCostly),
    /// Fewer exchanges than requested matched in time.
    #[error("{matching} of {wanted} exchanges matched within {timeout:?}; the journal holds {kept} in all")]
    TimedOut {
        /// Number of exchanges that were waited for.
        wanted: usize,
        /// Number of exchanges that matched.
        matching: usize,
        /// Number of exchanges in the journal.
        kept: usize,
        /// How long the call waited.
        timeout: Duration,
    },
    /// The store is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ScenarioChangeError> for MockError {
    fn from(error: ScenarioChangeError) -> Self {
        match error {
            ScenarioChangeError::Unknown(name) | ScenarioChangeError::NotPinned { name, .. } => {
                Self::NoSuchScenario(name)
            }
            ScenarioChangeError::QueueFull(_) => Self::NoRoom,
            ScenarioChangeError::NoRoom(error) => Self::Scenario(error),
            ScenarioChangeError::Store(error) => Self::Store(error),
        }
    }
}
