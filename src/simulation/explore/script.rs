//! A path through the states as text: one command per line. Scripts can be parsed and replayed.
//!
//! ```text
//! # The initial envelope; by default, one agent alone.
//! agents 2
//! layout single
//! reopen
//! keep
//! # The commands.
//! send
//! agent 1 open
//! agent 2 decline
//! void
//! ```

use super::{
    BrokenInvariant, ExploreError, Machine,
    check::CheckedStep,
    graph::StateKey,
    setup::{Setup, effect_text, spot, written},
    walk::{Trial, leads_back, stuck},
};
use crate::{
    base::{position::Position, reading::nearest},
    domain::signing::{Act, Command, Envelope, Judgement, Refusal},
};
use serde::{Serialize, Serializer};
use std::{collections::HashSet, fmt};

/// Maximum number of commands in a script.
pub const MOST_COMMANDS: usize = 10_000;

/// A setup and the commands to execute on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    setup: Setup,
    commands: Vec<Command<'static>>,
}

/// A syntax error in a script, with its position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{position}: {problem}")]
pub struct ScriptError {
    pub position: Position,
    /// The problem and how to fix it.
    pub problem: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replay {
    #[serde(flatten)]
    pub setup: Setup,
    /// The result of each command, up to the first that violates an invariant.
    pub steps: Vec<Replayed>,
    /// The invariant that the last step violated, if any.
    pub violation: Option<BrokenInvariant>,
}

/// A replayed command and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// The command, as written in the script.
    pub command: String,
    #[serde(flatten)]
    pub outcome: StepOutcome,
}

/// The result of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum StepOutcome {
    Effective {
        /// For example `agent.released (2)`.
        events: Vec<String>,
    },
    /// The command repeats an earlier one and had no effect.
    Repeated,
    Refused {
        /// Name of the refusal.
        name: &'static str,
    },
}

impl Script {
    pub(super) fn new(setup: Setup, commands: Vec<Command<'static>>) -> Self {
        Self { setup, commands }
    }

    #[must_use]
    pub fn setup(&self) -> Setup {
        self.setup
    }

    #[must_use]
    pub fn commands(&self) -> &[Command<'static>] {
        &self.commands
    }

    /// Parses a script. Blank lines and text after `#` are ignored.
    ///
    /// # Errors
    /// At the first invalid line.
    pub fn parse(text: &str) -> Result<Self, ScriptError> {
        let mut reader = ScriptReader::default();
        for (line, content) in (1..).zip(text.lines()) {
            let code = content.split('#').next().unwrap_or_default();
            let words: Vec<&str> = code.split_whitespace().collect();
            let column = code.chars().take_while(|char| char.is_whitespace()).count() + 1;
            let position = Position { line, column };
            reader.take(&words).map_err(|problem| ScriptError { position, problem })?;
        }
        Ok(reader.script)
    }

    /// Executes the commands on a state machine and checks every invariant after each.
    #[must_use]
    pub fn replay(&self, machine: &impl Machine) -> Replay {
        let mut envelope = self.setup.draft();
        let mut seen = HashSet::from([StateKey::of(&envelope)]);
        let mut steps = Vec::new();
        let mut violation = stuck(machine, &envelope);
        for command in &self.commands {
            if violation.is_some() {
                break;
            }
            let mut trial = Trial::of(&envelope);
            let result = trial.perform(machine, *command);
            let (after, effects) = (&trial.envelope, &trial.effects[..]);
            let step = CheckedStep { command: *command, before: &envelope, after, effects, result };
            violation = step.violation();
            if step.is_effective() && violation.is_none() {
                let is_new = seen.insert(StateKey::of(after));
                violation = if is_new { stuck(machine, after) } else { Some(leads_back(after, *command)) };
            }
            let command = written(&envelope, *command);
            steps.push(Replayed { command, outcome: StepOutcome::of(result, &trial) });
            if result.is_ok() {
                envelope = trial.envelope;
            }
        }
        Replay { setup: self.setup, steps, violation }
    }
}

impl StepOutcome {
    fn of(result: Result<Judgement, Refusal>, trial: &Trial) -> Self {
        match result {
            Ok(Judgement::Effective) => {
                let events = trial.effects.iter().map(|effect| effect_text(&trial.envelope, *effect)).collect();
                Self::Effective { events }
            }
            Ok(Judgement::Repeated) => Self::Repeated,
            Err(refusal) => Self::Refused { name: refusal.name() },
        }
    }
}

/// Parses a script line by line.
struct ScriptReader {
    script: Script,
    draft: Envelope,
    /// The setup words read so far.
    given: Vec<String>,
}

