//! Time. The only place in the crate that reads a clock; every sandbox owns one `Clock`.
//!
//! A clock follows the system's at a distance, or stands still. It never goes back. Knows nothing of what the time is
//! used for.

use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// A sandbox's clock.
#[derive(Debug)]
pub struct Clock(RwLock<Mode>);

#[derive(Clone, Copy, Debug)]
enum Mode {
    /// As the system's clock, so much ahead.
    Running { ahead: SignedDuration },
    /// Still.
    Frozen { at: Timestamp },
}

/// What a clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// The sandbox's present.
    pub now: Timestamp,
    /// Whether it stands still.
    pub frozen: bool,
}

/// Why a clock was not moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// Time does not go back: what has run cannot be undone.
    #[error("{to} is before the sandbox's present, {now}; a clock only moves forward")]
    Backwards {
        /// Where it should have gone.
        to: Timestamp,
        /// Where it is.
        now: Timestamp,
    },
    /// There is no such time.
    #[error("the year 9999 is where time ends")]
    Beyond,
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock {
    /// A clock that follows the system's.
    #[must_use]
    pub fn system() -> Self {
        Self(RwLock::new(Mode::Running { ahead: SignedDuration::ZERO }))
    }

    /// A clock that stands still.
    #[must_use]
    pub fn frozen(at: Timestamp) -> Self {
        Self(RwLock::new(Mode::Frozen { at }))
    }

    /// The sandbox's present, in UTC.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.mode().now()
    }

    /// The system's present, in UTC, however the sandbox's time stands: for what a client stamped by its own clock.
    #[must_use]
    pub fn system_now() -> Timestamp {
        system_now()
    }

    /// The present, and whether it moves.
    #[must_use]
    pub fn read(&self) -> Reading {
        let mode = self.mode();
        Reading { now: mode.now(), frozen: matches!(mode, Mode::Frozen { .. }) }
    }

    /// Stands still from now on.
    pub fn freeze(&self) -> Reading {
        self.change(|mode| Ok(Mode::Frozen { at: mode.now() })).unwrap_or_else(|_| self.read())
    }

    /// Moves on from where it stands, at the system's pace.
    pub fn resume(&self) -> Reading {
        self.change(|mode| Ok(running_at(mode.now()))).unwrap_or_else(|_| self.read())
    }

    /// Moves to a time that is not in the past, and stays frozen or running as it was.
    ///
    /// # Errors
    /// [`ClockError::Backwards`].
    pub fn set(&self, to: Timestamp) -> Result<Reading, ClockError> {
        self.change(|mode| mode.moved(to))
    }

    /// Moves forward by a span.
    ///
    /// # Errors
    /// [`ClockError::Backwards`] for a negative span, [`ClockError::Beyond`] for one that ends after the year 9999.
    pub fn advance(&self, by: SignedDuration) -> Result<Reading, ClockError> {
        self.change(|mode| mode.moved(mode.now().checked_add(by).map_err(|_| ClockError::Beyond)?))
    }

    /// How long to wait, in real time, until the clock shows `due`; never, while it stands still: what is due on a
    /// frozen clock is left to whoever moves it.
    #[must_use]
    pub fn until(&self, due: Timestamp) -> Option<Duration> {
        match self.mode() {
            Mode::Frozen { .. } => None,
            mode @ Mode::Running { .. } => Some(Duration::try_from(due.duration_since(mode.now())).unwrap_or_default()),
        }
    }

    fn mode(&self) -> Mode {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn change(&self, change: impl FnOnce(Mode) -> Result<Mode, ClockError>) -> Result<Reading, ClockError> {
        let mut mode = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *mode = change(*mode)?;
        Ok(Reading { now: mode.now(), frozen: matches!(*mode, Mode::Frozen { .. }) })
    }
}

impl Mode {
    fn now(self) -> Timestamp {
        match self {
            Self::Running { ahead } => system_now().checked_add(ahead).unwrap_or(Timestamp::MAX),
            Self::Frozen { at } => at,
        }
    }

    fn moved(self, to: Timestamp) -> Result<Self, ClockError> {
        let now = self.now();
        if to < now {
            return Err(ClockError::Backwards { to, now });
        }
        Ok(match self {
            Self::Running { .. } => running_at(to),
            Self::Frozen { .. } => Self::Frozen { at: to },
        })
    }
}

