//! Settings with a fixed set of values.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The format of log lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Text.
    Text,
    /// One JSON object per line.
    Json,
}

/// The minimum level of log messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogLevel {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// Which bearer tokens are accepted (H2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// Any non-empty token.
    #[default]
    Open,
    /// Only tokens that this server issued.
    Strict,
}

/// The clock that assertion times are checked against (T2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AssertionClock {
    /// Either clock may accept them: the sandbox's or the system's.
    #[default]
    Either,
    /// Only the sandbox's.
    Sandbox,
}

/// The HTTP status of errors at the signing service (G8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InspaktHttpStatus {
    /// Always 200, like the vendor.
    #[default]
    Ok,
    /// 4xx and 5xx by HTTP semantics.
    Semantic,
}

/// What happens to an envelope when a required recipient declines (G10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDecline {
    /// It is voided.
    #[default]
    Void,
    /// It stays sent until its sender voids it or it expires.
    Keep,
}

/// Whether answers to invalid requests have a `next_action` (S6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationNextAction {
    /// Omitted, as on the vendor's page about the request schema.
    #[default]
    Omit,
    /// `"next_action": "none"`, as in all other errors.
    None,
}

/// Which email addresses are valid (R13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EmailRule {
    /// Internationalised addresses too, with advice.
    #[default]
    International,
    /// ASCII only.
    Ascii,
}

/// Whether assertions need `given_name` and `family_name` (T2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AssertionNames {
    /// An assertion without them is refused.
    #[default]
    Required,
    /// Their absence is reported as advice.
    Optional,
}

/// How to answer a handoff whose `handoff_id` already has a session (S8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDuplicateHandoff {
    /// The first session is returned.
    #[default]
    Replay,
    /// Each handoff opens a new session.
    New,
    /// An error.
    Error,
}
