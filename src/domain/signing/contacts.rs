//! The address book: contacts, groups of contacts, and the team's users, to which roles can be assigned (G3).

use super::agent::{Locale, Person, is_phone};
use crate::{
    base::{document::Record, names::control_problem, reading::quoted, schema::UserId, times},
    domain::contract::email_problem,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// A person in the address book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// `cnt_…`.
    pub id: Arc<str>,
    pub name: Box<str>,
    /// Email address. Required unless there is a phone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<Box<str>>,
    /// Phone number, as given. Required unless there is an email.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Box<str>>,
    /// Language of the signing page and of the emails.
    #[serde(default)]
    pub locale: Locale,
    #[serde(deserialize_with = "times::deserialize")]
    pub created_at: Timestamp,
}

/// A named list of contacts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// `grp_…`.
    pub id: Arc<str>,
    pub name: Box<str>,
    /// The members, in the order in which they become agents.
    pub contact_ids: Vec<Arc<str>>,
    #[serde(deserialize_with = "times::deserialize")]
    pub created_at: Timestamp,
}

/// A member of the team (G3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// `usr_…`, unless the caller chose another id.
    #[schema(value_type = UserId)]
    pub id: Arc<str>,
    #[schema(min_length = 1)]
    pub name: Box<str>,
    pub email: Box<str>,
    /// Phone number, as given; need not be in E.164 format (G2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Box<str>>,
    /// Language of pages and emails.
    #[serde(default)]
    #[schema(required)]
    pub locale: Locale,
    #[serde(deserialize_with = "times::deserialize")]
    pub created_at: Timestamp,
}

/// Maximum length of a user's name, in characters.
const LONGEST_NAME: usize = 200;

/// The problem with a team member's details: the member of the record, and the problem with its fix.
#[must_use]
pub fn user_problem(name: &str, email: &str, phone: Option<&str>) -> Option<(&'static str, String)> {
    if name.trim().is_empty() || name.chars().count() > LONGEST_NAME {
        Some(("name", format!("it must have 1 to {LONGEST_NAME} characters")))
    } else if let Some(problem) = control_problem(name) {
        Some(("name", format!("{} {problem}; remove it", quoted(name))))
    } else if let Some(problem) = email_problem(email) {
        let problem =
            format!("{} is not an email address: {problem}; write one such as sam@example.com", quoted(email));
        Some(("email", problem))
    } else {
        let phone = phone.filter(|phone| !is_phone(phone))?;
        let phone = quoted(phone);
        Some(("phone", format!("{phone} has no digits; write a phone number such as \"+14155550123\"")))
    }
}

impl User {
    /// The problem with a user from another source, such as a snapshot.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, String)> {
        user_problem(&self.name, &self.email, self.phone.as_deref())
    }
}

impl Contact {
    /// The person for a role assigned to this contact.
    #[must_use]
    pub fn person(&self) -> Person {
        Person { contact_id: Some((*self.id).into()), ..self.details() }
    }

    /// The person for a role assigned to a group with this contact: it has only the `groupId` (G3).
    #[must_use]
    pub fn member(&self, group: &Group) -> Person {
        Person { group_id: Some((*group.id).into()), ..self.details() }
    }

    fn details(&self) -> Person {
        Person::new(self.name.clone(), self.email.clone(), self.phone.clone(), self.locale)
    }

    /// Applies a change; an empty phone is removed.
    ///
    /// # Errors
    /// [`NoAddress`] when neither an email nor a phone would be left; nothing was changed.
    pub fn change(&mut self, change: ContactChange) -> Result<(), NoAddress> {
        let ContactChange { name, email, phone, locale } = change;
        let email = email.or_else(|| self.email.clone());
        let phone = phone.or_else(|| self.phone.clone()).filter(|phone| !phone.is_empty());
        if email.is_none() && phone.is_none() {
            return Err(NoAddress);
        }
        (self.email, self.phone) = (email, phone);
        if let Some(name) = name {
            self.name = name;
        }
        self.locale = locale.unwrap_or(self.locale);
        Ok(())
    }
}

/// A change to a contact. Omitted members stay unchanged.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ContactChange {
    pub name: Option<Box<str>>,
    pub email: Option<Box<str>>,
    /// An empty string removes the phone.
    pub phone: Option<Box<str>>,
    pub locale: Option<Locale>,
}

/// A contact without an email or a phone (G2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoAddress;

impl User {
    /// The person for a role assigned to this user.
    #[must_use]
    pub fn person(&self) -> Person {
        Person {
            user_id: Some((*self.id).into()),
            ..Person::new(self.name.clone(), self.email.clone(), self.phone.clone(), self.locale)
        }
    }
}

impl Record for Contact {
    const COLLECTION: &'static str = "contacts";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn size(&self) -> usize {
        let optional = |text: &Option<Box<str>>| text.as_ref().map_or(0, |text| text.len());
        size_of::<Self>() + self.name.len() + optional(&self.email) + optional(&self.phone)
    }
}

impl Record for Group {
    const COLLECTION: &'static str = "contact_groups";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.contact_ids.iter().map(|id| id.len() + 32).sum::<usize>()
    }
}

impl Record for User {
    const COLLECTION: &'static str = "users";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.email.len() + self.phone.as_ref().map_or(0, |phone| phone.len())
    }
}
