//! Planned automatic actions on an envelope: its expiry, reminders, and the actions of simulated people.
//!
//! They are part of the envelope, so that a transition and its plans are stored together or not at all.

use super::{Envelope, EnvelopeState, Intention};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// An automatic action on an envelope. Of those due at the same instant, the smaller variant comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum EnvelopeTask {
    Expire,
    /// Reminds the agents who can act.
    Remind,
    /// Voids the envelope on behalf of a simulated sender.
    Void,
    /// Performs an action of a simulated person; the number is the agent's in the envelope.
    Act(Intention, u32),
}

impl EnvelopeTask {
    /// The rank among tasks due at the same instant, including those of other envelopes. Rank 0 is the expiry of agent
    /// sessions, which comes before all of them.
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Expire => 1,
            Self::Remind => 2,
            Self::Void => 3,
            Self::Act(Intention::Open, _) => 4,
            Self::Act(Intention::Accept, _) => 5,
            Self::Act(Intention::Decline, _) => 6,
            Self::Act(Intention::Sign, _) => 7,
        }
    }
}

/// The automatic actions planned for an envelope. Its expiry is not included, because it follows from its state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upcoming {
    /// When the next reminder is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remind: Option<Timestamp>,
    /// When a simulated sender voids the envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void: Option<Timestamp>,
    /// The next actions of simulated people, in order.
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    acts: VecDeque<PlannedAct>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PlannedAct {
    pub due: Timestamp,
    pub act: Intention,
    /// The number of the agent in the envelope.
    pub agent: u32,
}

impl Upcoming {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.remind.is_none() && self.void.is_none() && self.acts.is_empty()
    }

    /// Replaces the planned actions of these agents with `acts`, at most one per agent. Sorts `agents`.
    pub fn replan(&mut self, agents: &mut [u32], acts: &[PlannedAct]) {
        match agents {
            [] => {}
            // The common case: one agent acts while ten thousand others are planned.
            [agent] => {
                if let Some(place) = self.acts.iter().position(|planned| planned.agent == *agent) {
                    self.acts.remove(place);
                }
            }
            agents => {
                agents.sort_unstable();
                self.acts.retain(|planned| agents.binary_search(&planned.agent).is_err());
            }
        }
        if let [act] = acts {
            let place = self.acts.partition_point(|planned| planned < act);
            self.acts.insert(place, *act);
        } else if !acts.is_empty() {
            self.acts.extend(acts.iter());
            self.acts.make_contiguous().sort_unstable();
        }
    }

    /// Approximate size of the actions in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        self.acts.len() * size_of::<PlannedAct>()
    }
}

impl Envelope {
    /// The envelope's tasks in order. Empty unless it is sent and has not ended.
    #[must_use]
    pub fn tasks(&self) -> Vec<(Timestamp, EnvelopeTask)> {
        if !matches!(self.state, EnvelopeState::Sent { .. }) {
            return Vec::new();
        }
        let acts = self.upcoming.acts.iter().map(PlannedAct::task);
        let mut tasks: Vec<_> = self.own_tasks().into_iter().flatten().chain(acts).collect();
        tasks.sort_unstable();
        tasks
    }

    /// Number of its tasks.
    #[must_use]
    pub fn count_tasks(&self) -> u32 {
        if !matches!(self.state, EnvelopeState::Sent { .. }) {
            return 0;
        }
        let own = self.own_tasks().iter().flatten().count();
        u32::try_from(own + self.upcoming.acts.len()).unwrap_or(u32::MAX)
    }

    /// The first of its tasks.
    #[must_use]
    pub fn first_task(&self) -> Option<(Timestamp, EnvelopeTask)> {
        if !matches!(self.state, EnvelopeState::Sent { .. }) {
            return None;
        }
        let act = self.upcoming.acts.front().map(PlannedAct::task);
        self.own_tasks().into_iter().flatten().chain(act).min()
    }

    /// Removes and returns the first task if it is due at `now`. The expiry stays until the envelope has ended.
    pub fn take_task(&mut self, now: Timestamp) -> Option<(Timestamp, EnvelopeTask)> {
        let (due, task) = self.first_task().filter(|(due, _)| *due <= now)?;
        match task {
            EnvelopeTask::Expire => {}
            EnvelopeTask::Remind => self.upcoming.remind = self.next_reminder(due),
            EnvelopeTask::Void => self.upcoming.void = None,
            EnvelopeTask::Act(..) => drop(self.upcoming.acts.pop_front()),
        }
        Some((due, task))
    }

