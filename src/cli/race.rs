//! `race`: simulates agents who compete for one signature, without a server.

mod envelope;
mod explore;

use super::{Exit, Failure, print, read_text};
use crate::{
    base::{ids::Ids, io_error},
    config::is_number,
    domain::signing::EnvelopeId,
    simulation::{
        explore::Layout,
        race::{MOST_RACERS, MOST_RUNS, Race, RaceAgent, RaceFile},
    },
};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(super) struct RaceOptions {
    #[command(flatten)]
    entrants: Entrants,

    #[command(flatten)]
    simulation: Simulation,

    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: RaceFormat,

    /// Write to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,

    #[command(flatten)]
    proof: Proof,
}

/// Who races. [default: three agents with typical behaviour]
#[derive(Args, Debug)]
struct Entrants {
    /// A YAML or JSON file that describes the agents; - is standard input.
    #[arg(value_name = "FILE", conflicts_with_all = ["agents", "agent"])]
    file: Option<String>,

    /// Race the agents of this envelope from its current state; FILE is then a snapshot of its sandbox.
    #[arg(long, value_name = "ID", requires = "file", conflicts_with = "reopen")]
    envelope: Option<EnvelopeId>,

    /// Simulate N agents with typical behaviour. [default: 3]
    #[arg(long, value_name = "N", conflicts_with = "agent", value_parser = |text: &str| up_to(MOST_RACERS as u64, text))]
    agents: Option<u32>,

    /// Add an agent to the race, see below. May be given more than once.
    #[arg(long, value_name = "SPEC")]
    agent: Vec<RaceAgent>,

    /// Invite the released agents again when a primary declines.
    #[arg(long)]
    reopen: bool,
}

/// How the race is simulated.
#[derive(Args, Debug)]
struct Simulation {
    /// The seed of all random choices. [default: generated, and printed]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Simulate N runs. One is printed in full, several as statistics.
    #[arg(long, value_name = "N", default_value = "1", value_parser = |text: &str| up_to(MOST_RUNS.into(), text))]
    runs: u32,
}

/// Checks of the rules themselves, without randomness.
#[derive(Args, Debug)]
#[command(next_help_heading = "Verification")]
struct Proof {
    /// Walk every interleaving of the actions of up to N agents (--agents, at most 10), and check the invariants; exits
    /// with 1 if one is violated.
    #[arg(long, conflicts_with_all = ["file", "agent", "seed", "runs"])]
    explore: bool,

    /// Explore only this layout of the envelope: single, sequence, optional or hosted. [default: all]
    #[arg(long, value_name = "LAYOUT", requires = "explore")]
    layout: Option<Layout>,

    /// Run the commands of a file, such as the counter-example of an exploration; - is standard input.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["file", "agents", "agent", "reopen", "seed", "runs", "explore"])]
    replay: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum RaceFormat {
    Table,
    Json,
    Svg,
}

/// Parses a whole number from 1 to a maximum.
fn up_to(most: u64, text: &str) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| is_number(text) && (1..=most).contains(&u64::from(*number)));
    number.ok_or_else(|| format!("it is not a whole number from 1 to {most}"))
}

/// The text after the help.
pub(super) const AFTER_HELP: &str = "\
A SPEC is a name and the agent's steps, each after a fixed or random delay, optionally with a probability:
  --agent 'Alice: opens 5m, accepts 1m..2h, signs 10m' --agent 'Bob: opens 1h, declines 1m 50%'
A step that is not listed does not happen. An agent without steps has typical behaviour.

A FILE can express the same and more:
  agents:
    - name: Alice
      opens: 5m
      accepts: { uniform: [1m, 2h] }
      declines: { after: 1m, probability: 0.1, instead_of: signing }
      signs: { lognormal: { median: 10m, sigma: 0.5 } }
    - name: Bob
  reopen: true
  expiration_period_days: 7

With --envelope, FILE is a snapshot of a sandbox, and the race is for one of its envelopes:
  curl -s localhost:4747/__admin/sandboxes/default/snapshot | docendorse-mock race - --envelope ID

The same seed gives byte-identical output. Exit codes: 1 if an exploration or a script violates an
invariant, 2 for invalid usage, 3 for an invalid file.";

pub(super) fn race(options: &RaceOptions) -> Result<Exit, Failure> {
    let RaceOptions { entrants, simulation: Simulation { seed, runs }, proof, format, output } = options;
    let (text, exit, seed) = if let Some(script) = &proof.replay {
        let (text, exit) = explore::replay_script(script, *format)?;
        (text, exit, None)
    } else if proof.explore {
        let (text, exit) = explore::explore_rules(entrants.agents, proof.layout, entrants.reopen, *format)?;
        (text, exit, None)
    } else {
        let race = entrants.race()?;
        let seed = seed.unwrap_or_else(|| Ids::from_entropy().seed());
        (report(&race, seed, *runs, *format)?, Exit::Fine, Some(seed))
    };
    match output {
        None => print(text.as_bytes())?,
        Some(file) => {
            std::fs::write(file, text).map_err(|error| {
                Failure::new(
                    Exit::Runtime,
                    format!("{}: cannot be written: {}", file.display(), io_error::reason_of_write(&error)),
                )
            })?;
            let seed = seed.map(|seed| format!("; the seed is {seed}")).unwrap_or_default();
            print(format!("{}: written{seed}\n", file.display()).as_bytes())?;
        }
    }
    Ok(exit)
}

fn report(race: &Race, seed: u64, runs: u32, format: RaceFormat) -> Result<String, Failure> {
    if runs == 1 {
        let run = race.run(seed, 0);
        return match format {
            RaceFormat::Table => Ok(run.table()),
            RaceFormat::Json => as_json(&run),
            RaceFormat::Svg => Ok(run.svg()),
        };
    }
    let races = race.runs(seed, runs).map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    match format {
        RaceFormat::Table => Ok(races.table()),
        RaceFormat::Json => as_json(&races),
        RaceFormat::Svg => Ok(races.svg()),
    }
}

fn as_json(found: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(found);
    text.map(|text| text + "\n").map_err(|error| Failure::new(Exit::Runtime, error.to_string()))
}

impl Entrants {
    fn race(&self) -> Result<Race, Failure> {
        if let Some(file) = &self.file {
            if let Some(id) = self.envelope {
                return envelope::race_of(id, file);
            }
            let mut race = read(file)?;
            race.reopen |= self.reopen;
            return race.race().map_err(|error| Failure::new(Exit::File, format!("{file}: {error}")));
        }
        let count = self.agents.map_or(3, |count| usize::try_from(count).unwrap_or(usize::MAX));
        let usual = if self.agent.is_empty() { RaceAgent::usual(count) } else { Vec::new() };
        let agents = if self.agent.is_empty() { &usual } else { &self.agent };
        Race::of_agents(agents, self.reopen, None).map_err(|error| Failure::new(Exit::Usage, error.to_string()))
    }
}

fn read(file: &str) -> Result<RaceFile, Failure> {
    let (name, text) = read_text(file)?;
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        let problem = format!("{name}:1:1: the file is empty; describe a race, such as agents: [{{ name: Alice }}]");
        return Err(Failure::new(Exit::File, super::output::printable(&problem)));
    }
    RaceFile::read(&name, &text).map_err(|error| {
        let problem = envelope::lacks_envelope(&name, &text).unwrap_or_else(|| error.to_string());
        Failure::new(Exit::File, super::output::printable(&problem))
    })
}
