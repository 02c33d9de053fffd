//! The timer: runs due tasks in every sandbox.
//!
//! One timer serves all sandboxes. It sleeps until the earliest task of any sandbox whose clock runs, and at most a
//! second, because the system's clock may jump: a laptop sleeps, a time server corrects the time. It wakes when an
//! earlier task is added, a clock is moved, or a sandbox is removed; without a task it waits for that alone. It leaves
//! frozen clocks to the requests that move them.

use crate::sandbox::{Sandbox, Sandboxes};
use futures_util::FutureExt;
use std::{panic::AssertUnwindSafe, time::Duration};
use tokio::time::timeout;

/// How long the timer sleeps at most, and before another attempt at what failed.
pub const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// How long it sleeps at least.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// Runs due tasks for as long as it is awaited; calls `make_room` after each round.
pub async fn keep_time(sandboxes: &Sandboxes, make_room: impl Fn()) {
    let mut was_woken = true;
    loop {
        let sleep = carry_out(sandboxes, was_woken).await;
        make_room();
        let woken = sandboxes.alarm().notified();
        was_woken = if let Some(sleep) = sleep {
            timeout(sleep.clamp(SHORTEST_SLEEP, LONGEST_SLEEP), woken).await.is_ok()
        } else {
            woken.await;
            true
        };
    }
}

/// Runs the tasks due now, and returns the time until the next task, if there is one. If the timer was woken, sandboxes
/// without a due task are settled too.
async fn carry_out(sandboxes: &Sandboxes, was_woken: bool) -> Option<Duration> {
    let mut sleep: Option<Duration> = None;
    let earlier = |sleep: Option<Duration>, wait: Option<Duration>| sleep.into_iter().chain(wait).min();
    for sandbox in sandboxes.list() {
        let next = || sandbox.agenda.next_due().and_then(|due| sandbox.clock.until(due));
        let is_due = next().is_some_and(|wait| wait.is_zero());
        let is_wanted = is_due || was_woken && !sandbox.clock.read().frozen;
        if is_wanted && !settle(&sandbox).await {
            // A failed task stays due; its time must not make this a busy loop.
            sleep = earlier(sleep, Some(LONGEST_SLEEP));
            continue;
        }
        sleep = earlier(sleep, next());
    }
    if let Err(error) = sandboxes.clear_away().await {
        tracing::warn!(%error, "cannot clear what a deleted sandbox left; trying again");
        sleep = earlier(sleep, Some(LONGEST_SLEEP));
    }
    sleep
}

/// Settles a sandbox, and returns whether that succeeded.
async fn settle(sandbox: &Sandbox) -> bool {
    match AssertUnwindSafe(sandbox.settle()).catch_unwind().await {
        Ok(Ok(_)) => true,
        Ok(Err(error)) => {
            tracing::warn!(%error, sandbox = sandbox.name(), "cannot carry out a task; trying again");
            false
        }
        Err(_) => {
            tracing::error!(sandbox = sandbox.name(), "a task panicked and was dropped");
            false
        }
    }
}
