//! Explores every interleaving of commands on an envelope, using the real state machine, and checks its invariants (G4,
//! G5, G10).
//!
//! Every command is tried in every state, so that commands also come too early, twice and too late. States that differ
//! only in their history are merged. The search is breadth-first, so the first counter-example is a shortest one. Pure,
//! and bounded by a number of states.

mod check;
mod difference;
mod graph;
mod invariant;
mod report;
mod script;
mod setup;
mod walk;

pub use invariant::{BrokenInvariant, Invariant};
pub use script::{MOST_COMMANDS, Replay, Replayed, Script, ScriptError, StepOutcome};
pub use setup::{Layout, MOST_COMPETITORS, Setup};

use crate::domain::signing::{Command, Effect, Envelope, Judgement, Refusal};
use check::CheckedStep;
use graph::{Graph, Node, StateKey};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use walk::{Trial, goes_on, leads_back, stuck_in};

/// The state machine to explore: it executes commands as [`Envelope::perform`] does. It must be deterministic.
pub trait Machine {
    /// Executes a command, appends its effects to `effects`, and returns whether there were any.
    ///
    /// # Errors
    /// A [`Refusal`], if the command is refused; nothing was changed.
    fn perform(
        &self,
        envelope: &mut Envelope,
        command: Command<'_>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Judgement, Refusal>;
}

/// The product's own state machine: [`Envelope::perform`].
#[derive(Clone, Copy, Debug)]
pub struct Rules;

impl Machine for Rules {
    fn perform(
        &self,
        envelope: &mut Envelope,
        command: Command<'_>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Judgement, Refusal> {
        envelope.perform(command, now, effects)
    }
}

/// What to explore, and how far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExploreOptions {
    /// The envelope to start from.
    pub setup: Setup,
    /// Maximum number of states to visit before giving up.
    pub most_states: usize,
}

impl ExploreOptions {
    /// Default maximum number of states: more than any [`Setup`] has.
    pub const MOST_STATES: usize = 1_000_000;

    /// Explores a setup completely.
    #[must_use]
    pub fn of(setup: Setup) -> Self {
        Self { setup, most_states: Self::MOST_STATES }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExploreError {
    /// There are no agents, or too many.
    #[error("cannot explore {0} agents; choose 1 to {MOST_COMPETITORS}")]
    Agents(u32),
    /// The exploration exceeds the maximum number of states.
    #[error("there are more than {0} states; explore fewer agents, or allow for more states")]
    TooManyStates(usize),
}

/// The result of an exploration. With a violation, the numbers cover the search up to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exploration {
    #[serde(flatten)]
    pub setup: Setup,
    /// Number of states reached, including the draft and final states.
    pub states: usize,
    /// Number of states in which the envelope has ended.
    pub ended: usize,
    /// Number of steps that had effects.
    pub transitions: usize,
    /// Number of commands that repeated an earlier one.
    pub repeated: usize,
    /// How often each refusal occurred, by name.
    pub refusals: BTreeMap<&'static str, usize>,
    /// Number of effective commands on the longest path.
    pub longest_path: usize,
    /// A shortest path that violates an invariant, if there is one.
    pub violation: Option<CounterExample>,
}

/// A shortest path that violates an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CounterExample {
    pub script: Script,
    /// The result of each command, with the violation at the end.
    pub replay: Replay,
}

/// Explores all behaviour of a setup on a state machine.
///
/// # Errors
/// [`ExploreError::TooManyStates`]. A violation is not an error.
pub fn explore(machine: &impl Machine, options: ExploreOptions) -> Result<Exploration, ExploreError> {
    let mut walk = Explorer::new(machine, options);
    let found = walk.go_through(options.most_states)?;
    let found = if found.is_some() { found } else { walk.way_back() };
    walk.exploration.states = walk.graph.len();
    walk.exploration.violation = found.map(|FoundStates { way, violation }| {
        let commands = way.into_iter().filter_map(|command| walk.commands.get(command).copied()).collect();
        let script = Script::new(options.setup, commands);
        let replay = Replay { violation: Some(violation), ..script.replay(machine) };
        CounterExample { script, replay }
    });
    Ok(walk.exploration)
}

/// A violation and the commands that lead to it.
struct FoundStates {
    way: Vec<usize>,
    violation: BrokenInvariant,
}

