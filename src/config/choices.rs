//! Settings that are one of a few words.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    #[default]
    Auto,
    /// Text.
    Text,
    /// One JSON object a line.
    Json,
}

/// How much is logged.
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

/// Which bearer tokens pass (H2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Auth {
    /// Any token that is not empty.
    #[default]
    Open,
    /// Only tokens that this server issued.
    Strict,
}

/// By whose clock the times of assertions are judged (T2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AssertionClock {
    /// The sandbox's, or else the system's.
    #[default]
    Either,
    /// The sandbox's alone.
    Sandbox,
}

/// The HTTP status of errors at the signing service (G8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InspaktHttpStatus {
    /// 200, as the vendor answers everything.
    #[default]
    Ok,
    /// 4xx and 5xx, as HTTP means them.
    Semantic,
}

/// What becomes of an envelope when a required recipient declines (G10).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDecline {
    /// It is voided.
    #[default]
    Void,
    /// It stays sent, until its sender voids it or it expires.
    Keep,
}

/// Whether answers to invalid requests have a `next_action` (S6).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationNextAction {
    /// No, as the vendor's page on the request schema shows them.
    #[default]
    Omit,
    /// `"next_action": "none"`, as in all other errors.
    None,
}

/// Which email addresses are valid (R13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum EmailRule {
    /// Internationalised ones too, with an advice.
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
    /// Their absence draws an advice.
    Optional,
}

/// How a handoff is answered whose `handoff_id` already has a session (S8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub enum OnDuplicateHandoff {
    /// The session of the first one comes back.
    #[default]
    Replay,
    /// Each handoff opens a session of its own.
    New,
    /// An error.
    Error,
}
