//! Envelopes: what is to be signed, by whom, and their state (G6).

use super::{
    id::{AgentId, EnvelopeId, RecipientId},
    people::Plan,
    recipient::Recipient,
    stored::EnvelopeFields,
    upcoming::Upcoming,
};
use crate::base::{
    document::{Due, Record},
    reading::within,
    times,
    urls::BaseUrl,
};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::sync::Arc;
use utoipa::ToSchema;

/// The properties that an envelope is created with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Terms {
    /// 2 to 48 characters.
    pub name: Box<str>,
    /// Free-form data of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// Days from sending to expiry, 1 to 90.
    #[serde(deserialize_with = "within::<_, _, 1, 90>")]
    pub expiration_period_days: u8,
    /// Days from sending to the first reminder, 0 to 30; 0 for none.
    #[serde(deserialize_with = "within::<_, _, 0, 30>")]
    pub reminder_initial_delay_days: u8,
    /// Days from one reminder to the next, 0 to 30; 0 for no further reminders.
    #[serde(deserialize_with = "within::<_, _, 0, 30>")]
    pub reminder_repeat_interval_days: u8,
    /// Days from the last reminder to expiry, 0 to 30; 0 for none.
    #[serde(deserialize_with = "within::<_, _, 0, 30>")]
    pub reminder_before_expiration_days: u8,
    /// Whether the released agents are invited again when a primary declines (G10).
    pub reopen: bool,
    /// Whether the envelope stays `sent` when a required recipient declines; otherwise it is voided (G10).
    #[serde(default)]
    pub keep_declined: bool,
    #[serde(deserialize_with = "times::deserialize")]
    pub created_at: Timestamp,
    /// The agent session that created it, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Arc<Origin>>,
    /// The user whose handoff created it, who gets a mail when it is finalized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender: Option<Arc<Sender>>,
    /// The plan for simulated people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Arc<Plan>>,
}

impl Terms {
    /// An envelope that expires after 30 days, without reminders.
    #[must_use]
    pub fn new(name: impl Into<Box<str>>, created_at: Timestamp) -> Self {
        Self {
            name: name.into(),
            context: None,
            expiration_period_days: 30,
            reminder_initial_delay_days: 0,
            reminder_repeat_interval_days: 0,
            reminder_before_expiration_days: 0,
            reopen: false,
            keep_declined: false,
            created_at,
            origin: None,
            sender: None,
            plan: None,
        }
    }
}

/// The handoff that created an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// `as_…`.
    pub agent_session_id: Arc<str>,
    /// The caller's id of the handoff.
    pub handoff_id: Box<str>,
}

impl Origin {
    /// Approximate size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.agent_session_id.len() + self.handoff_id.len()
    }
}

/// The user whose handoff created an envelope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    pub email: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<Box<str>>,
}

impl Sender {
    /// Approximate size in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.email.len() + self.name.as_ref().map_or(0, |name| name.len())
    }
}

/// The state of an envelope (G6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "EnvelopeFields", tag = "status", rename_all = "snake_case")]
pub enum EnvelopeState {
    /// Can still be changed.
    Draft,
    /// Waits for its signers.
    Sent { sent_at: Timestamp },
    /// All required recipients have done their part.
    Finalized {
        sent_at: Timestamp,
        /// When it ended.
        at: Timestamp,
    },
    Voided {
        sent_at: Timestamp,
        /// When it ended.
        at: Timestamp,
        because: VoidReason,
    },
    Expired {
        sent_at: Timestamp,
        /// When it ended.
        at: Timestamp,
    },
}

/// Why an envelope was voided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum VoidReason {
    /// The sender voided it.
    Sender,
    /// A required recipient declined (G10).
    Declined,
}

/// The state of an envelope (G6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum EnvelopeStatus {
    Draft,
    Sent,
    Finalized,
    Voided,
    Expired,
}

impl EnvelopeState {
    /// The contract's names of the states, each once.
    pub const WORDS: [&str; 5] = ["draft", "sent", "finalized", "voided", "expired"];

