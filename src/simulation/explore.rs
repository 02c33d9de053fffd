//! Walks every interleaving of what everybody could do to an envelope, on the machine itself, and checks what must
//! always hold (G4, G5, G10).
//!
//! Every command is tried in every state, so that it also comes too early, twice and too late. States that differ only
//! in their history are one. The walk goes breadth first: the first counter-example is a shortest one. Pure, and
//! bounded by a number of states.

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

/// What is explored: something that carries commands out as [`Envelope::perform`] does. It must depend on nothing but
/// what it is given.
pub trait Machine {
    /// Carries out a command, appends its effects to `effects`, and returns whether there were any.
    ///
    /// # Errors
    /// A [`Refusal`], and nothing was changed.
    fn perform(
        &self,
        envelope: &mut Envelope,
        command: Command<'_>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Judgement, Refusal>;
}

/// The machine that the product runs on: [`Envelope::perform`].
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
    /// The envelope that the agents find.
    pub setup: Setup,
    /// How many states are looked at, before it is given up.
    pub most_states: usize,
}

impl ExploreOptions {
    /// How many states are looked at by default: more than any [`Setup`] has.
    pub const MOST_STATES: usize = 1_000_000;

    /// Explores a setup in full.
    #[must_use]
    pub fn of(setup: Setup) -> Self {
        Self { setup, most_states: Self::MOST_STATES }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExploreError {
    /// There are no agents, or too many.
    #[error("{0} agents cannot be explored; 1 to {MOST_COMPETITORS} can")]
    Agents(u32),
    /// There are more states than the bound allows.
    #[error("there are more than {0} states; explore fewer agents, or allow for more states")]
    TooManyStates(usize),
}

/// What was found. With a violation, the numbers are those up to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Exploration {
    #[serde(flatten)]
    pub setup: Setup,
    /// The states that were reached, the draft and those that have ended included.
    pub states: usize,
    /// Of those, the ones in which the envelope has ended.
    pub ended: usize,
    /// The steps that had effects.
    pub transitions: usize,
    /// The commands that were carried out before.
    pub repeated: usize,
    /// How often each refusal came, by its name.
    pub refusals: BTreeMap<&'static str, usize>,
    /// How many effective commands the longest way has.
    pub longest_path: usize,
    /// A shortest way to violate an invariant, if there is one.
    pub violation: Option<CounterExample>,
}

/// A shortest way to violate an invariant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CounterExample {
    pub script: Script,
    /// The result of each command, and the violation at the end.
    pub replay: Replay,
}

/// Walks through everything that can happen to a setup, on a machine.
///
/// # Errors
/// [`ExploreError::TooManyStates`]; a violation is not an error.
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

/// A violation, and the commands that lead to it.
struct FoundStates {
    way: Vec<usize>,
    violation: BrokenInvariant,
}

/// An exploration under way.
struct Explorer<'m, M> {
    machine: &'m M,
    commands: Vec<Command<'static>>,
    graph: Graph,
    /// The states that were reached and not looked at yet, in the order in which they were reached.
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

    /// Looks at every state, up to the first violation.
    fn go_through(&mut self, most_states: usize) -> Result<Option<FoundStates>, ExploreError> {
        let mut found: Option<FoundStates> = None;
        while let Some((node, envelope)) = self.queue.pop_front() {
            // A state that is stuck violates by being there, one command sooner than a step from it would.
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

    /// The shortest way that leads back to where it was before, when every step by itself is as it must be.
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
