//! Envelopes that handoffs asked for and nobody has looked at yet.
//!
//! Making an envelope costs more than all the rest of a handoff, and most are never looked at. So it is put off until
//! somebody asks for anything that it could show in: envelopes, events, the agenda, a snapshot, a clock that moves.
//! Nobody can tell the difference: what is put off is made in its order and bears the time of its handoff.

use crate::{sandbox::Sandbox, session::AgentSession, signing::Plan, store::StoreError};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::Semaphore;

/// What is put off.
#[derive(Debug)]
pub(in crate::sandbox) struct Unopened {
    sessions: usize,
    bytes: usize,
    queue: Mutex<Queue>,
    /// How many are in the queue or in the making.
    waiting: AtomicUsize,
    /// How many listen for what happens, so that nothing may be put off.
    listeners: AtomicUsize,
    /// Whoever makes them does so alone, and who comes meanwhile waits until all are made.
    turn: Semaphore,
}

#[derive(Debug, Default)]
struct Queue {
    wishes: VecDeque<Wish>,
    bytes: usize,
    dropped: u64,
}

/// A session whose envelope is still to be made, and how it will be played.
#[derive(Debug)]
struct Wish {
    session: Arc<AgentSession>,
    plan: Option<Arc<Plan>>,
}

impl Unopened {
    /// Nothing put off yet. Of more than the store would keep, by count or by bytes, the oldest are never made.
    pub(in crate::sandbox) fn new(sessions: usize, bytes: usize) -> Self {
        Self {
            sessions,
            bytes,
            queue: Mutex::default(),
            waiting: AtomicUsize::new(0),
            listeners: AtomicUsize::new(0),
            turn: Semaphore::new(1),
        }
    }

    fn put_off(&self, session: Arc<AgentSession>, plan: Option<Arc<Plan>>) {
        let mut given_up = Vec::new();
        let mut queue = self.queue();
        queue.bytes += session.request.len();
        queue.wishes.push_back(Wish { session, plan });
        // Counted inside the lock, so that whoever sees the count finds the wish.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while queue.wishes.len() > self.sessions || queue.bytes > self.bytes {
            let Some(oldest) = queue.wishes.pop_front() else { break };
            queue.bytes -= oldest.session.request.len();
            queue.dropped += 1;
            self.waiting.fetch_sub(1, Ordering::SeqCst);
            given_up.push(oldest);
        }
        drop(queue);
        // Freed here, outside the lock.
        drop(given_up);
    }

    fn take(&self) -> Option<Wish> {
        let mut queue = self.queue();
        let next = queue.wishes.pop_front()?;
        queue.bytes -= next.session.request.len();
        Some(next)
    }

    /// How many were never made, for newer ones.
    pub(in crate::sandbox) fn dropped(&self) -> u64 {
        self.queue().dropped
    }

    /// Lets go of all of them.
    pub(in crate::sandbox) fn clear(&self) {
        let mut queue = self.queue();
        self.waiting.fetch_sub(queue.wishes.len(), Ordering::SeqCst);
        *queue = Queue::default();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that holds this lock can leave the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Somebody who listens for what happens in a sandbox: while they do, nothing is put off.
#[derive(Debug)]
pub struct Listener(Arc<Sandbox>);

impl Listener {
    /// Listens from now on.
    #[must_use]
    pub fn new(sandbox: &Arc<Sandbox>) -> Self {
        sandbox.unopened.listeners.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(sandbox))
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.0.unopened.listeners.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Sandbox {
    /// Sees to it that a new session gets its envelope: at once where people act by themselves or somebody listens, else
    /// when somebody looks.
    pub(in crate::sandbox) async fn wish_for_envelope(
        &self,
        session: Arc<AgentSession>,
        plan: Option<Arc<Plan>>,
    ) -> Result<(), StoreError> {
        let is_urgent = plan.is_some();
        self.unopened.put_off(session, plan);
        // Looked at after it was put off: a listener who comes in between makes it themselves.
        if is_urgent || self.unopened.listeners.load(Ordering::SeqCst) > 0 {
            self.catch_up().await?;
        }
        Ok(())
    }

    /// Makes the envelopes that were put off. To be called before anything is looked at that they could show in.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        if self.unopened.waiting.load(Ordering::SeqCst) == 0 {
            return Ok(());
        }
        let _turn = self.unopened.turn.acquire().await;
        while let Some(Wish { session, plan }) = self.unopened.take() {
            let opened = self.open_envelope(session, plan).await;
            self.unopened.waiting.fetch_sub(1, Ordering::SeqCst);
            opened?;
        }
        Ok(())
    }
}
