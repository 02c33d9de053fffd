//! The competition: one function from (envelope, command, now) to (envelope, effects) or a named refusal (G4 to G10).
//!
//! Pure and total: any command may come at any time, repeatedly or too late. It either takes effect as a whole, or is
//! refused and changes nothing. [`Envelope::judge`] checks a command without changing anything, so refusing a late
//! command is cheap.

mod change;
mod judge;

use super::{
    effect::Effect,
    envelope::{Envelope, Spot, VoidReason},
    refusal::Refusal,
};
use change::Change;
use jiff::Timestamp;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Command<'c> {
    Send,
    Void,
    Expire,
    /// Reminds the agents who can act.
    Remind,
    /// An action of an agent.
    Act(Spot, Act<'c>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act<'c> {
    /// Opens the invitation.
    Open,
    /// Takes the role, if no other agent has (G4).
    Accept,
    Decline,
    /// Signs, with the one-time code if one is required.
    Sign {
        code: Option<&'c str>,
    },
}

impl Act<'_> {
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

/// The verdict on a command that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The command has effects.
    Effective,
    /// The command repeats an earlier one and has no effect (G10).
    Repeated,
}

impl Envelope {
    /// Executes a command and appends its effects to `effects`; returns whether there were any.
    ///
    /// # Errors
    /// A [`Refusal`]; nothing was changed.
    pub fn perform(
        &mut self,
        command: Command<'_>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Judgement, Refusal> {
        let judgement = self.judge(command)?;
        if judgement == Judgement::Effective {
            let before = effects.len();
            let mut change = Change { envelope: self, now, effects };
            match command {
                Command::Send => change.send(),
                Command::Void => change.void(VoidReason::Sender),
                Command::Expire => change.expire(),
                Command::Remind => change.remind(),
                Command::Act(spot, act) => change.act(spot, act),
            }
            self.revision += u64::from(effects.len() > before);
        }
        Ok(judgement)
    }
}
