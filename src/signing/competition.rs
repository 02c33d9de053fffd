//! The competition: one function from (envelope, command, now) to (envelope, effects), or a named refusal (G4 to G10).
//!
//! Pure, and total: every command may come at any time, twice or too late, and either has its effects whole or is
//! refused and changes nothing. [`Envelope::judge`] looks without touching, so that whoever comes too late costs no
//! more than a look.

use super::{
    agent::{AgentState, Seat},
    envelope::{Envelope, EnvelopeState, Spot, VoidReason},
    recipient::{Recipient, RecipientState, RecipientType},
    refusal::Refusal,
};
use crate::event::EventKind;
use jiff::Timestamp;
use std::sync::Arc;

/// What somebody wants to happen to an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command<'c> {
    /// The sender sends the draft.
    Send,
    /// The sender calls it off.
    Void,
    /// Its time is over.
    Expire,
    /// Those who could act are reminded.
    Remind,
    /// An agent does something.
    Act(Spot, Act<'c>),
}

/// What an agent does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act<'c> {
    /// Opens the invitation.
    Open,
    /// Takes the role, if nobody else has (G4).
    Accept,
    /// Wants nothing of it.
    Decline,
    /// Signs, with the one-time code where it is asked for.
    Sign {
        /// The code.
        code: Option<&'c str>,
    },
}

impl Act<'_> {
    /// The word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Accept => "accept",
            Self::Decline => "decline",
            Self::Sign { .. } => "sign",
        }
    }
}

/// Something that a transition brought about, in the order in which it happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Effect {
    /// What happened.
    pub kind: EventKind,
    /// The place of the recipient to which it happened, if to one.
    pub recipient: Option<u32>,
    /// The place of the agent to whom it happened, if to one.
    pub agent: Option<u32>,
}

/// What a command that is not refused comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It has effects.
    Effective,
    /// It was done before, and is not done again (G10).
    Repeated,
}

impl Envelope {
    /// Whether a command may be carried out now. Costs the same however many agents there are, but for `Send`.
    ///
    /// # Errors
    /// The [`Refusal`] that [`Envelope::perform`] would give.
    pub fn judge(&self, command: Command<'_>) -> Result<Judgement, Refusal> {
        match command {
            Command::Send => self.judge_sending().map(|()| Judgement::Effective),
            Command::Void | Command::Expire | Command::Remind => self.is_sent().map(|()| Judgement::Effective),
            Command::Act(spot, act) => self.judge_act(spot, act),
        }
    }

    /// Carries a command out, and appends what it brought about to `effects`; says whether it was anything.
    ///
    /// # Errors
    /// A [`Refusal`], and nothing was changed.
    pub fn perform(
        &mut self,
        command: Command<'_>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Judgement, Refusal> {
        let judgement = self.judge(command)?;
        if judgement == Judgement::Effective {
            let mut change = Change { envelope: self, now, effects };
            match command {
                Command::Send => change.send(),
                Command::Void => change.void(VoidReason::Sender),
                Command::Expire => change.expire(),
                Command::Remind => change.remind(),
                Command::Act(spot, act) => change.act(spot, act),
            }
            self.revision += 1;
        }
        Ok(judgement)
    }

    fn is_sent(&self) -> Result<(), Refusal> {
        Err(match self.state {
            EnvelopeState::Sent { .. } => return Ok(()),
            EnvelopeState::Draft => Refusal::NotSent,
            EnvelopeState::Finalized { .. } => Refusal::Finalized,
            EnvelopeState::Voided { .. } => Refusal::Voided,
            EnvelopeState::Expired { .. } => Refusal::Expired,
        })
    }

    fn judge_sending(&self) -> Result<(), Refusal> {
        if self.state != EnvelopeState::Draft {
            return Err(Refusal::NotDraft);
        }
        if !self.present().any(|(_, recipient)| recipient.role.required && recipient.role.kind.signs()) {
            return Err(Refusal::NoSigner);
        }
        for (place, recipient) in self.present() {
            let role = &recipient.role;
            if role.persons.is_empty() {
                return Err(Refusal::NoAgents { recipient: place });
            }
            if role.kind == RecipientType::InPersonSigner {
                self.host_of(recipient)
                    .filter(|host| host.role.order <= role.order)
                    .ok_or(Refusal::NoHost { recipient: place })?;
            }
            if role.phone_verification
                && let Some(agent) = role.persons.iter().position(|person| person.phone.is_none())
            {
                let agent = u32::try_from(agent).unwrap_or(u32::MAX);
                return Err(Refusal::NoPhone { spot: Spot { recipient: place, agent } });
            }
        }
        Ok(())
    }

