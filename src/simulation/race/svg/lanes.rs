//! The picture of one run: a lane for each agent.

use super::{LEFT, MOST_SHOWN, PLOT, PLOT_END, Picture, WIDTH, across, short};
use crate::{
    domain::signing::EffectKind,
    simulation::race::{
        axis::Axis,
        run::{Happening, Lane, LaneEntry, Run},
        span::{about, exact},
        table::count,
    },
};

const TOP: f64 = 84.0;
const LANE: f64 = 32.0;

/// At this ratio of the last entry to the time of the claim, one linear scale cannot show both.
const FAR: u64 = 12;

impl Run {
    /// Draws the run: a lane for each agent, with marks for its actions.
    #[must_use]
    pub fn svg(&self) -> String {
        let title = self.winner.as_ref().map_or_else(
            || "Nobody won".to_owned(),
            |winner| {
                let margin = winner.runner_up.as_ref().map_or_else(String::new, |next| {
                    format!(", {} ahead of {}", about(next.margin_ms), short(&next.name))
                });
                format!("{} won after {}{margin}", short(&winner.name), about(winner.after_ms))
            },
        );
        let mut picture = Picture::new(&title);
        picture.text("title", LEFT, 36.0, &title);
        picture.text("muted", LEFT, 58.0, &format!("{}; {}", self.heading(), self.ending_in_words()));
        let axis = self.axis();
        let lanes = self.shown();
        let bottom = TOP + LANE * height_of(lanes.len());
        if let Some(place) = lanes.iter().position(|lane| self.is_winner(lane)) {
            picture.rect("band", (LEFT - 12.0, TOP + LANE * height_of(place)), (WIDTH - 2.0 * (LEFT - 12.0), LANE), "");
        }
        for tick in axis.ticks(0.09) {
            let x = across(axis.place(tick));
            picture.line("grid", (x, TOP), (x, bottom));
            picture.text("small muted middle", x, bottom + 18.0, &about(tick));
        }
        picture.line("edge", (PLOT, bottom), (PLOT_END, bottom));
        if let Some(winner) = &self.winner {
            let x = across(axis.place(winner.after_ms));
            picture.line("moment", (x, TOP - 6.0), (x, bottom));
        }
        for (place, lane) in lanes.iter().enumerate() {
            self.draw(lane, TOP + LANE * (height_of(place) + 0.5), axis, &mut picture);
        }
        let mut y = bottom + 48.0;
        legend(y, &mut picture);
        if matches!(axis, Axis::Bent { .. }) {
            picture.text("small muted end", WIDTH - LEFT, y, "logarithmic time");
        }
        let left_out = [
            (self.agents.len() - lanes.len(), "agent"),
            (usize::try_from(self.omitted).unwrap_or(usize::MAX), "entry of the timeline"),
        ];
        for (number, what) in left_out.into_iter().filter(|(number, _)| *number > 0) {
            y += 22.0;
            picture.text(
                "small muted",
                LEFT,
                y,
                &format!(
                    "Not shown: {}.",
                    count(number, what).replace("entry of the timelines", "entries of the timeline")
                ),
            );
        }
        picture.finish(y + 24.0)
    }

    fn is_winner(&self, lane: &Lane) -> bool {
        self.winner.as_ref().is_some_and(|winner| winner.agent == lane.agent)
    }

    /// The lanes to show, always including the winner's.
    fn shown(&self) -> Vec<&Lane> {
        let mut shown: Vec<&Lane> = self.agents.iter().take(MOST_SHOWN).collect();
        let winner = self.agents.iter().skip(MOST_SHOWN).find(|lane| self.is_winner(lane));
        if let (Some(winner), Some(last)) = (winner, shown.last_mut()) {
            *last = winner;
        }
        shown
    }

    fn axis(&self) -> Axis {
        let last = self.timeline.last().map_or(0, |entry| entry.after_ms).max(self.ended_after_ms.unwrap_or(0));
        let first = self.timeline.iter().map(|entry| entry.after_ms).find(|after| *after > 0);
        let claim = self.winner.as_ref().map(|winner| winner.after_ms).filter(|after| *after > 0).or(first);
        match claim {
            Some(claim) if last / claim >= FAR => Axis::bent(claim, last),
            _ => Axis::linear(0, last.max(1)),
        }
    }

