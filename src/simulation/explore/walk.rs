//! Tries commands on a copy of an envelope.

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

/// Whether a command makes progress. Voiding and expiry do not count as a way out of a stuck competition.
pub(super) fn goes_on(command: Command<'_>) -> bool {
    matches!(command, Command::Send | Command::Act(..))
}

/// The violation of an envelope that has not ended although no command makes progress.
pub(super) fn stuck(machine: &impl Machine, envelope: &Envelope) -> Option<BrokenInvariant> {
    let mut tried = commands(envelope).into_iter().filter(|command| goes_on(*command));
    let can_go_on = tried.any(|command| Trial::of(envelope).perform(machine, command) == Ok(Judgement::Effective));
    (!can_go_on).then(|| stuck_in(envelope)).flatten()
}

/// The violation of an envelope that is stuck, unless it has ended.
pub(super) fn stuck_in(envelope: &Envelope) -> Option<BrokenInvariant> {
    let instead = "the envelope has not ended, and no command has effects";
    let declined =
        |recipient: &Recipient| recipient.role.required && matches!(recipient.state, RecipientState::Declined { .. });
    // If a declined recipient is kept, only the sender or expiry can end the envelope.
    let is_left_over = envelope.terms.keep_declined && envelope.recipients.iter().any(declined);
    (!envelope.state.has_ended() && !is_left_over).then(|| BrokenInvariant::new(Invariant::EveryPathEnds, instead))
}

/// The violation of a command that returns to an earlier state.
pub(super) fn leads_back(envelope: &Envelope, command: Command<'_>) -> BrokenInvariant {
    let instead = format!("{:?} returns the envelope to an earlier state", written(envelope, command));
    BrokenInvariant::new(Invariant::EveryPathEnds, instead)
}
