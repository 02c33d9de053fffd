//! Changes to the scenarios of a sandbox. Each is one commit, at the version of the overrides that it was based on.

use super::{CurrentScenarios, Scripts};
use crate::{
    base::{document::Record, position::brief},
    domain::scenario::{Scenario, ScenarioError, ScenarioOverrides, ScenarioSet, Walk},
    store::{Commit, StoreError},
};
use std::sync::Arc;

/// Why a change to the scenarios was refused.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioChangeError {
    #[error("there is no scenario {:?} in this sandbox", brief(.0))]
    Unknown(String),
    #[error("the scenario {name:?} is not pinned")]
    NotPinned {
        name: String,
        /// The scenario that is pinned, if any.
        pinned: Option<String>,
    },
    /// The queue has no room for the new entries.
    #[error("{0} requests are queued already")]
    QueueFull(usize),
    /// The sandbox has no room for the scenario.
    #[error(transparent)]
    NoRoom(#[from] ScenarioError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Scripts {
    /// Adds a scenario to the sandbox, replacing one with the same name.
    ///
    /// # Errors
    /// [`ScenarioChangeError::NoRoom`] for the scenario.
    pub async fn put(&self, scenario: Arc<Scenario>) -> Result<(), ScenarioChangeError> {
        // Held until the scenario itself is counted.
        let _reserved = self.in_force.reserve(scenario.size()).ok_or_else(|| {
            scenario.error(
                "the scenarios and clients of all sandboxes have reached their memory limit, a quarter of \
                 --max-memory; remove some, or raise --max-memory",
            )
        })?;
        self.change(|current, overrides, commit| {
            let others = current.compiled.own.iter().filter(|own| own.name() != scenario.name());
            let (count, bytes) =
                others.fold((1, scenario.size()), |(count, bytes), own| (count + 1, bytes + own.size()));
            ScenarioSet::fits(&scenario, count, bytes)?;
            overrides.hidden.remove(scenario.name());
            overrides.revision += 1;
            commit.delete::<Scenario>(scenario.id(), None).insert(Arc::clone(&scenario));
            Ok(())
        })
        .await
    }

    /// Removes a scenario from the sandbox.
    ///
    /// # Errors
    /// [`ScenarioChangeError::Unknown`] when there is no scenario with this name.
    pub async fn remove(&self, name: &str) -> Result<(), ScenarioChangeError> {
        self.change(|current, overrides, commit| {
            let scenario = current.find(name)?;
            commit.delete::<Scenario>(scenario.id(), None);
            // If the server has no such scenario, there is nothing to hide; a file with that name may be added later.
            if current.compiled.base.get(name).is_some() {
                overrides.hidden.insert(scenario.id());
            }
            overrides.release(name);
            overrides.revision += 1;
            Ok(())
        })
        .await
    }

    /// Makes one scenario answer every request to its endpoint.
    ///
    /// # Errors
    /// [`ScenarioChangeError::Unknown`] when there is no scenario with this name.
    pub async fn pin(&self, name: &str) -> Result<(), ScenarioChangeError> {
        self.change(|current, overrides, _| {
            overrides.pinned = Some(current.find(name)?.id());
            Ok(())
        })
        .await
    }

    /// Lets requests choose their scenarios again. With a name, only if that scenario is pinned.
    ///
    /// # Errors
    /// [`ScenarioChangeError::NotPinned`] when it is not pinned.
    pub async fn unpin(&self, name: Option<&str>) -> Result<(), ScenarioChangeError> {
        self.change(|current, overrides, _| {
            if let Some(name) = name {
                let scenario = current.find(name)?;
                let pinned = current.pinned().map(|pinned| pinned.name());
                if pinned != Some(scenario.name()) {
                    let (name, pinned) = (name.to_owned(), pinned.map(str::to_owned));
                    return Err(ScenarioChangeError::NotPinned { name, pinned });
                }
            }
            overrides.pinned = None;
            Ok(())
        })
        .await
    }

    /// Makes a scenario answer the next `count` requests to its endpoint, after the requests that are already queued.
    ///
    /// # Errors
    /// [`ScenarioChangeError::Unknown`] or [`ScenarioChangeError::QueueFull`].
    pub async fn queue(&self, name: &str, count: usize) -> Result<(), ScenarioChangeError> {
        self.change(|current, overrides, _| {
            let scenario = current.find(name)?;
            overrides.queue(scenario, count, current.set()).map_err(ScenarioChangeError::QueueFull)
        })
        .await
    }

    /// Restores the initial state: the scenarios that the sandbox was created with, nothing pinned or queued, no walk
    /// begun.
    pub async fn reset(&self) -> Result<(), ScenarioChangeError> {
        loop {
            let current = self.current().await?;
            let walks = self.walks.all(|_| true).await?;
            let reset = |overrides: &mut ScenarioOverrides, commit: &mut Commit| {
                *overrides = ScenarioOverrides { revision: current.revision() + 1, ..ScenarioOverrides::default() };
                for scenario in &*current.compiled.own {
                    commit.delete::<Scenario>(scenario.id(), None);
                }
                for scenario in &*self.first {
                    commit.insert(Arc::clone(scenario));
                }
                for walk in &walks {
                    commit.delete::<Walk>(walk.id(), None);
                }
                Ok(())
            };
            if self.try_change(&current, reset).await? {
                return Ok(());
            }
        }
    }

    /// Changes the overrides with a pure function, which can add further writes to the commit. It runs again if another
    /// caller changed them first.
    async fn change(
        &self,
        change: impl Fn(&CurrentScenarios, &mut ScenarioOverrides, &mut Commit) -> Result<(), ScenarioChangeError>,
    ) -> Result<(), ScenarioChangeError> {
        loop {
            let current = self.current().await?;
            if self.try_change(&current, |overrides, commit| change(&current, overrides, commit)).await? {
                return Ok(());
            }
        }
    }

    /// Changes the overrides of `current`. Returns `false` without changing anything if another caller changed them
    /// first.
    async fn try_change(
        &self,
        current: &CurrentScenarios,
        change: impl FnOnce(&mut ScenarioOverrides, &mut Commit) -> Result<(), ScenarioChangeError>,
    ) -> Result<bool, ScenarioChangeError> {
        let mut overrides =
            current.overrides.as_ref().map(|(now, _)| ScenarioOverrides::clone(now)).unwrap_or_default();
        let mut further = Commit::new();
        change(&mut overrides, &mut further)?;
        let is_compiled = overrides.revision == current.revision();
        let mut commit = current.replaced_by(overrides);
        commit.extend(further);
        match self.shelf.commit(commit).await {
            Ok(_) => {}
            Err(StoreError::Taken | StoreError::Conflict { .. }) => return Ok(false),
            Err(error) => return Err(error.into()),
        }
        if !is_compiled {
            // Compiled and counted now, not with the next request.
            self.current().await?;
        }
        Ok(true)
    }
}

impl CurrentScenarios {
    pub(super) fn find(&self, name: &str) -> Result<&Arc<Scenario>, ScenarioChangeError> {
        self.set().get(name).ok_or_else(|| ScenarioChangeError::Unknown(name.to_owned()))
    }
}