    /// The state without its times.
    #[must_use]
    pub fn status(&self) -> EnvelopeStatus {
        match self {
            Self::Draft => EnvelopeStatus::Draft,
            Self::Sent { .. } => EnvelopeStatus::Sent,
            Self::Finalized { .. } => EnvelopeStatus::Finalized,
            Self::Voided { .. } => EnvelopeStatus::Voided,
            Self::Expired { .. } => EnvelopeStatus::Expired,
        }
    }

    /// The contract's name of the state.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Sent { .. } => "sent",
            Self::Finalized { .. } => "finalized",
            Self::Voided { .. } => "voided",
            Self::Expired { .. } => "expired",
        }
    }

    /// Whether the envelope has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        matches!(self, Self::Finalized { .. } | Self::Voided { .. } | Self::Expired { .. })
    }

    #[must_use]
    pub fn sent_at(&self) -> Option<Timestamp> {
        match *self {
            Self::Draft => None,
            Self::Sent { sent_at }
            | Self::Finalized { sent_at, .. }
            | Self::Voided { sent_at, .. }
            | Self::Expired { sent_at, .. } => Some(sent_at),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Envelope {
    pub id: EnvelopeId,
    pub terms: Arc<Terms>,
    pub state: EnvelopeState,
    /// The recipients, in the order in which they were added. Removed ones stay, and are ignored.
    pub recipients: Vec<Recipient>,
    /// The number of the next agent.
    pub next_agent: u32,
    /// Number of transitions with effects, including its creation.
    pub revision: u64,
    /// The URL at which its creator reached the server; URLs in its emails start with it. `None` without a caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<BaseUrl>,
    /// Planned automatic actions.
    #[serde(default, skip_serializing_if = "Upcoming::is_empty")]
    pub upcoming: Upcoming,
}

/// The position of an agent in an envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Spot {
    /// The recipient's index.
    pub recipient: u32,
    /// The agent's index among those of the recipient.
    pub agent: u32,
}

/// A day of sandbox time.
const DAY: SignedDuration = SignedDuration::from_hours(24);

impl Envelope {
    /// An empty draft.
    #[must_use]
    pub fn new(id: EnvelopeId, terms: Terms) -> Self {
        let terms = Arc::new(terms);
        Self {
            id,
            terms,
            state: EnvelopeState::Draft,
            recipients: Vec::new(),
            next_agent: 1,
            revision: 1,
            base_url: None,
            upcoming: Upcoming::default(),
        }
    }

    /// Returns the recipient at an index.
    #[must_use]
    pub fn recipient_at(&self, place: u32) -> Option<&Recipient> {
        self.recipients.get(usize::try_from(place).ok()?)
    }

    /// The index of the recipient with this id, including removed ones.
    #[must_use]
    pub fn place_of(&self, id: RecipientId) -> Option<usize> {
        if id.envelope != self.id {
            return None;
        }
        self.recipients.iter().position(|recipient| recipient.role.number == id.number)
    }

    /// The position of the agent with this id. The cost does not depend on the number of agents.
    #[must_use]
    pub fn spot_of(&self, id: AgentId) -> Option<Spot> {
        if id.envelope != self.id {
            return None;
        }
        self.recipients.iter().enumerate().filter(|(_, recipient)| !recipient.is_removed()).find_map(
            |(place, recipient)| {
                let agent = id.number.checked_sub(recipient.role.first_agent)?;
                recipient.agent(agent)?;
                Some(Spot { recipient: u32::try_from(place).ok()?, agent })
            },
        )
    }

    /// The id of the recipient at an index.
    #[must_use]
    pub fn recipient_id(&self, place: u32) -> Option<RecipientId> {
        Some(RecipientId { envelope: self.id, number: self.recipient_at(place)?.role.number })
    }

    /// The id of the agent at a position.
    #[must_use]
    pub fn agent_id(&self, spot: Spot) -> Option<AgentId> {
        let recipient = self.recipient_at(spot.recipient)?;
        recipient.agent(spot.agent)?;
        Some(AgentId { envelope: self.id, number: recipient.role.first_agent + spot.agent })
    }

    /// When it expires, once it is sent.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.after(u32::from(self.terms.expiration_period_days))
    }

    /// When its next reminder is due, after `now`.
    #[must_use]
    pub fn next_reminder(&self, now: Timestamp) -> Option<Timestamp> {
        let Terms {
            expiration_period_days: period,
            reminder_initial_delay_days: first,
            reminder_repeat_interval_days: repeat,
            reminder_before_expiration_days: before,
            ..
        } = *self.terms;
        let last = (before > 0).then(|| period.checked_sub(before)).flatten().filter(|day| *day > 0);
        let regular = (1..u32::from(period)).filter(|day| {
            let beyond = day.checked_sub(u32::from(first)).filter(|_| first > 0);
            beyond.is_some_and(|beyond| beyond == 0 || (repeat > 0 && beyond.is_multiple_of(u32::from(repeat))))
        });
        regular.chain(last.map(u32::from)).filter_map(|day| self.after(day)).filter(|due| *due > now).min()
    }

    /// The time `days` days after it was sent.
    fn after(&self, days: u32) -> Option<Timestamp> {
        let span = DAY.checked_mul(i32::try_from(days).ok()?)?;
        Some(self.state.sent_at()?.checked_add(span).unwrap_or(Timestamp::MAX))
    }
}