/// An exploration in progress.
struct Explorer<'m, M> {
    machine: &'m M,
    commands: Vec<Command<'static>>,
    graph: Graph,
    /// States reached but not yet visited, in the order in which they were reached.
    queue: VecDeque<(Node, Envelope)>,
    exploration: Exploration,
}

impl<'m, M: Machine> Explorer<'m, M> {
    fn new(machine: &'m M, options: ExploreOptions) -> Self {
        let draft = options.setup.draft();
        let mut graph = Graph::default();
        let (node, _) = graph.reach(StateKey::of(&draft), None);
        let exploration = Exploration {
            setup: options.setup,
            states: 0,
            ended: 0,
            transitions: 0,
            repeated: 0,
            refusals: BTreeMap::new(),
            longest_path: 0,
            violation: None,
        };
        let commands = setup::commands(&draft);
        Self { machine, commands, graph, queue: VecDeque::from([(node, draft)]), exploration }
    }

    /// Visits every state, up to the first violation.
    fn go_through(&mut self, most_states: usize) -> Result<Option<FoundStates>, ExploreError> {
        let mut found: Option<FoundStates> = None;
        while let Some((node, envelope)) = self.queue.pop_front() {
            // A stuck state is a violation in itself, found one command earlier than a violating step from it.
            let length = found.as_ref().map_or(usize::MAX, |found| found.way.len());
            if self.graph.depth(node) >= length {
                break;
            }
            let closer = self.look_at(node, &envelope).filter(|closer| closer.way.len() < length);
            found = closer.or(found);
            if self.graph.len() > most_states {
                return Err(ExploreError::TooManyStates(most_states));
            }
        }
        Ok(found)
    }

    /// Tries every command in a state.
    fn look_at(&mut self, node: Node, envelope: &Envelope) -> Option<FoundStates> {
        let mut found = None;
        let mut can_go_on = false;
        let mut trial = Trial::of(envelope);
        for (place, command) in self.commands.clone().into_iter().enumerate() {
            let result = trial.perform(self.machine, command);
            let step =
                CheckedStep { command, before: envelope, after: &trial.envelope, effects: &trial.effects, result };
            self.count(result);
            let violation = step.violation();
            if result != Ok(Judgement::Effective) {
                if let Some(violation) = violation {
                    found = found.or_else(|| Some(self.found(node, place, violation)));
                    trial = Trial::of(envelope);
                }
                continue;
            }
            can_go_on |= goes_on(command);
            let (next, is_new) = self.graph.reach(StateKey::of(&trial.envelope), Some((node, place)));
            let violation = violation.or_else(|| (next == node).then(|| leads_back(envelope, command)));
            if let Some(violation) = violation {
                found = found.or_else(|| Some(self.found(node, place, violation)));
            }
            let after = std::mem::replace(&mut trial, Trial::of(envelope)).envelope;
            if is_new {
                self.queue.push_back((next, after));
            }
        }
        if envelope.state.has_ended() {
            self.exploration.ended += 1;
        }
        if can_go_on {
            return found;
        }
        let stuck = stuck_in(envelope).map(|violation| FoundStates { way: self.graph.way_to(node), violation });
        stuck.or(found)
    }

    fn found(&self, node: Node, place: usize, violation: BrokenInvariant) -> FoundStates {
        let mut way = self.graph.way_to(node);
        way.push(place);
        FoundStates { way, violation }
    }

    fn count(&mut self, result: Result<Judgement, Refusal>) {
        match result {
            Ok(Judgement::Effective) => self.exploration.transitions += 1,
            Ok(Judgement::Repeated) => self.exploration.repeated += 1,
            Err(refusal) => *self.exploration.refusals.entry(refusal.name()).or_default() += 1,
        }
    }

    /// The shortest path that returns to an earlier state although each of its steps is correct.
    fn way_back(&mut self) -> Option<FoundStates> {
        match self.graph.longest() {
            Ok(longest) => {
                self.exploration.longest_path = longest;
                None
            }
            Err(way) => {
                let last = way.last().and_then(|command| self.commands.get(*command).copied());
                let violation = last.map(|command| leads_back(&self.exploration.setup.draft(), command))?;
                Some(FoundStates { way, violation })
            }
        }
    }
}
