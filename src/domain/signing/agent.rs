//! Agents: the people who may act for a recipient, and the state of each (G2, G4, G5).

use crate::base::times;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The person assigned to a role (G2): the part that does not change once the envelope is sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Person {
    pub name: Box<str>,
    /// Email address for invitations. Unique among the agents of a recipient, ignoring case (G10). Required unless
    /// there is a phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Box<str>>,
    /// Phone number for one-time codes, as given. Required unless there is an email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Box<str>>,
    /// Language of the signing page and of the emails.
    #[serde(default)]
    pub locale: Locale,
    /// How one-time codes are sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_contact_method: Option<PhoneContactMethod>,
    /// Free-form data of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Value>,
    /// The contact, for a person assigned by a contact reference. Members of a group have only `group_id` (G3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contact_id: Option<Box<str>>,
    /// The contact group, for a member of a group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group_id: Option<Box<str>>,
    /// The team member, for a person assigned by a user reference.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_id: Option<Box<str>>,
}

impl Person {
    /// A person with contact details only. Codes are sent by SMS.
    #[must_use]
    pub fn new(name: Box<str>, email: impl Into<Option<Box<str>>>, phone: Option<Box<str>>, locale: Locale) -> Self {
        Self {
            name,
            email: email.into(),
            phone_contact_method: phone.as_ref().map(|_| PhoneContactMethod::default()),
            phone,
            locale,
            context: None,
            contact_id: None,
            group_id: None,
            user_id: None,
        }
    }

    /// Identifies the person among the agents of a recipient: the email in lower case, or else the digits of the phone
    /// (G10).
    #[must_use]
    pub fn identity(&self) -> String {
        match (&self.email, &self.phone) {
            (Some(email), _) => email.to_lowercase(),
            (None, Some(phone)) => phone.chars().filter(char::is_ascii_digit).collect(),
            (None, None) => String::new(),
        }
    }

    /// Whether the person can be reached by email or phone (G2).
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.email.is_some() || self.phone.is_some()
    }

    /// Approximate size of the contact details in bytes.
    #[must_use]
    pub fn contact_bytes(&self) -> usize {
        let optional = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        self.name.len() + optional(&self.email) + optional(&self.phone)
    }
}

/// Language of the signing page and of the emails (G2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub enum Locale {
    #[default]
    #[serde(rename = "en-US")]
    EnUs,
    #[serde(rename = "tr-TR")]
    TrTr,
}

/// How one-time codes are sent (G2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = Channel)]
pub enum PhoneContactMethod {
    #[default]
    Sms,
    Whatsapp,
}

/// The state of an agent (G4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentState {
    /// The recipient's turn has not come, or never will.
    Waiting,
    /// Can open the envelope.
    Invited,
    /// Has opened the envelope and can accept.
    Opened,
    /// Was the first to accept: the only active signer of the slot (G5).
    Primary,
    /// Another agent accepted first.
    Released,
    Declined,
    Signed,
}

impl AgentState {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Invited => "invited",
            Self::Opened => "opened",
            Self::Primary => "primary",
            Self::Released => "released",
            Self::Declined => "declined",
            Self::Signed => "signed",
        }
    }
}

/// The changing part of an agent. Small, so that a recipient with thousands of agents can be copied in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Seat {
    pub state: AgentState,
    /// Time of the last change of state, by the sandbox's clock.
    #[serde(deserialize_with = "times::deserialize")]
    pub since: Timestamp,
}

/// Whether a text can be a phone number. As in the contract, E.164 is not required (G2).
#[must_use]
pub fn is_phone(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}