    fn judge_act(&self, spot: Spot, act: Act<'_>) -> Result<Judgement, Refusal> {
        use Judgement::{Effective, Repeated};
        let recipient = self.recipient_at(spot.recipient).ok_or(Refusal::NotInvited)?;
        let state = recipient.agent(spot.agent).ok_or(Refusal::NotInvited)?;
        // What became of the agent outlasts what became of the envelope: who comes too late is told so.
        match (state, act) {
            (AgentState::Released, Act::Accept) => {
                return Err(Refusal::AlreadyClaimed { by: recipient.primary() });
            }
            (AgentState::Declined, Act::Decline) | (AgentState::Signed, Act::Open | Act::Accept | Act::Sign { .. }) => {
                return Ok(Repeated);
            }
            (AgentState::Released | AgentState::Declined | AgentState::Signed, _) => return Err(state.into()),
            _ => {}
        }
        self.is_sent()?;
        match (state, act) {
            (AgentState::Waiting, _) if recipient.role.kind == RecipientType::Viewer => Err(Refusal::ReadOnly),
            (AgentState::Waiting, _) => Err(Refusal::NotInvited),
            (AgentState::Invited, Act::Open) => match self.host_of(recipient) {
                Some(host) if !matches!(host.state, RecipientState::Completed { .. }) => Err(Refusal::NotHosted),
                _ => Ok(Effective),
            },
            (AgentState::Opened, Act::Open) | (AgentState::Primary, Act::Open | Act::Accept) => Ok(Repeated),
            (AgentState::Opened, Act::Accept) => match recipient.primary() {
                Some(by) => Err(Refusal::AlreadyClaimed { by: Some(by) }),
                None => Ok(Effective),
            },
            (_, Act::Decline) => Ok(Effective),
            (AgentState::Primary, Act::Sign { code }) => judge_signing(recipient, spot.agent, code).map(|()| Effective),
            (state, Act::Accept | Act::Sign { .. } | Act::Open) => Err(state.into()),
        }
    }

    /// The recipients that play a part, with their places.
    pub(super) fn present(&self) -> impl Iterator<Item = (u32, &Recipient)> {
        (0_u32..).zip(&self.recipients).filter(|(_, recipient)| !recipient.is_removed())
    }

    /// The host of an in-person signer.
    fn host_of(&self, recipient: &Recipient) -> Option<&Recipient> {
        if recipient.role.kind != RecipientType::InPersonSigner {
            return None;
        }
        let number = recipient.role.hosted_by?;
        let mut present = self.present();
        present
            .find(|(_, host)| host.role.number == number && host.role.kind == RecipientType::Host)
            .map(|(_, host)| host)
    }
}

fn judge_signing(recipient: &Recipient, agent: u32, code: Option<&str>) -> Result<(), Refusal> {
    if !recipient.role.kind.signs() {
        return Err(Refusal::NothingToSign);
    }
    if !recipient.role.phone_verification {
        return Ok(());
    }
    let wanted = usize::try_from(agent).ok().and_then(|agent| recipient.role.codes.get(agent)?.as_deref());
    match (code, wanted) {
        (None, _) => Err(Refusal::CodeRequired),
        (Some(given), Some(wanted)) if given == wanted => Ok(()),
        (Some(_), _) => Err(Refusal::CodeWrong),
    }
}

/// A transition under way: nothing in it can fail any more.
struct Change<'c> {
    envelope: &'c mut Envelope,
    now: Timestamp,
    effects: &'c mut Vec<Effect>,
}

