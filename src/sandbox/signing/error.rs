//! Errors of the signing service, each with a stable name (G8, G10).

use crate::{
    base::position::brief,
    domain::signing::{DraftError, Envelope, EnvelopeId, Refusal, Spot},
    store::StoreError,
};
use serde_json::{Map, Value, json};
use std::sync::Arc;

#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    #[error("There is no envelope {:?}.", brief(.0))]
    NoSuchEnvelope(String),
    #[error("The envelope has no recipient {:?}.", brief(.0))]
    NoSuchRecipient(String),
    #[error("There is no agent {:?}.", brief(.0))]
    NoSuchAgent(String),
    #[error("There is no contact {:?}.", brief(.0))]
    NoSuchContact(String),
    #[error("There is no contact group {:?}.", brief(.0))]
    NoSuchGroup(String),
    #[error("There is no user {:?}.", brief(.0))]
    NoSuchUser(String),
    #[error("The contact group {:?} has no members; add contacts to it before you assign it.", brief(.0))]
    EmptyGroup(String),
    /// The contact would have neither an email nor a phone.
    #[error("The contact {:?} would have neither an email nor a phone; give one of them.", brief(.0))]
    NoAddress(String),
    #[error("Agent {} in the list has no source; give one of \"info\", \"contactId\", \"userId\" and \"groupId\".", .0 + 1)]
    NoSource(usize),
    #[error(
        "Agent {} in the list has more than one source; give only one of \"info\", \"contactId\", \"userId\" and \"groupId\".",
        .0 + 1
    )]
    SeveralSources(usize),
    #[error("There is already a user {:?}; choose another id, or delete the user first.", brief(.0))]
    UserExists(String),
    /// The signing rules refuse the command.
    #[error("{}", refusal.description())]
    Refused {
        refusal: Refusal,
        envelope: Arc<Envelope>,
        /// Position of the agent that tried to act.
        spot: Option<Spot>,
    },
    /// The draft cannot be changed this way.
    #[error("{error}")]
    Draft { error: DraftError, envelope: EnvelopeId },
    #[error("The mock could not do its work: {0}.")]
    Store(#[from] StoreError),
}

/// The kind of an error, for callers that map it to an HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SigningErrorKind {
    /// Something that the request names does not exist.
    NotFound,
    /// The request contradicts itself or the current state.
    Unfit,
    /// Not possible in the current state.
    Conflict,
    /// An internal error of the mock.
    Ours,
}

impl SigningError {
    /// The names that are neither refusals of the rules nor draft errors.
    pub const NAMES: [&'static str; 12] = [
        "Envelope.NotFound",
        "Recipient.NotFound",
        "Agent.NotFound",
        "Contact.NotFound",
        "Group.NotFound",
        "User.NotFound",
        "Group.Empty",
        "Contact.NoAddress",
        "Agent.NoSource",
        "Agent.SeveralSources",
        "User.Exists",
        "Service.Unavailable",
    ];

    /// The stable name (G8).
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::NoSuchEnvelope(_) => "Envelope.NotFound",
            Self::NoSuchRecipient(_) => "Recipient.NotFound",
            Self::NoSuchAgent(_) => "Agent.NotFound",
            Self::NoSuchContact(_) => "Contact.NotFound",
            Self::NoSuchGroup(_) => "Group.NotFound",
            Self::NoSuchUser(_) => "User.NotFound",
            Self::EmptyGroup(_) => "Group.Empty",
            Self::NoAddress(_) => "Contact.NoAddress",
            Self::NoSource(_) => "Agent.NoSource",
            Self::SeveralSources(_) => "Agent.SeveralSources",
            Self::UserExists(_) => "User.Exists",
            Self::Refused { refusal, .. } => refusal.name(),
            Self::Draft { error, .. } => error.name(),
            Self::Store(_) => "Service.Unavailable",
        }
    }

    #[must_use]
    pub fn fault(&self) -> SigningErrorKind {
        match self {
            Self::NoSuchEnvelope(_)
            | Self::NoSuchRecipient(_)
            | Self::NoSuchAgent(_)
            | Self::NoSuchContact(_)
            | Self::NoSuchGroup(_)
            | Self::NoSuchUser(_)
            | Self::Draft { error: DraftError::NoSuchRecipient(_) | DraftError::Removed, .. } => {
                SigningErrorKind::NotFound
            }
            Self::Refused { .. }
            | Self::Draft {
                error: DraftError::Refused(_) | DraftError::HostBound(_) | DraftError::DelegatorBound(_),
                ..
            }
            | Self::UserExists(_) => SigningErrorKind::Conflict,
            Self::EmptyGroup(_)
            | Self::NoAddress(_)
            | Self::NoSource(_)
            | Self::SeveralSources(_)
            | Self::Draft { .. } => SigningErrorKind::Unfit,
            Self::Store(_) => SigningErrorKind::Ours,
        }
    }

    /// Further data for programs in addition to the name (G8).
    #[must_use]
    pub fn context(&self) -> Map<String, Value> {
        let context = match self {
            Self::Refused { refusal, envelope, spot } => return refusal.context(envelope, *spot),
            Self::NoSuchEnvelope(id) => json!({ "envelopeId": brief(id) }),
            Self::NoSuchRecipient(id) => json!({ "recipientId": brief(id) }),
            Self::NoSuchAgent(id) => json!({ "agentId": brief(id) }),
            Self::NoSuchContact(id) | Self::NoAddress(id) => json!({ "contactId": brief(id) }),
            Self::NoSuchGroup(id) | Self::EmptyGroup(id) => json!({ "groupId": brief(id) }),
            Self::NoSuchUser(id) | Self::UserExists(id) => json!({ "userId": brief(id) }),
            Self::NoSource(place) | Self::SeveralSources(place) => json!({ "agent": place }),
            Self::Draft { error, envelope } => match error {
                DraftError::DuplicateAgent { field, value } => {
                    json!({ "envelopeId": envelope, *field: brief(value) })
                }
                DraftError::HostBound(bound) | DraftError::DelegatorBound(bound) => {
                    json!({ "envelopeId": envelope, "boundRecipientId": bound })
                }
                _ => json!({ "envelopeId": envelope }),
            },
            Self::Store(_) => json!({}),
        };
        if let Value::Object(context) = context { context } else { Map::new() }
    }
}
