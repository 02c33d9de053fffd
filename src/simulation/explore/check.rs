//! Checks the invariants on a single step. Independent of the rules' implementation: looks only at the command and at
//! the envelope before and after it.

use super::{
    BrokenInvariant, Invariant,
    difference::{Move, difference, moves, sorted},
    setup::{effect_text, number, written},
};
use crate::domain::signing::{
    Act, AgentState, Command, Effect, Envelope, EnvelopeState, Judgement, Recipient, RecipientState, RecipientType,
    Refusal, Spot, VoidReason,
};

/// A command and its result on a state machine.
pub(super) struct CheckedStep<'s> {
    pub(super) command: Command<'s>,
    pub(super) before: &'s Envelope,
    pub(super) after: &'s Envelope,
    pub(super) effects: &'s [Effect],
    pub(super) result: Result<Judgement, Refusal>,
}

impl CheckedStep<'_> {
    pub(super) fn is_effective(&self) -> bool {
        self.result == Ok(Judgement::Effective)
    }

    /// The first invariant that the step or its resulting state violates. Covers all invariants except
    /// [`Invariant::EveryPathEnds`], which takes more than one step to detect.
    pub(super) fn violation(&self) -> Option<BrokenInvariant> {
        if !self.is_effective() {
            return self.refusal_changes_nothing();
        }
        let moves: Vec<Move> = moves(self.before, self.after).collect();
        self.ended_is_final()
            .or_else(|| self.only_primary_signs(&moves))
            .or_else(|| self.one_primary())
            .or_else(|| self.released_once(&moves))
            .or_else(|| self.primary_is_alone())
            .or_else(|| self.own_steps_only(&moves))
            .or_else(|| self.each_in_turn())
            .or_else(|| self.decline_ends_recipient())
            .or_else(|| self.signed_means_finalized())
            .or_else(|| self.no_event_lost_or_doubled(&moves))
    }

    fn refusal_changes_nothing(&self) -> Option<BrokenInvariant> {
        let word = if self.result.is_ok() { "was repeated" } else { "was refused" };
        let instead = if !self.effects.is_empty() {
            format!("{word}, but had the effects {}", self.effects_text(self.effects))
        } else if self.after != self.before {
            format!("{word}, but changed the envelope")
        } else {
            return None;
        };
        Some(BrokenInvariant::new(Invariant::RefusalChangesNothing, format!("{:?} {instead}", self.written())))
    }

    fn ended_is_final(&self) -> Option<BrokenInvariant> {
        let undone = |(was, is): &(&Recipient, &Recipient)| is_completed(was) && was.state != is.state;
        let mut recipients = (1_u32..).zip(self.before.recipients.iter().zip(&self.after.recipients));
        let instead = if self.before.state.has_ended() {
            format!("{:?} had effects on a {} envelope", self.written(), self.before.state.as_str())
        } else if let Some((number, (_, is))) = recipients.find(|(_, states)| undone(states)) {
            format!("{:?} moved recipient {number} from completed to {}", self.written(), is.state.as_str())
        } else {
            return None;
        };
        Some(BrokenInvariant::new(Invariant::EndedIsFinal, instead))
    }

    fn only_primary_signs(&self, moves: &[Move]) -> Option<BrokenInvariant> {
        let signed = moves.iter().find(|seat| seat.to == AgentState::Signed && seat.from != AgentState::Primary)?;
        let instead = format!("agent {} signed while {}", self.number(signed.spot), signed.from.as_str());
        Some(BrokenInvariant::new(Invariant::OnlyPrimarySigns, instead))
    }

    fn one_primary(&self) -> Option<BrokenInvariant> {
        self.present().find_map(|(place, recipient)| {
            let primaries = primaries(recipient);
            if primaries.len() <= 1 && primaries.first().copied() == recipient.primary() {
                return None;
            }
            let name = |agent: &u32| self.number(Spot { recipient: place, agent: *agent }).to_string();
            let held = match &primaries[..] {
                [] => "no agent is".to_owned(),
                [one] => format!("agent {} is", name(one)),
                many => format!("agents {} are", many.iter().map(name).collect::<Vec<_>>().join(" and ")),
            };
            let known =
                recipient.primary().map_or_else(|| "no agent".to_owned(), |agent| format!("agent {}", name(&agent)));
            let instead = format!("recipient {} records {known} as primary, but {held}", place + 1);
            Some(BrokenInvariant::new(Invariant::OnePrimary, instead))
        })
    }

    fn released_once(&self, moves: &[Move]) -> Option<BrokenInvariant> {
        let instead = self.present().find_map(|(place, recipient)| {
            let before = self.before.recipient_at(place)?;
            let claimed = before.primary().is_none() && recipient.primary().is_some();
            let reopened = before.primary().is_some() && recipient.primary().is_none() && self.after.terms.reopen;
            let mut moves = moves.iter().filter(|seat| seat.spot.recipient == place);
            let wrong = moves.find(|seat| match (seat.from, seat.to) {
                (_, AgentState::Released) => !claimed || !self.is_accept_in(place),
                (AgentState::Released, _) => !reopened,
                _ => false,
            });
            if let Some(Move { spot, from, to }) = wrong {
                let (agent, from, to) = (self.number(*spot), from.as_str(), to.as_str());
                return Some(format!("{:?} moved agent {agent} from {from} to {to}", self.written()));
            }
            let is_kept = |agent: &u32| {
                let was_out = before.agent(*agent) == Some(AgentState::Declined);
                let is_out = recipient.agent(*agent) == Some(AgentState::Released);
                Some(*agent) != recipient.primary() && !was_out && !is_out
            };
            let kept = (0_u32..).zip(&recipient.seats).map(|(agent, _)| agent).find(is_kept).filter(|_| claimed)?;
            let kept = self.number(Spot { recipient: place, agent: kept });
            Some(format!("{:?} did not release agent {kept}", self.written()))
        })?;
        Some(BrokenInvariant::new(Invariant::ReleasedOnce, instead))
    }

    fn primary_is_alone(&self) -> Option<BrokenInvariant> {
        self.present().find_map(|(place, recipient)| {
            let primary = recipient.primary()?;
            let is_beside = |(agent, state): &(u32, AgentState)| {
                *agent != primary && !matches!(state, AgentState::Released | AgentState::Declined)
            };
            let (agent, state) = (0_u32..).zip(recipient.seats.iter().map(|seat| seat.state)).find(is_beside)?;
            let name = |agent| self.number(Spot { recipient: place, agent });
            let instead =
                format!("agent {} is {} while agent {} is primary", name(agent), state.as_str(), name(primary));
            Some(BrokenInvariant::new(Invariant::PrimaryIsAlone, instead))
        })
    }

    fn own_steps_only(&self, moves: &[Move]) -> Option<BrokenInvariant> {
        let is_wrong = |seat: &&Move| {
            let own = match self.command {
                Command::Act(spot, act) if spot == seat.spot => Some(act),
                _ => None,
            };
            match seat.to {
                AgentState::Waiting => true,
                AgentState::Opened => seat.from != AgentState::Invited || own != Some(Act::Open),
                AgentState::Primary => seat.from != AgentState::Opened || own != Some(Act::Accept),
                AgentState::Signed => !matches!(own, Some(Act::Sign { .. })),
                AgentState::Declined => own != Some(Act::Decline),
                AgentState::Invited | AgentState::Released => false,
            }
        };
        let has_left = |seat: &&Move| matches!(seat.from, AgentState::Declined | AgentState::Signed);
        let Move { spot, from, to } = moves.iter().find(|seat| is_wrong(seat) || has_left(seat))?;
        let (agent, from, to) = (self.number(*spot), from.as_str(), to.as_str());
        let instead = format!("{:?} moved agent {agent} from {from} to {to}", self.written());
        Some(BrokenInvariant::new(Invariant::OwnStepsOnly, instead))
    }

    fn each_in_turn(&self) -> Option<BrokenInvariant> {
        if !matches!(self.after.state, EnvelopeState::Sent { .. }) {
            return None;
        }
        let is_unfinished = |recipient: &Recipient| blocks(recipient) && !is_completed(recipient);
        let unfinished = self.present().filter(|(_, recipient)| is_unfinished(recipient));
        let turn = unfinished.map(|(_, recipient)| recipient.role.order).min();
        self.present().find_map(|(place, recipient)| {
            let is_due =
                recipient.role.kind != RecipientType::Viewer && turn.is_none_or(|turn| recipient.role.order <= turn);
            let waits = recipient.state == RecipientState::Waiting;
            let seats_wait = recipient.seats.iter().any(|seat| seat.state == AgentState::Waiting);
            let what = match (is_due, waits) {
                (true, true) => "is due but waiting",
                (false, false) => "is not due but not waiting",
                _ if waits != seats_wait => "and its agents disagree on whether it is waiting",
                _ => return None,
            };
            Some(BrokenInvariant::new(Invariant::EachInTurn, format!("recipient {} {what}", place + 1)))
        })
    }

    fn decline_ends_recipient(&self) -> Option<BrokenInvariant> {
        let may_go_on = |recipient: &Recipient| {
            let goes_on = [AgentState::Invited, AgentState::Opened, AgentState::Primary, AgentState::Signed];
            recipient.seats.iter().any(|seat| goes_on.contains(&seat.state))
        };
        let (mut voids, keeps) = (false, self.after.terms.keep_declined);
        for (place, recipient) in self.present() {
            let is_declined = matches!(recipient.state, RecipientState::Declined { .. });
            voids |= is_declined && blocks(recipient) && !keeps;
            let what = match recipient.state {
                RecipientState::Open { .. } if !may_go_on(recipient) => "is open, but no agent is left to act",
                RecipientState::Declined { .. } if may_go_on(recipient) => "is declined, but an agent can still act",
                _ => continue,
            };
            let instead = format!("recipient {} {what}", place + 1);
            return Some(BrokenInvariant::new(Invariant::DeclineEndsRecipient, instead));
        }
        let is_voided = matches!(self.after.state, EnvelopeState::Voided { because: VoidReason::Declined, .. });
        if voids == is_voided {
            return None;
        }
        let what = match (voids, keeps) {
            (true, _) => "a required recipient is declined",
            (false, false) => "no required recipient is declined",
            (false, true) => "it should be kept",
        };
        let instead = format!("the envelope is {}, but {what}", self.after.state.as_str());
        Some(BrokenInvariant::new(Invariant::DeclineEndsRecipient, instead))
    }

    fn signed_means_finalized(&self) -> Option<BrokenInvariant> {
        let is_finalized = matches!(self.after.state, EnvelopeState::Finalized { .. });
        for (place, recipient) in self.present() {
            let has = |state: AgentState| recipient.seats.iter().any(|seat| seat.state == state);
            let is_done = match recipient.role.kind {
                RecipientType::Viewer => is_finalized,
                RecipientType::Host => has(AgentState::Primary) && !has(AgentState::Signed),
                RecipientType::Signer | RecipientType::InPersonSigner | RecipientType::Delegator => {
                    has(AgentState::Signed)
                }
            };
            if is_done != is_completed(recipient) {
                let part = if is_done { "its part is done" } else { "its part is not done" };
                let instead = format!("recipient {} is {}, but {part}", place + 1, recipient.state.as_str());
                return Some(BrokenInvariant::new(Invariant::SignedMeansFinalized, instead));
            }
        }
        let all = self.present().all(|(_, recipient)| !blocks(recipient) || is_completed(recipient));
        let is_wrong = match self.after.state {
            EnvelopeState::Sent { .. } => all,
            EnvelopeState::Finalized { .. } => !all,
            _ => false,
        };
        let all = if all { "all required recipients" } else { "not all required recipients" };
        let instead = format!("the envelope is {}, but {all} are completed", self.after.state.as_str());
        is_wrong.then(|| BrokenInvariant::new(Invariant::SignedMeansFinalized, instead))
    }

    fn no_event_lost_or_doubled(&self, moves: &[Move]) -> Option<BrokenInvariant> {
        let due = difference(self.before, self.after, moves);
        let instead = if due != sorted(self.effects) {
            format!(
                "{:?} reported {}, but the state changes are {}",
                self.written(),
                self.effects_text(self.effects),
                self.effects_text(&due)
            )
        } else if self.after.revision != self.before.revision + 1 {
            format!(
                "{:?} changed the revision from {} to {}",
                self.written(),
                self.before.revision,
                self.after.revision
            )
        } else {
            return None;
        };
        Some(BrokenInvariant::new(Invariant::NoEventLostOrDoubled, instead))
    }

    fn present(&self) -> impl Iterator<Item = (u32, &Recipient)> {
        (0_u32..).zip(&self.after.recipients).filter(|(_, recipient)| !recipient.is_removed())
    }

    fn is_accept_in(&self, place: u32) -> bool {
        matches!(self.command, Command::Act(spot, Act::Accept) if spot.recipient == place)
    }

    fn number(&self, spot: Spot) -> u32 {
        number(self.after, spot)
    }

    fn written(&self) -> String {
        written(self.after, self.command)
    }

    fn effects_text(&self, effects: &[Effect]) -> String {
        if effects.is_empty() {
            return "nothing".to_owned();
        }
        effects.iter().map(|effect| effect_text(self.after, *effect)).collect::<Vec<_>>().join(", ")
    }
}

fn primaries(recipient: &Recipient) -> Vec<u32> {
    let is_primary = |state: AgentState| matches!(state, AgentState::Primary | AgentState::Signed);
    (0_u32..).zip(&recipient.seats).filter(|(_, seat)| is_primary(seat.state)).map(|(agent, _)| agent).collect()
}

fn blocks(recipient: &Recipient) -> bool {
    recipient.role.required && recipient.role.kind != RecipientType::Viewer
}

fn is_completed(recipient: &Recipient) -> bool {
    matches!(recipient.state, RecipientState::Completed { .. })
}
