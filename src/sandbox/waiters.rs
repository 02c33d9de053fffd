//! Callers that wait for exchanges, all served by one look at the new ones.
//!
//! Recording an exchange only sends a notification, for any number of callers. The task that drives the waiters
//! ([`Waiters::look`]) then compares each new exchange once with each of them, and parses it once for all.

use super::Tally;
use crate::{
    base::clock::Deadline,
    domain::{
        journal::{Entry, Journal},
        scenario::TooCostly,
    },
};
use futures_util::FutureExt;
use std::{
    ops::ControlFlow,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};
use tokio::sync::{Notify, oneshot};

/// After how many comparisons the deadline is checked.
const STRIDE: usize = 16;

/// What ends a wait, other than its timeout.
type WaitAnswer = Result<Vec<Arc<Entry>>, TooCostly>;

/// The callers that wait for exchanges in a sandbox.
#[derive(Debug, Default)]
pub struct Waiters {
    state: Mutex<WaiterState>,
    open: AtomicUsize,
    bell: Notify,
    compared: AtomicU64,
}

#[derive(Debug, Default)]
struct WaiterState {
    waiting: Vec<Waiter>,
    /// Whether a task drives them.
    is_driven: bool,
    /// Whether the sandbox has ended.
    is_closed: bool,
}

#[derive(Debug)]
struct Waiter {
    tally: Tally,
    wanted: usize,
    answer: oneshot::Sender<WaitAnswer>,
}

/// A caller's place among those that wait, until it is dropped.
#[derive(Debug)]
pub struct Wait {
    waiters: Arc<Waiters>,
    answer: oneshot::Receiver<WaitAnswer>,
}

impl Wait {
    /// The exchanges that match, newest first, once there are as many as wanted. `None` when they will not come, because
    /// the sandbox has ended.
    ///
    /// # Errors
    /// [`TooCostly`] when an exchange takes too many steps to compare.
    pub fn answer(&mut self) -> impl Future<Output = Option<WaitAnswer>> {
        (&mut self.answer).map(Result::ok)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.answer.close();
        self.waiters.open.fetch_sub(1, Ordering::Relaxed);
        // So that its place is cleared away.
        self.waiters.bell.notify_one();
    }
}

impl Waiters {
    /// Notifies that an exchange was recorded. The cost does not depend on the number of callers.
    pub fn ring(&self) {
        if self.open.load(Ordering::Relaxed) > 0 {
            self.bell.notify_one();
        }
    }

    /// Completes when there is something to look at.
    pub fn rung(&self) -> impl Future<Output = ()> {
        self.bell.notified()
    }

    /// How many callers wait.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// How many comparisons of an exchange with a waiter's matcher were made.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.compared.load(Ordering::Relaxed)
    }

    /// Waits for as many exchanges as wanted, going on from what a first look found; and whether the caller has to see
    /// to it that somebody drives the waiters from now on.
    #[must_use]
    pub fn wait(self: &Arc<Self>, tally: Tally, wanted: usize) -> (Wait, bool) {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state();
        // Once closed, the sender is dropped here, and with that the wait ends.
        if !state.is_closed {
            state.waiting.push(Waiter { tally, wanted, answer: sender });
        }
        let must_drive = !state.is_closed && !state.is_driven;
        state.is_driven |= must_drive;
        drop(state);
        self.open.fetch_add(1, Ordering::Relaxed);
        // Something may have been recorded since the first look.
        self.bell.notify_one();
        (Wait { waiters: Arc::clone(self), answer }, must_drive)
    }

    /// Compares what is new in the journal with all that wait, and answers those that have enough; until the deadline,
    /// after which the next look goes on. False when nobody waits any more, and nobody needs to drive.
    pub fn look(&self, journal: &Journal, deadline: &Deadline) -> bool {
        let mut waiting = std::mem::take(&mut self.state().waiting);
        waiting.retain(|waiter| !waiter.answer.is_closed());
        if !waiting.is_empty() && self.compare(&mut waiting, journal, deadline).is_break() {
            self.bell.notify_one();
        }
        let mut state = self.state();
        if state.is_closed {
            // Drops those that wait, and so ends their waits.
            state.waiting.clear();
        } else {
            state.waiting.append(&mut waiting);
        }
        state.is_driven = !state.waiting.is_empty();
        state.is_driven
    }

    fn compare(&self, waiting: &mut Vec<Waiter>, journal: &Journal, deadline: &Deadline) -> ControlFlow<()> {
        let seen = waiting.iter().map(|waiter| waiter.tally.seen()).min().unwrap_or(u64::MAX);
        let news = journal.since(seen);
        for waiter in waiting.iter_mut() {
            waiter.tally.begin(&news);
        }
        for entry in &news.entries {
            let mut costly = Vec::new();
            let compared = journal.with_facts(entry, |facts| {
                for (place, waiter) in waiting.iter_mut().enumerate() {
                    if place % STRIDE == 0 && deadline.is_over() {
                        return ControlFlow::Break(());
                    }
                    if waiter.tally.seen() >= entry.number {
                        continue;
                    }
                    self.compared.fetch_add(1, Ordering::Relaxed);
                    if let Err(error) = waiter.tally.compare(entry, facts) {
                        costly.push((place, error));
                    }
                }
                ControlFlow::Continue(())
            });
            for (place, error) in costly.into_iter().rev() {
                let _ = waiting.swap_remove(place).answer.send(Err(error));
            }
            answer(waiting, journal);
            compared?;
        }
        ControlFlow::Continue(())
    }

    /// Ends all waits, now and from now on: the sandbox has ended.
    pub(super) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.waiting.clear();
        drop(state);
        self.bell.notify_one();
    }

    /// Ends all waits, because the task that drove them failed.
    pub fn abandon(&self) {
        let mut state = self.state();
        state.waiting.clear();
        state.is_driven = false;
    }

    fn state(&self) -> MutexGuard<'_, WaiterState> {
        // Nothing that holds this lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers those that have enough.
fn answer(waiting: &mut Vec<Waiter>, journal: &Journal) {
    let mut place = 0;
    while let Some(waiter) = waiting.get_mut(place) {
        if waiter.tally.count() >= waiter.wanted {
            let entries = waiter.tally.entries(journal);
            if entries.len() >= waiter.wanted {
                let _ = waiting.swap_remove(place).answer.send(Ok(entries));
                continue;
            }
        }
        place += 1;
    }
}