    fn own_tasks(&self) -> [Option<(Timestamp, EnvelopeTask)>; 3] {
        let task = |due: Option<Timestamp>, task| due.map(|due| (due, task));
        let Upcoming { remind, void, .. } = self.upcoming;
        [
            task(self.expires_at(), EnvelopeTask::Expire),
            task(remind, EnvelopeTask::Remind),
            task(void, EnvelopeTask::Void),
        ]
    }
}

impl PlannedAct {
    fn task(&self) -> (Timestamp, EnvelopeTask) {
        (self.due, EnvelopeTask::Act(self.act, self.agent))
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{EnvelopeId, Terms},
        *,
    };
    use proptest::{collection::vec, prelude::*};
    use std::collections::BTreeMap;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn sent() -> Envelope {
        let terms = Terms {
            expiration_period_days: 3,
            reminder_initial_delay_days: 1,
            reminder_repeat_interval_days: 1,
            ..Terms::new("NDA", Timestamp::UNIX_EPOCH)
        };
        let state = EnvelopeState::Sent { sent_at: Timestamp::UNIX_EPOCH };
        Envelope { state, ..Envelope::new(EnvelopeId(1), terms) }
    }

    #[test]
    fn tasks_due_at_the_same_instant_have_an_order() {
        let end = at(3 * 86_400);
        let mut envelope = sent();
        envelope.upcoming = Upcoming { remind: Some(end), void: Some(end), acts: VecDeque::new() };
        let act = |act, agent| PlannedAct { due: end, act, agent };
        envelope.upcoming.replan(&mut [], &[act(Intention::Sign, 1), act(Intention::Open, 3), act(Intention::Open, 2)]);
        let tasks: Vec<_> = envelope.tasks().into_iter().map(|(_, task)| task).collect();
        let acts = [(Intention::Open, 2), (Intention::Open, 3), (Intention::Sign, 1)];
        let mut expected = vec![EnvelopeTask::Expire, EnvelopeTask::Remind, EnvelopeTask::Void];
        expected.extend(acts.map(|(act, agent)| EnvelopeTask::Act(act, agent)));
        assert_eq!(tasks, expected);
        assert!(tasks.is_sorted_by_key(|task| task.rank()));
    }

    #[test]
    fn reminders_follow_one_another_until_the_end() {
        let mut envelope = sent();
        envelope.upcoming.remind = envelope.next_reminder(Timestamp::UNIX_EPOCH);
        let day = |day: i64| at(day * 86_400);
        assert_eq!(envelope.take_task(day(1)), Some((day(1), EnvelopeTask::Remind)));
        assert_eq!(envelope.take_task(day(1)), None);
        assert_eq!(envelope.take_task(day(9)), Some((day(2), EnvelopeTask::Remind)));
        assert_eq!(envelope.tasks(), [(day(3), EnvelopeTask::Expire)]);
        let sent_at = Timestamp::UNIX_EPOCH;
        envelope.state = EnvelopeState::Expired { sent_at, at: day(3) };
        assert_eq!((envelope.tasks(), envelope.first_task()), (Vec::new(), None));
    }

    proptest! {
        /// Each agent has at most one planned action, the newest, and all are executed in order.
        #[test]
        fn plans_behave_like_a_map(changes in vec((vec(0_u32..6, 0..4), vec((0_i64..50, 0_usize..4, 0_u32..6), 0..4)), 0..12)) {
            let (mut envelope, mut model) = (sent(), BTreeMap::new());
            for (mut agents, added) in changes {
                let acts: BTreeMap<u32, PlannedAct> = added
                    .into_iter()
                    .map(|(due, act, agent)| (agent, PlannedAct { due: at(due), act: Intention::ALL[act], agent }))
                    .collect();
                agents.extend(acts.keys());
                for agent in &agents {
                    model.remove(agent);
                }
                model.extend(acts.clone());
                envelope.upcoming.replan(&mut agents, &acts.into_values().collect::<Vec<_>>());
                let mut expected: Vec<_> = model.values().copied().collect();
                expected.sort_unstable();
                prop_assert_eq!(&envelope.upcoming.acts, &expected);
            }
            let mut last = None;
            prop_assert_eq!(envelope.count_tasks() as usize, envelope.tasks().len());
            while let Some(task) = envelope.take_task(at(50)) {
                prop_assert!(last <= Some(task));
                last = Some(task);
            }
            prop_assert!(envelope.upcoming.acts.is_empty());
        }
    }
}