impl Change<'_> {
    fn send(&mut self) {
        self.envelope.state = EnvelopeState::Sent { sent_at: self.now };
        self.tell(EventKind::EnvelopeSent, None, None);
        self.go_on();
    }

    fn void(&mut self, because: VoidReason) {
        let sent_at = self.sent_at();
        self.envelope.state = EnvelopeState::Voided { sent_at, at: self.now, because };
        self.tell(EventKind::EnvelopeVoided, None, None);
    }

    fn expire(&mut self) {
        let sent_at = self.sent_at();
        self.envelope.state = EnvelopeState::Expired { sent_at, at: self.now };
        self.tell(EventKind::EnvelopeExpired, None, None);
    }

    fn remind(&mut self) {
        for place in 0..self.count() {
            let waits = |recipient: &Recipient| {
                matches!(recipient.state, RecipientState::Open { .. } | RecipientState::Claimed { .. })
            };
            if self.envelope.recipient_at(place).is_some_and(waits) {
                self.tell(EventKind::RequestResent, Some(place), None);
            }
        }
    }

    fn act(&mut self, spot: Spot, act: Act<'_>) {
        match act {
            Act::Open => {
                self.seat(spot, AgentState::Opened);
                self.tell_of(EventKind::AgentOpened, spot);
            }
            Act::Accept => self.accept(spot),
            Act::Decline => self.decline(spot),
            Act::Sign { .. } => {
                self.seat(spot, AgentState::Signed);
                self.tell_of(EventKind::DocumentSigned, spot);
                self.complete(spot.recipient, Some(spot.agent));
                self.go_on();
            }
        }
    }

    /// The first to accept becomes primary, and all who could still have become it are released in the same breath.
    fn accept(&mut self, spot: Spot) {
        self.seat(spot, AgentState::Primary);
        self.tell_of(EventKind::AgentAccepted, spot);
        let (now, activated_at) = (self.now, self.activated_at(spot.recipient));
        let Some(recipient) = self.recipient(spot.recipient) else { return };
        recipient.state = RecipientState::Claimed { activated_at, by: spot.agent, at: now };
        let is_host = recipient.role.kind == RecipientType::Host;
        self.turn(
            spot.recipient,
            &[AgentState::Invited, AgentState::Opened],
            AgentState::Released,
            EventKind::AgentReleased,
        );
        if is_host {
            self.complete(spot.recipient, Some(spot.agent));
            self.go_on();
        }
    }

    fn decline(&mut self, spot: Spot) {
        self.seat(spot, AgentState::Declined);
        self.tell_of(EventKind::AgentDeclined, spot);
        let (now, activated_at, reopen) = (self.now, self.activated_at(spot.recipient), self.envelope.terms.reopen);
        let Some(recipient) = self.recipient(spot.recipient) else { return };
        let was_primary = recipient.primary() == Some(spot.agent);
        if was_primary && reopen && recipient.seats.iter().any(|seat| seat.state == AgentState::Released) {
            recipient.state = RecipientState::Open { activated_at };
            self.turn(spot.recipient, &[AgentState::Released], AgentState::Invited, EventKind::AgentInvited);
            return;
        }
        if !was_primary && recipient.seats.iter().any(|seat| seat.state != AgentState::Declined) {
            return;
        }
        recipient.state = RecipientState::Declined { activated_at, at: now };
        let blocks = recipient.role.blocks();
        self.tell(EventKind::RecipientDeclined, Some(spot.recipient), None);
        if blocks {
            self.void(VoidReason::Declined);
        }
    }

    fn complete(&mut self, place: u32, by: Option<u32>) {
        let now = self.now;
        let Some(recipient) = self.recipient(place) else { return };
        let activated_at = activated_at(recipient);
        recipient.state = RecipientState::Completed { activated_at, by, at: now };
        self.tell(EventKind::RecipientCompleted, Some(place), None);
    }

    /// Activates the recipients whose turn has come, or ends the envelope when nobody is left to wait for (G7).
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
                self.tell(EventKind::RecipientActivated, Some(place), None);
                self.turn(place, &[AgentState::Waiting], AgentState::Invited, EventKind::AgentInvited);
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
        self.tell(EventKind::EnvelopeFinalized, None, None);
    }

    /// Takes all agents of a recipient who have come to one of `from` to `to`, and tells of each.
    fn turn(&mut self, place: u32, from: &[AgentState], to: AgentState, kind: EventKind) {
        let now = self.now;
        // Apart from `recipient`, so that the seats and the effects can be borrowed at the same time.
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

    fn tell(&mut self, kind: EventKind, recipient: Option<u32>, agent: Option<u32>) {
        self.effects.push(Effect { kind, recipient, agent });
    }

    fn tell_of(&mut self, kind: EventKind, spot: Spot) {
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
    pub fn waiting(role: super::recipient::Role, now: Timestamp) -> Self {
        let seats = vec![Seat { state: AgentState::Waiting, since: now }; role.persons.len()];
        Self { role: Arc::new(role), state: RecipientState::Waiting, seats }
    }
}
