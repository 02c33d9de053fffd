//! `list` and `show`: the scenarios that a server would take, without a server.

use super::{Exit, Failure, print};
use crate::{
    app::scenarios::load,
    scenario::{Scenario, ScenarioSet, shipped},
};
use clap::{Args, ValueEnum};
use serde_json::json;
use std::{
    fmt::Write,
    path::{Path, PathBuf},
};

/// Where scenarios come from: the same flag and variable as the server's.
#[derive(Args, Debug)]
pub(super) struct Source {
    /// Take the scenarios from the files of this folder. [default: the shipped set]
    #[arg(long, env = "DOCENDORSE_MOCK_SCENARIOS", value_name = "DIR")]
    scenarios: Option<PathBuf>,
}

#[derive(Args, Debug)]
pub(super) struct ListOptions {
    #[command(flatten)]
    source: Source,

    /// For people, or for programs.
    #[arg(long, value_name = "FORMAT", default_value = "human")]
    format: Format,
}

#[derive(Args, Debug)]
pub(super) struct ShowOptions {
    /// The scenario's name.
    name: String,

    #[command(flatten)]
    source: Source,
}

/// For whom something is printed.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Format {
    Human,
    Json,
}

/// Prints every scenario, in the order in which they are asked.
pub(super) fn list(options: &ListOptions) -> Result<Exit, Failure> {
    let set = read(options.source.scenarios.as_deref())?;
    let printed = match options.format {
        Format::Human => table(&set),
        Format::Json => document(&set),
    };
    print(printed.as_bytes()).map(|()| Exit::Fine)
}

/// Prints the file of one scenario as it is written.
pub(super) fn show(options: &ShowOptions) -> Result<Exit, Failure> {
    let folder = options.source.scenarios.as_deref();
    let set = read(folder)?;
    let Some(scenario) = set.get(&options.name) else { return Err(unknown(&options.name, &set)) };
    let text = match folder {
        None => shipped().into_iter().find(|(name, _)| *name == scenario.file()).map(|(_, text)| text.to_owned()),
        Some(_) => Some(
            std::fs::read_to_string(scenario.file())
                .map_err(|error| Failure::new(Exit::File, format!("{}: cannot be read: {error}", scenario.file())))?,
        ),
    };
    print(text.unwrap_or_default().as_bytes()).map(|()| Exit::Fine)
}

fn read(folder: Option<&Path>) -> Result<ScenarioSet, Failure> {
    load(folder).map_err(|error| Failure::new(Exit::File, error.to_string()))
}

fn table(set: &ScenarioSet) -> String {
    let width = set.iter().map(|scenario| scenario.name().len()).max().unwrap_or_default();
    set.iter().fold(String::new(), |mut table, scenario| {
        let line = format!("{:width$}  {}", scenario.name(), first_line(scenario));
        // A text takes whatever is written to it.
        let _ = writeln!(table, "{}", line.trim_end());
        table
    })
}

/// The first line of the description, without what a terminal would take for an order.
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
