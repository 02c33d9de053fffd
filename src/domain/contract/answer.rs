//! The answers of the handoff endpoint, word for word (S1 to S6).

use serde::Serialize;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// The five values of `status` (S2 to S6).
pub const STATUSES: [&str; 5] = ["success", "require_subscription", "verify_email", "register", "error"];

/// The `status` of an answer (S1 to S6), for the OpenAPI document.
#[derive(Debug)]
pub enum Status {}

impl PartialSchema for Status {
    fn schema() -> RefOr<Schema> {
        let description = "The `status` of an answer (S1 to S6).";
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(STATUSES)).description(Some(description)).into()
    }
}

impl ToSchema for Status {}

/// An answer body. Each `status` has a fixed `next_action`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Answer<'a> {
    /// The agent session exists; the caller redirects the user to it (S2).
    Success {
        /// `continue_handoff`.
        next_action: &'static str,
        /// `as_…`.
        agent_session_id: &'a str,
        /// Where the user continues.
        handoff_uri: String,
    },
    /// The user has no subscription; the caller redirects the user to subscribe (S3).
    RequireSubscription {
        /// `subscribe`.
        next_action: &'static str,
        /// Where the user subscribes.
        subscription_url: String,
    },
    /// The user's email is not verified; a verification email has been sent (S4).
    VerifyEmail {
        /// `verify`.
        next_action: &'static str,
    },
    /// The user has no account (S5).
    Register {
        /// `register_account`.
        next_action: &'static str,
        /// Where the user registers, unless omitted.
        #[serde(skip_serializing_if = "Option::is_none")]
        registration_url: Option<String>,
    },
    /// The request could not be processed (S6).
    Error {
        /// `none`; omitted when the request is invalid.
        #[serde(skip_serializing_if = "Option::is_none")]
        next_action: Option<&'static str>,
        description: &'a str,
    },
}

impl<'a> Answer<'a> {
    #[must_use]
    pub fn success(agent_session_id: &'a str, handoff_uri: String) -> Self {
        Self::Success { next_action: "continue_handoff", agent_session_id, handoff_uri }
    }

    #[must_use]
    pub fn require_subscription(subscription_url: String) -> Self {
        Self::RequireSubscription { next_action: "subscribe", subscription_url }
    }

    #[must_use]
    pub fn verify_email() -> Self {
        Self::VerifyEmail { next_action: "verify" }
    }

    /// `register`, with or without the registration URL.
    #[must_use]
    pub fn register(registration_url: Option<String>) -> Self {
        Self::Register { next_action: "register_account", registration_url }
    }

    #[must_use]
    pub fn error(description: &'a str) -> Self {
        Self::Error { next_action: Some("none"), description }
    }

    /// `error` for a request that violates the schema: without `next_action`.
    #[must_use]
    pub fn invalid(description: &'a str) -> Self {
        Self::Error { next_action: None, description }
    }

    /// The body of the answer as JSON.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        // Strings under fixed keys always serialize.
        serde_json::to_vec(self).unwrap_or_default()
    }
}
