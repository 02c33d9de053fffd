//! The scenarios of a sandbox: which there are, which one answers next, and how far each has come.

mod history;
mod walks;

pub use walks::Walk;

use self::{history::History, walks::bounded};
use crate::{
    base::budget::{Account, Budget},
    domain::scenario::{
        ActorFlags, Chosen, ChosenBy, Facts, Progress, Scenario, ScenarioEndpoint, ScenarioError, ScenarioSet,
        ScriptedAnswer, TooCostly,
    },
};
use hashbrown::HashMap;
use jiff::Timestamp;
use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many walks through scenarios a sandbox remembers; the longest unused one is forgotten first.
const REMEMBERED: usize = 10_000;

/// How many requests may be waited for by queued scenarios.
pub const QUEUED: usize = 1_000;

/// The answer that a scenario gives to one request.
#[derive(Clone, Debug)]
pub struct Scripted {
    pub scenario: Arc<Scenario>,
    /// The place of the answer in it, from zero.
    pub answer: usize,
    /// How the scenario came to be asked.
    pub by: ChosenBy,
}

impl Scripted {
    #[must_use]
    pub fn answer(&self) -> Option<&ScriptedAnswer> {
        self.scenario.answers().get(self.answer)
    }

    /// Which rule that is, for the journal.
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

/// What the scenarios of a sandbox say to one request.
#[derive(Clone, Debug)]
pub struct Consulted {
    /// The answer; `None` when no scenario is for the request.
    pub scripted: Option<Scripted>,
    /// The version of the set that the request was compared with.
    pub version: u64,
}

#[derive(Debug)]
pub struct Scripts(Mutex<ScriptState>);

#[derive(Debug)]
struct ScriptState {
    /// The server's scenarios; they change when its files do.
    base: Arc<ScenarioSet>,
    /// The sandbox's own scenarios, which add to `base` or replace its scenarios; `None` stands for a removed one.
    own: BTreeMap<String, Option<Arc<Scenario>>>,
    /// The own scenarios that it was created with; a reset restores them.
    first: BTreeMap<String, Option<Arc<Scenario>>>,
    /// Both together.
    set: Arc<ScenarioSet>,
    /// Counts the sets that were in force; each has its own number.
    version: u64,
    /// Whether a request was compared with the current set.
    is_used: bool,
    /// The sets that were in force earlier.
    history: History,
    pinned: Option<Arc<Scenario>>,
    queued: VecDeque<Arc<Scenario>>,
    walks: HashMap<(Arc<str>, String), (u64, Progress)>,
    steps: u64,
    /// The bytes of its own scenarios.
    bytes: Account,
}

impl Scripts {
    /// The scenarios of a sandbox that has none of its own. Its own will count against `budget`, replaced sets against
    /// `memory`.
    #[must_use]
    pub fn new(base: Arc<ScenarioSet>, budget: &Arc<Budget>, memory: &Arc<Budget>) -> Self {
        Self(Mutex::new(ScriptState {
            set: Arc::clone(&base),
            base,
            version: 0,
            is_used: false,
            history: History::new(memory),
            own: BTreeMap::new(),
            first: BTreeMap::new(),
            pinned: None,
            queued: VecDeque::new(),
            walks: HashMap::new(),
            steps: 0,
            bytes: Account::new(budget),
        }))
    }

    /// The scenarios in the order in which they are asked.
    #[must_use]
    pub fn set(&self) -> Arc<ScenarioSet> {
        Arc::clone(&self.state().set)
    }

    /// The scenario that is pinned, and those that are queued, the next one first.
    #[must_use]
    pub fn forced(&self) -> (Option<Arc<Scenario>>, Vec<Arc<Scenario>>) {
        let state = self.state();
        (state.pinned.clone(), state.queued.iter().cloned().collect())
    }

