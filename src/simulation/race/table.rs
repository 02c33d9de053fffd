//! Races as aligned text for people, without control characters that a terminal would interpret.

use super::{
    races::{Part, Races},
    run::{Happening, Run},
    span::{about, exact},
    spread::{Histogram, Spread},
};
use std::fmt::Write;

/// Display width of a name.
const NAME: usize = 32;

/// Width of the longest bar in a histogram.
const BAR: u64 = 40;

impl Run {
    #[must_use]
    pub fn table(&self) -> String {
        let rows = self.timeline.iter().map(|entry| {
            let who = entry.agent.map_or("", |agent| self.name_of(agent));
            [exact(entry.after_ms), name(who), entry.what.words()]
        });
        let mut text = format!("{}\n\n", self.heading());
        push_rows(&mut text, &[Side::Right, Side::Left, Side::Left], ["after", "agent", "what"], rows);
        if self.omitted > 0 {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "and {} more", self.omitted);
        }
        let _ = write!(text, "\nwinner    {}\n", self.winner_in_words());
        let _ = writeln!(text, "released  {}", self.released_in_words());
        let _ = writeln!(text, "ending    {}", self.ending_in_words());
        text
    }

    pub(super) fn heading(&self) -> String {
        let agents = count(self.agents.len(), "agent");
        format!("seed {}, run {}, {agents}{}", self.seed, self.run, if self.reopen { ", reopen" } else { "" })
    }

    pub(super) fn winner_in_words(&self) -> String {
        let Some(winner) = &self.winner else { return "nobody".to_owned() };
        let margin = winner.runner_up.as_ref().map_or_else(
            || "; nobody else would have accepted".to_owned(),
            |next| format!("; {} ahead of {}", exact(next.margin_ms), name(&next.name)),
        );
        format!("{} after {}{margin}", name(&winner.name), exact(winner.after_ms))
    }

    fn released_in_words(&self) -> String {
        let mut released: Vec<String> = Vec::new();
        let lanes = self.agents.iter().filter_map(|lane| Some((lane, lane.released_after_ms?)));
        for (lane, after_ms) in lanes {
            if released.len() == 10 {
                released.push("and others".to_owned());
                break;
            }
            released.push(format!("{} after {}", name(&lane.name), exact(after_ms)));
        }
        if released.is_empty() { "nobody".to_owned() } else { released.join(", ") }
    }

    pub(super) fn ending_in_words(&self) -> String {
        let ended = self.ended_after_ms.map_or_else(String::new, |ended| format!(" after {}", exact(ended)));
        format!("{}{ended}", self.ending.as_str())
    }
}

impl Happening {
    fn words(&self) -> String {
        match self {
            Self::Event { event } => event.as_str().to_owned(),
            Self::Refused { attempt, refused } => format!("{}: refused, {}", attempt.as_str(), refused.name()),
        }
    }
}

impl Races {
    #[must_use]
    pub fn table(&self) -> String {
        let mut text = format!("{}\n\n", self.heading());
        let row = |what: String, part: Part| [what, part.runs.to_string(), percent(part.share)];
        let winners =
            self.agents.iter().map(|agent| row(name(&agent.name), Part { runs: agent.wins, share: agent.share }));
        let sides = [Side::Left, Side::Right, Side::Right];
        push_rows(
            &mut text,
            &sides,
            ["winner", "runs", "share"],
            winners.chain([row("nobody".to_owned(), self.nobody)]),
        );
        text.push('\n');
        let endings = self.endings.all().map(|(ending, part)| row(ending.as_str().to_owned(), part));
        let reopened = self.reopen.then(|| row("(reopened)".to_owned(), self.reopened));
        push_rows(&mut text, &sides, ["ending", "runs", "share"], endings.into_iter().chain(reopened));
        let spreads = [("time to primary", &self.time_to_primary), ("margin", &self.margin)];
        let spreads: Vec<_> = spreads.iter().filter_map(|(what, spread)| Some((*what, spread.as_ref()?))).collect();
        if !spreads.is_empty() {
            text.push('\n');
            let sides = [Side::Left].into_iter().chain([Side::Right; 8]).collect::<Vec<_>>();
            let heads = ["", "runs", "min", "p10", "median", "p90", "p99", "max", "mean"];
            push_rows(&mut text, &sides, heads, spreads.into_iter().map(|(what, spread)| spread.row(what)));
        }
        if let Some(histogram) = self.time_to_primary.as_ref().and_then(|spread| spread.histogram.as_ref()) {
            text.push('\n');
            histogram.push(&mut text);
        }
        text
    }

    pub(super) fn heading(&self) -> String {
        let agents = count(self.agents.len(), "agent");
        let reopen = if self.reopen { ", reopen" } else { "" };
        format!("seed {}, {}, {agents}{reopen}", self.seed, count(self.runs, "run"))
    }
}

impl Spread {
    fn row(&self, what: &str) -> [String; 9] {
        let Self { min_ms, p10_ms, median_ms, p90_ms, p99_ms, max_ms, mean_ms, .. } = *self;
        let [min, p10, median, p90, p99, max, mean] =
            [min_ms, p10_ms, median_ms, p90_ms, p99_ms, max_ms, mean_ms].map(about);
        [what.to_owned(), self.runs.to_string(), min, p10, median, p90, p99, max, mean]
    }
}

impl Histogram {
    fn push(&self, text: &mut String) {
        let most = self.bins.iter().map(|bin| bin.runs).max().unwrap_or(1).max(1);
        let bar = |runs: u64| {
            // A count above zero always gets a visible bar.
            let width = (u128::from(runs) * u128::from(BAR)).div_ceil(u128::from(most));
            "#".repeat(usize::try_from(width).unwrap_or(0))
        };
        let rows = self.bins.iter().map(|bin| [about(bin.from_ms), bin.runs.to_string(), bar(bin.runs)]);
        push_rows(text, &[Side::Right, Side::Right, Side::Left], ["from", "runs", ""], rows);
    }
}

#[derive(Clone, Copy)]
enum Side {
    Left,
    Right,
}

fn push_rows<const N: usize>(
    text: &mut String,
    sides: &[Side],
    heads: [&str; N],
    rows: impl Iterator<Item = [String; N]>,
) {
    let rows: Vec<[String; N]> = [heads.map(str::to_owned)].into_iter().chain(rows).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    for row in rows {
        let mut line = String::new();
        for ((cell, width), side) in row.iter().zip(widths).zip(sides) {
            let _ = match side {
                Side::Left => write!(line, "{cell:width$}  "),
                Side::Right => write!(line, "{cell:>width$}  "),
            };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// Shortens a name and removes control characters.
pub(super) fn name(name: &str) -> String {
    let name = name.replace(char::is_control, " ");
    if name.chars().count() <= NAME {
        return name;
    }
    name.chars().take(NAME - 3).chain("...".chars()).collect()
}

pub(super) fn count(count: impl TryInto<u64>, what: &str) -> String {
    let count = count.try_into().unwrap_or(u64::MAX);
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}
