//! The timer: runs due tasks in every sandbox.
//!
//! One timer serves all sandboxes. It sleeps until the earliest task of any sandbox with a running clock, but at most a
//! second, because the system clock can jump when a laptop sleeps or a time server corrects it. It wakes when an
//! earlier task is added, a clock is moved, or a sandbox is removed. The tasks of a frozen clock run in the requests
//! that move it.
//!
//! Sandboxes settle independently, each at most once at a time, so that a store call that never returns delays no other
//! sandbox. Resetting or removing a sandbox cancels its settling.

use crate::sandbox::{Sandbox, Sandboxes};
use futures_util::{
    FutureExt, StreamExt,
    future::{AbortHandle, BoxFuture, abortable},
    stream::FuturesUnordered,
};
use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};
use tokio::time::sleep;

/// Longest sleep of the timer, and the pause before a failed task is retried.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(1);

const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Runs due tasks for as long as the future is polled, and calls `make_room` after each round.
pub async fn keep_time(sandboxes: &Sandboxes, make_room: impl Fn()) {
    let mut timer = Timer { sandboxes, settling: HashMap::new(), is_clearing: false, jobs: FuturesUnordered::new() };
    loop {
        let pause = timer.start_due();
        make_room();
        tokio::select! {
            biased;
            Some(done) = timer.jobs.next() => timer.finish(done),
            () = sandboxes.alarm().notified() => {}
            () = sleep_for(pause) => {}
        }
    }
}

async fn sleep_for(pause: Option<Duration>) {
    match pause {
        Some(pause) => sleep(pause.clamp(SHORTEST_SLEEP, LONGEST_SLEEP)).await,
        None => std::future::pending().await,
    }
}

struct Timer<'a> {
    sandboxes: &'a Sandboxes,
    /// The sandboxes that are settling, by shelf name, which changes with a reset.
    settling: HashMap<Arc<str>, AbortHandle>,
    is_clearing: bool,
    jobs: FuturesUnordered<BoxFuture<'a, Done>>,
}

enum Done {
    /// A sandbox has settled, or failed to.
    Settled(Arc<Sandbox>),
    Cancelled,
    /// The documents of removed sandboxes have been cleared, or could not be.
    Cleared,
}

impl Timer<'_> {
    /// Starts settling each sandbox that may have a due task. Returns the time until the next task of the sandboxes
    /// that are not settling, if there is one.
    fn start_due(&mut self) -> Option<Duration> {
        let all = self.sandboxes.list();
        self.cancel_removed(&all);
        let mut pause: Option<Duration> = None;
        for sandbox in all {
            // A settling sandbox is checked again when it has settled.
            if self.settling.contains_key(sandbox.shelf_name()) {
                continue;
            }
            match sandbox.next_look().and_then(|due| sandbox.clock.until(due)) {
                Some(Duration::ZERO) => self.start(sandbox),
                next => pause = pause.into_iter().chain(next).min(),
            }
        }
        self.start_clearing();
        pause
    }

    fn start(&mut self, sandbox: Arc<Sandbox>) {
        let key = Arc::clone(sandbox.shelf_name());
        let (job, cancel) = abortable(async move {
            settle(&sandbox).await;
            Done::Settled(sandbox)
        });
        self.settling.insert(key, cancel);
        self.jobs.push(job.map(|done| done.unwrap_or(Done::Cancelled)).boxed());
    }

    fn cancel_removed(&mut self, all: &[Arc<Sandbox>]) {
        if self.settling.is_empty() {
            return;
        }
        let shelves: HashSet<_> = all.iter().map(|sandbox| sandbox.shelf_name()).collect();
        self.settling.retain(|shelf, cancel| {
            let stays = shelves.contains(shelf);
            if !stays {
                cancel.abort();
            }
            stays
        });
    }

    fn start_clearing(&mut self) {
        if self.is_clearing || !self.sandboxes.has_leftovers() {
            return;
        }
        self.is_clearing = true;
        let sandboxes = self.sandboxes;
        self.jobs.push(Box::pin(async move {
            if let Err(error) = sandboxes.clear_away().await {
                tracing::warn!(%error, "cannot clear the documents of a deleted sandbox; retrying");
                sleep(LONGEST_SLEEP).await;
            }
            Done::Cleared
        }));
    }

    fn finish(&mut self, done: Done) {
        match done {
            Done::Settled(sandbox) => drop(self.settling.remove(sandbox.shelf_name())),
            Done::Cancelled => {}
            Done::Cleared => self.is_clearing = false,
        }
    }
}

/// Settles a sandbox. Pauses after a failure, because the failed task stays due and must not be retried immediately.
async fn settle(sandbox: &Sandbox) {
    match AssertUnwindSafe(sandbox.settle()).catch_unwind().await {
        Ok(Ok(_)) => return,
        Ok(Err(error)) => {
            tracing::warn!(%error, sandbox = sandbox.name(), "cannot run a task; retrying");
        }
        Err(_) => tracing::error!(sandbox = sandbox.name(), "a task panicked; retrying"),
    }
    sleep(LONGEST_SLEEP).await;
}
