//! Messages that the service would have sent, captured.

use crate::{
    base::{
        document::Record,
        schema::{AgentSessionId, MessageId},
    },
    domain::signing::{AgentId, EnvelopeId, Locale, Origin},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Maximum number of messages in a sandbox.
pub const MOST_MESSAGES: usize = 10_000;

/// How one-time codes are sent (G2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Sms,
    Whatsapp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A one-time code that an agent needs to sign (G2).
    OneTimeCode,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub envelope_id: EnvelopeId,
    /// The agent that it was sent to.
    pub agent_id: AgentId,
    /// The envelope's name, kept even if the envelope is gone.
    pub title: Box<str>,
}

/// A captured message. Its text is composed when it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// `msg_…`.
    pub id: Arc<str>,
    /// When it was sent, by the sandbox's clock.
    pub at: Timestamp,
    pub kind: MessageKind,
    pub channel: Channel,
    /// The phone number that it was sent to.
    pub to: Box<str>,
    pub about: About,
    /// Language of its text.
    pub locale: Locale,
    /// The code in its text, so that a test need not extract it.
    pub code: Option<Box<str>>,
    /// The agent session that created the envelope, if one did.
    pub origin: Option<Arc<Origin>>,
}

impl Message {
    #[must_use]
    pub fn text(&self) -> String {
        let (title, code) = (&self.about.title, self.code.as_deref().unwrap_or_default());
        match (self.kind, self.locale) {
            (MessageKind::OneTimeCode, Locale::EnUs) => format!("{code} is your code to sign \"{title}\"."),
            (MessageKind::OneTimeCode, Locale::TrTr) => format!("\"{title}\" belgesini imzalama kodunuz: {code}."),
        }
    }
}

impl Record for Message {
    const COLLECTION: &'static str = "messages";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn size(&self) -> usize {
        let code = self.code.as_ref().map_or(0, |code| code.len());
        let origin = self.origin.as_ref().map_or(0, |origin| origin.size());
        size_of::<Self>() + self.to.len() + self.about.title.len() + code + origin
    }
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
    channel: Channel,
    /// The phone number that it was sent to.
    #[schema(min_length = 1)]
    to: Box<str>,
    /// Language of the text.
    locale: Locale,
    #[schema(min_length = 1)]
    text: String,
    /// The one-time code in the text.
    #[schema(required, value_type = String, pattern = "^[0-9]{6}$")]
    code: Option<Box<str>>,
    envelope_id: EnvelopeId,
    /// The agent that it was sent to.
    agent_id: AgentId,
    /// The agent session that created the envelope, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AgentSessionId>)]
    agent_session_id: Option<Arc<str>>,
}

impl MessageView {
    #[must_use]
    pub fn of(message: &Message) -> Self {
        Self {
            id: Arc::clone(&message.id),
            at: message.at,
            kind: message.kind,
            channel: message.channel,
            to: message.to.clone(),
            locale: message.locale,
            text: message.text(),
            code: message.code.clone(),
            envelope_id: message.about.envelope_id,
            agent_id: message.about.agent_id,
            agent_session_id: message.origin.as_ref().map(|origin| Arc::clone(&origin.agent_session_id)),
        }
    }
}
