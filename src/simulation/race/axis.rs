//! A time axis: maps times to positions and chooses tick marks.

use crate::base::chance::exact::{exp, ln};

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Round durations for ticks and bins.
const LADDER: [u64; 39] = [
    1,
    2,
    5,
    10,
    20,
    50,
    100,
    200,
    500,
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    15 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    2 * DAY,
    5 * DAY,
    10 * DAY,
    20 * DAY,
    50 * DAY,
    100 * DAY,
    200 * DAY,
    500 * DAY,
    1_000 * DAY,
    2_000 * DAY,
    5_000 * DAY,
    10_000 * DAY,
];

/// A range of times and its scale.
#[derive(Clone, Copy, Debug)]
pub(super) enum Axis {
    /// Linear.
    Linear { from: u64, to: u64 },
    /// Logarithmic.
    Log { from: u64, to: u64 },
    /// From 0: linear up to about `knee`, logarithmic beyond.
    Bent { knee: u64, to: u64 },
}

impl Axis {
    pub(super) fn linear(from: u64, to: u64) -> Self {
        Self::Linear { from, to: to.max(from + 1) }
    }

    pub(super) fn log(from: u64, to: u64) -> Self {
        Self::Log { from: from.max(1), to: to.max(from + 1).max(2) }
    }

    pub(super) fn bent(knee: u64, to: u64) -> Self {
        Self::Bent { knee: knee.max(1), to: to.max(1) }
    }

    /// The position of a time on the axis, from 0 to 1.
    pub(super) fn place(self, time: u64) -> f64 {
        let place = match self {
            Self::Linear { from, to } => number(time.saturating_sub(from)) / number(to - from),
            Self::Log { from, to } => ln(number(time.max(from)) / number(from)) / ln(number(to) / number(from)),
            Self::Bent { knee, to } => ln(1.0 + number(time) / number(knee)) / ln(1.0 + number(to) / number(knee)),
        };
        place.clamp(0.0, 1.0)
    }

    /// The edges of at most `bins` bins of equal width on a logarithmic axis, preceded by the edge `first`.
    pub(super) fn edges(self, bins: u32, first: u64) -> Vec<u64> {
        let (Self::Linear { from, to } | Self::Log { from, to } | Self::Bent { knee: from, to }) = self;
        let width = ln(number(to) / number(from)) / f64::from(bins);
        let inner = (1..bins).map(|bin| rounded(number(from) * exp(width * f64::from(bin))));
        let mut edges = vec![first];
        for edge in inner.filter(|edge| *edge < to).chain([to]) {
            if edges.last().is_none_or(|last| edge > *last) {
                edges.push(edge);
            }
        }
        edges
    }

    /// Tick times, spaced at least `room` apart; `room` is a fraction of the axis.
    pub(super) fn ticks(self, room: f64) -> Vec<u64> {
        match self {
            Self::Linear { from, to } => {
                let step = LADDER.into_iter().find(|step| number(*step) / number(to - from) >= room);
                let step = step.unwrap_or(10_000 * DAY);
                (from.div_ceil(step)..=to / step).map(|count| count * step).take(100).collect()
            }
            Self::Log { .. } | Self::Bent { .. } => {
                let (first, to) = match self {
                    Self::Bent { to, .. } => (0, to),
                    Self::Linear { from, to } | Self::Log { from, to } => (from, to),
                };
                let mut ticks: Vec<u64> = Vec::new();
                for tick in [0].into_iter().chain(LADDER).filter(|tick| (first..=to).contains(tick)) {
                    if ticks.last().is_none_or(|last| self.place(tick) - self.place(*last) >= room) {
                        ticks.push(tick);
                    }
                }
                ticks
            }
        }
    }
}

/// The edges of at most `bins` bins of one round width that cover `min` to `max`.
pub(super) fn even_edges(min: u64, max: u64, bins: u32) -> Vec<u64> {
    let bins = u64::from(bins);
    let fits = |step: &u64| max / step - min / step < bins;
    let step = LADDER.into_iter().find(fits).unwrap_or_else(|| (max / bins).saturating_add(1));
    (min / step..=max / step + 1).map(|count| count * step).collect()
}

#[expect(clippy::cast_precision_loss, reason = "only the position in a picture depends on it")]
fn number(time: u64) -> f64 {
    time as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the cast saturates, as intended")]
fn rounded(time: f64) -> u64 {
    time.round() as u64
}
