//! Time. The only module that reads a clock; every sandbox owns one `Clock`.
//!
//! A clock follows the system's clock with an offset, or stands still. It never goes back, even if the system's clock
//! does.

mod elapsed;
mod wall;

pub use elapsed::{Deadline, LastUse, Stopwatch};
pub use wall::WallClock;

use super::times;
use jiff::{SignedDuration, Span, SpanRelativeTo, Timestamp};
use serde::{Deserialize, Serialize};
use std::{
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use utoipa::ToSchema;

/// How far the system's clock may go back before a sandbox's clock is adjusted, in microseconds. Smaller steps are
/// waited out, because two threads that read the time in parallel may differ by as much.
const WAITED_OUT: i64 = 1_000_000;

#[derive(Debug)]
pub struct Clock {
    state: RwLock<ClockState>,
    /// The latest time that was read, in microseconds since the Unix epoch, rounded down.
    latest: AtomicI64,
}

#[derive(Clone, Debug)]
struct ClockState {
    mode: Mode,
    wall: WallClock,
}

/// How a clock follows real time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Follows the system's clock, ahead of it by this much.
    Running {
        ahead: SignedDuration,
    },
    Frozen {
        at: Timestamp,
    },
}

/// A change to a clock. Moving a clock does not freeze or resume it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockChange {
    /// Stops at the current time.
    Freeze,
    /// Continues from the current time, at the system's pace.
    Resume,
    /// Moves to a time that is not in the past.
    Set(Timestamp),
    /// Moves forward by a non-negative duration.
    Advance(SignedDuration),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClockReading)]
pub struct Reading {
    #[serde(deserialize_with = "times::deserialize")]
    pub now: Timestamp,
    /// Whether it stands still.
    pub frozen: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClockError {
    /// The new time is before the current time. Tasks that have run cannot be undone.
    #[error("{to} is before the sandbox's present, {now}; a clock only moves forward")]
    Backwards { to: Timestamp, now: Timestamp },
    /// The new time is after the year 9999.
    #[error("a clock cannot go beyond the year 9999; give an earlier time")]
    Beyond,
}

impl Default for Clock {
    fn default() -> Self {
        Self::system()
    }
}

impl Clock {
    /// A clock that follows the system's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::new(Mode::Running { ahead: SignedDuration::ZERO })
    }

    #[must_use]
    pub fn frozen(at: Timestamp) -> Self {
        Self::new(Mode::Frozen { at })
    }

    /// A clock that starts at a given time and runs at the system's pace.
    #[must_use]
    pub fn running_from(at: Timestamp) -> Self {
        Self::new(running_at(at, &WallClock::default()))
    }

    fn new(mode: Mode) -> Self {
        Self { state: RwLock::new(ClockState { mode, wall: WallClock::default() }), latest: AtomicI64::new(i64::MIN) }
    }

