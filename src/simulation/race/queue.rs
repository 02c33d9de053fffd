//! The next planned step of each agent in a race, ordered by time, then by planning order.

use crate::domain::signing::Intention;
use std::{cmp::Reverse, collections::BinaryHeap};

/// Up to this many agents, a linear scan is faster than a heap.
const FEW: usize = 16;

/// The next step of an agent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    /// Milliseconds from the start.
    pub(super) at: u64,
    pub(super) agent: u32,
    pub(super) intention: Intention,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    /// [`NEVER`] if nothing is planned.
    at: u64,
    order: u64,
    intention: Intention,
}

const NEVER: u64 = u64::MAX;

const EMPTY: Slot = Slot { at: NEVER, order: 0, intention: Intention::Open };

/// The planned steps. Allocates only for many agents, and only until it has grown to their number.
#[derive(Debug)]
pub(super) struct StepQueue {
    slots: Vec<Slot>,
    /// The steps in order, used for many agents. Contains outdated steps until they reach the top.
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    planned: u64,
}

impl StepQueue {
    pub(super) fn new(agents: usize) -> Self {
        Self { slots: vec![EMPTY; agents], heap: BinaryHeap::new(), planned: 0 }
    }

    pub(super) fn clear(&mut self) {
        self.slots.fill(EMPTY);
        self.heap.clear();
        self.planned = 0;
    }

    /// Plans the step of an agent, replacing the one planned earlier.
    pub(super) fn plan(&mut self, step: Step) {
        let Step { at, agent, intention } = step;
        let Some(slot) = place(agent).and_then(|place| self.slots.get_mut(place)) else { return };
        self.planned += 1;
        *slot = Slot { at: at.min(NEVER - 1), order: self.planned, intention };
        if self.slots.len() > FEW {
            self.heap.push(Reverse((at, self.planned, agent)));
            if self.heap.len() > 4 * self.slots.len() {
                self.sweep();
            }
        }
    }

    pub(super) fn forget(&mut self, agent: u32) {
        if let Some(slot) = place(agent).and_then(|place| self.slots.get_mut(place)) {
            *slot = EMPTY;
        }
    }

    /// Removes and returns the next step.
    pub(super) fn pop(&mut self) -> Option<Step> {
        let agent = if self.slots.len() > FEW { self.first_of_many()? } else { self.first_of_few()? };
        let slot = self.slots.get_mut(place(agent)?)?;
        let step = Step { at: slot.at, agent, intention: slot.intention };
        *slot = EMPTY;
        Some(step)
    }

    fn first_of_few(&self) -> Option<u32> {
        let slots = (0_u32..).zip(&self.slots).filter(|(_, slot)| slot.at != NEVER);
        slots.min_by_key(|(_, slot)| (slot.at, slot.order)).map(|(agent, _)| agent)
    }

    fn first_of_many(&mut self) -> Option<u32> {
        loop {
            let Reverse((_, order, agent)) = self.heap.pop()?;
            if self.holds(agent, order) {
                return Some(agent);
            }
        }
    }

    fn holds(&self, agent: u32, order: u64) -> bool {
        place(agent).and_then(|place| self.slots.get(place)).is_some_and(|slot| slot.at != NEVER && slot.order == order)
    }

    /// Drops the outdated steps.
    fn sweep(&mut self) {
        let mut heap = std::mem::take(&mut self.heap);
        heap.retain(|Reverse((_, order, agent))| self.holds(*agent, *order));
        self.heap = heap;
    }
}

fn place(agent: u32) -> Option<usize> {
    usize::try_from(agent).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn drained(queue: &mut StepQueue) -> Vec<(u64, u32)> {
        std::iter::from_fn(|| queue.pop()).map(|step| (step.at, step.agent)).collect()
    }

    #[test]
    fn steps_are_ordered_by_time_then_by_planning() {
        for agents in [3, 100] {
            let mut queue = StepQueue::new(agents);
            for (at, agent) in [(5, 2), (5, 0), (1, 1), (9, 1), (7, 0)] {
                queue.plan(Step { at, agent, intention: Intention::Open });
            }
            assert_eq!(drained(&mut queue), [(5, 2), (7, 0), (9, 1)], "of {agents}");
            assert!(queue.pop().is_none());
        }
    }

    proptest! {
        #[test]
        fn a_large_queue_behaves_like_a_small_one(steps in prop::collection::vec((0..50_u64, 0..16_u32, any::<bool>()), 0..300)) {
            let (mut few, mut many) = (StepQueue::new(FEW), StepQueue::new(FEW + 1));
            for (at, agent, pops) in steps {
                for queue in [&mut few, &mut many] {
                    queue.plan(Step { at, agent, intention: Intention::Open });
                }
                if pops {
                    let popped = [&mut few, &mut many].map(|queue| queue.pop().map(|step| (step.at, step.agent)));
                    prop_assert_eq!(popped[0], popped[1]);
                }
            }
            prop_assert_eq!(drained(&mut few), drained(&mut many));
        }
    }
}