    fn draw(&self, lane: &Lane, y: f64, axis: Axis, picture: &mut Picture) {
        let class = if self.is_winner(lane) { "strong" } else { "" };
        picture.text(class, LEFT, y + 4.5, &short(&lane.name));
        picture.text("muted end", WIDTH - LEFT, y + 4.5, lane.state.as_str());
        let entries: Vec<&LaneEntry> = self.timeline.iter().filter(|entry| entry.agent == Some(lane.agent)).collect();
        let end = self.ended_after_ms.or(self.timeline.last().map(|entry| entry.after_ms)).unwrap_or(0);
        for (place, entry) in entries.iter().enumerate() {
            let Some(class) = stretch_after(entry.what) else { continue };
            let next = entries.get(place + 1).map(|next| next.after_ms);
            // A released agent that has not noticed does not wait until the end.
            let until = next.unwrap_or(if class == "gone" { entry.after_ms } else { end.max(entry.after_ms) });
            let [from, to] = [entry.after_ms, until].map(|time| across(axis.place(time)));
            picture.line(class, (from, y), (to, y));
        }
        for entry in entries {
            mark(entry, across(axis.place(entry.after_ms)), y, &lane.name, picture);
        }
    }
}

/// What an agent does between this entry and the next.
fn stretch_after(what: Happening) -> Option<&'static str> {
    match what {
        Happening::Event { event: EffectKind::AgentInvited } => Some("waits"),
        Happening::Event { event: EffectKind::AgentOpened } => Some("reads"),
        Happening::Event { event: EffectKind::AgentAccepted } => Some("holds"),
        Happening::Event { event: EffectKind::AgentReleased } => Some("gone"),
        _ => None,
    }
}

fn mark(entry: &LaneEntry, x: f64, y: f64, name: &str, picture: &mut Picture) {
    let (shape, what) = match entry.what {
        Happening::Event { event } => (shape(event), event.as_str().to_owned()),
        Happening::Refused { attempt, refused } => {
            (Some(CROSS), format!("{} refused: {}", attempt.as_str(), refused.name()))
        }
    };
    let Some(shape) = shape else { return };
    let title = super::escaped(&format!("{name}, {}: {what}", exact(entry.after_ms)));
    picture.add(format_args!("<g transform=\"translate({x:.1} {y:.1})\"><title>{title}</title>{shape}</g>"));
}

const CROSS: &str = "<path class=\"refused\" d=\"M-4-4 4 4M-4 4 4-4\"/>";

fn shape(event: EffectKind) -> Option<&'static str> {
    match event {
        EffectKind::AgentInvited => Some("<circle class=\"invited\" r=\"4\"/>"),
        EffectKind::AgentOpened => Some("<circle class=\"opened\" r=\"5\"/>"),
        EffectKind::AgentAccepted => Some("<path class=\"accepted\" d=\"M0-8 8 0 0 8-8 0z\"/>"),
        EffectKind::AgentReleased => Some("<rect class=\"released\" x=\"-4\" y=\"-4\" width=\"8\" height=\"8\"/>"),
        EffectKind::AgentDeclined => Some("<path class=\"declined\" d=\"M-7-6H7L0 7z\"/>"),
        EffectKind::DocumentSigned => {
            Some("<circle class=\"signed\" r=\"8\"/><path class=\"tick\" d=\"M-4 0-1 3 4-3\"/>")
        }
        _ => None,
    }
}

fn legend(y: f64, picture: &mut Picture) {
    let kinds = [
        (shape(EffectKind::AgentInvited), "invited"),
        (shape(EffectKind::AgentOpened), "opened"),
        (shape(EffectKind::AgentAccepted), "accepted"),
        (shape(EffectKind::DocumentSigned), "signed"),
        (shape(EffectKind::AgentReleased), "released"),
        (shape(EffectKind::AgentDeclined), "declined"),
        (Some(CROSS), "tried and was refused"),
    ];
    let mut x = LEFT + 8.0;
    for (shape, word) in kinds.into_iter().filter_map(|(shape, word)| Some((shape?, word))) {
        picture.add(format_args!("<g transform=\"translate({x:.1} {:.1})\">{shape}</g>", y - 4.0));
        picture.text("small muted", x + 14.0, y, word);
        x += 100.0;
    }
}

/// Converts a number of lanes to a factor.
fn height_of(lanes: usize) -> f64 {
    f64::from(u32::try_from(lanes).unwrap_or(u32::MAX))
}
