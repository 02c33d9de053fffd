//! Whom a role can be assigned to by reference: contacts, groups of contacts, and the team's own users (G3).

use super::agent::{Locale, Person};
use crate::document::Record;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Somebody in the address book.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contact {
    /// `cnt_…`.
    pub id: Arc<str>,
    /// The full name.
    pub name: Box<str>,
    /// The email address.
    pub email: Box<str>,
    /// E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Box<str>>,
    /// The language of pages and mails.
    #[serde(default)]
    pub locale: Locale,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Contacts under one name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Group {
    /// `grp_…`.
    pub id: Arc<str>,
    /// What it is called.
    pub name: Box<str>,
    /// Its members, in the order in which they become agents.
    pub contact_ids: Vec<Arc<str>>,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A member of the team.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    /// `usr_…`.
    pub id: Arc<str>,
    /// The full name.
    pub name: Box<str>,
    /// The email address.
    pub email: Box<str>,
    /// E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<Box<str>>,
    /// The language of pages and mails.
    #[serde(default)]
    pub locale: Locale,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Contact {
    /// The person that a role assigned to this contact gets, by way of a group if one is named.
    #[must_use]
    pub fn person(&self, group: Option<&Group>) -> Person {
        Person {
            contact_id: Some((*self.id).into()),
            group_id: group.map(|group| (*group.id).into()),
            ..Person::new(self.name.clone(), self.email.clone(), self.phone.clone(), self.locale)
        }
    }
}

impl User {
    /// The person that a role assigned to this user gets.
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
        size_of::<Self>() + self.name.len() + self.email.len() + self.phone.as_ref().map_or(0, |phone| phone.len())
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
