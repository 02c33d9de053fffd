//! The agenda: the future tasks of a sandbox, ordered by due time.
//!
//! Pure: callers take what is due and run it. Tasks due at the same instant have a fixed order. Session expiries come
//! first, in order of arrival. All others are ordered by kind and subject, because an agenda rebuilt after a restore does
//! not know the order of arrival and must give the same order.

use crate::domain::signing::{AgentId, EnvelopeId, Intention};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    iter::Peekable,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Something to be done later.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// An agent session ends; its `handoff_id` is free again.
    ExpireSession {
        /// `as_…`.
        agent_session_id: Arc<str>,
    },
    /// An envelope ends, whoever has not signed (G6).
    ExpireEnvelope {
        /// `env_…`.
        envelope_id: EnvelopeId,
    },
    /// Those who could act on an envelope are reminded (G6).
    RemindEnvelope {
        /// `env_…`.
        envelope_id: EnvelopeId,
    },
    /// A simulated sender calls an envelope off.
    VoidEnvelope {
        /// `env_…`.
        envelope_id: EnvelopeId,
    },
    /// A simulated person does something.
    Act {
        /// What.
        act: Intention,
        /// `agt_…`.
        agent_id: AgentId,
    },
}

/// The most tasks an agenda keeps, session expiries not counted. Beyond it, the task added first is dropped.
pub const MOST_TASKS: usize = 100_000;

/// A task with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// When it is due, by the sandbox's clock.
    pub due: Timestamp,
    /// What is to be done.
    #[serde(flatten)]
    pub task: Task,
}

/// The tasks of a sandbox. Each task is on it at most once. Adding, removing and taking a task are O(log n).
#[derive(Debug)]
pub struct Agenda {
    limits: TaskLimits,
    queue: Mutex<Queue>,
}

#[derive(Clone, Copy, Debug)]
struct TaskLimits {
    /// Session expiries. Beyond it, the one due first is dropped: its session has been dropped as well.
    expiries: usize,
    /// All other tasks. Beyond it, the one added first is dropped.
    others: usize,
}

#[derive(Debug, Default)]
struct Queue {
    arrivals: u64,
    /// All tasks. Session expiries sort before all others, whatever their time, so that the first of either is found
    /// at once.
    order: BTreeSet<Entry>,
    /// Due time and arrival of each task in `order`.
    index: HashMap<Task, (Timestamp, u64)>,
    /// The tasks in `order` except session expiries, by arrival: the first is dropped at the limit.
    oldest: BTreeMap<u64, Task>,
    dropped: u64,
}

/// Sorts after every session expiry and before every other task.
const FIRST_OTHER: Entry =
    Entry::Other { due: Timestamp::MIN, task: Task::ExpireEnvelope { envelope_id: EnvelopeId(0) } };

/// A task in its place. The order of the variants and of their fields is the order of the tasks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Entry {
    Expiry { due: Timestamp, arrival: u64, task: Task },
    Other { due: Timestamp, task: Task },
}

impl Entry {
    fn new(due: Timestamp, arrival: u64, task: Task) -> Self {
        if is_expiry(&task) { Self::Expiry { due, arrival, task } } else { Self::Other { due, task } }
    }

    fn due(&self) -> Timestamp {
        let (Self::Expiry { due, .. } | Self::Other { due, .. }) = self;
        *due
    }

    fn task(&self) -> &Task {
        let (Self::Expiry { task, .. } | Self::Other { task, .. }) = self;
        task
    }

    fn item(&self) -> Item {
        Item { due: self.due(), task: self.task().clone() }
    }
}

fn is_expiry(task: &Task) -> bool {
    matches!(task, Task::ExpireSession { .. })
}

impl Agenda {
    /// An empty agenda that keeps up to `expiries` session expiries and [`MOST_TASKS`] other tasks.
    #[must_use]
    pub fn new(expiries: usize) -> Self {
        Self::limited(TaskLimits { expiries, others: MOST_TASKS })
    }

    fn limited(limits: TaskLimits) -> Self {
        Self { limits, queue: Mutex::default() }
    }

    /// Adds a task, or moves it if it is on the agenda already. Returns whether it is due before all others.
    pub fn add(&self, due: Timestamp, task: Task) -> bool {
        let mut queue = self.queue();
        let before = queue.next_due();
        queue.add(due, task);
        queue.enforce(self.limits);
        before.is_none_or(|next| due < next)
    }

    /// Removes a task.
    pub fn remove(&self, task: &Task) {
        self.queue().remove(task);
    }

    /// Removes all acts of simulated agents.
    pub fn remove_acts(&self, agents: impl Iterator<Item = AgentId>) {
        let mut queue = self.queue();
        for agent_id in agents {
            for act in Intention::ALL {
                queue.remove(&Task::Act { act, agent_id });
            }
        }
    }

    /// Takes the next task that is due at `now`.
    #[must_use]
    pub fn take_due(&self, now: Timestamp) -> Option<Item> {
        let mut queue = self.queue();
        let item = queue.entries().next().filter(|entry| entry.due() <= now)?.item();
        queue.remove(&item.task);
        Some(item)
    }

    /// When the next task is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.queue().next_due()
    }

    /// The next `limit` tasks in order, and the number of all tasks.
    #[must_use]
    pub fn list(&self, limit: usize) -> (Vec<Item>, usize) {
        let queue = self.queue();
        (queue.entries().take(limit).map(Entry::item).collect(), queue.order.len())
    }

    /// The number of tasks dropped at the limit for tasks other than session expiries.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue().dropped
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No holder of this lock can leave the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn add(&mut self, due: Timestamp, task: Task) {
        self.remove(&task);
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.index.insert(task.clone(), (due, arrival));
        if !is_expiry(&task) {
            self.oldest.insert(arrival, task.clone());
        }
        self.order.insert(Entry::new(due, arrival, task));
    }

    fn remove(&mut self, task: &Task) {
        if let Some((due, arrival)) = self.index.remove(task) {
            self.order.remove(&Entry::new(due, arrival, task.clone()));
            self.oldest.remove(&arrival);
        }
    }

    fn enforce(&mut self, limits: TaskLimits) {
        while self.order.len() - self.oldest.len() > limits.expiries {
            let Some(task) = self.order.first().map(|entry| entry.task().clone()) else { break };
            self.remove(&task);
        }
        while self.oldest.len() > limits.others {
            let Some(task) = self.oldest.values().next().cloned() else { break };
            self.remove(&task);
            self.dropped += 1;
        }
    }

    fn next_due(&self) -> Option<Timestamp> {
        self.entries().next().map(Entry::due)
    }

    /// All tasks by due time; of those due at the same instant, session expiries first.
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        let expiries = self.order.range(..FIRST_OTHER).peekable();
        let others = self.order.range(FIRST_OTHER..).peekable();
        Merged { expiries, others }
    }
}

/// Merges two iterators that are sorted by due time. The first has precedence.
struct Merged<'a, A: Iterator<Item = &'a Entry>, B: Iterator<Item = &'a Entry>> {
    expiries: Peekable<A>,
    others: Peekable<B>,
}

impl<'a, A: Iterator<Item = &'a Entry>, B: Iterator<Item = &'a Entry>> Iterator for Merged<'a, A, B> {
    type Item = &'a Entry;

    fn next(&mut self) -> Option<&'a Entry> {
        let other = self.others.peek().map(|entry| entry.due());
        let is_expiry = |expiry: &&Entry| other.is_none_or(|other| expiry.due() <= other);
        self.expiries.next_if(is_expiry).or_else(|| self.others.next())
    }
}

#[cfg(test)]
mod tests;
