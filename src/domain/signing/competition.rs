//! The competition: one function from (envelope, command, now) to (envelope, effects), or a named refusal (G4 to G10).
//!
//! Pure, and total: every command may come at any time, twice or too late, and either has its effects whole or is
//! refused and changes nothing. [`Envelope::judge`] checks without changing anything, so that a command that comes too
//! late is cheap to refuse.

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
    /// Those who could act are reminded.
    Remind,
    /// An agent does something.
    Act(Spot, Act<'c>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Act<'c> {
    /// Opens the invitation.
    Open,
    /// Takes the role, if nobody else has (G4).
    Accept,
    Decline,
    /// Signs, with the one-time code where it is asked for.
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

/// The result of a command that is not refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// It has effects.
    Effective,
    /// It was done before, and is not done again (G10).
    Repeated,
}

impl Envelope {
    /// Carries out a command and appends its effects to `effects`; returns whether there were any.
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
