//! What must hold, whatever anybody does and whenever; a sentence each.

use serde::Serialize;
use std::fmt;

/// Something that must always hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Invariant {
    RefusalChangesNothing,
    EndedIsFinal,
    OnlyPrimarySigns,
    OnePrimary,
    ReleasedOnce,
    PrimaryIsAlone,
    OwnStepsOnly,
    EachInTurn,
    DeclineEndsRecipient,
    SignedMeansFinalized,
    NoEventLostOrDoubled,
    EveryPathEnds,
}

impl Invariant {
    /// Every invariant, once, in the order in which they are checked.
    pub const ALL: [Self; 12] = [
        Self::RefusalChangesNothing,
        Self::EndedIsFinal,
        Self::OnlyPrimarySigns,
        Self::OnePrimary,
        Self::ReleasedOnce,
        Self::PrimaryIsAlone,
        Self::OwnStepsOnly,
        Self::EachInTurn,
        Self::DeclineEndsRecipient,
        Self::SignedMeansFinalized,
        Self::NoEventLostOrDoubled,
        Self::EveryPathEnds,
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::RefusalChangesNothing => "refusal_changes_nothing",
            Self::EndedIsFinal => "ended_is_final",
            Self::OnlyPrimarySigns => "only_primary_signs",
            Self::OnePrimary => "one_primary",
            Self::ReleasedOnce => "released_once",
            Self::PrimaryIsAlone => "primary_is_alone",
            Self::OwnStepsOnly => "own_steps_only",
            Self::EachInTurn => "each_in_turn",
            Self::DeclineEndsRecipient => "decline_ends_recipient",
            Self::SignedMeansFinalized => "signed_means_finalized",
            Self::NoEventLostOrDoubled => "no_event_lost_or_doubled",
            Self::EveryPathEnds => "every_path_ends",
        }
    }

    /// What must hold, in one sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::RefusalChangesNothing => {
                "A command that is refused, or was carried out before, changes nothing and brings nothing about."
            }
            Self::EndedIsFinal => {
                "Nothing happens to an envelope that has ended, or to a recipient that has done its part."
            }
            Self::OnlyPrimarySigns => "Nobody signs but the primary, and so nobody who was released.",
            Self::OnePrimary => "A recipient has one primary at most, and knows which one.",
            Self::ReleasedOnce => {
                "Everybody else is released by the accept that claims the recipient, once, and by nothing else."
            }
            Self::PrimaryIsAlone => "Beside a primary everybody is released or has declined, until it declines.",
            Self::OwnStepsOnly => {
                "An agent is invited, opens, accepts and signs in this order, or declines, each by its own command; who \
                 has signed or declined stays so."
            }
            Self::EachInTurn => {
                "A recipient's turn comes when all required ones of lower orders are done, and never before."
            }
            Self::DeclineEndsRecipient => {
                "A recipient is declined when nobody is left to act for it, and then voids the envelope if it is \
                 required and the envelope is not kept."
            }
            Self::SignedMeansFinalized => {
                "A recipient is completed when its agent has done its part, and the envelope finalized when all \
                 required recipients are."
            }
            Self::NoEventLostOrDoubled => {
                "The events of a step are what differs before and after it, each once, and the step is counted."
            }
            Self::EveryPathEnds => {
                "Nothing that has effects leads back to where it was before, and while the envelope has not ended \
                 somebody can go on, unless it is kept after a required recipient declined."
            }
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// An invariant that does not hold, and what there is instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenInvariant {
    pub invariant: Invariant,
    /// What happened instead.
    pub instead: String,
}

impl BrokenInvariant {
    pub(super) fn new(invariant: Invariant, instead: impl Into<String>) -> Self {
        Self { invariant, instead: instead.into() }
    }
}

impl fmt::Display for BrokenInvariant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {} Instead: {}.", self.invariant, self.invariant.sentence(), self.instead)
    }
}
