//! Tries commands on a machine without losing the envelope that they are tried on.

use super::{
    BrokenInvariant, Invariant, Machine,
    setup::{NOW, commands, written},
};
use crate::domain::signing::{Command, Effect, Envelope, Judgement, Recipient, RecipientState, Refusal};

/// A copy of an envelope on which a command is tried.
pub(super) struct Trial {
    pub(super) envelope: Envelope,
    pub(super) effects: Vec<Effect>,
}

impl Trial {
    pub(super) fn of(envelope: &Envelope) -> Self {
        Self { envelope: envelope.clone(), effects: Vec::new() }
    }

    pub(super) fn perform(&mut self, machine: &impl Machine, command: Command<'static>) -> Result<Judgement, Refusal> {
        self.effects.clear();
        machine.perform(&mut self.envelope, command, NOW, &mut self.effects)
    }
}

/// Whether a command moves an envelope on. Voiding and expiry do not count as a way out of a competition that is stuck.
pub(super) fn goes_on(command: Command<'_>) -> bool {
    matches!(command, Command::Send | Command::Act(..))
}

/// The violation of an envelope that has not ended and that no command can move on.
pub(super) fn stuck(machine: &impl Machine, envelope: &Envelope) -> Option<BrokenInvariant> {
    let mut tried = commands(envelope).into_iter().filter(|command| goes_on(*command));
    let can_go_on = tried.any(|command| Trial::of(envelope).perform(machine, command) == Ok(Judgement::Effective));
    (!can_go_on).then(|| stuck_in(envelope)).flatten()
}

/// The violation of an envelope that cannot go on, unless it has ended.
pub(super) fn stuck_in(envelope: &Envelope) -> Option<BrokenInvariant> {
    let instead = "the envelope has not ended, and nothing that anybody does has effects";
    let declined =
        |recipient: &Recipient| recipient.role.required && matches!(recipient.state, RecipientState::Declined { .. });
    // A declined recipient that is kept leaves the envelope to its sender and to its time.
    let is_left_over = envelope.terms.keep_declined && envelope.recipients.iter().any(declined);
    (!envelope.state.has_ended() && !is_left_over).then(|| BrokenInvariant::new(Invariant::EveryPathEnds, instead))
}

/// The violation of a command that leads to where the envelope was before.
pub(super) fn leads_back(envelope: &Envelope, command: Command<'_>) -> BrokenInvariant {
    let instead = format!("{:?} leads back to where the envelope was before", written(envelope, command));
    BrokenInvariant::new(Invariant::EveryPathEnds, instead)
}
