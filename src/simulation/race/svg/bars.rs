//! The picture of many runs: bars for wins, and a histogram of the time to primary.

use super::{LEFT, MOST_SHOWN, PLOT, PLOT_END, Picture, across, short};
use crate::simulation::race::{
    axis::Axis,
    races::{Races, Wins},
    span::about,
    spread::{Bin, Histogram, Scale, Spread},
    table::{count, percent},
};

const BAR: f64 = 26.0;
const PLOT_HEIGHT: f64 = 200.0;

impl Races {
    /// Draws the races: a bar for each agent, and a histogram of the time until an agent is primary.
    #[must_use]
    pub fn svg(&self) -> String {
        let title = format!("{} of {}", count(self.runs, "race"), count(self.agents.len(), "agent"));
        let mut picture = Picture::new(&title);
        picture.text("title", LEFT, 36.0, &title);
        let endings = self.endings.all();
        let endings = endings.iter().filter(|(_, part)| part.runs > 0);
        let endings: Vec<String> =
            endings.map(|(ending, part)| format!("{} {}", ending.as_str(), percent(part.share))).collect();
        let reopen = if self.reopen { format!(", reopened {}", percent(self.reopened.share)) } else { String::new() };
        picture.text("muted", LEFT, 58.0, &format!("seed {}; {}{reopen}", self.seed, endings.join(", ")));
        let mut y = self.draw_wins(88.0, &mut picture);
        if let Some((spread, histogram)) =
            self.time_to_primary.as_ref().and_then(|spread| Some((spread, spread.histogram.as_ref()?)))
        {
            y = draw_times(spread, histogram, y + 34.0, &mut picture);
        }
        picture.finish(y + 20.0)
    }

    /// Draws a bar for each agent below `top`; returns the y coordinate where they end.
    fn draw_wins(&self, top: f64, picture: &mut Picture) -> f64 {
        picture.text("strong", LEFT, top, "Wins");
        let mut shown: Vec<&Wins> = self.agents.iter().collect();
        if shown.len() > MOST_SHOWN {
            shown.sort_by_key(|agent| (std::cmp::Reverse(agent.wins), agent.agent));
            shown.truncate(MOST_SHOWN);
        }
        let best = self.agents.iter().map(|agent| agent.wins).max().unwrap_or(0);
        let most = best.max(self.nobody.runs).max(1);
        let mut y = top + 14.0;
        let rows = shown.iter().map(|agent| (&*agent.name, agent.wins, agent.share, "bar"));
        for (name, wins, share, class) in rows.chain([("nobody", self.nobody.runs, self.nobody.share, "bar-none")]) {
            let class = if class == "bar" && wins == best && wins > 0 { "bar-win" } else { class };
            let end = across(f64::from(wins) / f64::from(most) * 0.82);
            picture.text(if class == "bar-none" { "muted" } else { "" }, LEFT, y + 16.5, &short(name));
            if wins > 0 {
                picture.rect(class, (PLOT, y + 3.0), ((end - PLOT).max(1.0), BAR - 6.0), name);
            }
            picture.text("muted", end + 8.0, y + 16.5, &format!("{wins} ({})", percent(share)));
            y += BAR;
        }
        picture.line("edge", (PLOT, top + 14.0), (PLOT, y));
        if shown.len() < self.agents.len() {
            y += 18.0;
            let rest = count(self.agents.len() - shown.len(), "agent");
            picture.text("small muted", LEFT, y, &format!("Not shown: {rest} with fewer wins."));
        }
        y
    }
}

fn draw_times(spread: &Spread, histogram: &Histogram, top: f64, picture: &mut Picture) -> f64 {
    let (Some(first), Some(last)) = (histogram.bins.first(), histogram.bins.last()) else { return top };
    let (axis, scale) = match histogram.scale {
        Scale::Linear => (Axis::linear(first.from_ms, last.to_ms), ""),
        Scale::Log => (Axis::log(first.from_ms, last.to_ms), " (logarithmic scale)"),
    };
    picture.text("strong", LEFT, top, &format!("Time to primary{scale}"));
    let (roof, floor) = (top + 34.0, top + 34.0 + PLOT_HEIGHT);
    let most = histogram.bins.iter().map(|bin| bin.runs).max().unwrap_or(1).max(1);
    for Bin { from_ms, to_ms, runs } in &histogram.bins {
        let [left, right] = [from_ms, to_ms].map(|edge| across(axis.place(*edge)));
        let height = part(*runs, most) * PLOT_HEIGHT;
        let title = format!("{} to {}: {}", about(*from_ms), about(*to_ms), count(*runs, "run"));
        if *runs > 0 {
            picture.rect("bar", (left + 0.5, floor - height), ((right - left - 1.0).max(0.5), height), &title);
        }
    }
    picture.line("grid", (PLOT, roof), (PLOT_END, roof));
    picture.text("small muted end", PLOT - 8.0, roof + 4.0, &most.to_string());
    picture.text("small muted end", PLOT - 8.0, floor + 4.0, "0");
    picture.line("edge", (PLOT, floor), (PLOT_END, floor));
    for tick in axis.ticks(0.08) {
        let x = across(axis.place(tick));
        picture.line("edge", (x, floor), (x, floor + 4.0));
        picture.text("small muted middle", x, floor + 18.0, &about(tick));
    }
    // One label left of its line and one right of it, so that they never overlap.
    for (word, time, class, side) in
        [("median", spread.median_ms, "small end", -5.0), ("p90", spread.p90_ms, "small", 5.0)]
    {
        let x = across(axis.place(time));
        picture.line("moment", (x, roof - 14.0), (x, floor));
        picture.text(class, x + side, roof - 6.0, &format!("{word} {}", about(time)));
    }
    floor + 26.0
}

/// One count as a fraction of another.
#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn part(count: u64, of: u64) -> f64 {
    count as f64 / of as f64
}
