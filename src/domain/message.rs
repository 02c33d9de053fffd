//! Messages: what the service would have sent to somebody, captured.

use crate::{
    base::document::Record,
    domain::signing::{AgentId, EnvelopeId, Locale, Origin},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use std::sync::Arc;

/// How many messages a sandbox keeps.
pub const MOST_MESSAGES: usize = 10_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    Sms,
    Whatsapp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A one-time code, with which an agent signs (G2).
    OneTimeCode,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub envelope_id: EnvelopeId,
    /// The agent whom it was sent to.
    pub agent_id: AgentId,
    /// The envelope's name, which outlives the envelope here.
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
    /// The phone to which it went.
    pub to: Box<str>,
    pub about: About,
    /// The language of its text.
    pub locale: Locale,
    /// The code in its text, so that a test need not read it out.
    pub code: Option<Box<str>>,
    /// The agent session that made the envelope, if one did.
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

/// A message as readers see it.
#[derive(Clone, Debug)]
pub struct MessageView(pub Arc<Message>);

impl Serialize for MessageView {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(message) = self;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &message.id)?;
        map.serialize_entry("at", &message.at)?;
        map.serialize_entry("kind", &message.kind)?;
        map.serialize_entry("channel", &message.channel)?;
        map.serialize_entry("to", &message.to)?;
        map.serialize_entry("locale", &message.locale)?;
        map.serialize_entry("text", &message.text())?;
        map.serialize_entry("code", &message.code)?;
        map.serialize_entry("envelope_id", &message.about.envelope_id)?;
        map.serialize_entry("agent_id", &message.about.agent_id)?;
        if let Some(origin) = &message.origin {
            map.serialize_entry("agent_session_id", &origin.agent_session_id)?;
        }
        map.end()
    }
}
