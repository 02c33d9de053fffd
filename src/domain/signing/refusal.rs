//! Why the rules refuse a command: stable names, as the contract spells them (G8, G10).

use super::{
    agent::AgentState,
    envelope::{Envelope, Spot},
};
use serde_json::{Map, Value, json};

/// Why a command was refused. Nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    NotDraft,
    NotSent,
    Finalized,
    Voided,
    Expired,
    /// The envelope has ended and cannot be voided.
    Closed,
    NotDeletable,
    /// Nobody would have to sign.
    NoSigner,
    /// A recipient has nobody who would act for it.
    NoAgents {
        /// The place of the recipient.
        recipient: u32,
    },
    /// An in-person signer has no host, or one whose turn comes later.
    NoHost {
        /// The place of the recipient.
        recipient: u32,
    },
    /// An agent has no phone, and signing would ask for a code.
    NoPhone {
        spot: Spot,
    },
    /// A viewer only gets a copy.
    ReadOnly,
    /// The host of an in-person signer is not there yet.
    NotHosted,
    /// The recipient's part needs no signature.
    NothingToSign,
    /// The recipient has done its part; a host cannot take back that it was there.
    Completed,
    /// Another agent was quicker to accept.
    AlreadyClaimed {
        /// The place of the primary, if there still is one.
        by: Option<u32>,
    },
    /// The recipient's turn has not come.
    NotInvited,
    NotOpened,
    /// The agent has not accepted yet.
    NotPrimary,
    /// Another agent was quicker to accept.
    Released,
    Declined,
    Signed,
    CodeRequired,
    CodeWrong,
}

impl Refusal {
    /// Every refusal, once.
    pub const ALL: [Self; 24] = [
        Self::NotDraft,
        Self::NotSent,
        Self::Finalized,
        Self::Voided,
        Self::Expired,
        Self::Closed,
        Self::NotDeletable,
        Self::NoSigner,
        Self::NoAgents { recipient: 0 },
        Self::NoHost { recipient: 0 },
        Self::NoPhone { spot: Spot { recipient: 0, agent: 0 } },
        Self::ReadOnly,
        Self::NotHosted,
        Self::NothingToSign,
        Self::Completed,
        Self::AlreadyClaimed { by: None },
        Self::NotInvited,
        Self::NotOpened,
        Self::NotPrimary,
        Self::Released,
        Self::Declined,
        Self::Signed,
        Self::CodeRequired,
        Self::CodeWrong,
    ];

    /// The stable name (G8).
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotDraft => "Envelope.NotDraft",
            Self::NotSent => "Envelope.NotSent",
            Self::Finalized => "Envelope.Finalized",
            Self::Voided => "Envelope.Voided",
            Self::Expired => "Envelope.Expired",
            Self::Closed => "Envelope.Closed",
            Self::NotDeletable => "Envelope.NotDeletable",
            Self::NoSigner => "Envelope.NoSigner",
            Self::NoAgents { .. } => "Recipient.NoAgents",
            Self::NoHost { .. } => "Recipient.NoHost",
            Self::NoPhone { .. } => "Agent.NoPhone",
            Self::ReadOnly => "Recipient.ReadOnly",
            Self::NotHosted => "Recipient.NotHosted",
            Self::NothingToSign => "Recipient.NothingToSign",
            Self::Completed => "Recipient.Completed",
            Self::AlreadyClaimed { .. } => "Recipient.AlreadyClaimed",
            Self::NotInvited => "Agent.NotInvited",
            Self::NotOpened => "Agent.NotOpened",
            Self::NotPrimary => "Agent.NotPrimary",
            Self::Released => "Agent.Released",
            Self::Declined => "Agent.Declined",
            Self::Signed => "Agent.Signed",
            Self::CodeRequired => "Agent.CodeRequired",
            Self::CodeWrong => "Agent.CodeWrong",
        }
    }

    /// What is wrong, in one sentence, and the fix where there is one.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::NotDraft => "The envelope is not a draft any more; only a draft can be changed or sent.",
            Self::NotSent => "The envelope is still a draft; send it first.",
            Self::Finalized => "The envelope is finalized; nothing more happens to it.",
            Self::Voided => "The envelope was voided; nothing more happens to it.",
            Self::Expired => "The envelope expired; nothing more happens to it.",
            Self::Closed => "The envelope is finalized, voided or expired, and cannot be voided.",
            Self::NotDeletable => "Only a draft can be deleted; void an envelope that was sent.",
            Self::NoSigner => "Nobody would have to sign; add a required recipient whose type signs.",
            Self::NoAgents { .. } => "The recipient has no agents; assign one at least before the envelope is sent.",
            Self::NoHost { .. } => {
                "An in-person signer needs a host among the recipients, named by hostedById, whose order is not a later one."
            }
            Self::NoPhone { .. } => "The recipient asks for phone verification, but the agent has no phone.",
            Self::ReadOnly => "A viewer gets a copy of the finalized envelope, and does nothing else.",
            Self::NotHosted => "The host has not accepted yet; an in-person signer opens on the host's device.",
            Self::NothingToSign => "The recipient's part is done by accepting; it has nothing to sign.",
            Self::Completed => "The recipient has done its part, and cannot decline any more.",
            Self::AlreadyClaimed { .. } => "Another agent was the first to accept; the recipient is claimed.",
            Self::NotInvited => "The agent is not invited yet; the recipient's turn has not come.",
            Self::NotOpened => "The agent has not opened the envelope; open comes first.",
            Self::NotPrimary => "The agent is not primary; accept comes first.",
            Self::Released => "The agent was released: another one was the first to accept.",
            Self::Declined => "The agent has declined, and plays no part any more.",
            Self::Signed => "The agent has signed already.",
            Self::CodeRequired => "Signing asks for the one-time code that was sent to the agent's phone.",
            Self::CodeWrong => "The one-time code is not the one that was sent to the agent's phone.",
        }
    }

    /// What a program may want to know beside the name: ids, by their names in the contract.
    #[must_use]
    pub fn context(self, envelope: &Envelope, about: Option<Spot>) -> Map<String, Value> {
        let mut context = Map::new();
        context.insert("envelopeId".to_owned(), json!(envelope.id));
        context.insert("status".to_owned(), json!(envelope.state.as_str()));
        let recipient = match self {
            Self::NoAgents { recipient } | Self::NoHost { recipient } => Some(recipient),
            Self::NoPhone { spot } => Some(spot.recipient),
            _ => about.map(|spot| spot.recipient),
        };
        if let Some(id) = recipient.and_then(|place| envelope.recipient_id(place)) {
            context.insert("recipientId".to_owned(), json!(id));
        }
        let agent = if let Self::NoPhone { spot } = self { Some(spot) } else { about };
        if let Some(spot) = agent
            && let Some(id) = envelope.agent_id(spot)
        {
            context.insert("agentId".to_owned(), json!(id));
        }
        if let (Self::AlreadyClaimed { by: Some(agent) }, Some(recipient)) = (self, recipient)
            && let Some(primary) = envelope.agent_id(Spot { recipient, agent })
        {
            context.insert("primaryAgentId".to_owned(), json!(primary));
        }
        context
    }
}

impl From<AgentState> for Refusal {
    /// Why an agent in this state cannot go on.
    fn from(state: AgentState) -> Self {
        match state {
            AgentState::Waiting => Self::NotInvited,
            AgentState::Invited => Self::NotOpened,
            AgentState::Opened => Self::NotPrimary,
            AgentState::Primary | AgentState::Signed => Self::Signed,
            AgentState::Released => Self::Released,
            AgentState::Declined => Self::Declined,
        }
    }
}
