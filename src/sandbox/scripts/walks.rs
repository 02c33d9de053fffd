//! How far each subject has advanced in a scenario: one document per walk.
//!
//! The store drops the oldest documents beyond a limit. A walk that advances is removed and inserted again in one
//! commit, so the oldest document is the least recently used one.

use super::{ScenarioChangeError, Scripts};
use crate::{
    base::document::Record,
    domain::scenario::{ActorFlags, Facts, Progress, Scenario, Walk},
    store::{Commit, StoreError},
};
use jiff::Timestamp;
use std::sync::Arc;

/// Why a walk cannot be set to an answer.
#[derive(Debug, thiserror::Error)]
pub enum SetWalkError {
    /// The subject cannot have a walk through the scenario, for this reason.
    #[error("{0}")]
    Subject(String),
    /// The scenario has no such answer.
    #[error("the last answer is {last}, counted from zero")]
    Answer { last: usize },
    #[error(transparent)]
    Scenario(#[from] ScenarioChangeError),
}

impl From<StoreError> for SetWalkError {
    fn from(error: StoreError) -> Self {
        Self::Scenario(error.into())
    }
}

impl Scripts {
    /// Advances the walk of a request by one step, together with the writes of `commit`, and returns the answer for the
    /// request. Returns `None` without changing anything if another caller advanced it first.
    pub(super) async fn step(
        &self,
        scenario: &Scenario,
        facts: &Facts<'_>,
        actor: impl Fn(&Scenario) -> (ActorFlags, Timestamp),
        mut commit: Commit,
    ) -> Result<Option<usize>, StoreError> {
        let begun = Walk::new(scenario, scenario.subject(facts));
        let id = begun.id();
        let found = self.walks.get_versioned(&id).await?;
        let mut walk = found.as_ref().map_or(begun, |(walk, _)| Walk::clone(walk));
        let (flags, now) = actor(scenario);
        let answer = scenario.next(&mut walk.progress, flags, now);
        if let Some((_, version)) = found {
            commit.delete::<Walk>(id, Some(version));
        }
        commit.insert(Arc::new(walk));
        match self.shelf.commit(commit).await {
            Ok(_) => Ok(Some(answer)),
            Err(StoreError::Taken | StoreError::Conflict { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All walks of one scenario, ordered by subject.
    pub async fn walks(&self, scenario: &str) -> Result<Vec<Arc<Walk>>, StoreError> {
        let mut walks = self.walks.tagged(scenario, |_| true).await?;
        walks.sort_by(|one, other| one.subject.cmp(&other.subject));
        Ok(walks)
    }

    /// Sets a walk to an answer, counted from zero.
    ///
    /// # Errors
    /// When the sandbox has no scenario with this name, or the scenario has no such walk or answer.
    pub async fn set_walk(&self, name: &str, subject: &str, answer: usize, now: Timestamp) -> Result<(), SetWalkError> {
        let current = self.current().await?;
        let scenario = current.find(name)?;
        let subject = scenario.named_subject(subject).map_err(SetWalkError::Subject)?;
        let last = scenario.answers().len().saturating_sub(1);
        if answer > last {
            return Err(SetWalkError::Answer { last });
        }
        let progress = Progress { answer, attempts: 0, since: now, total: 0 };
        let walk = Arc::new(Walk { progress, ..Walk::new(scenario, subject) });
        let mut commit = Commit::new();
        commit.delete::<Walk>(walk.id(), None).insert(walk);
        Ok(self.shelf.commit(commit).await.map(drop)?)
    }

    /// Deletes all walks of one scenario.
    pub async fn forget_walks(&self, scenario: &str) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        for walk in self.walks.tagged(scenario, |_| true).await? {
            commit.delete::<Walk>(walk.id(), None);
        }
        self.shelf.commit(commit).await.map(drop)
    }
}
