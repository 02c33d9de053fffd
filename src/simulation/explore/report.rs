//! Formats the result of an exploration as text.

use super::{CounterExample, Exploration};
use std::fmt;

impl fmt::Display for Exploration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { setup, states, ended, transitions, repeated, refusals, longest_path, violation } = self;
        let agents = if setup.agents() == 1 { "agent" } else { "agents" };
        let reopen = if setup.reopen() { ", reopened when a primary declines" } else { "" };
        let keep = if setup.keeps() { ", kept when a required recipient declines" } else { "" };
        writeln!(formatter, "{} {agents}, layout {}{reopen}{keep}", setup.agents(), setup.layout())?;
        writeln!(formatter, "{states} states, {ended} of them ended")?;
        let refused: usize = refusals.values().sum();
        let tried = transitions + repeated + refused;
        writeln!(
            formatter,
            "{tried} commands tried: {transitions} had effects, {repeated} were repetitions, {refused} were refused"
        )?;
        let width = refusals.values().max().map_or(0, |most| most.to_string().len());
        for (name, count) in refusals {
            writeln!(formatter, "  {count:width$} {name}")?;
        }
        match violation {
            Some(example) => write!(formatter, "{example}"),
            None => {
                writeln!(formatter, "every path ends after at most {longest_path} commands; no invariant is violated")
            }
        }
    }
}

impl fmt::Display for CounterExample {
    /// Formats the counter-example as the script that was replayed. It can be parsed again.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.replay.fmt(formatter)
    }
}
