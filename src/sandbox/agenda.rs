//! The tasks of a sandbox, in the order in which they are due.

use super::{Sandbox, wakeups::NextLook};
use crate::{
    base::document::{Due, Record},
    domain::{
        agenda::{Item, Task},
        session::{AgentSession, SessionStatus},
        signing::{Envelope, EnvelopeTask},
    },
    store::{StoreError, Stored, Update, decode},
};
use futures_util::FutureExt;
use jiff::Timestamp;
use serde::Serialize;
use std::{panic::AssertUnwindSafe, sync::Arc};
use utoipa::ToSchema;

/// Maximum number of a document's tasks carried out in one commit. An envelope with ten thousand agents is copied for
/// each commit.
const MOST_TOGETHER: usize = 256;

/// A task that was carried out.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Ran {
    /// The task and when it was due.
    #[serde(flatten)]
    pub item: Item,
    /// Whether the task had an effect: false if the session was deleted or dropped, or if the rules refuse the task by
    /// then.
    pub done: bool,
}

/// Limits on the tasks of one document that are carried out together.
#[derive(Clone, Copy, Debug)]
pub(super) struct Until {
    /// The sandbox's current time.
    pub(super) now: Timestamp,
    /// The first task of the next document.
    pub(super) next: Option<Due>,
    /// Maximum number of tasks.
    pub(super) most: usize,
}

impl Until {
    /// Whether a task is due and comes before all tasks of other documents.
    pub(super) fn admits(self, due: Timestamp, rank: u8) -> bool {
        due <= self.now && self.next.is_none_or(|next| (due, rank) < next.order())
    }
}

impl Sandbox {
    /// When the next task is due.
    pub async fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let first = self.shelf.store().due(self.shelf.name(), 1).await?.documents;
        Ok(first.first().and_then(|(_, stored)| Some(stored.document.due?.at)))
    }

    /// Returns the next `limit` tasks in order, and the total number of tasks.
    pub async fn agenda(&self, limit: usize) -> Result<(Vec<Item>, u64), StoreError> {
        let slice = self.shelf.store().due(self.shelf.name(), limit).await?;
        let mut tasks = Vec::new();
        for (collection, stored) in &slice.documents {
            // Every other document's first task is later than all of these.
            for (rank, item) in tasks_of(collection, stored)?.into_iter().take(limit) {
                tasks.push(((item.due, rank, stored.sequence), item));
            }
        }
        // The sort is stable: the tasks of one document are already in order.
        tasks.sort_by_key(|(order, _)| *order);
        Ok((tasks.into_iter().take(limit).map(|(_, item)| item).collect(), slice.tasks))
    }

    /// Carries out everything that is due at the sandbox's current time, in order, and returns what was carried out.
    ///
    /// # Errors
    /// When the store is unavailable. Earlier tasks are done; the task that failed stays due.
    pub async fn settle(&self) -> Result<Vec<Ran>, StoreError> {
        // Only one settling at a time, whichever caller moved the clock: two in parallel would mix their tasks and
        // lose the order. Other requests do not wait, and a caller that hangs up frees its turn.
        let _turn = self.settling.acquire().await;
        let mut ran = Vec::new();
        let now = self.clock.now();
        let mut look = NextLook::new(&self.wakeups);
        // Number of tasks to commit one by one, so that only the task that panics is dropped.
        let mut one_by_one = 0_usize;
        loop {
            look.begin();
            let mut documents = self.shelf.store().due(self.shelf.name(), 2).await?.documents.into_iter();
            let Some((collection, stored)) = documents.next() else {
                look.set(None);
                return Ok(ran);
            };
            let due = stored.document.due.map(|due| due.at);
            if due.is_none_or(|due| due > now) {
                look.set(due);
                return Ok(ran);
            }
            let next = documents.next().and_then(|(_, stored)| stored.document.due);
            let until = Until { now, next, most: if one_by_one == 0 { MOST_TOGETHER } else { 1 } };
            let id = &stored.document.id;
            let carrying_out = AssertUnwindSafe(self.carry_out(collection, id, until)).catch_unwind();
            match carrying_out.await {
                Ok(carried_out) => {
                    ran.extend(carried_out?);
                    one_by_one = one_by_one.saturating_sub(1);
                }
                // Nothing was committed, and it is not known which of the tasks panicked.
                Err(_) if one_by_one == 0 => one_by_one = MOST_TOGETHER,
                Err(_) => {
                    tracing::error!(sandbox = self.name(), collection, id = %id, "a task panicked and was dropped");
                    self.drop_task(collection, id, now).await?;
                    one_by_one = 0;
                }
            }
            // An in-memory store never yields, and thousands of tasks must not block the thread.
            tokio::task::yield_now().await;
        }
    }

    async fn carry_out(&self, collection: &str, id: &Arc<str>, until: Until) -> Result<Vec<Ran>, StoreError> {
        match collection {
            Envelope::COLLECTION => self.carry_out_tasks(id, until).await,
            AgentSession::COLLECTION => {
                let expired = self.expire_session(id).await?;
                let task = Task::ExpireSession { agent_session_id: Arc::clone(id) };
                let ran = |session: Arc<AgentSession>| Ran { item: Item { due: session.expires_at, task }, done: true };
                Ok(expired.map(ran).into_iter().collect())
            }
            _ => Err(no_tasks(collection)),
        }
    }

    /// Removes the first task of a document without carrying it out.
    async fn drop_task(&self, collection: &str, id: &Arc<str>, now: Timestamp) -> Result<(), StoreError> {
        if collection == Envelope::COLLECTION {
            self.drop_envelope_task(id, now).await
        } else {
            self.expire_session(id).await.map(drop)
        }
    }

    /// Expires an agent session that is still open; returns `None` if it is not open or does not exist.
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
}

/// The tasks of a document, in order, each with its rank.
fn tasks_of(collection: &str, stored: &Stored) -> Result<Vec<(u8, Item)>, StoreError> {
    match collection {
        AgentSession::COLLECTION => {
            let session = decode::<AgentSession>(stored)?;
            let task = Task::ExpireSession { agent_session_id: Arc::clone(&session.id) };
            Ok(vec![(0, Item { due: session.expires_at, task })])
        }
        Envelope::COLLECTION => {
            let envelope = decode::<Envelope>(stored)?;
            let item =
                |(due, task)| (EnvelopeTask::rank(task), Item { due, task: Task::of_envelope(envelope.id, task) });
            Ok(envelope.tasks().into_iter().map(item).collect())
        }
        _ => Err(no_tasks(collection)),
    }
}

/// An internal error: a document is due but has no task.
fn no_tasks(collection: &str) -> StoreError {
    StoreError::Unavailable(format!("documents of {collection} have no tasks"))
}
