//! Why the signing rules refuse a command, with the contract's stable names (G8, G10).

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
    /// The envelope has no required signer.
    NoSigner,
    /// A recipient has no agents who could act for it.
    NoAgents {
        /// The recipient's index.
        recipient: u32,
    },
    /// An in-person signer has no host, or one whose turn comes later.
    NoHost {
        /// The recipient's index.
        recipient: u32,
    },
    /// An agent has no phone, but signing would require a code.
    NoPhone {
        spot: Spot,
    },
    /// A viewer only gets a copy.
    ReadOnly,
    /// The host of an in-person signer has not accepted yet.
    NotHosted,
    /// The recipient's part needs no signature.
    NothingToSign,
    /// The recipient has done its part; a host cannot withdraw.
    Completed,
    /// Another agent accepted first.
    AlreadyClaimed {
        /// The index of the primary, if there still is one.
        by: Option<u32>,
    },
    /// The recipient's turn has not come.
    NotInvited,
    NotOpened,
    /// The agent has not accepted yet.
    NotPrimary,
    /// Another agent accepted first.
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

    /// What is wrong, in one sentence, with the fix if there is one.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::NotDraft => "The envelope is no longer a draft; only drafts can be changed or sent.",
            Self::NotSent => "The envelope is still a draft; send it first.",
            Self::Finalized => "The envelope is finalized and cannot change any more.",
            Self::Voided => "The envelope was voided and cannot change any more.",
            Self::Expired => "The envelope expired and cannot change any more.",
            Self::Closed => "The envelope is already finalized, voided or expired, so it cannot be voided.",
            Self::NotDeletable => "Only a draft can be deleted; void an envelope that was sent.",
            Self::NoSigner => "No one would have to sign; add a required recipient whose type signs.",
            Self::NoAgents { .. } => "The recipient has no agents; assign at least one before you send the envelope.",
            Self::NoHost { .. } => {
                "An in-person signer needs a host among the recipients: set hostedById to a host whose order is not later."
            }
            Self::NoPhone { .. } => "The recipient requires phone verification, but the agent has no phone.",
            Self::ReadOnly => "A viewer only gets a copy of the finalized envelope.",
            Self::NotHosted => "The host has not accepted yet; an in-person signer opens on the host's device.",
            Self::NothingToSign => "The recipient has nothing to sign; accepting completes its part.",
            Self::Completed => "The recipient has done its part and can no longer decline.",
            Self::AlreadyClaimed { .. } => "Another agent was the first to accept; the recipient is claimed.",
            Self::NotInvited => "The agent is not invited yet, because the recipient's turn has not come.",
            Self::NotOpened => "The agent has not opened the envelope; open it first.",
            Self::NotPrimary => "The agent is not primary; accept first.",
            Self::Released => "The agent was released, because another agent accepted first.",
            Self::Declined => "The agent has declined and can no longer act.",
            Self::Signed => "The agent has already signed.",
            Self::CodeRequired => "Signing requires the one-time code sent to the agent's phone.",
            Self::CodeWrong => "The one-time code is not the one sent to the agent's phone.",
        }
    }

    /// Further data for programs: ids, by their names in the contract.
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
    /// Why an agent in this state cannot continue.
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
