//! Runs long computations on blocking threads: a few at a time, each with a deadline.

use crate::base::clock::Deadline;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError},
    task::spawn_blocking,
    time::timeout,
};

/// Limits of a pool.
#[derive(Clone, Copy, Debug)]
pub struct WorkLimits {
    /// Number of computations that run at the same time.
    pub at_once: usize,
    /// Number of callers that may wait for a place. Further callers are refused immediately.
    pub queued: usize,
    /// How long a caller waits for a place, in real time.
    pub patience: Duration,
    /// How long one computation may take, in real time.
    pub time: Duration,
}

/// Why a computation has no result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkError {
    /// All places, and all places in the queue, are taken.
    Busy,
    /// It took longer than the pool allows.
    TooLong(Duration),
    Stopping,
    /// It panicked, which is a bug in this crate.
    Failed,
}

/// Runs long computations on blocking threads.
///
/// A computation holds its place until it ends, even if its caller has disconnected. This bounds abandoned work, so no
/// code has to detect disconnects.
#[derive(Debug)]
pub struct WorkPool {
    limits: WorkLimits,
    places: Arc<Semaphore>,
    queue: Semaphore,
    stopped: Arc<AtomicBool>,
}

impl WorkPool {
    #[must_use]
    pub fn new(limits: WorkLimits) -> Self {
        Self {
            limits,
            places: Arc::new(Semaphore::new(limits.at_once)),
            queue: Semaphore::new(limits.queued),
            stopped: Arc::default(),
        }
    }

    /// Runs `work` on a blocking thread. `work` must check the deadline between steps of bounded length, and return
    /// `None` once it has passed.
    ///
    /// # Errors
    /// Returns a [`WorkError`] if there is no place, the deadline passes, or the server stops.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Deadline) -> Option<T> + Send + 'static,
    ) -> Result<T, WorkError> {
        let place = self.place().await?;
        let deadline = Deadline::new(self.limits.time, Arc::clone(&self.stopped));
        let computed = spawn_blocking(move || {
            // Held by the computation, because the caller may disconnect earlier.
            let _place = place;
            work(&deadline)
        });
        match computed.await {
            Ok(Some(result)) => Ok(result),
            Ok(None) if self.stopped.load(Ordering::Relaxed) => Err(WorkError::Stopping),
            Ok(None) => Err(WorkError::TooLong(self.limits.time)),
            Err(error) => {
                tracing::error!(%error, "a computation failed");
                Err(WorkError::Failed)
            }
        }
    }

    /// Ends running computations at their next deadline check, and refuses waiting and new ones.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
        self.places.close();
    }

    async fn place(&self) -> Result<OwnedSemaphorePermit, WorkError> {
        match Arc::clone(&self.places).try_acquire_owned() {
            Ok(place) => return Ok(place),
            Err(TryAcquireError::Closed) => return Err(WorkError::Stopping),
            Err(TryAcquireError::NoPermits) => {}
        }
        let _turn = self.queue.try_acquire().map_err(|_| WorkError::Busy)?;
        match timeout(self.limits.patience, Arc::clone(&self.places).acquire_owned()).await {
            Ok(place) => place.map_err(|_| WorkError::Stopping),
            Err(_) => Err(WorkError::Busy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{atomic::AtomicUsize, mpsc};
    use tokio::{sync::oneshot, task::JoinSet};

    const LIMITS: WorkLimits =
        WorkLimits { at_once: 2, queued: 0, patience: Duration::ZERO, time: Duration::from_mins(1) };

    #[tokio::test]
    async fn abandoned_work_counts_until_it_ends() {
        let pool = Arc::new(WorkPool::new(LIMITS));
        let begun = Arc::new(AtomicUsize::new(0));
        let mut held = Vec::new();
        let mut callers = JoinSet::new();
        for _ in 0..2 {
            let (release, released) = mpsc::channel::<()>();
            let (started, has_started) = oneshot::channel();
            let (pool, begun) = (Arc::clone(&pool), Arc::clone(&begun));
            callers.spawn(async move {
                let work = move |_: &Deadline| {
                    begun.fetch_add(1, Ordering::Relaxed);
                    let _ = started.send(());
                    released.recv().ok()
                };
                pool.run(work).await
            });
            has_started.await.unwrap();
            held.push(release);
        }
        callers.shutdown().await;
        for _ in 0..600 {
            assert_eq!(pool.run(|_| Some(())).await, Err(WorkError::Busy));
        }
        assert_eq!(begun.load(Ordering::Relaxed), 2);
        drop(held);
        // Both places are returned as soon as the threads have noticed the stop.
        let _ = pool.places.acquire_many(2).await.unwrap();
        assert_eq!(pool.run(|_| Some(1)).await, Ok(1));
    }

    #[tokio::test]
    async fn work_past_its_deadline_is_reported() {
        let pool = WorkPool::new(WorkLimits { time: Duration::ZERO, ..LIMITS });
        let endless = |deadline: &Deadline| loop {
            if deadline.is_over() {
                return None::<()>;
            }
        };
        assert_eq!(pool.run(endless).await, Err(WorkError::TooLong(Duration::ZERO)));
    }

    #[tokio::test]
    async fn a_panic_releases_its_place() {
        let pool = WorkPool::new(WorkLimits { at_once: 1, ..LIMITS });
        let failed: Result<(), _> = pool.run(|_| panic!("a defect")).await;
        assert_eq!(failed, Err(WorkError::Failed));
        assert_eq!(pool.run(|_| Some(1)).await, Ok(1));
    }

    #[tokio::test(start_paused = true)]
    async fn callers_queue_for_a_while() {
        let pool = WorkPool::new(WorkLimits { at_once: 1, queued: 1, patience: Duration::from_secs(10), ..LIMITS });
        let place = Arc::clone(&pool.places).acquire_owned().await.unwrap();
        let (first, second) = tokio::join!(pool.run(|_| Some(1)), pool.run(|_| Some(2)));
        assert_eq!((first, second), (Err(WorkError::Busy), Err(WorkError::Busy)));
        let (waited, ()) = tokio::join!(pool.run(|_| Some(3)), async { drop(place) });
        assert_eq!(waited, Ok(3));
    }

    #[tokio::test]
    async fn a_stop_ends_running_and_waiting_work() {
        let pool = WorkPool::new(WorkLimits { at_once: 1, queued: 1, patience: Duration::from_mins(1), ..LIMITS });
        let (started, has_started) = oneshot::channel();
        let running = pool.run(move |deadline| {
            let _ = started.send(());
            while !deadline.is_over() {}
            None::<()>
        });
        let waiting = async {
            has_started.await.unwrap();
            let (waiting, ()) = tokio::join!(pool.run(|_| Some(())), async { pool.stop() });
            waiting
        };
        assert_eq!(tokio::join!(running, waiting), (Err(WorkError::Stopping), Err(WorkError::Stopping)));
        assert_eq!(pool.run(|_| Some(())).await, Err(WorkError::Stopping));
    }
}
