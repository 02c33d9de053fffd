//! `race --explore` and `race --replay`: checks of the rules themselves, without randomness.

use super::{Failure, RaceFormat, as_json};
use crate::{
    cli::{Exit, read_text},
    simulation::explore::{Exploration, ExploreOptions, Layout, Rules, Script, Setup, explore},
};
use std::fmt::Write;

/// The default number of agents.
const DEFAULT_AGENTS: u32 = 3;

/// Walks every interleaving of the actions of up to `agents` agents, with every `--on-decline`, in every layout and
/// with and without reopening unless one is selected. The exit code is 1 if an invariant is violated.
pub(super) fn explore_rules(
    agents: Option<u32>,
    layout: Option<Layout>,
    reopen: bool,
    format: RaceFormat,
) -> Result<(String, Exit), Failure> {
    let most = agents.unwrap_or(DEFAULT_AGENTS);
    // Checked before the exploration, which can take a while.
    refuse_svg(format)?;
    Setup::new(most, Layout::default(), reopen).map_err(|error| usage(&error))?;
    let layouts = layout.map_or(Layout::ALL.to_vec(), |layout| vec![layout]);
    let reopens: &[bool] = if reopen { &[true] } else { &[false, true] };
    let mut found = Vec::new();
    for agents in 1..=most {
        for layout in &layouts {
            for (reopen, keep) in reopens.iter().flat_map(|reopen| [(*reopen, false), (*reopen, true)]) {
                let setup = Setup::new(agents, *layout, reopen).map_err(|error| usage(&error))?.keeping(keep);
                found.push(explore(&Rules, ExploreOptions::of(setup)).map_err(|error| usage(&error))?);
            }
        }
    }
    let exit = if found.iter().all(|one| one.violation.is_none()) { Exit::Fine } else { Exit::Failed };
    let text = match format {
        RaceFormat::Json => as_json(&found)?,
        RaceFormat::Table | RaceFormat::Svg => table(&found),
    };
    Ok((text, exit))
}

/// Runs the script of a counter-example, or one written by hand, and checks every invariant after each command.
pub(super) fn replay_script(file: &str, format: RaceFormat) -> Result<(String, Exit), Failure> {
    refuse_svg(format)?;
    let (name, text) = read_text(file)?;
    let script = Script::parse(&text).map_err(|error| Failure::new(Exit::File, format!("{name}:{error}")))?;
    let replay = script.replay(&Rules);
    let exit = if replay.violation.is_none() { Exit::Fine } else { Exit::Failed };
    match format {
        RaceFormat::Json => Ok((as_json(&replay)?, exit)),
        RaceFormat::Table | RaceFormat::Svg => Ok((replay.to_string(), exit)),
    }
}

/// Refuses `svg`, because there is no picture of the rules.
fn refuse_svg(format: RaceFormat) -> Result<(), Failure> {
    match format {
        RaceFormat::Table | RaceFormat::Json => Ok(()),
        RaceFormat::Svg => Err(Failure::new(
            Exit::Usage,
            "--explore and --replay cannot be drawn; use --format table or --format json",
        )),
    }
}

fn usage(error: &impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Usage, error.to_string())
}

fn table(found: &[Exploration]) -> String {
    let mut text = format!(
        "{:>6}  {:<8}  {:<6}  {:<10}  {:>9}  {:>9}  {:>9}  {:>9}  {:>7}\n",
        "agents", "layout", "reopen", "on-decline", "states", "effective", "repeated", "refused", "longest"
    );
    for one in found {
        let refused: usize = one.refusals.values().sum();
        let (agents, layout) = (one.setup.agents(), one.setup.layout().as_str());
        let reopen = if one.setup.reopen() { "yes" } else { "no" };
        let keep = if one.setup.keeps() { "keep" } else { "void" };
        let Exploration { states, transitions, repeated, longest_path, .. } = one;
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{agents:>6}  {layout:<8}  {reopen:<6}  {keep:<10}  {states:>9}  {transitions:>9}  {repeated:>9}  {refused:>9}  {longest_path:>7}"
        );
    }
    if let Some(example) = found.iter().find_map(|one| one.violation.as_ref()) {
        text.push_str("\nAn invariant is violated; save this to a file, and run it again with --replay:\n\n");
        text.push_str(&example.to_string());
    } else {
        let states: usize = found.iter().map(|one| one.states).sum();
        let _ = writeln!(
            text,
            "\n{states} states, every command tried in each: all paths end, and no invariant is violated"
        );
    }
    text
}
