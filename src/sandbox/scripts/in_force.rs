//! The set that is compiled from the server's scenarios and the sandbox's own, and the sets before it.
//!
//! Nothing here is the truth: the documents of the sandbox and the server's files are. Only this file takes the lock,
//! and no request searches a set under it.

use super::history::History;
use crate::{
    base::budget::{Account, Budget, Share},
    domain::scenario::{Scenario, ScenarioError, ScenarioSet},
};
use std::{
    collections::{BTreeSet, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// The scenarios that are in force.
#[derive(Debug)]
pub(super) struct Compiled {
    /// Counts the sets that were in force; each has its own number.
    pub(super) version: u64,
    pub(super) set: Arc<ScenarioSet>,
    /// The server's scenarios in it and under it; they change when its files do.
    pub(super) base: Arc<ScenarioSet>,
    /// The sandbox's own scenarios.
    pub(super) own: Arc<[Arc<Scenario>]>,
}

#[derive(Debug)]
pub(super) struct InForce(Mutex<State>);

#[derive(Debug)]
struct State {
    /// The revision of the overrides that `compiled` and `hidden` are of.
    revision: u64,
    hidden: BTreeSet<Arc<str>>,
    compiled: Arc<Compiled>,
    /// Whether a request was compared with the current set.
    is_used: bool,
    /// The sets that were in force earlier.
    history: History,
    /// The own scenarios that the sandbox was created with, which stay in memory.
    first: Arc<[Arc<Scenario>]>,
    /// The bytes of the own scenarios and of the first ones.
    bytes: Account,
}

impl InForce {
    /// The server's scenarios alone.
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

    /// What is in force, if it is of this revision.
    pub(super) fn get(&self, revision: u64, is_asked: bool) -> Option<Arc<Compiled>> {
        self.state().get(revision, is_asked)
    }

    /// The revision that is in force. A caller who reads the store afterwards passes it to [`InForce::compile`].
    pub(super) fn revision(&self) -> u64 {
        self.state().revision
    }

    /// Puts the own scenarios of a revision into force. Returns `None`, and changes nothing, when `replaced`, the revision
    /// that was in force before the scenarios were read, is not in force any more: they may be older than those that are.
    pub(super) fn compile(
        &self,
        revision: u64,
        replaced: u64,
        own: Vec<Arc<Scenario>>,
        hidden: BTreeSet<Arc<str>>,
        is_asked: bool,
    ) -> Option<Arc<Compiled>> {
        let mut state = self.state();
        // Another caller may have been quicker.
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

    /// An account that holds these bytes of the budget of own scenarios; `None` when it has no room for them.
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
        // Nothing that holds this lock can leave the state half changed.
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
        // Names are unique by construction, which is all that a set asks for.
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
        // A set that no request was compared with will not be asked for.
        if std::mem::take(&mut self.is_used) {
            self.history.push(replaced.version, Arc::clone(&replaced.set));
        }
        self.history.enforce_limits(&self.compiled.set);
    }
}
