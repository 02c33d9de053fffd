//! The request bodies of the signing service, as JSON (G2, G3, G6, G7).
//!
//! The contract's schema files contain their rules. Every body that satisfies them can be deserialized here.

use super::{
    agent::{Locale, Person, PhoneContactMethod},
    draft::{NewRecipient, RecipientChange},
    envelope::Terms,
    recipient::RecipientType,
};
use jiff::Timestamp;
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::Value;
use std::fmt;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EnvelopeRequest {
    name: Box<str>,
    #[serde(default)]
    context: Option<Value>,
    #[serde(default = "usual_period", deserialize_with = "whole")]
    expiration_period_days: u8,
    #[serde(default, deserialize_with = "whole")]
    reminder_initial_delay_days: u8,
    #[serde(default, deserialize_with = "whole")]
    reminder_repeat_interval_days: u8,
    #[serde(default, deserialize_with = "whole")]
    reminder_before_expiration_days: u8,
    #[serde(default)]
    reopen: bool,
}

fn usual_period() -> u8 {
    30
}

impl EnvelopeRequest {
    /// The terms of the envelope. `keep_declined` is the sandbox's setting (G10).
    #[must_use]
    pub fn terms(self, created_at: Timestamp, keep_declined: bool) -> Terms {
        Terms {
            name: self.name,
            context: self.context,
            expiration_period_days: self.expiration_period_days,
            reminder_initial_delay_days: self.reminder_initial_delay_days,
            reminder_repeat_interval_days: self.reminder_repeat_interval_days,
            reminder_before_expiration_days: self.reminder_before_expiration_days,
            reopen: self.reopen,
            keep_declined,
            created_at,
            origin: None,
            sender: None,
            plan: None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct RecipientRequest {
    recipient: RecipientFields,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecipientFields {
    #[serde(rename = "type")]
    kind: RecipientType,
    identifier: Box<str>,
    #[serde(default)]
    role_name: Option<Box<str>>,
    #[serde(default = "first_order", deserialize_with = "whole")]
    order: u32,
    #[serde(default = "usually_required")]
    required: bool,
    #[serde(default)]
    color: Option<Box<str>>,
    #[serde(default)]
    hosted_by_id: Option<String>,
    #[serde(default)]
    delegated_by_id: Option<String>,
    #[serde(default)]
    phone_verification: bool,
    #[serde(default)]
    agents: Vec<AgentRequest>,
}

fn first_order() -> u32 {
    1
}

fn usually_required() -> bool {
    true
}

impl RecipientRequest {
    /// The recipient without agents, and the sources of its agents.
    #[must_use]
    pub fn parts(self) -> (NewRecipient, Vec<AgentRequest>) {
        let fields = self.recipient;
        let new = NewRecipient {
            kind: fields.kind,
            identifier: fields.identifier,
            role_name: fields.role_name,
            order: fields.order,
            required: fields.required,
            color: fields.color,
            hosted_by: fields.hosted_by_id,
            delegated_by: fields.delegated_by_id,
            phone_verification: fields.phone_verification,
            persons: Vec::new(),
        };
        (new, fields.agents)
    }
}

#[derive(Debug, Deserialize)]
pub struct RecipientChangeRequest {
    recipient: RecipientChangeFields,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct RecipientChangeFields {
    #[serde(rename = "type")]
    kind: Option<RecipientType>,
    identifier: Option<Box<str>>,
    role_name: Option<Box<str>>,
    #[serde(deserialize_with = "some_whole")]
    order: Option<u32>,
    required: Option<bool>,
    color: Option<Box<str>>,
    hosted_by_id: Option<String>,
    delegated_by_id: Option<String>,
    phone_verification: Option<bool>,
    agents: Option<Vec<AgentRequest>>,
}

impl RecipientChangeRequest {
    /// The change, and the sources of the agents if they change too.
    #[must_use]
    pub fn parts(self) -> (RecipientChange, Option<Vec<AgentRequest>>) {
        let fields = self.recipient;
        let change = RecipientChange {
            kind: fields.kind,
            identifier: fields.identifier,
            role_name: fields.role_name,
            order: fields.order,
            required: fields.required,
            color: fields.color,
            hosted_by: fields.hosted_by_id,
            delegated_by: fields.delegated_by_id,
            phone_verification: fields.phone_verification,
            persons: None,
        };
        (change, fields.agents)
    }
}

/// The agents of a recipient, replacing the current ones.
#[derive(Debug, Deserialize)]
pub struct AgentsRequest {
    pub agents: Vec<AgentRequest>,
}

/// The source of an agent: one of four members, if the caller follows the rules.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
pub struct AgentRequest {
    /// The person, inline.
    pub info: Option<PersonRequest>,
    pub contact_id: Option<String>,
    /// A member of the team.
    pub user_id: Option<String>,
    /// A group, each of whose members becomes an agent.
    pub group_id: Option<String>,
    /// Free-form data of the caller.
    pub context: Option<Value>,
    /// How one-time codes are sent.
    pub phone_contact_method: Option<PhoneContactMethod>,
}

/// A person, inline.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PersonRequest {
    name: Box<str>,
    #[serde(default)]
    email: Option<Box<str>>,
    #[serde(default)]
    phone: Option<Box<str>>,
    #[serde(default)]
    locale: Locale,
    #[serde(default)]
    phone_contact_method: Option<PhoneContactMethod>,
    #[serde(default)]
    context: Option<Value>,
}

impl From<PersonRequest> for Person {
    fn from(person: PersonRequest) -> Self {
        let PersonRequest { name, email, phone, locale, phone_contact_method, context } = person;
        Self {
            name,
            email,
            phone,
            locale,
            phone_contact_method,
            context,
            contact_id: None,
            group_id: None,
            user_id: None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub struct ContactRequest {
    pub name: Box<str>,
    #[serde(default)]
    pub email: Option<Box<str>>,
    #[serde(default)]
    pub phone: Option<Box<str>>,
    #[serde(default)]
    pub locale: Locale,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupRequest {
    pub name: Box<str>,
    pub contact_ids: Vec<String>,
}

/// A change to a contact group. Omitted members stay unchanged.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct GroupChangeRequest {
    #[serde(default)]
    pub name: Option<Box<str>>,
    #[serde(default)]
    pub contact_ids: Option<Vec<String>>,
}

/// A whole number, even if it is written as `30.0` or `3e1`, which JSON Schema also accepts as integers.
fn whole<'de, D: Deserializer<'de>, N: TryFrom<u64>>(deserializer: D) -> Result<N, D::Error> {
    let number = deserializer.deserialize_any(Whole)?;
    N::try_from(number).map_err(|_| D::Error::custom(format_args!("{number} is too large")))
}

fn some_whole<'de, D: Deserializer<'de>, N: TryFrom<u64>>(deserializer: D) -> Result<Option<N>, D::Error> {
    whole(deserializer).map(Some)
}

struct Whole;

impl Visitor<'_> for Whole {
    type Value = u64;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<u64, E> {
        Ok(number)
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<u64, E> {
        // Converted through its text: a whole number is printed with its digits only, after minus zero is turned into
        // zero.
        (number + 0.0).to_string().parse().map_err(|_| E::custom("no whole number"))
    }
}
