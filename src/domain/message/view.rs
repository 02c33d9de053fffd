//! Messages as JSON.

use super::{Channel, Message, MessageKind};
use crate::{
    base::schema::{AgentSessionId, MessageId},
    domain::signing::{AgentId, EnvelopeId, Locale},
};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// What a link in a message leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LinkRole {
    /// The page where the actor verifies their email (S4).
    Verify,
    /// The page where the agent signs.
    Sign,
    /// The agent's page, where nothing is left to do.
    View,
    /// The page of the agent session.
    Session,
}

/// A link in a message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct MessageLink {
    /// What the link leads to.
    #[schema(inline)]
    pub rel: LinkRole,
    #[schema(format = "uri")]
    pub url: String,
}

/// A message as JSON.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub struct MessageView {
    #[schema(value_type = MessageId)]
    id: Arc<str>,
    at: Timestamp,
    /// The purpose of the message.
    #[schema(inline)]
    kind: MessageKind,
    #[schema(inline)]
    channel: Channel,
    /// The email or phone number that it was sent to.
    #[schema(min_length = 1)]
    to: Box<str>,
    /// The name of the person it was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<Box<str>>,
    /// Language of the text.
    locale: Locale,
    /// The subject of an email.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1)]
    subject: Option<String>,
    /// The text; of an email, its plain text part.
    #[schema(min_length = 1)]
    text: String,
    /// The links in the text, each with its role.
    links: Vec<MessageLink>,
    /// The one-time code in the text.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[0-9]{6}$")]
    code: Option<Box<str>>,
    /// The envelope that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope_id: Option<EnvelopeId>,
    /// The agent that it was sent to.
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_id: Option<AgentId>,
    /// The agent session that created the envelope, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AgentSessionId>)]
    agent_session_id: Option<Arc<str>>,
    /// The handoff that waits for its actor, as in the URLs of its answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^ho_[0-9a-f]{24}$")]
    waiting_id: Option<Arc<str>>,
    /// The caller's id of the handoff that led to the message, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    handoff_id: Option<Box<str>>,
}

impl MessageView {
    #[must_use]
    pub fn of(message: &Message, links: Vec<MessageLink>) -> Self {
        Self {
            id: Arc::clone(&message.id),
            at: message.at,
            kind: message.kind,
            channel: message.channel,
            to: message.to.clone(),
            name: message.name.clone(),
            locale: message.locale,
            subject: message.subject(),
            text: message.text(&links),
            links,
            code: message.code.clone(),
            envelope_id: message.envelope_id(),
            agent_id: message.agent_id(),
            agent_session_id: message.agent_session_id().cloned(),
            waiting_id: message.waiting_id().cloned(),
            handoff_id: message.handoff_id().map(Into::into),
        }
    }
}
