//! The tasks of a sandbox: what is due, in order, and who wakes up for it.

use super::Sandbox;
use crate::{
    base::document::Record,
    domain::{
        agenda::{Item, Task},
        session::{AgentSession, SessionStatus},
        signing::{Envelope, EnvelopeTask},
    },
    store::{News, Observer, StoreError, Stored, Update, decode},
};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};
use tokio::sync::Notify;

/// A task of the agenda that was carried out.
#[derive(Clone, Debug, Serialize)]
pub struct Ran {
    /// The task and its time.
    #[serde(flatten)]
    pub item: Item,
    /// Whether there was still something to do.
    pub done: bool,
}

/// Wakes those who wait for something to happen in a sandbox: readers of events, and the timer.
#[derive(Debug)]
pub(super) struct Pulse {
    happened: Notify,
    /// When to look for the next task, in microseconds. Never later than the first task is due.
    next_look: AtomicI64,
    alarm: Arc<Notify>,
}

impl Pulse {
    /// Of a sandbox without documents. `alarm` wakes the timer.
    pub(super) fn new(alarm: &Arc<Notify>) -> Self {
        Self { happened: Notify::new(), next_look: AtomicI64::new(i64::MAX), alarm: Arc::clone(alarm) }
    }

    /// Wakes the readers of events.
    pub(super) fn beat(&self) {
        self.happened.notify_waiters();
    }

    /// Wakes the timer.
    pub(super) fn ring(&self) {
        self.alarm.notify_one();
    }

    fn look_at(&self, due: Timestamp) {
        let due = microseconds(due);
        if due < self.next_look.fetch_min(due, Ordering::SeqCst) {
            self.ring();
        }
    }

    fn next_look(&self) -> Option<Timestamp> {
        match self.next_look.load(Ordering::SeqCst) {
            i64::MAX => None,
            due => Some(Timestamp::from_microsecond(due).unwrap_or(Timestamp::MIN)),
        }
    }
}

impl Observer for Pulse {
    fn committed(&self, News { first_due, has_entries }: News) {
        if let Some(due) = first_due {
            self.look_at(due);
        }
        if has_entries {
            self.beat();
        }
    }
}

/// Rounded down, so that nobody looks too late.
fn microseconds(at: Timestamp) -> i64 {
    i64::try_from(at.as_nanosecond().div_euclid(1_000)).unwrap_or(i64::MIN)
}

/// Sets the time of the next look when the present one ends, be it that it is given up. Whatever is committed meanwhile
/// sets it by itself.
struct Look<'p> {
    pulse: &'p Pulse,
    next: Option<Timestamp>,
}

impl<'p> Look<'p> {
    fn new(pulse: &'p Pulse) -> Self {
        Self { pulse, next: Some(Timestamp::MIN) }
    }

    /// To be called before the store is read.
    fn begin(&self) {
        self.pulse.next_look.store(i64::MAX, Ordering::SeqCst);
    }
}

impl Drop for Look<'_> {
    fn drop(&mut self) {
        if let Some(due) = self.next {
            self.pulse.look_at(due);
        }
    }
}

impl Sandbox {
    /// Done when something has happened, when the log began anew, or when the sandbox is gone; to be called before the
    /// log of events is looked at.
    pub fn happened(&self) -> impl Future<Output = ()> {
        let mut happened = Box::pin(self.pulse.happened.notified());
        happened.as_mut().enable();
        happened
    }

    /// When the timer has to look whether a task is due; not at all, if there is no task. May be too early.
    #[must_use]
    pub fn next_look(&self) -> Option<Timestamp> {
        self.pulse.next_look()
    }

    /// When the next task is due.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.first_document().await?.and_then(|(_, stored)| Some(stored.document.due?.at)))
    }

    /// The next `limit` tasks in order, and the number of all tasks.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn agenda(&self, limit: usize) -> Result<(Vec<Item>, usize), StoreError> {
        let documents = self.shelf.store().due(self.shelf.name(), usize::MAX).await?;
        let (mut first, mut total) = (Vec::new(), 0);
        for (place, (collection, stored)) in documents.iter().enumerate() {
            let tasks = tasks_of(collection, stored)?;
            total += tasks.len();
            // Each document before this one has an earlier task.
            if place < limit {
                first.extend(tasks.into_iter().map(|(rank, item)| ((item.due, rank, place), item)));
            }
        }
        first.sort_by_key(|(order, _)| *order);
        Ok((first.into_iter().take(limit).map(|(_, item)| item).collect(), total))
    }

    /// Carries out everything that is due at the sandbox's present, in order, and says what that was.
    ///
    /// # Errors
    /// When the store is unavailable. What came before is done; the task that failed stays due.
    pub async fn settle(&self) -> Result<Vec<Ran>, StoreError> {
        // One after the other, whoever moved the clock: two at once would each carry out every other task, and in no
        // order. Only those who settle wait for it, and a caller who hangs up gives their turn back.
        let _turn = self.settling.acquire().await;
        let mut ran = Vec::new();
        let now = self.clock.now();
        let mut look = Look::new(&self.pulse);
        loop {
            look.begin();
            let Some((collection, stored)) = self.first_document().await? else {
                look.next = None;
                return Ok(ran);
            };
            let due = stored.document.due.map(|due| due.at);
            if due.is_none_or(|due| due > now) {
                look.next = due;
                return Ok(ran);
            }
            let id = &stored.document.id;
            ran.extend(match collection {
                Envelope::COLLECTION => self.carry_out_first(id, now).await?,
                _ => self.expire_due_session(id).await?,
            });
        }
    }

    async fn first_document(&self) -> Result<Option<(&'static str, Arc<Stored>)>, StoreError> {
        Ok(self.shelf.store().due(self.shelf.name(), 1).await?.pop())
    }

    async fn expire_due_session(&self, id: &Arc<str>) -> Result<Option<Ran>, StoreError> {
        let expired = self.expire_session(id).await?;
        Ok(expired.map(|session| {
            let task = Task::ExpireSession { agent_session_id: Arc::clone(id) };
            Ran { item: Item { due: session.expires_at, task }, done: true }
        }))
    }

    /// Ends an agent session that is still open; `None` when it is not, or is not there.
    pub(super) async fn expire_session(&self, id: &str) -> Result<Option<Arc<AgentSession>>, StoreError> {
        let expire = |session: &mut AgentSession| {
            if session.status == SessionStatus::Expired {
                return Err(());
            }
            session.status = SessionStatus::Expired;
            session.replayable = false;
            Ok(())
        };
        match self.records.agent_sessions.update(id, expire).await? {
            Update::Done(session) => Ok(Some(session)),
            Update::Refused((), _) | Update::Missing => Ok(None),
        }
    }

    /// Wakes the timer, after the clock was moved by hand.
    pub fn clock_changed(&self) {
        self.pulse.ring();
    }
}

/// The tasks of a document, in order, each with its rank.
fn tasks_of(collection: &str, stored: &Stored) -> Result<Vec<(u8, Item)>, StoreError> {
    if collection == AgentSession::COLLECTION {
        let session = decode::<AgentSession>(stored)?;
        let task = Task::ExpireSession { agent_session_id: Arc::clone(&session.id) };
        return Ok(vec![(0, Item { due: session.expires_at, task })]);
    }
    let envelope = decode::<Envelope>(stored)?;
    let item = |(due, task)| (EnvelopeTask::rank(task), Item { due, task: Task::of_envelope(envelope.id, task) });
    Ok(envelope.tasks().into_iter().map(item).collect())
}
