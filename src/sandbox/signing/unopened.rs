//! Envelopes that handoffs asked for and nobody has looked at yet.
//!
//! Making an envelope costs more than all the rest of a handoff, and most are never looked at. So it is put off until
//! somebody asks for anything that it could show in: envelopes, events, the agenda, a snapshot, a clock that moves.
//! Nobody can tell the difference: what is put off is made in its order and bears the time of its handoff.

use crate::{
    base::budget::{Account, Budget, Share},
    domain::{session::AgentSession, signing::Plan},
    sandbox::Sandbox,
};
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};

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
    /// Held while draining the queue; other callers wait.
    turn: Semaphore,
}

#[derive(Debug, Default)]
struct Queue {
    unmade: VecDeque<Unmade>,
    bytes: Account,
    dropped: u64,
}

/// A session whose envelope is still to be made, and how it will be played.
#[derive(Debug)]
pub(super) struct Unmade {
    pub(super) session: Arc<AgentSession>,
    pub(super) plan: Option<Arc<Plan>>,
}

impl Unopened {
    /// Nothing put off yet. Of more than the store would keep, by count or by bytes, the oldest are never made.
    pub(in crate::sandbox) fn new(sessions: usize, bytes: usize, budget: &Arc<Budget>) -> Self {
        Self {
            sessions,
            bytes,
            queue: Mutex::new(Queue { bytes: Account::new(budget), ..Queue::default() }),
            waiting: AtomicUsize::new(0),
            listeners: AtomicUsize::new(0),
            turn: Semaphore::new(1),
        }
    }

    pub(super) fn put_off(&self, session: Arc<AgentSession>, plan: Option<Arc<Plan>>) {
        let mut given_up = Vec::new();
        let mut queue = self.queue();
        queue.bytes.add(session.request.len());
        queue.unmade.push_back(Unmade { session, plan });
        // Counted inside the lock, so that whoever sees the count finds the envelope.
        self.waiting.fetch_add(1, Ordering::SeqCst);
        while queue.unmade.len() > self.sessions || queue.bytes.bytes() > self.bytes {
            let Some(oldest) = self.give_up_oldest(&mut queue) else { break };
            given_up.push(oldest);
        }
        drop(queue);
        // Freed here, outside the lock.
        drop(given_up);
    }

    /// The next one to be made; [`Unopened::made`] says that it was.
    pub(super) fn take(&self) -> Option<Unmade> {
        let mut queue = self.queue();
        let next = queue.unmade.pop_front()?;
        queue.bytes.sub(next.session.request.len());
        Some(next)
    }

    /// Gives back the one that was taken, to be the next one again.
    pub(super) fn put_back(&self, unmade: Unmade) {
        let mut queue = self.queue();
        queue.bytes.add(unmade.session.request.len());
        queue.unmade.push_front(unmade);
    }

    /// One that was taken is made, or never will be.
    pub(super) fn made(&self) {
        self.waiting.fetch_sub(1, Ordering::SeqCst);
    }

    /// Whether any is in the queue or in the making.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0
    }

    /// Whether somebody listens, so that nothing may be put off.
    pub(super) fn has_listeners(&self) -> bool {
        self.listeners.load(Ordering::SeqCst) > 0
    }

    /// The turn to make what is put off.
    pub(super) fn turn(&self) -> impl Future<Output = Result<SemaphorePermit<'_>, AcquireError>> {
        self.turn.acquire()
    }

    /// How many were never made, for newer ones.
    pub(in crate::sandbox) fn dropped(&self) -> u64 {
        self.queue().dropped
    }

    /// About how many bytes are put off.
    pub(in crate::sandbox) fn bytes(&self) -> usize {
        self.queue().bytes.bytes()
    }

    /// Gives up the oldest until a share of them is left, and says how many those were.
    pub(in crate::sandbox) fn shrink(&self, share: Share) -> u64 {
        let mut given_up = Vec::new();
        let mut queue = self.queue();
        let stays = share.of(queue.bytes.bytes());
        while queue.bytes.bytes() > stays {
            let Some(oldest) = self.give_up_oldest(&mut queue) else { break };
            given_up.push(oldest);
        }
        drop(queue);
        given_up.len() as u64
    }

    fn give_up_oldest(&self, queue: &mut Queue) -> Option<Unmade> {
        let oldest = queue.unmade.pop_front()?;
        queue.bytes.sub(oldest.session.request.len());
        queue.dropped += 1;
        self.waiting.fetch_sub(1, Ordering::SeqCst);
        Some(oldest)
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
