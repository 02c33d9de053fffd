//! The agenda: everything that will happen later in a sandbox, in order of its time.
//!
//! Pure: what is due is handed out, and whoever asks carries it out. Of what has the same time, sessions end first and
//! in order of arrival. All else goes by what it is and whom it is about: an agenda that is made anew after a restore
//! knows no arrivals, and has to come to the same.

use crate::domain::signing::{AgentId, EnvelopeId, Intention};
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
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

/// Tasks other than session expiries that an agenda keeps at most; those that came first give way.
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

/// The tasks of a sandbox.
#[derive(Debug)]
pub struct Agenda {
    /// Session expiries kept at most: as many as there are sessions. Those of sessions that gave way go first.
    expiries: usize,
    queue: Mutex<Queue>,
}

#[derive(Debug, Default)]
struct Queue {
    arrivals: u64,
    /// Expiries that came in order of their time, as they do while nobody changes how long a session lives.
    lane: VecDeque<(Timestamp, u64, Task)>,
    /// Expiries that came too late for the lane, as they do when many callers come at once.
    late: BTreeMap<(Timestamp, u64), Task>,
    /// All other tasks.
    others: BTreeSet<(Timestamp, Task)>,
    /// When each of those is due and as which it arrived, and which of them came first.
    places: HashMap<Task, (Timestamp, u64)>,
    arrived: BTreeMap<u64, Task>,
    /// Tasks given up for newer ones.
    dropped: u64,
}

impl Agenda {
    /// An empty agenda that keeps so many session expiries.
    #[must_use]
    pub fn new(expiries: usize) -> Self {
        Self { expiries, queue: Mutex::default() }
    }

    /// Puts a task on the agenda, and says whether it is the next one now. A task stands there once: an envelope's
    /// second expiry takes the place of the first.
    pub fn add(&self, due: Timestamp, task: Task) -> bool {
        let mut queue = self.queue();
        let before = queue.next();
        queue.arrivals += 1;
        let arrival = queue.arrivals;
        match task {
            Task::ExpireSession { .. } if queue.lane.back().is_none_or(|(last, ..)| *last <= due) => {
                queue.lane.push_back((due, arrival, task));
            }
            task @ Task::ExpireSession { .. } => {
                queue.late.insert((due, arrival), task);
            }
            task => queue.put(due, arrival, task),
        }
        while queue.lane.len() + queue.late.len() > self.expiries {
            queue.take_next_expiry();
        }
        before.is_none_or(|next| due < next)
    }

    /// Strikes a task off, wherever it stands.
    pub fn strike(&self, task: &Task) {
        let mut queue = self.queue();
        if matches!(task, Task::ExpireSession { .. }) {
            queue.lane.retain(|(_, _, listed)| listed != task);
            queue.late.retain(|_, listed| listed != task);
        } else {
            queue.remove(task);
        }
    }

    /// Strikes off whatever simulated agents would do.
    pub fn strike_acts(&self, agents: impl Iterator<Item = AgentId>) {
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
        queue.next().filter(|due| *due <= now)?;
        queue.take_next()
    }

    /// When the next task is due.
    #[must_use]
    pub fn next_due(&self) -> Option<Timestamp> {
        self.queue().next()
    }

    /// The next tasks in order, `limit` of them at most, and how many there are in all.
    #[must_use]
    pub fn list(&self, limit: usize) -> (Vec<Item>, usize) {
        let queue = self.queue();
        let ordered = queue.lane.iter().map(|(due, arrival, task)| (*due, *arrival, task)).take(limit);
        let late = queue.late.iter().map(|((due, arrival), task)| (*due, *arrival, task)).take(limit);
        // After all expiries of the same time, as they are taken.
        let others = queue.others.iter().map(|(due, task)| (*due, u64::MAX, task)).take(limit);
        let mut items: Vec<_> = ordered.chain(late).chain(others).collect();
        items.sort_by_key(|(due, arrival, _)| (*due, *arrival));
        items.truncate(limit);
        let items = items.into_iter().map(|(due, _, task)| Item { due, task: task.clone() }).collect();
        (items, queue.lane.len() + queue.late.len() + queue.others.len())
    }

