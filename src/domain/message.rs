//! Messages that the service would have sent, captured.
//!
//! A message keeps what outlives its cause: whom it was sent to, about what, and in which language. `wording` composes
//! its subject and text when it is read, and `mail` its HTML and its source.

mod mail;
mod view;
mod wording;

pub use mail::{html, raw};
pub use view::{LinkRole, MessageLink, MessageView};

use crate::{
    base::{document::Record, urls::BaseUrl},
    domain::signing::{AgentId, EnvelopeId, Locale, Origin, PhoneContactMethod, Sender},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// Maximum number of messages in a sandbox.
pub const MOST_MESSAGES: usize = 10_000;

/// How a message is sent. One-time codes are sent to a phone (G2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = MessageChannel)]
pub enum Channel {
    Email,
    Sms,
    Whatsapp,
}

impl From<PhoneContactMethod> for Channel {
    fn from(method: PhoneContactMethod) -> Self {
        match method {
            PhoneContactMethod::Sms => Self::Sms,
            PhoneContactMethod::Whatsapp => Self::Whatsapp,
        }
    }
}

/// The purpose of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// Asks an actor to verify their email (S4).
    VerifyEmail,
    /// Asks an agent to sign (G4).
    Invitation,
    /// Asks an agent again.
    Reminder,
    /// A one-time code that an agent needs to sign (G2).
    OneTimeCode,
    /// Another agent accepted first (G5).
    NoLongerNeeded,
    /// The envelope is finalized.
    Completion,
}

impl MessageKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify_email",
            Self::Invitation => "invitation",
            Self::Reminder => "reminder",
            Self::OneTimeCode => "one_time_code",
            Self::NoLongerNeeded => "no_longer_needed",
            Self::Completion => "completion",
        }
    }
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum About {
    Envelope {
        envelope: Arc<Matter>,
        /// The number of the agent that it was sent to; `None` for the sender.
        agent: Option<u32>,
        /// Whether the agent hosts the signing of others, and does not sign.
        is_host: bool,
    },
    /// A handoff that waits for its actor (S4).
    Handoff {
        /// `ho_…`.
        waiting: Arc<str>,
        /// The caller's id of the handoff.
        handoff_id: Box<str>,
        /// The URL at which the caller reached the server.
        base_url: Option<BaseUrl>,
    },
}

/// What the messages about an envelope keep of it. They share it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matter {
    pub envelope_id: EnvelopeId,
    /// The envelope's name.
    pub title: Box<str>,
    /// The URL at which the envelope's creator reached the server.
    pub base_url: Option<BaseUrl>,
    /// The handoff that created the envelope, if one did.
    pub origin: Option<Arc<Origin>>,
    /// The user whose handoff created the envelope, if one did.
    pub sender: Option<Arc<Sender>>,
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
    /// The email or phone number that it was sent to.
    pub to: Box<str>,
    /// The name of the person it was sent to.
    pub name: Option<Box<str>>,
    pub about: About,
    /// Language of its text.
    pub locale: Locale,
    /// The code in its text, so that a test need not extract it.
    pub code: Option<Box<str>>,
}

impl Message {
    #[must_use]
    pub fn envelope_id(&self) -> Option<EnvelopeId> {
        self.matter().map(|envelope| envelope.envelope_id)
    }

    /// The agent that it was sent to.
    #[must_use]
    pub fn agent_id(&self) -> Option<AgentId> {
        match &self.about {
            About::Envelope { envelope, agent, .. } => {
                agent.map(|number| AgentId { envelope: envelope.envelope_id, number })
            }
            About::Handoff { .. } => None,
        }
    }

    /// The agent session that created the envelope, if one did.
    #[must_use]
    pub fn agent_session_id(&self) -> Option<&Arc<str>> {
        self.matter()?.origin.as_ref().map(|origin| &origin.agent_session_id)
    }

    /// The id of the handoff that waits, as in the URLs of its answers.
    #[must_use]
    pub fn waiting_id(&self) -> Option<&Arc<str>> {
        match &self.about {
            About::Envelope { .. } => None,
            About::Handoff { waiting, .. } => Some(waiting),
        }
    }

    /// The caller's id of the handoff that led to it, if one did.
    #[must_use]
    pub fn handoff_id(&self) -> Option<&str> {
        match &self.about {
            About::Envelope { envelope, .. } => envelope.origin.as_ref().map(|origin| &*origin.handoff_id),
            About::Handoff { handoff_id, .. } => Some(handoff_id),
        }
    }

    /// The URL at which the caller behind it reached the server.
    #[must_use]
    pub fn base_url(&self) -> Option<&BaseUrl> {
        match &self.about {
            About::Envelope { envelope, .. } => envelope.base_url.as_ref(),
            About::Handoff { base_url, .. } => base_url.as_ref(),
        }
    }

    fn matter(&self) -> Option<&Matter> {
        match &self.about {
            About::Envelope { envelope, .. } => Some(envelope),
            About::Handoff { .. } => None,
        }
    }
}

impl Record for Message {
    const COLLECTION: &'static str = "messages";
    const AWAITED: bool = true;

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn size(&self) -> usize {
        let optional = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        let about = match &self.about {
            // Counted for each message, although they share it: the last one holds all of it.
            About::Envelope { envelope, .. } => {
                let origin = envelope.origin.as_ref().map_or(0, |origin| origin.size());
                let sender = envelope.sender.as_ref().map_or(0, |sender| sender.size());
                let base_url = envelope.base_url.as_ref().map_or(0, |base_url| base_url.len());
                size_of::<Matter>() + envelope.title.len() + origin + sender + base_url
            }
            About::Handoff { waiting, handoff_id, base_url } => {
                let base_url = base_url.as_ref().map_or(0, |base_url| base_url.len());
                waiting.len() + handoff_id.len() + base_url
            }
        };
        size_of::<Self>() + self.to.len() + optional(&self.name) + optional(&self.code) + about
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_message_reads_back() {
        let base_url: Option<BaseUrl> = "http://mock.test".parse().ok();
        let origin = Origin { agent_session_id: "as_1".into(), handoff_id: "h-1".into() };
        let envelope = Matter {
            envelope_id: EnvelopeId(7),
            title: "NDA".into(),
            base_url: base_url.clone(),
            origin: Some(Arc::new(origin)),
            sender: Some(Arc::new(Sender { email: "sam@example.com".into(), name: None })),
        };
        let handoff = About::Handoff { waiting: "ho_1".into(), handoff_id: "h-1".into(), base_url };
        for about in [About::Envelope { envelope: Arc::new(envelope), agent: Some(1), is_host: false }, handoff] {
            let message = Message {
                id: "msg_1".into(),
                at: Timestamp::UNIX_EPOCH,
                kind: MessageKind::Invitation,
                channel: Channel::Email,
                to: "alice@example.com".into(),
                name: Some("Alice".into()),
                about,
                locale: Locale::TrTr,
                code: None,
            };
            let stored = serde_json::to_string(&message).unwrap();
            assert_eq!(serde_json::from_str::<Message>(&stored).unwrap(), message, "{stored}");
        }
    }
}
