//! The orders in which threads take steps: all orders, all with few preemptions, or thousands of random ones.

use shuttle::{
    Config, Runner,
    scheduler::{DfsScheduler, PctScheduler, RandomScheduler, ReplayScheduler, Schedule, Scheduler, Task, TaskId},
};
use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, Mutex},
};

/// Random orders are the same in every run; set `SHUTTLE_RANDOM_SEED` for others.
const SEED: u64 = 5;

/// A test that the checker runs once per order.
pub trait Body: Fn() + Send + Sync + 'static {}

impl<F: Fn() + Send + Sync + 'static> Body for F {}

/// Tries every order, and returns their number.
pub fn every_order(body: impl Body) -> usize {
    every_order_within(usize::MAX, body)
}

/// Tries every order with at most `preemptions` interruptions of threads that could continue, and returns the number of
/// orders.
pub fn every_order_within(preemptions: usize, body: impl Body) -> usize {
    run(Within { most: preemptions, ..Within::all() }, body)
}

/// Tries `count` uniformly random orders, and as many by thread priorities that change three times.
pub fn drawn_orders(count: usize, body: impl Body + Copy) {
    run(RandomScheduler::new_from_seed(SEED, count), body);
    run(PctScheduler::new_from_seed(SEED, 3, count), body);
}

/// Searches all orders for one in which the body panics. Returns the panic message and the order.
pub fn find_failure(body: impl Body) -> Option<(String, Schedule)> {
    let last = Arc::default();
    let scheduler = Recorded { inner: Within::all(), last: Arc::clone(&last) };
    let panic = catch_unwind(AssertUnwindSafe(|| run(scheduler, body))).err()?;
    let order = last.lock().unwrap().clone();
    Some((said(&*panic), order))
}

/// Replays one order, and returns the panic message if the body panics.
pub fn replay(order: Schedule, body: impl Body) -> Option<String> {
    let scheduler = ReplayScheduler::new_from_schedule(order);
    catch_unwind(AssertUnwindSafe(|| run(scheduler, body))).err().map(|panic| said(&*panic))
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(ToString::to_string)).unwrap_or_default()
}

fn run(scheduler: impl Scheduler + 'static, body: impl Body) -> usize {
    let mut config = Config::new();
    // Unoptimized frames are large.
    config.stack_size = 0x4_0000;
    Runner::new(scheduler, config).run(body)
}

/// Enumerates orders depth first, with a maximum number of preemptions.
///
/// The body's own thread only starts the others and waits for them, so it always continues when it can.
struct Within {
    inner: DfsScheduler,
    most: usize,
    used: usize,
}

impl Within {
    fn all() -> Self {
        Self { inner: DfsScheduler::new(None, false), most: usize::MAX, used: 0 }
    }
}

impl Scheduler for Within {
    fn new_execution(&mut self) -> Option<Schedule> {
        self.used = 0;
        self.inner.new_execution()
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        let find = |id: TaskId| runnable.iter().find(|task| task.id() == id).copied();
        let stays = current.and_then(find);
        let must = find(TaskId::from(0)).or_else(|| stays.filter(|_| self.used == self.most));
        let Some(only) = must else {
            let next = self.inner.next_task(runnable, current, is_yielding);
            self.used += usize::from(stays.is_some() && next != current);
            return next;
        };
        self.inner.next_task(&[only], current, is_yielding)
    }

    fn next_u64(&mut self) -> u64 {
        self.inner.next_u64()
    }
}

/// Records the current order.
struct Recorded {
    inner: Within,
    last: Arc<Mutex<Schedule>>,
}

impl Scheduler for Recorded {
    fn new_execution(&mut self) -> Option<Schedule> {
        let order = self.inner.new_execution()?;
        *self.last.lock().unwrap() = order.clone();
        Some(order)
    }

    fn next_task(&mut self, runnable: &[&Task], current: Option<TaskId>, is_yielding: bool) -> Option<TaskId> {
        let next = self.inner.next_task(runnable, current, is_yielding)?;
        self.last.lock().unwrap().push_task(next);
        Some(next)
    }

    fn next_u64(&mut self) -> u64 {
        self.inner.next_u64()
    }
}