impl Record for Envelope {
    const COLLECTION: &'static str = "envelopes";

    fn id(&self) -> Arc<str> {
        self.id.to_string().into()
    }

    fn due(&self) -> Option<Due> {
        self.first_task().map(|(at, task)| Due { at, rank: task.rank(), tasks: self.count_tasks() })
    }

    fn size(&self) -> usize {
        let context = self.terms.context.as_ref().map_or(0, weight_of);
        let roles: usize = self.recipients.iter().map(|recipient| recipient.role.weight).sum();
        let origin = self.terms.origin.as_ref().map_or(0, |origin| origin.size());
        let own = size_of::<Self>() + size_of::<Terms>() + self.terms.name.len();
        let sender = self.terms.sender.as_ref().map_or(0, |sender| sender.size());
        own + context + origin + sender + roles + self.upcoming.size()
    }
}

/// Approximate memory size of a JSON value in bytes.
#[must_use]
pub fn weight_of(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(values) => values.iter().map(weight_of).sum(),
            Value::Object(members) => members.iter().map(|(key, value)| 2 * key.len() + 32 + weight_of(value)).sum(),
            _ => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(first: u8, repeat: u8, before: u8, period: u8) -> Envelope {
        let terms = Terms {
            expiration_period_days: period,
            reminder_initial_delay_days: first,
            reminder_repeat_interval_days: repeat,
            reminder_before_expiration_days: before,
            ..Terms::new("NDA", Timestamp::UNIX_EPOCH)
        };
        let state = EnvelopeState::Sent { sent_at: Timestamp::UNIX_EPOCH };
        Envelope { state, ..Envelope::new(EnvelopeId(1), terms) }
    }

    fn reminder_days(envelope: &Envelope) -> Vec<i64> {
        let next = |now: &Timestamp| envelope.next_reminder(*now);
        let all = std::iter::successors(next(&Timestamp::UNIX_EPOCH), next);
        all.map(|due| due.as_second() / 86_400).collect()
    }

    #[test]
    fn reminders_repeat_and_come_again_before_expiry() {
        assert_eq!(reminder_days(&sent(3, 2, 1, 10)), [3, 5, 7, 9]);
        assert_eq!(reminder_days(&sent(3, 4, 2, 10)), [3, 7, 8]);
        assert_eq!(reminder_days(&sent(3, 0, 0, 10)), [3]);
        assert_eq!(reminder_days(&sent(0, 2, 0, 10)), [0_i64; 0]);
        assert_eq!(reminder_days(&sent(30, 1, 0, 10)), [0_i64; 0]);
        assert_eq!(reminder_days(&sent(0, 0, 10, 10)), [0_i64; 0]);
    }

    #[test]
    fn an_envelope_expires_its_period_after_sending() {
        assert_eq!(sent(0, 0, 0, 90).expires_at().unwrap().as_second(), 90 * 86_400);
    }
}
