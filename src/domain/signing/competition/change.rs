//! Applies a command that was judged. Nothing here can fail.

use super::{Act, Effect};
use crate::domain::{
    signing::EffectKind,
    signing::{
        agent::{AgentState, Seat},
        envelope::{Envelope, EnvelopeState, Spot, VoidReason},
        recipient::{Recipient, RecipientState, RecipientType, Role},
    },
};
use jiff::Timestamp;
use std::sync::Arc;

/// A transition in progress.
pub(super) struct Change<'c> {
    pub(super) envelope: &'c mut Envelope,
    pub(super) now: Timestamp,
    pub(super) effects: &'c mut Vec<Effect>,
}

impl Change<'_> {
    pub(super) fn send(&mut self) {
        self.envelope.state = EnvelopeState::Sent { sent_at: self.now };
        self.tell(EffectKind::EnvelopeSent, None, None);
        self.go_on();
    }

    pub(super) fn void(&mut self, because: VoidReason) {
        let sent_at = self.sent_at();
        self.envelope.state = EnvelopeState::Voided { sent_at, at: self.now, because };
        self.tell(EffectKind::EnvelopeVoided, None, None);
    }

    pub(super) fn expire(&mut self) {
        let sent_at = self.sent_at();
        self.envelope.state = EnvelopeState::Expired { sent_at, at: self.now };
        self.tell(EffectKind::EnvelopeExpired, None, None);
    }

    pub(super) fn remind(&mut self) {
        for place in 0..self.count() {
            if self.envelope.recipient_at(place).is_some_and(Recipient::can_be_reminded) {
                self.tell(EffectKind::RequestResent, Some(place), None);
            }
        }
    }

    pub(super) fn act(&mut self, spot: Spot, act: Act<'_>) {
        match act {
            Act::Open => {
                self.seat(spot, AgentState::Opened);
                self.tell_of(EffectKind::AgentOpened, spot);
            }
            Act::Accept => self.accept(spot),
            Act::Decline => self.decline(spot),
            Act::Sign { .. } => {
                self.seat(spot, AgentState::Signed);
                self.tell_of(EffectKind::DocumentSigned, spot);
                self.complete(spot.recipient, Some(spot.agent));
                self.go_on();
            }
        }
    }

    /// The first agent to accept becomes primary. In the same transition, all others who could still have become
    /// primary are released.
    fn accept(&mut self, spot: Spot) {
        self.seat(spot, AgentState::Primary);
        self.tell_of(EffectKind::AgentAccepted, spot);
        let (now, activated_at) = (self.now, self.activated_at(spot.recipient));
        let Some(recipient) = self.recipient(spot.recipient) else { return };
        recipient.state = RecipientState::Claimed { activated_at, by: spot.agent, at: now };
        let is_host = recipient.role.kind == RecipientType::Host;
        self.turn(
            spot.recipient,
            &[AgentState::Invited, AgentState::Opened],
            AgentState::Released,
            EffectKind::AgentReleased,
        );
        if is_host {
            self.complete(spot.recipient, Some(spot.agent));
            self.go_on();
        }
    }

    fn decline(&mut self, spot: Spot) {
        self.seat(spot, AgentState::Declined);
        self.tell_of(EffectKind::AgentDeclined, spot);
        let (now, activated_at, reopen) = (self.now, self.activated_at(spot.recipient), self.envelope.terms.reopen);
        let Some(recipient) = self.recipient(spot.recipient) else { return };
        let was_primary = recipient.primary() == Some(spot.agent);
        if was_primary && reopen && recipient.seats.iter().any(|seat| seat.state == AgentState::Released) {
            recipient.state = RecipientState::Open { activated_at };
            self.turn(spot.recipient, &[AgentState::Released], AgentState::Invited, EffectKind::AgentInvited);
            return;
        }
        if !was_primary && recipient.seats.iter().any(|seat| seat.state != AgentState::Declined) {
            return;
        }
        recipient.state = RecipientState::Declined { activated_at, at: now };
        let voids = recipient.role.blocks() && !self.envelope.terms.keep_declined;
        self.tell(EffectKind::RecipientDeclined, Some(spot.recipient), None);
        if voids {
            self.void(VoidReason::Declined);
        }
    }

    fn complete(&mut self, place: u32, by: Option<u32>) {
        let now = self.now;
        let Some(recipient) = self.recipient(place) else { return };
        let activated_at = activated_at(recipient);
        recipient.state = RecipientState::Completed { activated_at, by, at: now };
        self.tell(EffectKind::RecipientCompleted, Some(place), None);
    }

    /// Activates the recipients whose turn has come, or ends the envelope if no recipient is left to wait for (G7).
    fn go_on(&mut self) {
        let waits_for = |recipient: &Recipient| {
            recipient.role.blocks() && !matches!(recipient.state, RecipientState::Completed { .. })
        };
        let present = self.envelope.present();
        let turn =
            present.filter(|(_, recipient)| waits_for(recipient)).map(|(_, recipient)| recipient.role.order).min();
        let Some(turn) = turn else { return self.finalize() };
        for place in 0..self.count() {
            let now = self.now;
            let Some(recipient) = self.recipient(place) else { continue };
            let is_due = recipient.role.order <= turn
                && recipient.role.kind != RecipientType::Viewer
                && recipient.state == RecipientState::Waiting;
            if is_due {
                recipient.state = RecipientState::Open { activated_at: now };
                self.tell(EffectKind::RecipientActivated, Some(place), None);
                self.turn(place, &[AgentState::Waiting], AgentState::Invited, EffectKind::AgentInvited);
            }
        }
    }

    fn finalize(&mut self) {
        for place in 0..self.count() {
            let is_viewer =
                |recipient: &Recipient| recipient.role.kind == RecipientType::Viewer && !recipient.is_removed();
            if self.envelope.recipient_at(place).is_some_and(is_viewer) {
                self.complete(place, None);
            }
        }
        let sent_at = self.sent_at();
        self.envelope.state = EnvelopeState::Finalized { sent_at, at: self.now };
        self.tell(EffectKind::EnvelopeFinalized, None, None);
    }

    /// Moves all agents of a recipient in any of the states `from` to `to`, with an effect for each.
    fn turn(&mut self, place: u32, from: &[AgentState], to: AgentState, kind: EffectKind) {
        let now = self.now;
        // Borrowed separately from `recipient`, so that the seats and the effects can be borrowed at the same time.
        let Some(index) = usize::try_from(place).ok() else { return };
        let Some(recipient) = self.envelope.recipients.get_mut(index) else { return };
        for (agent, seat) in (0_u32..).zip(&mut recipient.seats) {
            if from.contains(&seat.state) {
                *seat = Seat { state: to, since: now };
                self.effects.push(Effect { kind, recipient: Some(place), agent: Some(agent) });
            }
        }
    }

    fn seat(&mut self, spot: Spot, state: AgentState) {
        let since = self.now;
        let seats = self.recipient(spot.recipient).map(|recipient| &mut recipient.seats);
        if let (Some(seats), Ok(place)) = (seats, usize::try_from(spot.agent))
            && let Some(seat) = seats.get_mut(place)
        {
            *seat = Seat { state, since };
        }
    }

    fn recipient(&mut self, place: u32) -> Option<&mut Recipient> {
        self.envelope.recipients.get_mut(usize::try_from(place).ok()?)
    }

    fn count(&self) -> u32 {
        u32::try_from(self.envelope.recipients.len()).unwrap_or(u32::MAX)
    }

    fn sent_at(&self) -> Timestamp {
        self.envelope.state.sent_at().unwrap_or(self.now)
    }

    fn activated_at(&self, place: u32) -> Timestamp {
        self.envelope.recipient_at(place).and_then(activated_at).unwrap_or(self.now)
    }

    fn tell(&mut self, kind: EffectKind, recipient: Option<u32>, agent: Option<u32>) {
        self.effects.push(Effect { kind, recipient, agent });
    }

    fn tell_of(&mut self, kind: EffectKind, spot: Spot) {
        self.tell(kind, Some(spot.recipient), Some(spot.agent));
    }
}

fn activated_at(recipient: &Recipient) -> Option<Timestamp> {
    match recipient.state {
        RecipientState::Open { activated_at }
        | RecipientState::Claimed { activated_at, .. }
        | RecipientState::Declined { activated_at, .. } => Some(activated_at),
        RecipientState::Completed { activated_at, .. } => activated_at,
        RecipientState::Waiting | RecipientState::Removed { .. } => None,
    }
}

impl Recipient {
    /// When its turn came.
    #[must_use]
    pub fn activated_at(&self) -> Option<Timestamp> {
        activated_at(self)
    }

    /// A recipient whose turn has not come.
    #[must_use]
    pub fn waiting(role: Role, now: Timestamp) -> Self {
        let seats = vec![Seat { state: AgentState::Waiting, since: now }; role.persons.len()];
        Self { role: Arc::new(role), state: RecipientState::Waiting, seats }
    }
}