/// Reads a span of time: `90s`, `1h 30m`, `2 days`, or ISO 8601 (`PT10M`, `P1D`). It may be negative.
///
/// A day has 24 hours, for a sandbox's time is UTC; months and years have no length of their own, and are no spans.
#[must_use]
pub fn read_span(text: &str) -> Option<SignedDuration> {
    text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

fn running_at(at: Timestamp) -> Mode {
    Mode::Running { ahead: at.duration_since(system_now()) }
}

#[expect(clippy::disallowed_methods, reason = "this is where time enters the crate")]
fn system_now() -> Timestamp {
    Timestamp::now()
}

/// Measures how long something really took, whatever a sandbox's clock says.
#[derive(Clone, Copy, Debug)]
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts to measure.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is where time enters the crate")]
    pub fn start() -> Self {
        Self(Instant::now())
    }

    /// The time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }
}

/// When a long computation has to give up: after some real time, or as soon as it is told to.
#[derive(Clone, Debug)]
pub struct Deadline {
    started: Stopwatch,
    limit: Duration,
    stopped: Arc<AtomicBool>,
}

impl Deadline {
    /// Over after `limit` from now, or once `stopped` is set.
    #[must_use]
    pub fn new(limit: Duration, stopped: Arc<AtomicBool>) -> Self {
        Self { started: Stopwatch::start(), limit, stopped }
    }

    /// Whether the computation has to give up now.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.stopped.load(Ordering::Relaxed) || self.started.elapsed() >= self.limit
    }
}

/// When something was last used, in real time.
#[derive(Debug)]
pub struct LastUse(Mutex<Stopwatch>);

impl LastUse {
    /// Used right now.
    #[must_use]
    pub fn now() -> Self {
        Self(Mutex::new(Stopwatch::start()))
    }

    /// Used again.
    pub fn touch(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
    }

    /// How long ago that was.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn a_frozen_clock_moves_only_when_it_is_moved() {
        let clock = Clock::frozen(at("2026-03-01T00:00:00Z"));
        assert_eq!(clock.advance(SignedDuration::from_mins(10)).unwrap().now, at("2026-03-01T00:10:00Z"));
        assert_eq!(clock.set(at("2026-04-01T00:00:00Z")).unwrap(), clock.read());
        assert_eq!(clock.until(at("2026-04-01T00:00:01Z")), None);
        assert_eq!(clock.until(at("2026-03-31T00:00:00Z")), None);
    }

    #[test]
    fn a_clock_does_not_go_back_and_does_not_leave_time() {
        let clock = Clock::frozen(at("2026-03-01T00:00:00Z"));
        let error = clock.set(at("2026-02-01T00:00:00Z")).unwrap_err();
        assert!(matches!(error, ClockError::Backwards { .. }));
        assert!(matches!(clock.advance(SignedDuration::from_secs(-1)), Err(ClockError::Backwards { .. })));
        assert_eq!(clock.advance(SignedDuration::MAX), Err(ClockError::Beyond));
        assert_eq!(clock.now(), at("2026-03-01T00:00:00Z"));
    }

    #[test]
    fn spans_are_read_as_people_write_them_and_in_iso_8601() {
        let seconds = |text| read_span(text).map(|span| span.as_secs());
        assert_eq!(seconds("1h 30m"), Some(5_400));
        assert_eq!([seconds("2 days"), seconds("P2D"), seconds("PT48H")], [Some(172_800); 3]);
        assert_eq!([seconds("-10m"), seconds("-PT10M"), seconds("10m ago")], [Some(-600); 3]);
        assert_eq!(["", "10", "soon", "1 month", "P1Y", "PT"].map(seconds), [None; 6]);
    }

    #[test]
    fn a_resumed_clock_goes_on_from_where_it_stood() {
        let clock = Clock::frozen(at("2500-01-01T00:00:00Z"));
        let reading = clock.resume();
        assert!(!reading.frozen && reading.now >= at("2500-01-01T00:00:00Z"));
        assert!(clock.now() < at("2500-01-02T00:00:00Z"));
        assert!(clock.until(at("2500-01-02T00:00:00Z")).unwrap() > Duration::from_secs(86_000));
        assert_eq!(clock.until(at("2026-01-01T00:00:00Z")), Some(Duration::ZERO));
        assert!(clock.freeze().frozen);
    }
}
