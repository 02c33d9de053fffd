//! The scenario set compiled from the server's scenarios and the sandbox's own, and its predecessors.
//!
//! This is only a cache: the sandbox's documents and the server's files are authoritative. Only this file takes the
//! lock, and no request searches a set under it.

use super::history::History;
use crate::{
    base::budget::{Account, Budget, Share},
    domain::scenario::{Scenario, ScenarioError, ScenarioSet},
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The scenarios in force.
#[derive(Debug)]
pub(super) struct Compiled {
    /// Number of this set; each set that was in force has its own.
    pub(super) version: u64,
    pub(super) set: Arc<ScenarioSet>,
    /// The server's scenarios that the set includes; they change when its files change.
    pub(super) base: Arc<ScenarioSet>,
    /// The sandbox's own scenarios.
    pub(super) own: Arc<[Arc<Scenario>]>,
}

#[derive(Debug)]
pub(super) struct InForce(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The revision of the overrides that `compiled` and `hidden` were made from.
    revision: u64,
    hidden: BTreeSet<Arc<str>>,
    compiled: Arc<Compiled>,
    /// Whether a request was matched against the current set.
    is_used: bool,
    /// The sets that were in force earlier.
    history: History,
    /// The own scenarios that the sandbox was created with, which stay in memory.
    first: Arc<[Arc<Scenario>]>,
    /// Bytes of the own scenarios and of the initial ones.
    bytes: Account,
}

impl InForce {
    /// Only the server's scenarios.
    pub(super) fn new(
        base: Arc<ScenarioSet>,
        first: &Arc<[Arc<Scenario>]>,
        bytes: Account,
        memory: &Arc<Budget>,
    ) -> Self {
        let compiled = Compiled { version: 0, set: Arc::clone(&base), base, own: Arc::default() };
        Self(Mutex::new(State {
            revision: 0,
            hidden: BTreeSet::new(),
            compiled: Arc::new(compiled),
            is_used: false,
            history: History::new(memory),
            first: Arc::clone(first),
            bytes,
        }))
    }

    /// Returns the compiled scenarios if they belong to this revision.
    pub(super) fn get(&self, revision: u64, is_asked: bool) -> Option<Arc<Compiled>> {
        self.state().get(revision, is_asked)
    }

    /// The revision in force. A caller that reads the store afterwards passes it to [`InForce::compile`].
    pub(super) fn revision(&self) -> u64 {
        self.state().revision
    }

    /// Puts the own scenarios of a revision into force. Returns `None` without changing anything if `replaced`, the
    /// revision that was in force before the scenarios were read, is no longer in force: the scenarios may be outdated.
    pub(super) fn compile(
        &self,
        revision: u64,
        replaced: u64,
        own: Vec<Arc<Scenario>>,
        hidden: BTreeSet<Arc<str>>,
        is_asked: bool,
    ) -> Option<Arc<Compiled>> {
        let mut state = self.state();
        // Another caller may have compiled them first.
        if let Some(compiled) = state.get(revision, is_asked) {
            return Some(compiled);
        }
        if state.revision != replaced {
            return None;
        }
        let base = Arc::clone(&state.compiled.base);
        (state.revision, state.hidden) = (revision, hidden);
        state.compile(base, own.into());
        state.is_used |= is_asked;
        Some(Arc::clone(&state.compiled))
    }

    pub(super) fn rebase(&self, base: Arc<ScenarioSet>) {
        let mut state = self.state();
        let own = Arc::clone(&state.compiled.own);
        state.compile(base, own);
    }

    /// Reserves bytes in the budget for own scenarios; `None` if it has no room for them.
    pub(super) fn reserve(&self, bytes: usize) -> Option<Account> {
        let mut reserved = self.state().bytes.another();
        reserved.try_add(bytes).then_some(reserved)
    }

    pub(super) fn set_of(&self, version: u64) -> Option<Arc<ScenarioSet>> {
        let state = self.state();
        if version == state.compiled.version {
            Some(Arc::clone(&state.compiled.set))
        } else {
            state.history.get(version)
        }
    }

    pub(super) fn history_bytes(&self) -> usize {
        self.state().history.bytes()
    }

    pub(super) fn shrink_history(&self, share: Share) {
        self.state().history.shrink(share);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Code that holds this lock cannot leave the state half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn get(&mut self, revision: u64, is_asked: bool) -> Option<Arc<Compiled>> {
        if self.revision != revision {
            return None;
        }
        self.is_used |= is_asked;
        Some(Arc::clone(&self.compiled))
    }

    fn compile(&mut self, base: Arc<ScenarioSet>, own: Arc<[Arc<Scenario>]>) {
        let pointers: HashSet<_> = own.iter().map(Arc::as_ptr).collect();
        let only_first = self.first.iter().filter(|first| !pointers.contains(&Arc::as_ptr(first)));
        self.bytes.set(own.iter().chain(only_first).map(|scenario| scenario.size()).sum());
        let own_names: HashSet<&str> = own.iter().map(|own| own.name()).collect();
        let is_kept = |name: &str| !own_names.contains(name) && !self.hidden.contains(name);
        let all = base.iter().filter(|scenario| is_kept(scenario.name())).chain(&*own).cloned().collect();
        // Names are unique by construction, which is all that a set requires.
        let compiled: Result<ScenarioSet, ScenarioError> = ScenarioSet::compile(all);
        let Ok(set) = compiled else { return };
        let Compiled { version, set: current, .. } = &*self.compiled;
        if set.has_same_scenarios(current) {
            let (version, set) = (*version, Arc::clone(current));
            self.compiled = Arc::new(Compiled { version, set, base, own });
            return;
        }
        let next = Compiled { version: version + 1, set: Arc::new(set), base, own };
        let replaced = std::mem::replace(&mut self.compiled, Arc::new(next));
        // No journal entry refers to a set that no request was matched against.
        if std::mem::take(&mut self.is_used) {
            self.history.push(replaced.version, Arc::clone(&replaced.set));
        }
        self.history.enforce_limits(&self.compiled.set);
    }
}
