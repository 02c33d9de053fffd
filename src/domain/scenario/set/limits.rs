//! Limits on one source of scenarios: the folders, or a sandbox's own scenarios.

use super::{
    super::{error::ScenarioError, script::Scenario},
    ScenarioIndex, ScenarioSet,
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Maximum number of scenarios from one source: the folders, or a sandbox's own.
pub const MOST_SCENARIOS: usize = 1_000;

/// Maximum memory in bytes of all scenarios from one source, by [`Scenario::size`].
pub const MOST_SET_BYTES: usize = 32 * 1024 * 1024;

impl ScenarioSet {
    /// The set of scenarios from one source, limited by [`MOST_SCENARIOS`] and [`MOST_SET_BYTES`].
    ///
    /// # Errors
    /// At the first scenario beyond a limit, and at the second one with the same name.
    pub fn of_one_source(scenarios: Vec<Arc<Scenario>>) -> Result<Self, ScenarioError> {
        let mut bytes = 0;
        for (count, scenario) in scenarios.iter().enumerate() {
            bytes += scenario.size();
            Self::fits(scenario, count + 1, bytes)?;
        }
        Self::compile(scenarios)
    }

    /// Checks that a scenario still fits as number `count`, with `bytes` bytes in total.
    ///
    /// # Errors
    /// At the scenario, if it exceeds a limit.
    pub fn fits(scenario: &Scenario, count: usize, bytes: usize) -> Result<(), ScenarioError> {
        if count > MOST_SCENARIOS {
            return Err(scenario.error(&format!(
                "this is scenario {count}; a sandbox and a folder have at most {MOST_SCENARIOS}, so remove one first"
            )));
        }
        if bytes > MOST_SET_BYTES {
            return Err(scenario.error(&format!(
                "with this scenario, the scenarios take {bytes} bytes of memory; a sandbox and a folder have at most \
                 {MOST_SET_BYTES}, so remove or shorten one first"
            )));
        }
        Ok(())
    }

    /// Approximate memory size of all scenarios in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.scenarios.iter().map(|scenario| scenario.size()).sum()
    }

    /// Whether both sets share the same scenario objects.
    #[must_use]
    pub fn has_same_scenarios(&self, other: &Self) -> bool {
        self.scenarios.len() == other.scenarios.len()
            && self.scenarios.iter().zip(&other.scenarios).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// Approximate memory size in bytes of what this set does not share with `other`: its index, and the scenarios that
    /// `other` does not contain.
    #[must_use]
    pub fn size_beside(&self, other: &Self) -> usize {
        /// A pointer, an index entry with its position, and an entry by name.
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
