//! Changes to the scenarios of a sandbox, each one commit at the version of the overrides that it was judged by.

use super::{CurrentScenarios, Scripts};
use crate::{
    base::{document::Record, position::brief},
    domain::scenario::{Scenario, ScenarioError, ScenarioOverrides, ScenarioSet, Walk},
    store::{Commit, StoreError},
};
use std::sync::Arc;

/// Why the scenarios of a sandbox are not changed.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioChangeError {
    #[error("there is no scenario {:?} in this sandbox", brief(.0))]
    Unknown(String),
    #[error("the scenario {name:?} is not pinned")]
    NotPinned {
        name: String,
        /// The one that is.
        pinned: Option<String>,
    },
    /// The queue has no room for the new requests.
    #[error("{0} requests are queued already")]
    QueueFull(usize),
    /// The sandbox has no room for the scenario.
    #[error(transparent)]
    NoRoom(#[from] ScenarioError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Scripts {
    /// Gives the sandbox a scenario of its own; replaces one of the same name.
    ///
    /// # Errors
    /// [`ScenarioChangeError::NoRoom`] at the scenario.
    pub async fn put(&self, scenario: Arc<Scenario>) -> Result<(), ScenarioChangeError> {
        // Held until the scenario itself is counted.
        let _reserved = self.in_force.reserve(scenario.size()).ok_or_else(|| {
            scenario.error(
                "scenarios and clients of all sandboxes take as much memory as they may, a quarter of --max-memory; \
                 remove some, or raise --max-memory",
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
    /// [`ScenarioChangeError::Unknown`] when it has none of this name.
    pub async fn remove(&self, name: &str) -> Result<(), ScenarioChangeError> {
        self.change(|current, overrides, commit| {
            let scenario = current.find(name)?;
            commit.delete::<Scenario>(scenario.id(), None);
            // Where the server has none, there is nothing to hide. A file with that name may come later.
            if current.compiled.base.get(name).is_some() {
                overrides.hidden.insert(scenario.id());
            }
            overrides.release(name);
            overrides.revision += 1;
            Ok(())
        })
        .await
    }

    /// Lets one scenario answer every request to its endpoint.
    ///
    /// # Errors
    /// [`ScenarioChangeError::Unknown`] when the sandbox has none of this name.
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
    /// [`ScenarioChangeError::NotPinned`] when it is not.
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

    /// Lets a scenario answer the next `count` requests to its endpoint that nothing else waits for.
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

    /// Back to how the sandbox started: the scenarios that it was created with, none pinned or queued, no walk begun.
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

    /// Changes the overrides by a pure function, with further writes that it adds to the commit. The function runs again
    /// when another caller was quicker.
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

    /// Changes the overrides of `current`. Returns `false`, and changes nothing, when another caller was quicker.
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
            // Compiled and counted at once, not with the next request.
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
