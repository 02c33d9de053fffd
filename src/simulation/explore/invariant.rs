//! The invariants that must hold for every sequence of commands, each with a description.

use serde::Serialize;
use std::fmt;

/// A property that must always hold.
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

    /// A description of the invariant in one sentence.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::RefusalChangesNothing => "A refused or repeated command changes nothing and has no effects.",
            Self::EndedIsFinal => "An ended envelope and a completed recipient never change.",
            Self::OnlyPrimarySigns => "Only the primary signs; released agents cannot.",
            Self::OnePrimary => "A recipient has at most one primary and records which one.",
            Self::ReleasedOnce => {
                "The accept that claims the recipient releases every other agent, once; nothing else releases agents."
            }
            Self::PrimaryIsAlone => "While there is a primary, every other agent is released or has declined.",
            Self::OwnStepsOnly => {
                "An agent is invited, opens, accepts and signs in this order, or declines, each by its own command; \
                 signed and declined are final."
            }
            Self::EachInTurn => {
                "A recipient's turn starts when all required recipients of lower orders are done, and never earlier."
            }
            Self::DeclineEndsRecipient => {
                "A recipient is declined when no agent is left to act for it. If it is required, this voids the \
                 envelope, unless the envelope is kept."
            }
            Self::SignedMeansFinalized => {
                "A recipient is completed when its agent has done its part; the envelope is finalized when all \
                 required recipients are completed."
            }
            Self::NoEventLostOrDoubled => {
                "A step reports each state change as exactly one event and increments the revision."
            }
            Self::EveryPathEnds => {
                "No sequence of effective commands returns to an earlier state, and some command moves an envelope on \
                 until it ends, unless it is kept after a required recipient declined."
            }
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// A violated invariant, with what was observed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BrokenInvariant {
    pub invariant: Invariant,
    /// What was observed instead.
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