    /// The answer of the scenario that this request is for, if there is one; the walk then advances by one step. What
    /// the actor has done, and when it is, is asked for only then.
    ///
    /// # Errors
    /// [`TooCostly`] when it takes too many steps to find the scenario.
    pub fn take(
        &self,
        endpoint: ScenarioEndpoint,
        facts: &Facts<'_>,
        actor: impl FnOnce(&Scenario) -> (ActorFlags, Timestamp),
    ) -> Result<Consulted, TooCostly> {
        // A statement of its own, at the end of which the lock is released: a search may take a while, and other requests
        // do not wait for it.
        let (forced, version) = self.state().consult(endpoint);
        let (scenario, by) = match forced {
            Ok(forced) => forced,
            Err(set) => match set.choose(endpoint, facts)? {
                Some(scenario) => (scenario, ChosenBy::Scenario),
                None => return Ok(Consulted { scripted: None, version }),
            },
        };
        let (flags, now) = actor(&scenario);
        let mut state = self.state();
        state.steps += 1;
        let step = state.steps;
        let key = (scenario.name().into(), bounded(scenario.subject(facts)));
        let walk = state.walks.entry(key).or_default();
        walk.0 = step;
        let answer = scenario.next(&mut walk.1, flags, now);
        state.forget_oldest();
        Ok(Consulted { scripted: Some(Scripted { scenario, answer, by }), version })
    }

    /// Gives a new sandbox scenarios of its own; a reset comes back to them.
    pub fn begin_with(&self, scenarios: &ScenarioSet) {
        let mut state = self.state();
        state.first = scenarios.iter().map(|own| (own.name().to_owned(), Some(Arc::clone(own)))).collect();
        state.own = state.first.clone();
        state.compile();
    }

    /// Replaces the server's scenarios. The sandbox keeps its own.
    pub fn rebase(&self, base: Arc<ScenarioSet>) {
        let mut state = self.state();
        state.base = base;
        state.compile();
    }

    /// Gives the sandbox a scenario of its own; replaces one of the same name.
    ///
    /// # Errors
    /// At the scenario, when the sandbox has no room for it.
    pub fn put(&self, scenario: Arc<Scenario>) -> Result<(), ScenarioError> {
        let mut state = self.state();
        let others = state.own.iter().filter(|(name, _)| *name != scenario.name());
        let (count, bytes) = others.fold((1, scenario.size()), |(count, bytes), (_, own)| {
            (count + 1, bytes + own.as_ref().map_or(0, |own| own.size()))
        });
        ScenarioSet::fits(&scenario, count, bytes)?;
        if !state.bytes.try_add(scenario.size()) {
            return Err(scenario.error(
                "scenarios and clients of all sandboxes take as much memory as they may, a quarter of --max-memory; \
                 remove some, or raise --max-memory",
            ));
        }
        state.own.insert(scenario.name().to_owned(), Some(scenario));
        state.compile();
        Ok(())
    }

    /// About how many bytes of memory the scenarios take that are this sandbox's own.
    #[must_use]
    pub fn size(&self) -> usize {
        self.state().own.values().flatten().map(|own| own.size()).sum()
    }

    /// Removes a scenario from the sandbox; returns whether it was there.
    pub fn remove(&self, name: &str) -> bool {
        let mut state = self.state();
        if state.set.get(name).is_none() {
            return false;
        }
        if state.base.get(name).is_some() {
            state.own.insert(name.to_owned(), None);
        } else {
            // Nothing to hide. A file with that name may come later.
            state.own.remove(name);
        }
        state.compile();
        true
    }

    /// Lets one scenario answer every request to its endpoint, or, with none, lets requests choose again; returns
    /// whether it exists.
    pub fn pin(&self, name: Option<&str>) -> bool {
        let mut state = self.state();
        state.pinned = match name {
            None => None,
            Some(name) => match state.set.get(name).cloned() {
                Some(scenario) => Some(scenario),
                None => return false,
            },
        };
        true
    }

    /// Lets a scenario answer the next `count` requests to its endpoint that nothing else waits for; returns whether it
    /// exists and there is room.
    pub fn queue(&self, name: &str, count: usize) -> bool {
        let mut state = self.state();
        match state.set.get(name).cloned() {
            Some(scenario) if state.queued.len() + count <= QUEUED => {
                state.queued.extend(std::iter::repeat_n(scenario, count));
                true
            }
            _ => false,
        }
    }

