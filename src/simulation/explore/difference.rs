//! Compares two states of an envelope and derives the events that a step between them must report.

use super::setup::spots;
use crate::domain::{
    signing::EffectKind,
    signing::{AgentState, Effect, Envelope, EnvelopeState, Recipient, RecipientState, Spot},
};
use std::mem::discriminant;

/// An agent whose state changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Move {
    pub(super) spot: Spot,
    pub(super) from: AgentState,
    pub(super) to: AgentState,
}

/// The agents whose state changed.
pub(super) fn moves(before: &Envelope, after: &Envelope) -> impl Iterator<Item = Move> {
    let at = |envelope: &Envelope, spot: Spot| envelope.recipient_at(spot.recipient)?.agent(spot.agent);
    spots(after).filter_map(move |spot| {
        let (from, to) = (at(before, spot)?, at(after, spot)?);
        (from != to).then_some(Move { spot, from, to })
    })
}

/// The events that a step between the two states must report, sorted for comparison as a set.
pub(super) fn difference(before: &Envelope, after: &Envelope, moves: &[Move]) -> Vec<Effect> {
    let mut due = Vec::new();
    if discriminant(&before.state) != discriminant(&after.state) {
        let kind = match after.state {
            EnvelopeState::Draft => None,
            EnvelopeState::Sent { .. } => Some(EffectKind::EnvelopeSent),
            EnvelopeState::Finalized { .. } => Some(EffectKind::EnvelopeFinalized),
            EnvelopeState::Voided { .. } => Some(EffectKind::EnvelopeVoided),
            EnvelopeState::Expired { .. } => Some(EffectKind::EnvelopeExpired),
        };
        due.extend(kind.map(|kind| Effect { kind, recipient: None, agent: None }));
    }
    for (place, (was, is)) in (0_u32..).zip(before.recipients.iter().zip(&after.recipients)) {
        due.extend(turning(was, is).map(|kind| Effect { kind, recipient: Some(place), agent: None }));
    }
    for Move { spot, to, .. } in moves {
        let kind = match to {
            AgentState::Waiting => continue,
            AgentState::Invited => EffectKind::AgentInvited,
            AgentState::Opened => EffectKind::AgentOpened,
            AgentState::Primary => EffectKind::AgentAccepted,
            AgentState::Released => EffectKind::AgentReleased,
            AgentState::Declined => EffectKind::AgentDeclined,
            AgentState::Signed => EffectKind::DocumentSigned,
        };
        due.push(Effect { kind, recipient: Some(spot.recipient), agent: Some(spot.agent) });
    }
    sorted(&due)
}

/// The event about the recipient itself. Its claim or reopening has no event: it follows from the events of its agents.
fn turning(was: &Recipient, is: &Recipient) -> Option<EffectKind> {
    match (was.state, is.state) {
        (RecipientState::Waiting, RecipientState::Open { .. } | RecipientState::Claimed { .. }) => {
            Some(EffectKind::RecipientActivated)
        }
        (RecipientState::Completed { .. }, RecipientState::Completed { .. })
        | (RecipientState::Declined { .. }, RecipientState::Declined { .. }) => None,
        (_, RecipientState::Completed { .. }) => Some(EffectKind::RecipientCompleted),
        (_, RecipientState::Declined { .. }) => Some(EffectKind::RecipientDeclined),
        _ => None,
    }
}

/// Effects in a canonical order, for comparison as a set.
pub(super) fn sorted(effects: &[Effect]) -> Vec<Effect> {
    let mut sorted = effects.to_vec();
    sorted.sort_unstable_by_key(|effect| (effect.kind, effect.recipient, effect.agent));
    sorted
}
