//! Why a change to a draft is refused (G6, G8).

use super::{MOST_AGENTS, MOST_BYTES, MOST_RECIPIENTS};
use crate::{
    base::position::brief,
    domain::signing::{RecipientId, Refusal},
};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The envelope is not a draft.
    #[error("{}", .0.description())]
    Refused(Refusal),
    #[error("The envelope has no recipient {:?}.", brief(.0))]
    NoSuchRecipient(String),
    #[error("The recipient was removed from the envelope.")]
    Removed,
    /// Another recipient has the same identifier.
    #[error("Another recipient of the envelope has the identifier {:?}; give each a different one.", brief(.0))]
    DuplicateIdentifier(String),
    /// A recipient refers to itself, to a recipient that the envelope does not have, or to one of the wrong type.
    #[error("{field} must name another recipient of the envelope{wanted}, but is {:?}.", brief(.given))]
    WrongReference {
        /// The referring field.
        field: &'static str,
        /// The required type, if it matters.
        wanted: &'static str,
        given: String,
    },
    /// The recipient hosts an in-person signer (G7).
    #[error("The recipient hosts {0}; remove that one first, or give it another host.")]
    HostBound(RecipientId),
    /// Another recipient's `delegatedById` names this recipient (G7).
    #[error("The recipient is the delegatedById of {0}; remove that one first, or give it another delegatedById.")]
    DelegatorBound(RecipientId),
    /// Two agents of the recipient have the same email, or the same phone and no email (G10).
    #[error("Two agents of the recipient have the {field} {:?}; assign each person only once.", brief(value))]
    DuplicateAgent {
        /// `email` or `phone`.
        field: &'static str,
        value: String,
    },
    #[error("An envelope has at most {MOST_RECIPIENTS} recipients.")]
    TooManyRecipients,
    #[error("A recipient has at most {MOST_AGENTS} agents, but {0} were given.")]
    TooManyAgents(usize),
    /// The recipients and agents would take up too much memory and make answers too large.
    #[error(
        "The recipients and agents of the envelope would take up more than {} MiB; give fewer agents, or less context.",
        MOST_BYTES >> 20
    )]
    TooLarge,
}

impl DraftError {
    /// The error names that only changes to drafts use.
    pub const NAMES: [&'static str; 10] = [
        "Recipient.NotFound",
        "Recipient.Removed",
        "Recipient.DuplicateIdentifier",
        "Recipient.WrongReference",
        "Recipient.HostRecipientBound",
        "Recipient.DelegatorRecipientBound",
        "Agent.Duplicate",
        "Envelope.TooManyRecipients",
        "Recipient.TooManyAgents",
        "Envelope.TooLarge",
    ];

    /// The stable name (G8).
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.name(),
            Self::NoSuchRecipient(_) => "Recipient.NotFound",
            Self::Removed => "Recipient.Removed",
            Self::DuplicateIdentifier(_) => "Recipient.DuplicateIdentifier",
            Self::WrongReference { .. } => "Recipient.WrongReference",
            Self::HostBound(_) => "Recipient.HostRecipientBound",
            Self::DelegatorBound(_) => "Recipient.DelegatorRecipientBound",
            Self::DuplicateAgent { .. } => "Agent.Duplicate",
            Self::TooManyRecipients => "Envelope.TooManyRecipients",
            Self::TooManyAgents(_) => "Recipient.TooManyAgents",
            Self::TooLarge => "Envelope.TooLarge",
        }
    }
}