    /// Reads real time from another wall clock from now on. The sandbox's time does not change.
    pub fn follow(&self, wall: WallClock) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if let Mode::Running { .. } = state.mode {
            state.mode = running_at(self.present(&state), &wall);
        }
        state.wall = wall;
    }

    /// The sandbox's current time in UTC.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.read().now
    }

    /// The system's current time in UTC, independent of the sandbox's time: for timestamps set by a client's own clock.
    #[must_use]
    pub fn system_now() -> Timestamp {
        WallClock::default().now()
    }

    #[must_use]
    pub fn read(&self) -> Reading {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let now = state.mode.now(&state.wall);
        if state.mode.is_frozen() {
            return Reading { now, frozen: true };
        }
        if self.latest.load(Ordering::Relaxed).saturating_sub(now.as_microsecond()) <= WAITED_OUT {
            return Reading { now: self.not_before_latest(now), frozen: false };
        }
        drop(state);
        self.make_up()
    }

    #[must_use]
    pub fn mode(&self) -> Mode {
        self.state.read().unwrap_or_else(PoisonError::into_inner).mode
    }

    /// Restores the mode of an earlier run. The resulting time may be before the current time.
    pub fn restore(&self, mode: Mode) {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        state.mode = mode;
        self.latest.store(i64::MIN, Ordering::Relaxed);
    }

    /// Freezes, resumes or moves the clock.
    ///
    /// # Errors
    /// [`ClockError::Backwards`] for a time in the past or a negative duration, [`ClockError::Beyond`] for a time after
    /// the year 9999.
    pub fn change(&self, change: ClockChange) -> Result<Reading, ClockError> {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let (now, mode, wall) = (self.present(&state), state.mode, &state.wall);
        state.mode = match change {
            ClockChange::Freeze => Mode::Frozen { at: now },
            ClockChange::Resume => running_at(now, wall),
            ClockChange::Set(to) => mode.moved(now, to, wall)?,
            ClockChange::Advance(by) => mode.moved(now, now.checked_add(by).map_err(|_| ClockError::Beyond)?, wall)?,
        };
        Ok(Reading { now: self.present(&state), frozen: state.mode.is_frozen() })
    }

    /// Real time until the clock shows `due`; `None` while it is frozen, because tasks on a frozen clock run when the
    /// clock is moved.
    #[must_use]
    pub fn until(&self, due: Timestamp) -> Option<Duration> {
        let Reading { now, frozen } = self.read();
        (!frozen).then(|| Duration::try_from(due.duration_since(now)).unwrap_or_default())
    }

    /// Computes the time from the locked state.
    fn present(&self, state: &ClockState) -> Timestamp {
        let now = state.mode.now(&state.wall);
        if state.mode.is_frozen() {
            self.latest.fetch_max(now.as_microsecond(), Ordering::Relaxed);
            now
        } else {
            self.not_before_latest(now)
        }
    }

    /// A time that was just read, or the latest one read before, if that is later.
    fn not_before_latest(&self, now: Timestamp) -> Timestamp {
        let latest = self.latest.fetch_max(now.as_microsecond(), Ordering::Relaxed);
        if latest <= now.as_microsecond() {
            return now;
        }
        // A time within the latest microsecond counts as before the next one.
        let next = latest.saturating_add(1);
        self.latest.fetch_max(next, Ordering::Relaxed);
        Timestamp::from_microsecond(next).unwrap_or(Timestamp::MAX)
    }

    /// Makes the clock continue from the latest time after the system's clock went back.
    fn make_up(&self) -> Reading {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let now = self.present(&state);
        if !state.mode.is_frozen() {
            state.mode = running_at(now, &state.wall);
        }
        Reading { now, frozen: state.mode.is_frozen() }
    }
}

impl Mode {
    fn now(self, wall: &WallClock) -> Timestamp {
        match self {
            Self::Running { ahead } => wall.now().checked_add(ahead).unwrap_or(Timestamp::MAX),
            Self::Frozen { at } => at,
        }
    }

    fn is_frozen(self) -> bool {
        matches!(self, Self::Frozen { .. })
    }

    fn moved(self, now: Timestamp, to: Timestamp, wall: &WallClock) -> Result<Self, ClockError> {
        if to < now {
            return Err(ClockError::Backwards { to, now });
        }
        Ok(match self {
            Self::Running { .. } => running_at(to, wall),
            Self::Frozen { .. } => Self::Frozen { at: to },
        })
    }
}

/// Parses a duration: `90s`, `1h 30m`, `2 days`, or ISO 8601 (`PT10M`, `P1D`). It may be negative.
///
/// A day has 24 hours, because sandbox time is UTC. Months and years are rejected, because their length varies.
#[must_use]
pub fn read_span(text: &str) -> Option<SignedDuration> {
    text.parse::<Span>().ok()?.to_duration(SpanRelativeTo::days_are_24_hours()).ok()
}

