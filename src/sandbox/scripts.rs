//! The scenarios of a sandbox: which exist, which one answers next, and how far each has advanced.
//!
//! Everything that the control plane can change is a document: each of the sandbox's own scenarios, its other overrides
//! ([`ScenarioOverrides`]), and each walk. Every change to the own scenarios is in one commit with a change to the
//! overrides, so the version of the overrides guards all of them, and their `revision` tells whether the compiled set
//! (`in_force`) is current. The server's scenarios are files and are not in the store.

mod change;
mod history;
mod in_force;
mod walks;

pub use change::ScenarioChangeError;
pub use walks::SetWalkError;

use self::in_force::{Compiled, InForce};
use crate::{
    base::budget::{Account, Budget, Share},
    domain::scenario::{
        ActorFlags, Chosen, ChosenBy, Facts, Scenario, ScenarioEndpoint, ScenarioOverrides, ScenarioSet,
        ScriptedAnswer, TooCostly, Walk,
    },
    store::{Commit, Repository, Shelf, StoreError},
};
use jiff::Timestamp;
use std::sync::Arc;

/// A scenario's answer to one request.
#[derive(Clone, Debug)]
pub struct Scripted {
    pub scenario: Arc<Scenario>,
    /// Index of the answer in the scenario, from zero.
    pub answer: usize,
    /// Why the scenario was consulted.
    pub by: ChosenBy,
}

impl Scripted {
    #[must_use]
    pub fn answer(&self) -> Option<&ScriptedAnswer> {
        self.scenario.answers().get(self.answer)
    }

    /// The rule that decided, for the journal.
    #[must_use]
    pub fn chosen(&self) -> Chosen {
        let name = self.scenario.name();
        let how = match self.by {
            ChosenBy::Queued => "is queued",
            ChosenBy::Pinned => "is pinned",
            _ => "matches",
        };
        Chosen { by: self.by, why: format!("the scenario {name:?} {how}: its answer {}", self.answer + 1).into() }
    }
}

/// The result of consulting a sandbox's scenarios for one request.
#[derive(Clone, Debug)]
pub struct Consulted {
    /// The answer; `None` if no scenario matches the request.
    pub scripted: Option<Scripted>,
    /// The set that the request was matched against.
    pub set: Arc<ScenarioSet>,
    /// Version of the set.
    pub version: u64,
}

/// Why the scenarios give no answer.
#[derive(Debug, thiserror::Error)]
pub enum ConsultError {
    #[error(transparent)]
    TooCostly(#[from] TooCostly),
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug)]
pub struct Scripts {
    shelf: Arc<Shelf>,
    overrides: Repository<ScenarioOverrides>,
    own: Repository<Scenario>,
    walks: Repository<Walk>,
    /// The own scenarios that the sandbox was created with; a reset restores them.
    first: Arc<[Arc<Scenario>]>,
    in_force: InForce,
}

/// The scenarios of a sandbox at one moment.
#[derive(Clone, Debug)]
pub struct CurrentScenarios {
    /// The overrides and the version of their document; `None` if nothing was ever changed.
    overrides: Option<(Arc<ScenarioOverrides>, u64)>,
    compiled: Arc<Compiled>,
}

impl CurrentScenarios {
    /// All scenarios, in matching order.
    #[must_use]
    pub fn set(&self) -> &ScenarioSet {
        &self.compiled.set
    }

    #[must_use]
    pub fn pinned(&self) -> Option<&Arc<Scenario>> {
        self.overrides.as_ref()?.0.pinned(self.set())
    }

    /// The queued scenarios, next one first.
    #[must_use]
    pub fn queued(&self) -> Vec<&Arc<Scenario>> {
        self.overrides.iter().flat_map(|(overrides, _)| overrides.queued(self.set())).collect()
    }

    fn revision(&self) -> u64 {
        self.overrides.as_ref().map_or(0, |(overrides, _)| overrides.revision)
    }

    /// A commit that writes these overrides if nothing was changed in the meantime.
    fn replaced_by(&self, overrides: ScenarioOverrides) -> Commit {
        let mut commit = Commit::new();
        match &self.overrides {
            Some((_, version)) => commit.replace(Arc::new(overrides), *version),
            None => commit.insert(Arc::new(overrides)),
        };
        commit
    }
}