    /// How many tasks were given up for newer ones: more were planned than an agenda keeps.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.queue().dropped
    }

    /// Strikes everything off.
    pub fn clear(&self) {
        *self.queue() = Queue::default();
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing that holds this lock can leave the queue half changed.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn next(&self) -> Option<Timestamp> {
        let expiry = self.next_expiry().map(|(due, _)| due);
        expiry.into_iter().chain(self.others.first().map(|(due, _)| *due)).min()
    }

    fn next_expiry(&self) -> Option<(Timestamp, u64)> {
        let ordered = self.lane.front().map(|(due, arrival, _)| (*due, *arrival));
        let late = self.late.keys().next().copied();
        ordered.into_iter().chain(late).min()
    }

    fn take_next(&mut self) -> Option<Item> {
        let expiry = self.next_expiry();
        match self.others.first() {
            Some((due, _)) if expiry.is_none_or(|(expiry, _)| *due < expiry) => {
                let (due, task) = self.others.pop_first()?;
                if let Some((_, arrival)) = self.places.remove(&task) {
                    self.arrived.remove(&arrival);
                }
                Some(Item { due, task })
            }
            _ => self.take_next_expiry(),
        }
    }

    fn take_next_expiry(&mut self) -> Option<Item> {
        let (due, arrival) = self.next_expiry()?;
        let task = match self.late.remove(&(due, arrival)) {
            Some(task) => task,
            None => self.lane.pop_front()?.2,
        };
        Some(Item { due, task })
    }

    fn put(&mut self, due: Timestamp, arrival: u64, task: Task) {
        self.remove(&task);
        self.places.insert(task.clone(), (due, arrival));
        self.arrived.insert(arrival, task.clone());
        self.others.insert((due, task));
        while self.others.len() > MOST_TASKS {
            let Some((_, task)) = self.arrived.pop_first() else { break };
            self.remove(&task);
            self.dropped += 1;
        }
    }

    fn remove(&mut self, task: &Task) {
        if let Some((due, arrival)) = self.places.remove(task) {
            self.others.remove(&(due, task.clone()));
            self.arrived.remove(&arrival);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry(id: &str) -> Task {
        Task::ExpireSession { agent_session_id: id.into() }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn what_is_due_comes_in_order_of_time_then_of_arrival() {
        let agenda = Agenda::new(10);
        assert!(agenda.add(at(5), expiry("a")));
        assert!(!agenda.add(at(5), expiry("b")));
        assert!(agenda.add(at(3), expiry("c")));
        assert!(!agenda.add(at(9), expiry("d")));
        assert!(!agenda.add(at(5), expiry("e")));
        let listed: Vec<Task> = agenda.list(10).0.into_iter().map(|item| item.task).collect();
        assert_eq!(agenda.next_due(), Some(at(3)));
        let mut taken = Vec::new();
        while let Some(item) = agenda.take_due(at(5)) {
            taken.push(item.task);
        }
        assert_eq!(taken, ["c", "a", "b", "e"].map(expiry));
        assert_eq!(listed[..4], taken);
        assert_eq!(agenda.list(10).1, 1);
    }

    #[test]
    fn expiries_are_bounded() {
        let agenda = Agenda::new(2);
        for second in 0..5 {
            agenda.add(at(second), expiry(&second.to_string()));
        }
        assert_eq!(agenda.next_due(), Some(at(3)));
    }

    #[test]
    fn expiries_that_come_out_of_order_are_bounded_too() {
        let agenda = Agenda::new(2);
        for second in [9, 5, 7, 1, 8] {
            agenda.add(at(second), expiry(&second.to_string()));
        }
        let (kept, total) = agenda.list(10);
        assert_eq!((kept[0].due, kept[1].due, total), (at(8), at(9), 2));
    }

    #[test]
    fn other_tasks_stand_among_the_expiries_once_each_and_can_be_struck() {
        let agenda = Agenda::new(2);
        let envelope_id = EnvelopeId(1);
        agenda.add(at(5), expiry("a"));
        agenda.add(at(9), Task::ExpireEnvelope { envelope_id });
        agenda.add(at(3), Task::RemindEnvelope { envelope_id });
        agenda.add(at(4), Task::ExpireEnvelope { envelope_id });
        let due: Vec<_> = agenda.list(10).0.into_iter().map(|item| item.due).collect();
        assert_eq!(due, [at(3), at(4), at(5)]);
        agenda.strike(&Task::RemindEnvelope { envelope_id });
        assert_eq!(agenda.take_due(at(9)).unwrap().task, Task::ExpireEnvelope { envelope_id });
        assert_eq!(agenda.take_due(at(9)).unwrap().task, expiry("a"));
        assert_eq!(agenda.take_due(at(9)), None);
    }

    #[test]
    fn what_has_the_same_time_goes_by_what_it_is_however_it_came() {
        let envelope_id = EnvelopeId(1);
        let act = |act, number| Task::Act { act, agent_id: AgentId { envelope: envelope_id, number } };
        let order = [
            expiry("a"),
            Task::ExpireEnvelope { envelope_id },
            Task::RemindEnvelope { envelope_id },
            Task::VoidEnvelope { envelope_id },
            act(Intention::Open, 2),
            act(Intention::Accept, 1),
            act(Intention::Accept, 3),
        ];
        for step in 1..order.len() {
            let agenda = Agenda::new(2);
            for place in 0..order.len() {
                agenda.add(at(5), order[place * step % order.len()].clone());
            }
            let listed: Vec<Task> = agenda.list(10).0.into_iter().map(|item| item.task).collect();
            assert_eq!(listed, order, "{step}");
            let taken: Vec<Task> = std::iter::from_fn(|| agenda.take_due(at(5))).map(|item| item.task).collect();
            assert_eq!(taken, order, "{step}");
        }
    }

    #[test]
    fn the_acts_of_an_agent_are_struck_together() {
        let agenda = Agenda::new(2);
        let agent = |number| AgentId { envelope: EnvelopeId(1), number };
        for (act, number) in [(Intention::Open, 1), (Intention::Sign, 1), (Intention::Open, 2)] {
            agenda.add(at(5), Task::Act { act, agent_id: agent(number) });
        }
        agenda.strike_acts([agent(1), agent(3)].into_iter());
        assert_eq!(agenda.list(10).1, 1);
        assert_eq!(agenda.take_due(at(5)).unwrap().task, Task::Act { act: Intention::Open, agent_id: agent(2) });
    }

    #[test]
    fn of_too_many_tasks_those_that_came_first_give_way() {
        let agenda = Agenda::new(2);
        let most = i64::try_from(MOST_TASKS).unwrap();
        for number in 0..=most {
            let envelope_id = EnvelopeId(u64::try_from(number).unwrap());
            agenda.add(at(2 * most - number), Task::ExpireEnvelope { envelope_id });
        }
        assert_eq!((agenda.list(0).1, agenda.dropped()), (MOST_TASKS, 1));
        assert_eq!(agenda.next_due(), Some(at(most)));
    }
}
