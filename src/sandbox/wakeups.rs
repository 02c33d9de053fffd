//! Wakes readers of events, callers that wait for messages, and the timer when something happens in a sandbox.

use super::Sandbox;
use crate::store::{News, Observer};
use jiff::Timestamp;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tokio::sync::Notify;

/// Wakes event readers, callers that wait for messages, and the timer.
#[derive(Debug)]
pub(super) struct Wakeups {
    happened: Notify,
    arrived: Notify,
    /// When the timer must next look for a due task, in microseconds; `i64::MAX` for never. Except while a [`NextLook`]
    /// exists, it is no later than the first due task.
    next_look: AtomicI64,
    alarm: Arc<Notify>,
}

impl Wakeups {
    /// The wakeups of a sandbox without documents. `alarm` wakes the timer.
    pub(super) fn new(alarm: &Arc<Notify>) -> Self {
        Self {
            happened: Notify::new(),
            arrived: Notify::new(),
            next_look: AtomicI64::new(i64::MAX),
            alarm: Arc::clone(alarm),
        }
    }

    pub(super) fn wake_readers(&self) {
        self.happened.notify_waiters();
    }

    /// Wakes event readers and callers that wait for messages, because the sandbox has ended.
    pub(super) fn wake_all(&self) {
        self.wake_readers();
        self.arrived.notify_waiters();
    }

    pub(super) fn wake_timer(&self) {
        self.alarm.notify_one();
    }

    fn look_at(&self, due: Timestamp) {
        let due = microseconds(due);
        if due < self.next_look.fetch_min(due, Ordering::SeqCst) {
            self.wake_timer();
        }
    }
}

impl Observer for Wakeups {
    fn committed(&self, News { first_due, has_entries, has_awaited }: News) {
        if let Some(due) = first_due {
            self.look_at(due);
        }
        if has_entries {
            self.wake_readers();
        }
        if has_awaited {
            self.arrived.notify_waiters();
        }
    }
}

/// Rounded down, so that the timer never looks too late.
fn microseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond().div_euclid(1_000)).unwrap_or(i64::MIN)
}

/// Sets the time of the timer's next look when the current one ends. If that is abandoned, the next look follows
/// immediately. Commits in the meantime set an earlier time themselves.
pub(super) struct NextLook<'w> {
    wakeups: &'w Wakeups,
    at: Option<Timestamp>,
}

impl<'w> NextLook<'w> {
    pub(super) fn new(wakeups: &'w Wakeups) -> Self {
        Self { wakeups, at: Some(Timestamp::MIN) }
    }

    /// Must be called before the store is read.
    pub(super) fn begin(&self) {
        self.wakeups.next_look.store(i64::MAX, Ordering::SeqCst);
    }

    /// Sets the time that was read from the store.
    pub(super) fn set(&mut self, at: Option<Timestamp>) {
        self.at = at;
    }
}

impl Drop for NextLook<'_> {
    fn drop(&mut self) {
        if let Some(at) = self.at {
            self.wakeups.look_at(at);
        }
    }
}

impl Sandbox {
    /// Completes when something has happened, or when the sandbox was reset or removed. Call it before reading the
    /// event log.
    pub fn happened(&self) -> impl Future<Output = ()> {
        let mut happened = Box::pin(self.wakeups.happened.notified());
        happened.as_mut().enable();
        happened
    }

    /// Completes when a message has arrived, or when the sandbox was reset or removed. Call it before reading the
    /// messages.
    pub fn message_arrived(&self) -> impl Future<Output = ()> {
        let mut arrived = Box::pin(self.wakeups.arrived.notified());
        arrived.as_mut().enable();
        arrived
    }

    /// When the timer must check for due tasks; `None` without tasks. May be too early.
    #[must_use]
    pub fn next_look(&self) -> Option<Timestamp> {
        match self.wakeups.next_look.load(Ordering::SeqCst) {
            i64::MAX => None,
            due => Some(Timestamp::from_microsecond(due).unwrap_or(Timestamp::MIN)),
        }
    }

    /// Wakes the timer after the clock was moved manually.
    pub fn clock_changed(&self) {
        self.wakeups.wake_timer();
    }
}