fn running_at(at: Timestamp, wall: &WallClock) -> Mode {
    Mode::Running { ahead: at.duration_since(wall.now()) }
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
        assert_eq!(
            clock.change(ClockChange::Advance(SignedDuration::from_mins(10))).unwrap().now,
            at("2026-03-01T00:10:00Z")
        );
        assert_eq!(clock.change(ClockChange::Set(at("2026-04-01T00:00:00Z"))).unwrap(), clock.read());
        assert_eq!(clock.until(at("2026-04-01T00:00:01Z")), None);
        assert_eq!(clock.until(at("2026-03-31T00:00:00Z")), None);
    }

    #[test]
    fn a_clock_never_goes_back_or_out_of_range() {
        let clock = Clock::frozen(at("2026-03-01T00:00:00Z"));
        let error = clock.change(ClockChange::Set(at("2026-02-01T00:00:00Z"))).unwrap_err();
        assert!(matches!(error, ClockError::Backwards { .. }));
        assert!(matches!(
            clock.change(ClockChange::Advance(SignedDuration::from_secs(-1))),
            Err(ClockError::Backwards { .. })
        ));
        assert_eq!(clock.change(ClockChange::Advance(SignedDuration::MAX)), Err(ClockError::Beyond));
        assert_eq!(clock.now(), at("2026-03-01T00:00:00Z"));
    }

    #[test]
    fn spans_are_read_in_friendly_and_iso_8601_form() {
        let seconds = |text| read_span(text).map(|span| span.as_secs());
        assert_eq!(seconds("1h 30m"), Some(5_400));
        assert_eq!([seconds("2 days"), seconds("P2D"), seconds("PT48H")], [Some(172_800); 3]);
        assert_eq!([seconds("-10m"), seconds("-PT10M"), seconds("10m ago")], [Some(-600); 3]);
        assert_eq!(["", "10", "soon", "1 month", "P1Y", "PT"].map(seconds), [None; 6]);
    }

    fn by_hand(text: &str) -> (WallClock, Clock) {
        let (wall, clock) = (WallClock::by_hand(at(text)), Clock::frozen(at(text)));
        clock.follow(wall.clone());
        clock.change(ClockChange::Resume).unwrap();
        (wall, clock)
    }

    #[test]
    fn a_clock_jumps_forward_with_the_system() {
        let (wall, clock) = by_hand("2026-03-01T00:00:00Z");
        wall.set(at("2026-03-02T00:00:00Z"));
        assert_eq!(clock.now(), at("2026-03-02T00:00:00Z"), "a laptop that slept");
        assert_eq!(clock.until(at("2026-03-02T00:01:00Z")), Some(Duration::from_mins(1)));
    }

    #[test]
    fn a_clock_runs_on_when_the_system_goes_back() {
        let (wall, clock) = by_hand("2026-03-01T12:00:00Z");
        assert_eq!(clock.now(), at("2026-03-01T12:00:00Z"));
        wall.set(at("2026-03-01T11:00:00Z"));
        let stepped = clock.now();
        assert!(stepped >= at("2026-03-01T12:00:00Z"), "{stepped}");
        wall.set(at("2026-03-01T11:10:00Z"));
        let later = clock.now();
        assert!(later.duration_since(stepped) >= SignedDuration::from_mins(10), "{stepped} {later}");
        assert!(later < at("2026-03-01T12:10:01Z"), "{later}");
    }

    #[test]
    fn a_small_step_back_holds_the_clock() {
        let (wall, clock) = by_hand("2026-03-01T12:00:00.5Z");
        let before = clock.now();
        wall.set(at("2026-03-01T12:00:00Z"));
        assert!(clock.now() > before && clock.now() < at("2026-03-01T12:00:00.6Z"));
        wall.set(at("2026-03-01T12:00:01Z"));
        assert_eq!(clock.now(), at("2026-03-01T12:00:01Z"), "it follows the system again");
    }

    #[test]
    fn no_change_moves_a_clock_back_after_a_step() {
        type Change = fn(&Clock) -> ClockChange;
        let changes: [Change; 4] = [
            |_| ClockChange::Freeze,
            |_| ClockChange::Resume,
            |_| ClockChange::Advance(SignedDuration::ZERO),
            |clock| ClockChange::Set(clock.now()),
        ];
        for (index, change) in changes.into_iter().enumerate() {
            let (wall, clock) = by_hand("2026-03-01T12:00:00Z");
            let before = clock.now();
            wall.set(at("2026-03-01T11:00:00Z"));
            assert!(clock.change(change(&clock)).unwrap().now >= before, "change {index}");
            assert!(clock.now() >= before, "change {index}");
        }
    }

    #[test]
    fn a_resumed_clock_continues_from_its_frozen_time() {
        let clock = Clock::frozen(at("2500-01-01T00:00:00Z"));
        let reading = clock.change(ClockChange::Resume).unwrap();
        assert!(!reading.frozen && reading.now >= at("2500-01-01T00:00:00Z"));
        assert!(clock.now() < at("2500-01-02T00:00:00Z"));
        assert!(clock.until(at("2500-01-02T00:00:00Z")).unwrap() > Duration::from_secs(86_000));
        assert_eq!(clock.until(at("2026-01-01T00:00:00Z")), Some(Duration::ZERO));
        assert!(clock.change(ClockChange::Freeze).unwrap().frozen);
    }
}