impl Scripts {
    /// The scenarios of a new sandbox: the server's, `base`, and its own, `first`, which [`Scripts::begin`] writes. Its
    /// own count against the account `bytes`, replaced sets against the budget `memory`.
    pub(super) fn new(
        shelf: &Arc<Shelf>,
        base: Arc<ScenarioSet>,
        first: &Arc<[Arc<Scenario>]>,
        bytes: Account,
        memory: &Arc<Budget>,
    ) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            overrides: Repository::new(shelf),
            own: Repository::new(shelf),
            walks: Repository::new(shelf),
            first: Arc::clone(first),
            in_force: InForce::new(base, first, bytes, memory),
        }
    }

    /// Adds the store's part of a new sandbox's scenarios to a commit.
    pub(super) fn begin(&self, commit: &mut Commit) {
        if self.first.is_empty() {
            return;
        }
        commit.insert(Arc::new(ScenarioOverrides { revision: 1, ..ScenarioOverrides::default() }));
        for scenario in &*self.first {
            commit.insert(Arc::clone(scenario));
        }
    }

    /// Returns the current scenarios.
    pub async fn current(&self) -> Result<CurrentScenarios, StoreError> {
        self.read(false).await
    }

    /// Returns the current scenarios. `is_asked` is true when a request will be matched against them.
    async fn read(&self, is_asked: bool) -> Result<CurrentScenarios, StoreError> {
        loop {
            let replaced = self.in_force.revision();
            let overrides = self.overrides.get_versioned(ScenarioOverrides::ID).await?;
            let revision = overrides.as_ref().map_or(0, |(overrides, _)| overrides.revision);
            if let Some(compiled) = self.in_force.get(revision, is_asked) {
                return Ok(CurrentScenarios { overrides, compiled });
            }
            let own = self.own.all(|_| true).await?;
            // They belong to this revision if it is still the current one.
            let again = self.overrides.get_versioned(ScenarioOverrides::ID).await?;
            if again.map(|(_, version)| version) != overrides.as_ref().map(|(_, version)| *version) {
                continue;
            }
            let hidden = overrides.as_ref().map(|(overrides, _)| overrides.hidden.clone()).unwrap_or_default();
            if let Some(compiled) = self.in_force.compile(revision, replaced, own, hidden, is_asked) {
                return Ok(CurrentScenarios { overrides, compiled });
            }
        }
    }

    /// Returns the answer of the scenario that matches this request, if there is one. The walk advances by one step,
    /// and a queue entry is used up in the same commit. The actor's state and the time are only requested in that case.
    ///
    /// # Errors
    /// [`ConsultError::TooCostly`] when finding the scenario takes too many steps.
    pub async fn take(
        &self,
        endpoint: ScenarioEndpoint,
        facts: &Facts<'_>,
        actor: impl Fn(&Scenario) -> (ActorFlags, Timestamp) + Send + Sync,
    ) -> Result<Consulted, ConsultError> {
        loop {
            let current = self.read(true).await?;
            let Compiled { set, version, .. } = &*current.compiled;
            let consulted = |scripted| Ok(Consulted { scripted, set: Arc::clone(set), version: *version });
            let queued = current.overrides.as_ref().and_then(|(now, _)| now.next_queued(set, endpoint));
            if let Some((scenario, rest)) = queued {
                let step = self.step(&scenario, facts, &actor, current.replaced_by(rest)).await?;
                match step {
                    Some(answer) => return consulted(Some(Scripted { scenario, answer, by: ChosenBy::Queued })),
                    // Another request used up the queue entry.
                    None => continue,
                }
            }
            let pinned = current.pinned().filter(|pinned| pinned.endpoint() == endpoint);
            let (scenario, by) = match pinned {
                Some(pinned) => (Arc::clone(pinned), ChosenBy::Pinned),
                None => match set.choose(endpoint, facts)? {
                    Some(scenario) => (scenario, ChosenBy::Scenario),
                    None => return consulted(None),
                },
            };
            loop {
                if let Some(answer) = self.step(&scenario, facts, &actor, Commit::new()).await? {
                    return consulted(Some(Scripted { scenario, answer, by }));
                }
            }
        }
    }

    /// Returns the scenarios of a version while they are kept. The current ones always are.
    #[must_use]
    pub fn set_of(&self, version: u64) -> Option<Arc<ScenarioSet>> {
        self.in_force.set_of(version)
    }

    /// Replaces the server's scenarios. The sandbox keeps its own.
    pub fn rebase(&self, base: Arc<ScenarioSet>) {
        self.in_force.rebase(base);
    }

    /// Approximate memory of the replaced sets in bytes.
    #[must_use]
    pub fn history_bytes(&self) -> usize {
        self.in_force.history_bytes()
    }

    /// Drops the oldest replaced sets until only a share of them is left.
    pub fn shrink_history(&self, share: Share) {
        self.in_force.shrink_history(share);
    }
}
