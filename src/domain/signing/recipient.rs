//! Recipients: the roles of an envelope, and the state of each (G1, G7).

use super::{
    agent::{AgentState, Person, Seat},
    stored::RecipientFields,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The types of recipients (G7).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecipientType {
    #[default]
    Signer,
    /// Gets a copy of the finalized envelope. Never invited, and never waited for.
    Viewer,
    /// Present for in-person signers: its part is done by accepting.
    Host,
    /// Signs on its host's device, once the host has accepted.
    InPersonSigner,
    /// Signs; delegation is not simulated.
    Delegator,
}

impl RecipientType {
    /// The contract's name of the type.
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
    /// Its number in the envelope; never reused.
    pub number: u32,
    pub kind: RecipientType,
    /// A stable name chosen by the caller (G1); unique in the envelope.
    pub identifier: Box<str>,
    /// A display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_name: Option<Box<str>>,
    /// Lower orders act first, equal ones in parallel (G7).
    pub order: u32,
    /// Whether the envelope waits for the recipient.
    pub required: bool,
    /// For the caller's own pages.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub color: Option<Box<str>>,
    /// The number of the host of an in-person signer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hosted_by: Option<u32>,
    /// The number of the recipient that can delegate to this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delegated_by: Option<u32>,
    /// Whether signing requires the one-time code sent to the phone.
    pub phone_verification: bool,
    /// The number of the first agent; the others follow.
    pub first_agent: u32,
    /// The people who may act for it.
    pub persons: Vec<Person>,
    /// The one-time codes of people with a phone, by their index in `persons`; empty if no codes are required.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub codes: Vec<Option<Box<str>>>,
    /// Approximate total size in bytes.
    pub weight: usize,
}

impl Role {
    /// Whether the envelope and the next order wait for the role (G7).
    #[must_use]
    pub fn blocks(&self) -> bool {
        self.required && self.kind != RecipientType::Viewer
    }
}

/// The state of a recipient.
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
        /// The index of the primary among the agents.
        by: u32,
        /// When the primary accepted.
        at: Timestamp,
    },
    /// Its part is done.
    Completed {
        /// When its turn came; `None` for a viewer.
        activated_at: Option<Timestamp>,
        /// The index of the agent who did it.
        by: Option<u32>,
        /// When it was done.
        at: Timestamp,
    },
    /// No agent is left who could act for it.
    Declined {
        /// When its turn came.
        activated_at: Timestamp,
        /// When the last agent declined.
        at: Timestamp,
    },
    /// Removed from the draft.
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

/// A recipient: a role and its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    pub role: Arc<Role>,
    pub state: RecipientState,
    /// The state of each agent, in the order of the role's `persons`.
    pub seats: Vec<Seat>,
}

impl Recipient {
    /// The index of the primary agent (G5), who remains primary after signing.
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

    /// Whether the recipient's part can be done now, so that its agents can be reminded.
    #[must_use]
    pub fn can_be_reminded(&self) -> bool {
        matches!(self.state, RecipientState::Open { .. } | RecipientState::Claimed { .. })
    }

    /// The state of the agent at an index.
    #[must_use]
    pub fn agent(&self, place: u32) -> Option<AgentState> {
        self.seats.get(usize::try_from(place).ok()?).map(|seat| seat.state)
    }
}
