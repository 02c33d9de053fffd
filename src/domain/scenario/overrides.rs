//! Changes to the scenarios of one sandbox, made through the control plane.

use super::{
    script::{Scenario, ScenarioEndpoint},
    set::ScenarioSet,
};
use crate::base::document::Record;
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

/// Maximum number of queued requests.
pub const MOST_QUEUED: usize = 1_000;

/// Changes to the scenarios of one sandbox, made through the control plane. The sandbox's own scenarios are separate
/// documents.
///
/// Refers to scenarios by name. A name stands for the scenario of that name that is in force when it is used, or for
/// none if there is no such scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScenarioOverrides {
    /// Number of changes to the sandbox's own scenarios and to `hidden`. Each such change is in one commit with a
    /// change of this document.
    pub revision: u64,
    /// Server scenarios that were removed from the sandbox.
    pub hidden: BTreeSet<Arc<str>>,
    /// The scenario that answers every request to its endpoint.
    pub pinned: Option<Arc<str>>,
    /// The scenarios that answer the next requests to their endpoints, next one first.
    pub queued: VecDeque<Arc<str>>,
}

impl ScenarioOverrides {
    /// The id of this document, of which each sandbox has one.
    pub const ID: &'static str = "overrides";

    /// The queued scenario that answers the next request to an endpoint, and the overrides without that entry.
    #[must_use]
    pub fn next_queued(&self, set: &ScenarioSet, endpoint: ScenarioEndpoint) -> Option<(Arc<Scenario>, Self)> {
        let is_for_it = |name: &Arc<str>| set.get(name).filter(|scenario| scenario.endpoint() == endpoint);
        let next = self.queued.iter().enumerate().find_map(|(place, name)| Some((place, is_for_it(name)?)));
        let (place, scenario) = next?;
        let mut rest = self.clone();
        rest.queued.remove(place);
        Some((Arc::clone(scenario), rest))
    }

    /// The pinned scenario.
    #[must_use]
    pub fn pinned<'s>(&self, set: &'s ScenarioSet) -> Option<&'s Arc<Scenario>> {
        set.get(self.pinned.as_ref()?)
    }

    /// The queued scenarios, next one first.
    pub fn queued<'s>(&self, set: &'s ScenarioSet) -> impl Iterator<Item = &'s Arc<Scenario>> {
        self.queued.iter().filter_map(|name| set.get(name))
    }

    /// Queues a scenario for `count` requests.
    ///
    /// # Errors
    /// The number of queued requests, when there is no room for more.
    pub fn queue(&mut self, scenario: &Scenario, count: usize, set: &ScenarioSet) -> Result<(), usize> {
        // Names of scenarios that no longer exist must not take up room.
        self.queued.retain(|name| set.get(name).is_some());
        let waiting = self.queued.len();
        if waiting.saturating_add(count) > MOST_QUEUED {
            return Err(waiting);
        }
        self.queued.extend(std::iter::repeat_n(scenario.id(), count));
        Ok(())
    }

    /// Unpins a scenario and removes it from the queue.
    pub fn release(&mut self, name: &str) {
        self.pinned.take_if(|pinned| **pinned == *name);
        self.queued.retain(|queued| **queued != *name);
    }
}

impl Record for ScenarioOverrides {
    const COLLECTION: &'static str = "scenario_overrides";

    fn id(&self) -> Arc<str> {
        Self::ID.into()
    }

    fn size(&self) -> usize {
        let named: usize = self.hidden.iter().chain(&self.queued).map(|name| size_of_val(name) + name.len()).sum();
        size_of::<Self>() + named
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(scenarios: &[&str]) -> ScenarioSet {
        let read = |text: &&str| Arc::new(Scenario::read("s.yaml", text).unwrap());
        ScenarioSet::compile(scenarios.iter().map(read).collect()).unwrap()
    }

    #[test]
    fn a_name_refers_to_the_scenario_in_force() {
        let both = set(&["{name: a, answers: [{}]}", "{name: b, endpoint: token, answers: [{}]}"]);
        let only_b = set(&["{name: b, endpoint: token, answers: [{}]}"]);
        let mut overrides = ScenarioOverrides { pinned: Some("a".into()), ..ScenarioOverrides::default() };
        for name in ["a", "b", "a"] {
            overrides.queue(both.get(name).unwrap(), 1, &both).unwrap();
        }
        let next = |overrides: &ScenarioOverrides, set: &ScenarioSet, endpoint| {
            overrides.next_queued(set, endpoint).map(|(scenario, rest)| (scenario.name().to_owned(), rest.queued))
        };
        let names = |names: &[&str]| names.iter().map(|name| Arc::from(*name)).collect::<VecDeque<Arc<str>>>();
        let handoff = ScenarioEndpoint::Handoff;
        assert_eq!(next(&overrides, &both, handoff), Some(("a".to_owned(), names(&["b", "a"]))));
        assert_eq!(next(&overrides, &both, ScenarioEndpoint::Token), Some(("b".to_owned(), names(&["a", "a"]))));
        assert_eq!(next(&overrides, &only_b, handoff), None);
        assert!(overrides.pinned(&both).is_some() && overrides.pinned(&only_b).is_none());
        overrides.queue(only_b.get("b").unwrap(), 1, &only_b).unwrap();
        assert_eq!(overrides.queued, names(&["b", "b"]));
        overrides.release("b");
        assert_eq!((overrides.pinned.as_deref(), overrides.queued.len()), (Some("a"), 0));
    }

    #[test]
    fn the_queue_is_bounded() {
        let set = set(&["{name: a, answers: [{}]}"]);
        let mut overrides = ScenarioOverrides::default();
        let scenario = set.get("a").unwrap();
        assert_eq!(overrides.queue(scenario, MOST_QUEUED - 1, &set), Ok(()));
        assert_eq!(overrides.queue(scenario, 2, &set), Err(MOST_QUEUED - 1));
        assert_eq!(overrides.queue(scenario, usize::MAX, &set), Err(MOST_QUEUED - 1));
        assert_eq!(overrides.queue(scenario, 1, &set), Ok(()));
    }
}
