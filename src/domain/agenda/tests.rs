//! The agenda, held against a sorted list.

use super::*;
use proptest::prelude::*;

fn expiry(id: &str) -> Task {
    Task::ExpireSession { agent_session_id: id.into() }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

#[test]
fn expiries_are_ordered_by_time_then_arrival() {
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
fn expiries_added_out_of_order_are_bounded_too() {
    let agenda = Agenda::new(2);
    for second in [9, 5, 7, 1, 8] {
        agenda.add(at(second), expiry(&second.to_string()));
    }
    let (kept, total) = agenda.list(10);
    assert_eq!((kept[0].due, kept[1].due, total), (at(8), at(9), 2));
}

#[test]
fn adding_a_task_again_moves_it() {
    let agenda = Agenda::new(2);
    let envelope_id = EnvelopeId(1);
    agenda.add(at(5), expiry("a"));
    agenda.add(at(9), Task::ExpireEnvelope { envelope_id });
    agenda.add(at(3), Task::RemindEnvelope { envelope_id });
    agenda.add(at(4), Task::ExpireEnvelope { envelope_id });
    let due: Vec<_> = agenda.list(10).0.into_iter().map(|item| item.due).collect();
    assert_eq!(due, [at(3), at(4), at(5)]);
    agenda.remove(&Task::RemindEnvelope { envelope_id });
    assert_eq!(agenda.take_due(at(9)).unwrap().task, Task::ExpireEnvelope { envelope_id });
    assert_eq!(agenda.take_due(at(9)).unwrap().task, expiry("a"));
    assert_eq!(agenda.take_due(at(9)), None);
}

#[test]
fn ties_do_not_depend_on_the_order_of_adding() {
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
fn the_acts_of_an_agent_are_removed_together() {
    let agenda = Agenda::new(2);
    let agent = |number| AgentId { envelope: EnvelopeId(1), number };
    for (act, number) in [(Intention::Open, 1), (Intention::Sign, 1), (Intention::Open, 2)] {
        agenda.add(at(5), Task::Act { act, agent_id: agent(number) });
    }
    agenda.remove_acts([agent(1), agent(3)].into_iter());
    assert_eq!(agenda.list(10).1, 1);
    assert_eq!(agenda.take_due(at(5)).unwrap().task, Task::Act { act: Intention::Open, agent_id: agent(2) });
}

#[test]
fn the_task_added_first_is_dropped_at_the_limit() {
    let agenda = Agenda::new(2);
    let most = i64::try_from(MOST_TASKS).unwrap();
    for number in 0..=most {
        let envelope_id = EnvelopeId(u64::try_from(number).unwrap());
        agenda.add(at(2 * most - number), Task::ExpireEnvelope { envelope_id });
    }
    assert_eq!((agenda.list(0).1, agenda.dropped()), (MOST_TASKS, 1));
    assert_eq!(agenda.next_due(), Some(at(most)));
}

#[test]
fn a_session_expiry_can_be_moved_and_removed() {
    let agenda = Agenda::new(3);
    for (second, id) in [(5, "a"), (5, "b"), (9, "a")] {
        agenda.add(at(second), expiry(id));
    }
    agenda.add(at(5), expiry("c"));
    agenda.remove(&expiry("b"));
    agenda.remove(&expiry("b"));
    let listed: Vec<_> = agenda.list(10).0.into_iter().map(|item| (item.due, item.task)).collect();
    assert_eq!(listed, [(at(5), expiry("c")), (at(9), expiry("a"))]);
    assert_eq!(agenda.dropped(), 0);
}

/// The agenda as a list that is sorted when it is read.
#[derive(Debug, Default)]
struct Model {
    arrivals: u64,
    tasks: Vec<(Timestamp, u64, Task)>,
    dropped: u64,
}

impl Model {
    fn sorted(&self) -> Vec<(Timestamp, u64, Task)> {
        let mut sorted = self.tasks.clone();
        sorted.sort_by(|(due, arrival, task), (other_due, other_arrival, other)| {
            let both = is_expiry(task) && is_expiry(other);
            let tie = if both { arrival.cmp(other_arrival) } else { task.cmp(other) };
            due.cmp(other_due).then(tie)
        });
        sorted
    }

    fn items(&self) -> Vec<Item> {
        self.sorted().into_iter().map(|(due, _, task)| Item { due, task }).collect()
    }

    fn remove(&mut self, task: &Task) {
        self.tasks.retain(|(_, _, listed)| listed != task);
    }

    fn add(&mut self, due: Timestamp, task: Task, limits: TaskLimits) -> bool {
        let is_first = self.tasks.iter().all(|(other, ..)| due < *other);
        self.remove(&task);
        self.arrivals += 1;
        self.tasks.push((due, self.arrivals, task));
        let (expiries, mut others): (Vec<_>, Vec<_>) =
            self.sorted().into_iter().partition(|(_, _, task)| is_expiry(task));
        if expiries.len() > limits.expiries {
            self.remove(&expiries[0].2);
        }
        if others.len() > limits.others {
            others.sort_by_key(|(_, arrival, _)| *arrival);
            self.remove(&others[0].2);
            self.dropped += 1;
        }
        is_first
    }
}

#[derive(Clone, Debug)]
enum Step {
    Add(i64, Task),
    Remove(Task),
    RemoveActs(u32),
    Take(i64),
}

fn tasks() -> impl Strategy<Value = Task> {
    let envelopes = || (1..4_u64).prop_map(EnvelopeId);
    prop_oneof![
        3 => (0..8_u8).prop_map(|id| expiry(&id.to_string())),
        1 => envelopes().prop_map(|envelope_id| Task::ExpireEnvelope { envelope_id }),
        1 => envelopes().prop_map(|envelope_id| Task::RemindEnvelope { envelope_id }),
        1 => envelopes().prop_map(|envelope_id| Task::VoidEnvelope { envelope_id }),
        2 => (proptest::sample::select(Intention::ALL.to_vec()), 1..4_u32).prop_map(|(act, number)| {
            Task::Act { act, agent_id: AgentId { envelope: EnvelopeId(1), number } }
        }),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..6_i64, tasks()).prop_map(|(due, task)| Step::Add(due, task)),
        2 => tasks().prop_map(Step::Remove),
        1 => (1..4_u32).prop_map(Step::RemoveActs),
        2 => (0..6_i64).prop_map(Step::Take),
    ]
}

proptest! {
    #[test]
    fn the_agenda_behaves_as_a_sorted_list(
        expiries in 0..6_usize,
        others in 0..6_usize,
        steps in proptest::collection::vec(steps(), 0..60),
    ) {
        let limits = TaskLimits { expiries, others };
        let (agenda, mut model) = (Agenda::limited(limits), Model::default());
        for step in steps {
            match step {
                Step::Add(due, task) => {
                    prop_assert_eq!(agenda.add(at(due), task.clone()), model.add(at(due), task, limits));
                }
                Step::Remove(task) => {
                    agenda.remove(&task);
                    model.remove(&task);
                }
                Step::RemoveActs(number) => {
                    let agent_id = AgentId { envelope: EnvelopeId(1), number };
                    agenda.remove_acts(std::iter::once(agent_id));
                    for act in Intention::ALL {
                        model.remove(&Task::Act { act, agent_id });
                    }
                }
                Step::Take(now) => {
                    let next = model.items().into_iter().next().filter(|item| item.due <= at(now));
                    if let Some(item) = &next {
                        model.remove(&item.task);
                    }
                    prop_assert_eq!(agenda.take_due(at(now)), next);
                }
            }
            let items = model.items();
            prop_assert_eq!(agenda.next_due(), items.first().map(|item| item.due));
            prop_assert_eq!(agenda.list(3), (items.iter().take(3).cloned().collect(), items.len()));
            prop_assert_eq!(agenda.list(100).0, items);
            prop_assert_eq!(agenda.dropped(), model.dropped);
            let queue = agenda.queue();
            let others = count_others(&queue);
            prop_assert_eq!((queue.index.len(), queue.oldest.len()), (queue.order.len(), others));
        }
    }
}

fn count_others(queue: &Queue) -> usize {
    queue.order.iter().filter(|entry| !is_expiry(entry.task())).count()
}
