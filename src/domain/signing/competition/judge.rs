//! Decides whether a command is possible now, without changing the envelope.

use super::{Act, Command, Judgement};
use crate::domain::signing::{
    agent::AgentState,
    envelope::{Envelope, EnvelopeState, Spot},
    recipient::{Recipient, RecipientState, RecipientType},
    refusal::Refusal,
};

impl Envelope {
    /// Judges whether a command is possible now. The cost does not depend on the number of agents, except for `Send`.
    ///
    /// # Errors
    /// The [`Refusal`] that [`Envelope::perform`] would return.
    pub fn judge(&self, command: Command<'_>) -> Result<Judgement, Refusal> {
        match command {
            Command::Send => self.judge_sending().map(|()| Judgement::Effective),
            Command::Void if self.state.has_ended() => Err(Refusal::Closed),
            Command::Void | Command::Expire => self.is_sent().map(|()| Judgement::Effective),
            // There may be no agent to remind: a kept declined recipient leaves the envelope sent.
            Command::Remind
                if self.is_sent().is_ok() && !self.present().any(|(_, recipient)| recipient.can_be_reminded()) =>
            {
                Ok(Judgement::Repeated)
            }
            Command::Remind => self.is_sent().map(|()| Judgement::Effective),
            Command::Act(spot, act) => self.judge_act(spot, act),
        }
    }

    /// Judges whether the envelope can be deleted (G6).
    ///
    /// # Errors
    /// [`Refusal::NotDeletable`], unless it is a draft.
    pub fn judge_deletion(&self) -> Result<(), Refusal> {
        if self.state == EnvelopeState::Draft { Ok(()) } else { Err(Refusal::NotDeletable) }
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
        // The agent's state takes precedence over the envelope's, so that an agent who was too late is told so.
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
            (_, Act::Decline) if matches!(recipient.state, RecipientState::Completed { .. }) => Err(Refusal::Completed),
            (_, Act::Decline) => Ok(Effective),
            (AgentState::Primary, Act::Sign { code }) => judge_signing(recipient, spot.agent, code).map(|()| Effective),
            (state, Act::Accept | Act::Sign { .. } | Act::Open) => Err(state.into()),
        }
    }

    /// The recipients that were not removed, with their indexes.
    pub(crate) fn present(&self) -> impl Iterator<Item = (u32, &Recipient)> {
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