/// The words of the setup.
const SETUP: [&str; 4] = ["agents", "layout", "reopen", "keep"];

/// The words of the commands.
const COMMANDS: [&str; 4] = ["send", "void", "expire", "agent"];

/// The actions of an agent.
const ACTS: [&str; 4] = ["open", "accept", "decline", "sign"];

/// The suggestion at the end of a message about an unknown word.
fn meant(word: &str, known: &[&str]) -> String {
    nearest(word, known).map_or(String::new(), |meant| format!("; did you mean {meant:?}?"))
}

impl Default for ScriptReader {
    fn default() -> Self {
        let setup = Setup::default();
        Self { script: Script::new(setup, Vec::new()), draft: setup.draft(), given: Vec::new() }
    }
}

impl ScriptReader {
    fn take(&mut self, words: &[&str]) -> Result<(), String> {
        let setup = self.script.setup;
        if let Some(word) = words.first().filter(|word| SETUP.contains(word)) {
            if self.given.iter().any(|given| given == word) {
                return Err(format!("{word} is given more than once; give it once"));
            }
            self.given.push((*word).to_owned());
        }
        match words {
            [] => Ok(()),
            ["agents", count] => {
                let number = count.parse().ok().filter(|_| count.bytes().all(|byte| byte.is_ascii_digit()));
                let count = number.ok_or_else(|| format!("{count:?} is not a number of agents"))?;
                self.set_up(Setup::new(count, setup.layout(), setup.reopen()))
            }
            ["layout", layout] => self.set_up(Setup::new(setup.agents(), layout.parse()?, setup.reopen())),
            ["reopen"] => self.set_up(Setup::new(setup.agents(), setup.layout(), true)),
            ["keep"] => self.set_up(Ok(setup.keeping(true))),
            ["send"] => self.push(Command::Send),
            ["void"] => self.push(Command::Void),
            ["expire"] => self.push(Command::Expire),
            ["agent", agent, act] => {
                let act = match *act {
                    "open" => Act::Open,
                    "accept" => Act::Accept,
                    "decline" => Act::Decline,
                    "sign" => Act::Sign { code: None },
                    _ => {
                        let meant = meant(act, &ACTS);
                        return Err(format!("{act:?} is not an action; agents open, accept, decline and sign{meant}"));
                    }
                };
                let last = self.draft.next_agent.saturating_sub(1);
                let spot = agent.parse().ok().and_then(|agent| spot(&self.draft, agent));
                let spot = spot.ok_or_else(|| format!("there is no agent {agent:?}; choose one from 1 to {last}"))?;
                self.push(Command::Act(spot, act))
            }
            [word, ..] => Err(format!(
                "{:?} is not a command; write send, void, expire, or agent 1 open (accept, decline, sign); before \
                 them, agents 2, layout single, reopen or keep{}",
                words.join(" "),
                meant(word, &[&SETUP[..], &COMMANDS[..]].concat())
            )),
        }
    }

    fn set_up(&mut self, setup: Result<Setup, ExploreError>) -> Result<(), String> {
        if !self.script.commands.is_empty() {
            return Err("setup lines must come before the first command".to_owned());
        }
        let keeps = self.script.setup.keeps();
        let setup = setup.map_err(|error| error.to_string())?;
        self.script.setup = setup.keeping(keeps || setup.keeps());
        self.draft = self.script.setup.draft();
        Ok(())
    }

    fn push(&mut self, command: Command<'static>) -> Result<(), String> {
        if self.script.commands.len() >= MOST_COMMANDS {
            return Err(format!("a script has at most {MOST_COMMANDS} commands"));
        }
        self.script.commands.push(command);
        Ok(())
    }
}

impl fmt::Display for Script {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.setup)?;
        let draft = self.setup.draft();
        self.commands.iter().try_for_each(|command| writeln!(formatter, "{}", written(&draft, *command)))
    }
}

impl Serialize for Script {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Replay {
    /// Formats the replay as a script with the result of each command in a comment.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.setup)?;
        let width = self.steps.iter().map(|step| step.command.len()).max().unwrap_or(0);
        for Replayed { command, outcome } in &self.steps {
            writeln!(formatter, "{command:width$}  # {outcome}")?;
        }
        match &self.violation {
            Some(violation) => writeln!(formatter, "# violated: {violation}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for StepOutcome {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Effective { events } if events.is_empty() => formatter.write_str("nothing happened"),
            Self::Effective { events } => formatter.write_str(&events.join(", ")),
            Self::Repeated => formatter.write_str("repeated"),
            Self::Refused { name } => write!(formatter, "refused: {name}"),
        }
    }
}
