//! The states reached, each with a shortest path to it, and a search for cycles.

use crate::domain::signing::{AgentState, Envelope, EnvelopeState, RecipientState, VoidReason};
use std::collections::{HashMap, VecDeque, hash_map::Entry};

/// What distinguishes states: everything except when they were reached and how often the envelope changed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct StateKey(Box<[u8]>);

impl StateKey {
    pub(super) fn of(envelope: &Envelope) -> Self {
        let seats: usize = envelope.recipients.iter().map(|recipient| 6 + recipient.seats.len()).sum();
        let mut key = Vec::with_capacity(1 + seats);
        key.push(match envelope.state {
            EnvelopeState::Draft => 0,
            EnvelopeState::Sent { .. } => 1,
            EnvelopeState::Finalized { .. } => 2,
            EnvelopeState::Voided { because: VoidReason::Sender, .. } => 3,
            EnvelopeState::Voided { because: VoidReason::Declined, .. } => 4,
            EnvelopeState::Expired { .. } => 5,
        });
        for recipient in &envelope.recipients {
            let (state, by) = match recipient.state {
                RecipientState::Waiting => (0, None),
                RecipientState::Open { .. } => (1, None),
                RecipientState::Claimed { by, .. } => (2, Some(by)),
                RecipientState::Completed { by, .. } => (3, by),
                RecipientState::Declined { .. } => (4, None),
                RecipientState::Removed { .. } => (5, None),
            };
            key.extend([state, u8::from(by.is_some())]);
            key.extend(by.into_iter().flat_map(u32::to_le_bytes));
            key.extend(recipient.seats.iter().map(|seat| match seat.state {
                AgentState::Waiting => 0,
                AgentState::Invited => 1,
                AgentState::Opened => 2,
                AgentState::Primary => 3,
                AgentState::Released => 4,
                AgentState::Declined => 5,
                AgentState::Signed => 6,
            }));
        }
        Self(key.into())
    }
}

/// The index of a state, in the order in which states were reached.
pub(super) type Node = usize;

/// States and the effective steps between them.
#[derive(Debug, Default)]
pub(super) struct Graph {
    known: HashMap<StateKey, Node>,
    /// For each state, the state and the command that first reached it; `None` for the first state.
    first: Vec<Option<(Node, usize)>>,
    depth: Vec<usize>,
    /// The effective steps from each state: the command and the resulting state.
    steps: Vec<Vec<(usize, Node)>>,
}

impl Graph {
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    pub(super) fn depth(&self, node: Node) -> usize {
        self.depth.get(node).copied().unwrap_or(0)
    }

    /// Returns the state with this key and whether it is new. `from` is the preceding state and the command.
    pub(super) fn reach(&mut self, key: StateKey, from: Option<(Node, usize)>) -> (Node, bool) {
        let next = self.first.len();
        let (node, is_new) = match self.known.entry(key) {
            Entry::Occupied(known) => (*known.get(), false),
            Entry::Vacant(free) => (*free.insert(next), true),
        };
        if is_new {
            self.depth.push(from.map_or(0, |(before, _)| self.depth(before) + 1));
            self.first.push(from);
            self.steps.push(Vec::new());
        }
        if let Some((before, command)) = from
            && let Some(steps) = self.steps.get_mut(before)
        {
            steps.push((command, node));
        }
        (node, is_new)
    }

    /// The commands of a shortest path to a state.
    pub(super) fn way_to(&self, node: Node) -> Vec<usize> {
        let mut way = Vec::new();
        let mut at = node;
        while let Some((before, command)) = self.first.get(at).copied().flatten() {
            way.push(command);
            at = before;
        }
        way.reverse();
        way
    }

    /// Number of commands on the longest path, or the shortest path that returns to an earlier state.
    pub(super) fn longest(&self) -> Result<usize, Vec<usize>> {
        let mut open = vec![0_usize; self.len()];
        for (_, node) in self.steps.iter().flatten() {
            open[*node] += 1;
        }
        let mut longest = vec![0_usize; self.len()];
        let mut ready: Vec<Node> = (0..self.len()).filter(|node| open[*node] == 0).collect();
        let mut done = 0;
        while let Some(node) = ready.pop() {
            done += 1;
            for &(_, next) in &self.steps[node] {
                longest[next] = longest[next].max(longest[node] + 1);
                open[next] -= 1;
                if open[next] == 0 {
                    ready.push(next);
                }
            }
        }
        if done == self.len() {
            return Ok(longest.into_iter().max().unwrap_or(0));
        }
        Err(self.shortest_round((0..self.len()).filter(|node| open[*node] > 0)))
    }

    /// The shortest cycle through one of `nodes`, with the path that leads to it.
    fn shortest_round(&self, nodes: impl Iterator<Item = Node>) -> Vec<usize> {
        let mut best: Option<Vec<usize>> = None;
        for node in nodes {
            let limit = best.as_ref().map_or(usize::MAX, Vec::len);
            // Nodes are ordered by depth: no later node can do better.
            if self.depth(node) + 1 >= limit {
                break;
            }
            if let Some(round) = self.round(node, limit - self.depth(node)) {
                let mut way = self.way_to(node);
                way.extend(round);
                best = Some(way);
            }
        }
        best.unwrap_or_default()
    }

    /// The commands of a shortest path from a state back to itself, if it has fewer than `limit`.
    fn round(&self, node: Node, limit: usize) -> Option<Vec<usize>> {
        let mut first: HashMap<Node, (Node, usize)> = HashMap::new();
        let mut queue = VecDeque::from([(node, 0)]);
        while let Some((at, length)) = queue.pop_front() {
            if length + 1 >= limit {
                return None;
            }
            for &(command, next) in &self.steps[at] {
                if next == node {
                    let mut round = vec![command];
                    let mut back = at;
                    while let Some((before, command)) = first.get(&back).copied() {
                        round.push(command);
                        back = before;
                    }
                    round.reverse();
                    return Some(round);
                }
                if let Entry::Vacant(free) = first.entry(next) {
                    free.insert((at, command));
                    queue.push_back((next, length + 1));
                }
            }
        }
        None
    }
}