    /// The scenarios that the sandbox started with, beside those of the server; none pinned or queued, no walk begun.
    pub(super) fn successor(&self, base: Arc<ScenarioSet>) -> Self {
        let state = self.state();
        let mut next = ScriptState {
            set: Arc::clone(&base),
            base,
            version: 0,
            is_used: false,
            history: state.history.another(),
            own: state.first.clone(),
            first: state.first.clone(),
            pinned: None,
            queued: VecDeque::new(),
            walks: HashMap::new(),
            steps: 0,
            bytes: state.bytes.another(),
        };
        drop(state);
        next.compile();
        Self(Mutex::new(next))
    }

    /// Back to how the sandbox started: the scenarios that it was made with, none pinned or queued, no walk begun.
    pub fn reset(&self) {
        let mut state = self.state();
        state.own = state.first.clone();
        state.pinned = None;
        state.queued.clear();
        state.walks.clear();
        state.steps = 0;
        state.compile();
    }

    fn state(&self) -> MutexGuard<'_, ScriptState> {
        // Nothing that holds this lock can leave the state half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The scenario that answers without a search, or the set to search.
type Forced = Result<(Arc<Scenario>, ChosenBy), Arc<ScenarioSet>>;

impl ScriptState {
    /// What answers a request before the set is searched, and the version of the set.
    fn consult(&mut self, endpoint: ScenarioEndpoint) -> (Forced, u64) {
        self.is_used = true;
        (self.forced(endpoint), self.version)
    }

    /// Takes the next queued scenario, or the pinned one; otherwise returns the set to choose from.
    fn forced(&mut self, endpoint: ScenarioEndpoint) -> Forced {
        let is_for_it = |scenario: &Arc<Scenario>| scenario.endpoint() == endpoint;
        let place = self.queued.iter().position(is_for_it);
        if let Some(next) = place.and_then(|place| self.queued.remove(place)) {
            return Ok((next, ChosenBy::Queued));
        }
        match self.pinned.as_ref().filter(|pinned| is_for_it(pinned)) {
            Some(pinned) => Ok((Arc::clone(pinned), ChosenBy::Pinned)),
            None => Err(Arc::clone(&self.set)),
        }
    }

    /// Forgets the walks that were unused for longest: a tenth at a time, so that finding them costs each walk but
    /// little.
    fn forget_oldest(&mut self) {
        if self.walks.len() <= REMEMBERED {
            return;
        }
        let mut steps: Vec<u64> = self.walks.values().map(|(step, _)| *step).collect();
        let (_, oldest, _) = steps.select_nth_unstable(REMEMBERED / 10);
        let oldest = *oldest;
        self.walks.retain(|_, (step, _)| *step > oldest);
    }

    fn compile(&mut self) {
        let own = self.own.values().chain(self.first.values()).flatten();
        self.bytes.set(own.map(|scenario| scenario.size()).sum());
        let kept = self.base.iter().filter(|scenario| !self.own.contains_key(scenario.name()));
        let all = kept.chain(self.own.values().flatten()).cloned().collect();
        // Names are unique by construction, which is all that a set asks for.
        let compiled: Result<ScenarioSet, ScenarioError> = ScenarioSet::compile(all);
        if let Ok(set) = compiled {
            // Pins and the queue refer to scenarios by name: a replaced scenario answers as it now reads, and a removed
            // one leaves them.
            self.pinned = self.pinned.take().and_then(|pinned| set.get(pinned.name()).cloned());
            self.queued = self.queued.iter().filter_map(|queued| set.get(queued.name()).cloned()).collect();
            if set.has_same_scenarios(&self.set) {
                return;
            }
            let replaced = std::mem::replace(&mut self.set, Arc::new(set));
            // A set that no request was compared with will not be asked for.
            if std::mem::take(&mut self.is_used) {
                self.history.push(self.version, replaced);
            }
            self.version += 1;
            self.history.enforce_limits(&self.set);
        }
    }
}
