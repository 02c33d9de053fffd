//! Recipients: the roles of an envelope, and how far each of them has come (G1, G7).

use super::{
    agent::{AgentState, Person, Seat},
    stored::RecipientFields,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What a recipient does (G7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecipientType {
    #[default]
    Signer,
    /// Gets a copy of the finalized envelope. Never invited, never in the way.
    Viewer,
    /// Is there for those who sign in person: has done its part by accepting.
    Host,
    /// Signs on the device of its host, once the host is there.
    InPersonSigner,
    /// Signs; passing the role on is not simulated.
    Delegator,
}

impl RecipientType {
    /// The contract's word for it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Signer => "signer",
            Self::Viewer => "viewer",
            Self::Host => "host",
            Self::InPersonSigner => "in_person_signer",
            Self::Delegator => "delegator",
        }
    }

    /// Whether its part ends with a signature.
    #[must_use]
    pub fn signs(self) -> bool {
        matches!(self, Self::Signer | Self::InPersonSigner | Self::Delegator)
    }
}

/// A role: the part of a recipient that does not change once the envelope is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// Its number in the envelope; never given twice.
    pub number: u32,
    pub kind: RecipientType,
    /// A stable name, chosen by the caller (G1); unique in the envelope.
    pub identifier: Box<str>,
    /// A name for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_name: Option<Box<str>>,
    /// Lower orders go first, equal ones in parallel (G7).
    pub order: u32,
    /// Whether the envelope waits for it.
    pub required: bool,
    /// For the caller's own pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Box<str>>,
    /// The number of the host of an in-person signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted_by: Option<u32>,
    /// The number of the recipient who may pass its role on to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<u32>,
    /// Whether signing asks for the one-time code that was sent to the phone.
    pub phone_verification: bool,
    /// The number of the first agent; the others follow it.
    pub first_agent: u32,
    /// Who may act for it.
    pub persons: Vec<Person>,
    /// The one-time codes of those with a phone, by their place among `persons`; empty where none is required.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Option<Box<str>>>,
    /// About how many bytes all of this takes up.
    pub weight: usize,
}

impl Role {
    /// Whether the envelope, and the next order, wait for it (G7).
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.required && self.kind != RecipientType::Viewer
    }
}

/// How far a recipient has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RecipientFields", tag = "state", rename_all = "snake_case")]
pub enum RecipientState {
    /// Its turn has not come.
    Waiting,
    /// Its agents are invited, and none of them is primary.
    Open {
        /// When its turn came.
        activated_at: Timestamp,
    },
    /// There is a primary agent.
    Claimed {
        /// When its turn came.
        activated_at: Timestamp,
        /// The place of the primary among the agents.
        by: u32,
        /// When it accepted.
        at: Timestamp,
    },
    /// It has done its part.
    Completed {
        /// When its turn came; a viewer has none.
        activated_at: Option<Timestamp>,
        /// The place of the agent who did it.
        by: Option<u32>,
        /// When it was done.
        at: Timestamp,
    },
    /// Nobody is left who would act for it.
    Declined {
        /// When its turn came.
        activated_at: Timestamp,
        /// When the last one declined.
        at: Timestamp,
    },
    /// Taken out of the draft.
    Removed { at: Timestamp },
}

impl RecipientState {
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Open { .. } => "open",
            Self::Claimed { .. } => "claimed",
            Self::Completed { .. } => "completed",
            Self::Declined { .. } => "declined",
            Self::Removed { .. } => "removed",
        }
    }
}

/// A recipient: a role, and how far it has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub role: Arc<Role>,
    pub state: RecipientState,
    /// How far each of its agents has come, in the order of the role's `persons`.
    pub seats: Vec<Seat>,
}

impl Recipient {
    /// The place of the agent who is primary (G5). One who has signed still is.
    #[must_use]
    pub fn primary(&self) -> Option<u32> {
        match self.state {
            RecipientState::Claimed { by, .. } => Some(by),
            RecipientState::Completed { by, .. } => by,
            _ => None,
        }
    }

    #[must_use]
    pub fn is_removed(&self) -> bool {
        matches!(self.state, RecipientState::Removed { .. })
    }

    /// Whether the recipient's part can be done now, so that its agents are reminded of it.
    #[must_use]
    pub fn can_be_reminded(&self) -> bool {
        matches!(self.state, RecipientState::Open { .. } | RecipientState::Claimed { .. })
    }

    /// How far the agent at a place has come.
    #[must_use]
    pub fn agent(&self, place: u32) -> Option<AgentState> {
        self.seats.get(usize::try_from(place).ok()?).map(|seat| seat.state)
    }
}
