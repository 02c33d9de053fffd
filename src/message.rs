//! Messages: what the service would have sent to somebody, captured. Bounded; the oldest give way and are counted.

use crate::signing::{AgentId, EnvelopeId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// How many messages a sandbox keeps.
pub const MOST_MESSAGES: usize = 10_000;

/// The way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the usual words")]
pub enum Channel {
    Sms,
    Whatsapp,
}

/// A captured message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// `msg_…`.
    pub id: Arc<str>,
    /// When it was sent, by the sandbox's clock.
    pub at: Timestamp,
    /// The way it went.
    pub channel: Channel,
    /// The phone to which it went.
    pub to: Box<str>,
    /// What it says.
    pub text: Box<str>,
    /// The one-time code in it, so that a test need not read it out.
    pub code: Box<str>,
    /// The envelope that it is about.
    pub envelope_id: EnvelopeId,
    /// The agent to whom it went.
    pub agent_id: AgentId,
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
    dropped: u64,
}

impl Messages {
    /// Captures a message.
    pub fn capture(&self, message: Message) {
        let mut ring = self.ring();
        ring.messages.push_back(Arc::new(message));
        if ring.messages.len() > MOST_MESSAGES {
            ring.messages.pop_front();
            ring.dropped += 1;
        }
    }

    /// The messages that `wanted` admits, newest first, `limit` of them at most, and how many there are in all.
    #[must_use]
    pub fn list(&self, limit: usize, wanted: impl Fn(&Message) -> bool) -> (Vec<Arc<Message>>, usize) {
        let ring = self.ring();
        let mut all = ring.messages.iter().rev().filter(|message| wanted(message));
        let page: Vec<_> = all.by_ref().take(limit).cloned().collect();
        let total = page.len() + all.count();
        (page, total)
    }

    /// The message of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Message>> {
        self.ring().messages.iter().rev().find(|message| *message.id == *id).cloned()
    }

    /// Lets all messages go, and says how many those were.
    pub fn clear(&self) -> usize {
        std::mem::take(&mut *self.ring()).messages.len()
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
