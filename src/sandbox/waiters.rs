//! Callers that wait for exchanges, all served by one pass over the new ones.
//!
//! Recording an exchange only sends a notification, regardless of the number of callers. The task that drives the
//! waiters ([`Waiters::look`]) then parses each new exchange once and compares it with each waiter.

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

/// Number of comparisons between two checks of the deadline.
const STRIDE: usize = 16;

/// The end of a wait, other than its timeout.
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
    /// Whether a task drives the waiters.
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

/// A caller's registration as a waiter, until dropped.
#[derive(Debug)]
pub struct Wait {
    waiters: Arc<Waiters>,
    answer: oneshot::Receiver<WaitAnswer>,
}

impl Wait {
    /// Resolves to the matching exchanges, newest first, once there are as many as wanted; to `None` if the sandbox has
    /// ended.
    ///
    /// # Errors
    /// [`TooCostly`] when comparing an exchange takes too many steps.
    pub fn answer(&mut self) -> impl Future<Output = Option<WaitAnswer>> {
        (&mut self.answer).map(Result::ok)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        self.answer.close();
        self.waiters.open.fetch_sub(1, Ordering::Relaxed);
        // So that its entry is removed.
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

    /// Completes when there is something to compare.
    pub fn rung(&self) -> impl Future<Output = ()> {
        self.bell.notified()
    }

    /// Number of waiting callers.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Number of comparisons made between an exchange and a waiter's matcher.
    #[must_use]
    pub fn compared(&self) -> u64 {
        self.compared.load(Ordering::Relaxed)
    }

    /// Registers a wait for as many exchanges as wanted, continuing after a first search. Also returns whether the
    /// caller must start a task that drives the waiters.
    #[must_use]
    pub fn wait(self: &Arc<Self>, tally: Tally, wanted: usize) -> (Wait, bool) {
        let (sender, answer) = oneshot::channel();
        let mut state = self.state();
        // Once closed, the sender is dropped here, which ends the wait.
        if !state.is_closed {
            state.waiting.push(Waiter { tally, wanted, answer: sender });
        }
        let must_drive = !state.is_closed && !state.is_driven;
        state.is_driven |= must_drive;
        drop(state);
        self.open.fetch_add(1, Ordering::Relaxed);
        // An exchange may have been recorded since the first search.
        self.bell.notify_one();
        (Wait { waiters: Arc::clone(self), answer }, must_drive)
    }

    /// Compares the new exchanges in the journal with all waiters, and answers those that have enough. Stops at the
    /// deadline; the next call continues. Returns false when no caller is waiting and no task needs to drive the
    /// waiters.
    pub fn look(&self, journal: &Journal, deadline: &Deadline) -> bool {
        let mut waiting = std::mem::take(&mut self.state().waiting);
        waiting.retain(|waiter| !waiter.answer.is_closed());
        if !waiting.is_empty() && self.compare(&mut waiting, journal, deadline).is_break() {
            self.bell.notify_one();
        }
        let mut state = self.state();
        if state.is_closed {
            // Drops the waiters, which ends their waits.
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

    /// Ends all current and future waits, because the sandbox has ended.
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
        // Code that holds this lock cannot leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers the waiters that have enough.
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
