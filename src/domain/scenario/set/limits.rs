//! How much one source of scenarios may hold: the folders, or a sandbox's own scenarios.

use super::{
    super::{error::ScenarioError, script::Scenario},
    ScenarioIndex, ScenarioSet,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// The most scenarios of one source: the folders, or a sandbox's own.
pub const MOST_SCENARIOS: usize = 1_000;

/// The most bytes of memory that the scenarios of one source take together, by [`Scenario::size`].
pub const MOST_SET_BYTES: usize = 32 * 1024 * 1024;

impl ScenarioSet {
    /// The scenarios of one source, by [`MOST_SCENARIOS`] and [`MOST_SET_BYTES`].
    ///
    /// # Errors
    /// At the first scenario that is too much, and at the second of the same name.
    pub fn of_one_source(scenarios: Vec<Arc<Scenario>>) -> Result<Self, ScenarioError> {
        let mut bytes = 0;
        for (count, scenario) in scenarios.iter().enumerate() {
            bytes += scenario.size();
            Self::fits(scenario, count + 1, bytes)?;
        }
        Self::compile(scenarios)
    }

    /// Checks that a scenario still fits as number `count`, when all take `bytes` bytes together.
    ///
    /// # Errors
    /// At the scenario, when it is too much.
    pub fn fits(scenario: &Scenario, count: usize, bytes: usize) -> Result<(), ScenarioError> {
        if count > MOST_SCENARIOS {
            return Err(scenario.error(&format!(
                "this is scenario {count}; a sandbox and a folder have at most {MOST_SCENARIOS}. Remove one first"
            )));
        }
        if bytes > MOST_SET_BYTES {
            return Err(scenario.error(&format!(
                "with this scenario there are {bytes} bytes of scenarios in memory; a sandbox and a folder have at most \
                 {MOST_SET_BYTES}. Remove or shorten one first"
            )));
        }
        Ok(())
    }

    /// About how many bytes of memory all of them take.
    #[must_use]
    pub fn size(&self) -> usize {
        self.scenarios.iter().map(|scenario| scenario.size()).sum()
    }

    /// Whether both sets hold the very same scenarios.
    #[must_use]
    pub fn has_same_scenarios(&self, other: &Self) -> bool {
        self.scenarios.len() == other.scenarios.len()
            && self.scenarios.iter().zip(&other.scenarios).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// About how many bytes of memory this set takes while `other` is kept too: its index, and the scenarios that
    /// `other` does not share.
    #[must_use]
    pub fn size_beside(&self, other: &Self) -> usize {
        /// A pointer, an entry of the index with its place in it, and one by the name.
        const OVERHEAD: usize = 192;
        let shared: HashSet<_> = other.scenarios.iter().map(Arc::as_ptr).collect();
        let unshared = self.scenarios.iter().filter(|scenario| !shared.contains(&Arc::as_ptr(scenario)));
        let keys: usize = [&self.handoffs, &self.tokens].into_iter().map(ScenarioIndex::size_of_keys).sum();
        size_of::<Self>()
            + self.scenarios.len() * OVERHEAD
            + keys
            + unshared.map(|scenario| scenario.size()).sum::<usize>()
    }
}

impl ScenarioIndex {
    fn size_of_keys(&self) -> usize {
        let ranks = [&self.by_handoff_id, &self.by_email, &self.by_tag, &self.by_external_user_id, &self.by_intent];
        ranks.into_iter().flat_map(HashMap::keys).map(|key| key.len()).sum()
    }
}
