//! Messages: what the service would have sent to somebody, captured. Bounded; the oldest give way and are counted.

use crate::{
    base::budget::{Account, Budget, Share},
    domain::signing::{AgentId, EnvelopeId, Locale, Origin},
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer, ser::SerializeMap};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many messages a sandbox keeps.
pub const MOST_MESSAGES: usize = 10_000;

/// About how many bytes of messages one page holds at most, except for the last message on it.
const PAGE_BYTES: usize = 4 << 20;

/// The way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the usual words")]
pub enum Channel {
    Sms,
    Whatsapp,
}

/// What a message is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MessageKind {
    /// A one-time code, with which an agent signs (G2).
    OneTimeCode,
}

/// What a message is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The envelope.
    pub envelope_id: EnvelopeId,
    /// The agent to whom it went.
    pub agent_id: AgentId,
    /// The envelope's name, which outlives the envelope here.
    pub title: Box<str>,
}

/// A captured message. Its text is put together when it is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// `msg_…`.
    pub id: Arc<str>,
    /// When it was sent, by the sandbox's clock.
    pub at: Timestamp,
    /// What it is for.
    pub kind: MessageKind,
    /// The way it went.
    pub channel: Channel,
    /// The phone to which it went.
    pub to: Box<str>,
    /// What it is about.
    pub about: About,
    /// The language of its text.
    pub locale: Locale,
    /// The code in its text, so that a test need not read it out.
    pub code: Option<Box<str>>,
    /// The agent session that made the envelope, if one did.
    pub origin: Option<Arc<Origin>>,
}

/// How many messages there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Fill {
    /// Messages held.
    pub kept: usize,
    /// Messages given up for newer ones since the last reset.
    pub dropped: u64,
}

/// The messages of a sandbox.
#[derive(Debug, Default)]
pub struct Messages(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    messages: VecDeque<Arc<Message>>,
    bytes: Account,
    dropped: u64,
}

impl Message {
    /// About how many bytes the message takes up, here and as text.
    #[must_use]
    pub fn size(&self) -> usize {
        2 * size_of::<Self>()
            + self.to.len()
            + 2 * self.about.title.len()
            + self.code.as_ref().map_or(0, |code| code.len())
    }

    /// What it says.
    #[must_use]
    pub fn text(&self) -> String {
        let (title, code) = (&self.about.title, self.code.as_deref().unwrap_or_default());
        match (self.kind, self.locale) {
            (MessageKind::OneTimeCode, Locale::EnUs) => format!("{code} is your code to sign \"{title}\"."),
            (MessageKind::OneTimeCode, Locale::TrTr) => format!("\"{title}\" belgesini imzalama kodunuz: {code}."),
        }
    }
}

impl Serialize for Message {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("at", &self.at)?;
        map.serialize_entry("kind", &self.kind)?;
        map.serialize_entry("channel", &self.channel)?;
        map.serialize_entry("to", &self.to)?;
        map.serialize_entry("locale", &self.locale)?;
        map.serialize_entry("text", &self.text())?;
        map.serialize_entry("code", &self.code)?;
        map.serialize_entry("envelope_id", &self.about.envelope_id)?;
        map.serialize_entry("agent_id", &self.about.agent_id)?;
        if let Some(origin) = &self.origin {
            map.serialize_entry("agent_session_id", &origin.agent_session_id)?;
        }
        map.end()
    }
}

impl Messages {
    /// No messages yet; those that come count against a budget.
    #[must_use]
    pub fn counted_in(budget: &Arc<Budget>) -> Self {
        Self(Mutex::new(Ring { bytes: Account::new(budget), ..Ring::default() }))
    }

    /// About how many bytes the messages take up.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.ring().bytes.bytes()
    }

    /// Drops the oldest messages until a share of them is left, and says how many those were.
    pub fn shrink(&self, share: Share) -> u64 {
        let mut ring = self.ring();
        let (before, stays) = (ring.dropped, share.of(ring.bytes.bytes()));
        while ring.bytes.bytes() > stays && ring.drop_oldest() {}
        ring.dropped - before
    }

    /// Captures a message.
    pub fn capture(&self, message: Message) {
        let mut ring = self.ring();
        ring.bytes.add(message.size());
        ring.messages.push_back(Arc::new(message));
        if ring.messages.len() > MOST_MESSAGES {
            ring.drop_oldest();
        }
    }

    /// The messages that `wanted` admits, newest first, from after the message `after` on: `limit` of them at most, and how
    /// many there are in all from there on. `None` when there is no message `after`.
    #[must_use]
    pub fn list(
        &self,
        after: Option<&str>,
        limit: usize,
        wanted: impl Fn(&Message) -> bool,
    ) -> Option<(Vec<Arc<Message>>, usize)> {
        let ring = self.ring();
        let (mut page, mut total, mut bytes) = (Vec::new(), 0, 0);
        let mut newest_first = ring.messages.iter().rev();
        if let Some(after) = after {
            newest_first.find(|message| *message.id == *after)?;
        }
        for message in newest_first.filter(|message| wanted(message)) {
            total += 1;
            if page.len() < limit && bytes < PAGE_BYTES {
                bytes += message.size();
                page.push(Arc::clone(message));
            }
        }
        Some((page, total))
    }

    /// The message of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Message>> {
        self.ring().messages.iter().rev().find(|message| *message.id == *id).cloned()
    }

    /// Lets all messages go, and says how many those were.
    pub fn clear(&self) -> usize {
        let mut ring = self.ring();
        let another = Ring { bytes: ring.bytes.another(), ..Ring::default() };
        std::mem::replace(&mut *ring, another).messages.len()
    }

    /// How many there are.
    #[must_use]
    pub fn fill(&self) -> Fill {
        let ring = self.ring();
        Fill { kept: ring.messages.len(), dropped: ring.dropped }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // Nothing that holds this lock can leave the ring half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.messages.pop_front() else { return false };
        self.bytes.sub(oldest.size());
        self.dropped += 1;
        true
    }
}
