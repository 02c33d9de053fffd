//! The settings of a server, each with its value.

use super::{
    AllowedHost, AssertionClock, AssertionNames, Auth, ClientEntry, ClientKey, EmailRule, InspaktHttpStatus, LogFormat,
    LogLevel, OnDecline, OnDuplicateHandoff, ScenarioSource, Secret, ValidationNextAction,
};
use crate::base::{
    schema::{Duration, Seed},
    urls::BaseUrl,
};
use jiff::SignedDuration;
use serde::Serialize;
use std::path::PathBuf;
use utoipa::ToSchema;

/// Every setting with its value.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Settings {
    /// The listen address as given.
    #[schema(pattern = "^.+:[0-9]+$")]
    pub listen: String,
    /// The start of URLs in answers to this caller.
    #[schema(required, value_type = String, format = "uri")]
    pub base_url: Option<BaseUrl>,
    /// Whether URLs follow the forwarded host, protocol and port of a request.
    pub trust_forwarded: bool,
    /// The file that is written when the server is ready.
    #[schema(required, value_type = Option<String>)]
    pub ready_file: Option<PathBuf>,
    /// The format of log lines.
    #[schema(inline)]
    pub log_format: LogFormat,
    /// The minimum level of log messages.
    #[schema(inline)]
    pub log_level: LogLevel,
    /// Maximum size of request bodies, in bytes.
    pub max_body: usize,
    /// Maximum size of control plane request bodies, in bytes; snapshots to restore may be up to 64 MiB.
    pub max_admin_body: usize,
    /// Host names under which the control plane is served, in addition to private ones.
    #[schema(value_type = Vec<String>)]
    pub allowed_hosts: Vec<AllowedHost>,
    /// `***` if the control plane requires a token.
    #[schema(required, value_type = Option<String>)]
    pub admin_token: Option<Secret>,
    /// Which bearer tokens are accepted (H2).
    #[schema(inline)]
    pub auth: Auth,
    /// Public keys for clients of the default sandbox.
    #[schema(value_type = Vec<String>)]
    pub client_key: Vec<ClientKey>,
    /// Clients of the default sandbox from the settings file, without secrets.
    #[schema(value_type = Vec<Object>)]
    pub clients: Vec<ClientEntry>,
    /// The `aud` of assertions and tokens.
    pub audience: String,
    /// Lifetime of access tokens, by their sandbox's clock.
    #[schema(value_type = Duration)]
    pub token_ttl: SignedDuration,
    /// Tolerance for client clocks that differ (T2).
    #[schema(value_type = Duration)]
    pub clock_skew: SignedDuration,
    /// Which clock assertion times are checked against (T2).
    #[schema(inline)]
    pub assertion_clock: AssertionClock,
    /// Whether assertions need `given_name` and `family_name` (T2).
    #[schema(inline)]
    pub assertion_names: AssertionNames,
    /// The HTTP status of every error answer of the handoff endpoint, if one is set (S7).
    #[schema(required, minimum = 200, maximum = 599)]
    pub error_http_status: Option<u16>,
    /// Whether answers to invalid requests have a `next_action` (S6).
    #[schema(inline)]
    pub validation_next_action: ValidationNextAction,
    /// Which email addresses are valid (R13).
    #[schema(inline)]
    pub email: EmailRule,
    /// How to answer a `handoff_id` that already has a session (S8).
    #[schema(inline)]
    pub on_duplicate_handoff: OnDuplicateHandoff,
    /// The HTTP status of errors at the signing service (G8).
    #[schema(inline)]
    pub inspakt_http_status: InspaktHttpStatus,
    /// What happens to an envelope when a required recipient declines (G10).
    #[schema(inline)]
    pub on_decline: OnDecline,
    /// Whether `registration_url` is left out (S5).
    pub no_registration_url: bool,
    /// Sources of scenarios: folders, and `shipped` for the scenarios that ship with the server.
    #[schema(value_type = Vec<String>)]
    pub scenarios: Vec<ScenarioSource>,
    /// The seed from which ids are derived.
    #[schema(required, value_type = Seed)]
    pub seed: Option<u64>,
    /// Lifetime of agent sessions, by their sandbox's clock.
    #[schema(value_type = Duration)]
    pub session_ttl: SignedDuration,
    /// Maximum number of sandboxes besides the default one.
    pub max_sandboxes: usize,
    /// How long a sandbox may be idle, in real time.
    #[schema(value_type = Duration)]
    pub sandbox_idle: SignedDuration,
    /// Maximum number of agent sessions.
    pub max_sessions: usize,
    /// Maximum bytes of agent sessions.
    pub max_session_bytes: usize,
    /// Maximum number of events.
    pub max_events: usize,
    /// Maximum number of exchanges.
    pub max_exchanges: usize,
    /// Maximum bytes of exchanges.
    pub max_journal: usize,
    /// Maximum bytes in all sandboxes together.
    pub max_memory: usize,
}
