//! `race`: what simulated people come to who compete for one signature, without a server.

use super::{Exit, Failure, print};
use crate::{
    ids::Ids,
    position::Position,
    scenario::ScenarioError,
    signing::{MOST_RACERS, MOST_RUNS, Race, RaceAgent, RaceFile},
};
use clap::{Args, ValueEnum, value_parser};
use std::path::PathBuf;

#[derive(Args, Debug)]
pub(super) struct Options {
    #[command(flatten)]
    entrants: Entrants,

    #[command(flatten)]
    simulation: Simulation,

    /// For people, for programs, or to be looked at.
    #[arg(long, value_name = "FORMAT", default_value = "table")]
    format: Format,

    /// Write to a file instead of standard output.
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Who races. [default: three agents who behave as people do]
#[derive(Args, Debug)]
struct Entrants {
    /// A file, YAML or JSON, that says who races; - is standard input.
    #[arg(value_name = "FILE", conflicts_with_all = ["agents", "agent"])]
    file: Option<String>,

    /// Let so many agents race who behave as people do. [default: 3]
    #[arg(long, value_name = "N", conflicts_with = "agent", value_parser = value_parser!(u32).range(1..=MOST_RACERS as i64))]
    agents: Option<u32>,

    /// Let this agent race, and others named so; see below.
    #[arg(long, value_name = "SPEC")]
    agent: Vec<RaceAgent>,

    /// Invite the released agents again when a primary declines.
    #[arg(long)]
    reopen: bool,
}

/// How the race is simulated.
#[derive(Args, Debug)]
struct Simulation {
    /// What everything left to chance follows from. [default: drawn, and printed]
    #[arg(long, value_name = "SEED")]
    seed: Option<u64>,

    /// Simulate so many runs; one is told in full, several in figures.
    #[arg(long, value_name = "N", default_value = "1", value_parser = value_parser!(u32).range(1..=i64::from(MOST_RUNS)))]
    runs: u32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    Table,
    Json,
    Svg,
}

/// What stands below the help.
pub(super) const AFTER_HELP: &str = "\
A SPEC is a name and what the agent does, each after a fixed or drawn span, maybe with a probability:
  --agent 'Alice: opens 5m, accepts 1m..2h, signs 10m' --agent 'Bob: opens 1h, declines 1m 50%'
What is not said does not happen; an agent of whom nothing is said behaves as people do.

A FILE says the same, and more:
  agents:
    - name: Alice
      opens: 5m
      accepts: { uniform: [1m, 2h] }
      declines: { after: 1m, probability: 0.1, instead_of: signing }
      signs: { lognormal: { median: 10m, sigma: 0.5 } }
    - name: Bob
  reopen: true
  expiration_period_days: 7

The same seed gives the same bytes. Wrong usage ends with 2, a wrong file with 3.";

pub(super) fn race(options: &Options) -> Result<Exit, Failure> {
    let race = options.entrants.race()?;
    let Simulation { seed, runs } = options.simulation;
    let seed = seed.unwrap_or_else(|| Ids::from_entropy().seed());
    let text = told(&race, seed, runs, options.format)?;
    match &options.output {
        None => print(text.as_bytes())?,
        Some(file) => {
            std::fs::write(file, text).map_err(|error| {
                Failure::new(Exit::Runtime, format!("{}: cannot be written: {error}", file.display()))
            })?;
            print(format!("{}: written; the seed is {seed}\n", file.display()).as_bytes())?;
        }
    }
    Ok(Exit::Fine)
}

fn told(race: &Race, seed: u64, runs: u32, format: Format) -> Result<String, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(Exit::Runtime, error.to_string());
    if runs == 1 {
        let run = race.run(seed, 0);
        return match format {
            Format::Table => Ok(run.table()),
            Format::Json => serde_json::to_string_pretty(&run).map(with_end).map_err(|error| failed(&error)),
            Format::Svg => Ok(run.svg()),
        };
    }
    let races = race.runs(seed, runs).map_err(|error| failed(&error))?;
    match format {
        Format::Table => Ok(races.table()),
        Format::Json => serde_json::to_string_pretty(&races).map(with_end).map_err(|error| failed(&error)),
        Format::Svg => Ok(races.svg()),
    }
}

fn with_end(text: String) -> String {
    text + "\n"
}

impl Entrants {
    fn race(&self) -> Result<Race, Failure> {
        if let Some(file) = &self.file {
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
    let wrong = |problem: String| Failure::new(Exit::File, problem);
    let (name, bytes) = if file == "-" {
        let mut bytes = Vec::new();
        let read = std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes);
        ("<stdin>", read.map(|_| bytes))
    } else {
        (file, std::fs::read(file))
    };
    let bytes = bytes.map_err(|error| wrong(format!("{name}: cannot be read: {error}")))?;
    let read = match std::str::from_utf8(&bytes) {
        Ok(text) => RaceFile::read(name, text),
        Err(error) => {
            let text = String::from_utf8_lossy(&bytes);
            let position = Position::of(&text, error.valid_up_to());
            let line = text.lines().nth(position.line - 1).unwrap_or_default().to_owned();
            let problem = "the file is not UTF-8".to_owned();
            Err(ScenarioError { file: name.to_owned(), position, problem, line })
        }
    };
    read.map_err(|error| wrong(super::validate::printable(&error.to_string())))
}
