//! The actor of a handoff: the end user on whose behalf it is made, identified by email.

use crate::base::document::Record;
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, sync::Arc};
use utoipa::ToSchema;

/// The end user of a handoff (R4).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Actor {
    /// The user's id in the caller's system.
    #[schema(min_length = 3)]
    pub external_user_id: Box<str>,
    pub email: Box<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<Box<str>>,
}

impl Actor {
    /// Size of its strings in bytes.
    #[must_use]
    pub fn size(&self) -> usize {
        let name = self.display_name.as_ref().map_or(0, |name| name.len());
        self.external_user_id.len() + self.email.len() + name
    }

    /// The plus tags of the email: `verify_email` and `slow` for `sam+verify_email+slow@example.com`.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        let local = self.email.rsplit_once('@').map_or(&*self.email, |(local, _)| local);
        local.split('+').skip(1)
    }

    /// Whether a handoff is for the same user: the same id and the same mailbox, ignoring tags and case (S8).
    #[must_use]
    pub fn is_same_user(&self, other: &Self) -> bool {
        self.external_user_id == other.external_user_id && self.has_mailbox_of(other)
    }

    /// Whether the emails differ at most in plus tags and case.
    #[must_use]
    pub fn has_mailbox_of(&self, other: &Self) -> bool {
        self.email == other.email || mailbox(&self.email) == mailbox(&other.email)
    }
}

/// An email in lower case without its plus tags.
fn mailbox(email: &str) -> String {
    let (local, domain) = email.rsplit_once('@').unwrap_or((email, ""));
    let local = local.split('+').next().unwrap_or_default();
    format!("{local}@{domain}").to_lowercase()
}

/// The state of an actor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ActorState {
    /// In lower case: addresses that differ only in case belong to one actor.
    #[schema(pattern = "^[^A-Z]*$")]
    pub email: Arc<str>,
    /// Whether the actor has an account (S5).
    pub registered: bool,
    /// Whether the actor's email is verified (S4).
    pub email_verified: bool,
    /// Whether the actor has an active subscription (S3).
    pub subscribed: bool,
}

/// A step that an actor completes before a handoff can succeed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ActorStep {
    /// S5.
    Registered,
    /// S4.
    Verified,
    /// S3.
    Subscribed,
}

/// A change to an actor's state. Omitted members stay unchanged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActorChange {
    /// Whether the actor has an account (S5).
    pub registered: Option<bool>,
    /// Whether the actor's email is verified (S4).
    pub email_verified: Option<bool>,
    /// Whether the actor has an active subscription (S3).
    pub subscribed: Option<bool>,
}

impl ActorState {
    /// The state of an actor that was never changed.
    #[must_use]
    pub fn unknown(email: &str) -> Self {
        Self { email: Self::key(email).into(), registered: true, email_verified: true, subscribed: true }
    }

    /// Whether the actor can complete a handoff: registered, verified and subscribed.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.registered && self.email_verified && self.subscribed
    }

    /// The id of an actor's state in the store.
    #[must_use]
    pub fn key(email: &str) -> Cow<'_, str> {
        if email.bytes().any(|byte| byte.is_ascii_uppercase()) {
            Cow::Owned(email.to_ascii_lowercase())
        } else {
            Cow::Borrowed(email)
        }
    }

    /// The steps that it has completed, compared with an earlier state.
    pub fn steps_since(&self, earlier: &Self) -> impl Iterator<Item = ActorStep> {
        [
            (self.registered && !earlier.registered).then_some(ActorStep::Registered),
            (self.email_verified && !earlier.email_verified).then_some(ActorStep::Verified),
            (self.subscribed && !earlier.subscribed).then_some(ActorStep::Subscribed),
        ]
        .into_iter()
        .flatten()
    }

    /// Applies a change; omitted members stay unchanged.
    pub fn change(&mut self, change: ActorChange) {
        self.registered = change.registered.unwrap_or(self.registered);
        self.email_verified = change.email_verified.unwrap_or(self.email_verified);
        self.subscribed = change.subscribed.unwrap_or(self.subscribed);
    }
}

impl Record for ActorState {
    const COLLECTION: &'static str = "actors";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.email)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.email.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tags(email: &str) -> Vec<String> {
        let actor = Actor { external_user_id: "usr".into(), email: email.into(), display_name: None };
        actor.tags().map(str::to_owned).collect()
    }

    #[test]
    fn mailboxes_ignore_case_and_tags() {
        let actor = |email: &str| Actor { external_user_id: "usr".into(), email: email.into(), display_name: None };
        let sam = actor("sam@example.com");
        for same in ["SAM@Example.com", "sam+verify_email@example.com", "Sam+a+b@example.com"] {
            assert!(sam.is_same_user(&actor(same)), "{same}");
        }
        for other in ["kim@example.com", "sam@example.org", "sa.m@example.com"] {
            assert!(!sam.is_same_user(&actor(other)), "{other}");
        }
        assert!(!sam.is_same_user(&Actor { external_user_id: "usr_2".into(), ..sam.clone() }));
    }

    #[test]
    fn tags_stand_between_the_first_plus_and_the_at() {
        assert_eq!(tags("sam@example.com"), [""; 0]);
        assert_eq!(tags("sam+error@example.com"), ["error"]);
        assert_eq!(tags("sam+a+b@x+y.com"), ["a", "b"]);
        assert_eq!(tags("\"a@b+c\"@example.com"), ["c\""]);
    }
}
