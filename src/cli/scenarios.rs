//! `list` and `show`: the scenarios that a server would load, without a server.

use super::{
    Exit, Failure,
    output::{Audience, printable},
    print, warn,
};
use crate::{
    app::scenarios::{Loaded, load},
    config::{ScenarioSource, or_shipped, scenario_source},
    domain::scenario::{Scenario, ScenarioSet},
};
use clap::{Args, ValueHint};
use serde_json::json;
use std::fmt::Write;

/// The flag and variable of `serve` for scenario sources.
#[derive(Args, Debug)]
pub(super) struct Source {
    /// Read the scenario files of this folder; `shipped` stands for the scenarios that ship with the server. May be
    /// given more than once, or as a comma-separated list. [default: shipped]
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_SCENARIOS",
        value_name = "DIR",
        value_delimiter = ',',
        value_parser = scenario_source(),
        value_hint = ValueHint::DirPath
    )]
    scenarios: Vec<ScenarioSource>,
}

#[derive(Args, Debug)]
pub(super) struct ListOptions {
    #[command(flatten)]
    source: Source,

    /// Output format.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Audience,
}

#[derive(Args, Debug)]
pub(super) struct ShowOptions {
    /// The scenario's name.
    name: String,

    #[command(flatten)]
    source: Source,
}

/// Prints all scenarios in the order in which they are tried.
pub(super) fn list(options: &ListOptions) -> Result<Exit, Failure> {
    let Loaded { set, .. } = read(&options.source)?;
    let printed = match options.format {
        Audience::Human => table(&set),
        Audience::Json => document(&set),
    };
    print(printed.as_bytes()).map(|()| Exit::Fine)
}

/// Prints the source file of a scenario.
pub(super) fn show(options: &ShowOptions) -> Result<Exit, Failure> {
    let Loaded { set, texts, .. } = read(&options.source)?;
    let text = texts.get(&*options.name).ok_or_else(|| unknown(&options.name, &set))?;
    print(text.as_bytes()).map(|()| Exit::Fine)
}

fn read(source: &Source) -> Result<Loaded, Failure> {
    let sources = or_shipped(source.scenarios.clone());
    let loaded = load(&sources).map_err(|error| Failure::new(Exit::File, printable(&error.to_string())))?;
    for warning in &loaded.warnings {
        warn(warning);
    }
    Ok(loaded)
}

fn table(set: &ScenarioSet) -> String {
    let width = set.iter().map(|scenario| scenario.name().len()).max().unwrap_or_default();
    set.iter().fold(String::new(), |mut table, scenario| {
        let line = format!("{:width$}  {}", scenario.name(), first_line(scenario));
        // Writing to a string cannot fail.
        let _ = writeln!(table, "{}", line.trim_end());
        table
    })
}

/// The first line of the description, without control characters.
fn first_line(scenario: &Scenario) -> String {
    scenario.description().trim_start().lines().next().unwrap_or_default().replace(char::is_control, " ")
}

fn document(set: &ScenarioSet) -> String {
    format!("{:#}\n", json!({ "scenarios": set.summaries() }))
}

fn unknown(name: &str, set: &ScenarioSet) -> Failure {
    let nearest = set
        .iter()
        .map(|scenario| (strsim::damerau_levenshtein(name, scenario.name()), scenario.name()))
        .filter(|(distance, known)| *distance <= 1 + known.len() / 4)
        .min();
    let fix = match nearest {
        Some((_, known)) => format!("did you mean {known:?}?"),
        None => "see docendorse-mock list".to_owned(),
    };
    Failure::new(Exit::Failed, format!("there is no scenario {name:?}; {fix}"))
}
