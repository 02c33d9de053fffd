//! The server's settings, merged into one [`Settings`] from flags, environment, file and defaults, in this order of
//! precedence.
//!
//! The one struct [`ServeOptions`] describes the command line, the environment and the file, so that a setting cannot
//! exist in one of them and be missing from another.

mod choices;
mod clients;
mod embedded;
mod error;
mod file;
mod hosts;
mod judge;
mod merge;
mod secret;
mod settings;
mod sources;
mod switches;
mod values;

pub use choices::{
    AssertionClock, AssertionNames, Auth, EmailRule, InspaktHttpStatus, LogFormat, LogLevel, OnDecline,
    OnDuplicateHandoff, ValidationNextAction,
};
pub use clients::{ClientEntry, ClientKey};
pub use error::ConfigError;
pub use file::FileError;
pub use hosts::{AllowedHost, Host, split_authority};
pub use secret::Secret;
pub use settings::Settings;
pub use sources::{ScenarioSource, or_shipped, scenario_source};
pub use switches::{SwitchChanges, Switches};
pub use values::{duration, split_address, split_addresses};

use crate::base::urls::BaseUrl;
use bytesize::ByteSize;
use clap::{Args, ValueHint};
use jiff::SignedDuration;
use serde::Deserialize;
use std::path::PathBuf;
use values::{SwitchParser, error_http_status, size};
pub(crate) use values::{base_url, is_number, listen};

/// The default listen address: both loopback addresses.
pub const DEFAULT_LISTEN: &str = "localhost:4747";

/// The URL of a server at [`DEFAULT_LISTEN`].
pub const DEFAULT_URL: &str = "http://127.0.0.1:4747";

/// The audience of assertions and tokens, from the vendor's guide (T1).
pub const DEFAULT_AUDIENCE: &str = "https://api.docendorse.com";

/// All settings of the server, each of them optional.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[command(next_help_heading = "Server")]
pub struct ServeOptions {
    /// Read settings from a TOML file; its keys are the flags without the leading dashes.
    #[arg(long, env = "DOCENDORSE_MOCK_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Listen on this address, or on several separated by commas. localhost means both loopback addresses; port 0 picks
    /// a free port. PORT replaces the port unless this flag is given. [default: localhost:4747]
    #[arg(long, env = "DOCENDORSE_MOCK_LISTEN", value_name = "HOST:PORT", value_parser = listen)]
    #[serde(deserialize_with = "file::listen")]
    pub listen: Option<String>,

    /// Start every URL in answers with this. [default: http:// and the Host of the request]
    #[arg(long, env = "DOCENDORSE_MOCK_BASE_URL", value_name = "URL", value_parser = base_url)]
    #[serde(deserialize_with = "file::base_url")]
    pub base_url: Option<BaseUrl>,

    /// Derive URLs in answers from Forwarded, X-Forwarded-Host, -Proto and -Port, as set by a reverse proxy.
    #[arg(long, env = "DOCENDORSE_MOCK_TRUST_FORWARDED", num_args = 0..=1, default_missing_value = "true",
          require_equals = true, value_name = "BOOL", value_parser = SwitchParser)]
    pub trust_forwarded: Option<bool>,

    /// Write URLs, process id and version as JSON to this file once ready, or the reason if the start fails.
    #[arg(long, env = "DOCENDORSE_MOCK_READY_FILE", value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    /// Log as text or JSON; auto means text on a terminal, otherwise JSON. [default: auto]
    #[arg(long, env = "DOCENDORSE_MOCK_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Log messages of this level and above; info logs each refused request, debug every request. [default: info]
    #[arg(long, env = "DOCENDORSE_MOCK_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,

    /// Maximum size of request bodies. [default: 1MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_BODY", value_name = "SIZE", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_body: Option<ByteSize>,

    /// Maximum size of control plane request bodies; snapshots to restore may be up to 64MiB. [default: 4MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_ADMIN_BODY", value_name = "SIZE", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_admin_body: Option<ByteSize>,

    /// Also serve the control plane under these host names, and accept requests from their web pages. `*.example.com`
    /// covers all names below it. IP addresses, single labels such as localhost, .localhost, .local, .internal, .test
    /// and the host of --base-url are always allowed. May be given more than once, or as a comma-separated list.
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_ALLOWED_HOSTS",
        value_name = "HOST",
        help_heading = "Safety",
        value_delimiter = ','
    )]
    pub allowed_hosts: Vec<AllowedHost>,

    /// Require this bearer token on the control plane. Prefer the variable or the file, because other users of the
    /// machine can see flags.
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_ADMIN_TOKEN",
        value_name = "TOKEN",
        help_heading = "Safety",
        hide_env_values = true
    )]
    pub admin_token: Option<Secret>,

    /// Which bearer tokens are accepted: any non-empty one, or only tokens issued by this server with the scopes
    /// `openid` and `agent_sessions:create`. [default: open]
    #[arg(long, env = "DOCENDORSE_MOCK_AUTH", value_name = "MODE", help_heading = "Contract")]
    pub auth: Option<Auth>,

    /// Verify a client's assertions with the public key in a file: PEM, JWK or JWKS. May be given more than once, or as
    /// a comma-separated list.
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_CLIENT_KEY",
        value_name = "CLIENT_ID=FILE",
        help_heading = "Tokens",
        value_delimiter = ','
    )]
    pub client_key: Vec<ClientKey>,

    /// Clients with all their settings; only available in the file.
    #[arg(skip)]
    pub clients: Vec<ClientEntry>,

    /// Require this `aud` in assertions.
    #[arg(
        long,
        help = "Require this `aud` in assertions. [default: https://api.docendorse.com]",
        env = "DOCENDORSE_MOCK_AUDIENCE",
        value_name = "URL",
        help_heading = "Tokens"
    )]
    pub audience: Option<String>,

    /// Lifetime of access tokens, by their sandbox's clock. [default: 1h]
    #[arg(long, env = "DOCENDORSE_MOCK_TOKEN_TTL", value_name = "DURATION", help_heading = "Tokens", value_parser = duration)]
    #[serde(deserialize_with = "file::duration")]
    pub token_ttl: Option<SignedDuration>,

    /// Tolerate client clocks that differ by up to this much. [default: 30s]
    #[arg(long, env = "DOCENDORSE_MOCK_CLOCK_SKEW", value_name = "DURATION", help_heading = "Tokens", value_parser = duration)]
    #[serde(deserialize_with = "file::duration")]
    pub clock_skew: Option<SignedDuration>,

    /// Which clock assertion times are checked against: the sandbox's or the system's, or only the sandbox's. A client
    /// cannot know that a test moved the sandbox's clock. [default: either]
    #[arg(long, env = "DOCENDORSE_MOCK_ASSERTION_CLOCK", value_name = "CLOCK", help_heading = "Tokens")]
    pub assertion_clock: Option<AssertionClock>,

    /// Whether assertions need `given_name` and `family_name`; if optional, their absence is reported as advice.
    /// [default: required]
    #[arg(long, env = "DOCENDORSE_MOCK_ASSERTION_NAMES", value_name = "RULE", help_heading = "Tokens")]
    pub assertion_names: Option<AssertionNames>,

    /// Send every "status": "error" answer of the handoff endpoint with this HTTP status, such as 200, instead of its
    /// own.
    #[arg(long, env = "DOCENDORSE_MOCK_ERROR_HTTP_STATUS", value_name = "CODE", help_heading = "Contract",
          value_parser = error_http_status)]
    #[serde(deserialize_with = "file::error_http_status")]
    pub error_http_status: Option<u16>,

    /// Whether answers to invalid requests (HTTP 400) omit `next_action` or, like all other errors, have "none".
    /// [default: omit]
    #[arg(long, env = "DOCENDORSE_MOCK_VALIDATION_NEXT_ACTION", value_name = "WHAT", help_heading = "Contract")]
    pub validation_next_action: Option<ValidationNextAction>,

    /// Accept internationalised email addresses too (with advice), or only ASCII ones. [default: international]
    #[arg(long, env = "DOCENDORSE_MOCK_EMAIL", value_name = "RULE", help_heading = "Contract")]
    pub email: Option<EmailRule>,

    /// How to answer a `handoff_id` that already succeeded: the same session, a new one, or an error. [default: replay]
    #[arg(long, env = "DOCENDORSE_MOCK_ON_DUPLICATE_HANDOFF", value_name = "WHAT", help_heading = "Contract")]
    pub on_duplicate_handoff: Option<OnDuplicateHandoff>,

    /// HTTP status of errors below /api/v1/key: always 200, like the vendor, or 4xx and 5xx. [default: ok]
    #[arg(long, env = "DOCENDORSE_MOCK_INSPAKT_HTTP_STATUS", value_name = "MODE", help_heading = "Contract")]
    pub inspakt_http_status: Option<InspaktHttpStatus>,

    /// What happens when a required recipient declines: the envelope is voided, or stays sent. [default: void]
    #[arg(long, env = "DOCENDORSE_MOCK_ON_DECLINE", value_name = "WHAT", help_heading = "Contract")]
    pub on_decline: Option<OnDecline>,

    /// Omit `registration_url` from the `register` answer.
    #[arg(long, env = "DOCENDORSE_MOCK_NO_REGISTRATION_URL", help_heading = "Contract",
          num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL",
          value_parser = SwitchParser)]
    pub no_registration_url: Option<bool>,

    /// Serve the scenario files of this folder, and reload them when they change; `shipped` stands for the scenarios
    /// that ship with the server. May be given more than once, or as a comma-separated list. [default: shipped]
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_SCENARIOS",
        value_name = "DIR",
        help_heading = "Contract",
        value_delimiter = ',',
        value_parser = scenario_source(),
        value_hint = ValueHint::DirPath
    )]
    #[serde(deserialize_with = "file::scenarios")]
    pub scenarios: Vec<ScenarioSource>,

    /// Derive all ids from this number: the same seed and requests give the same ids. [default: random]
    #[arg(long, env = "DOCENDORSE_MOCK_SEED", value_name = "NUMBER", help_heading = "State")]
    pub seed: Option<u64>,

    /// Expire agent sessions after this long, by their sandbox's clock. [default: 24h]
    #[arg(long, env = "DOCENDORSE_MOCK_SESSION_TTL", value_name = "DURATION", help_heading = "State", value_parser = duration)]
    #[serde(deserialize_with = "file::duration")]
    pub session_ttl: Option<SignedDuration>,

    /// Maximum number of sandboxes besides the default one; the one idle longest is dropped. [default: 1000]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_SANDBOXES", value_name = "COUNT", help_heading = "State")]
    pub max_sandboxes: Option<usize>,

    /// Drop sandboxes that have not been used for this long, in real time. [default: 1h]
    #[arg(long, env = "DOCENDORSE_MOCK_SANDBOX_IDLE", value_name = "DURATION", help_heading = "State", value_parser = duration)]
    #[serde(deserialize_with = "file::duration")]
    pub sandbox_idle: Option<SignedDuration>,

    /// Maximum number of agent sessions per sandbox, and of envelopes, contacts, groups and users each; the oldest are
    /// dropped. [default: 10000]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_SESSIONS", value_name = "COUNT", help_heading = "State")]
    pub max_sessions: Option<usize>,

    /// Maximum bytes of agent sessions per sandbox, and of envelopes, contacts, groups and users each; the oldest are
    /// dropped. [default: 64MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_SESSION_BYTES", value_name = "SIZE", help_heading = "State", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_session_bytes: Option<ByteSize>,

    /// Maximum number of events per sandbox; the oldest are dropped. [default: 100000]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_EVENTS", value_name = "COUNT", help_heading = "State")]
    pub max_events: Option<usize>,

    /// Maximum number of exchanges per journal; the oldest are dropped. [default: 1000]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_EXCHANGES", value_name = "COUNT", help_heading = "State")]
    pub max_exchanges: Option<usize>,

    /// Maximum bytes per journal; the oldest exchanges are dropped. [default: 16MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_JOURNAL", value_name = "SIZE", help_heading = "State", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_journal: Option<ByteSize>,

    /// Maximum bytes in all sandboxes together; the largest sandboxes drop their oldest entries first. [default:
    /// 256MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_MEMORY", value_name = "SIZE", help_heading = "State", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_memory: Option<ByteSize>,
}

impl Settings {
    /// Resolves every setting: the given options first, then the file that they name, then defaults.
    ///
    /// `port` is the `PORT` variable; it replaces the port of the address unless the address was given on the command
    /// line.
    ///
    /// # Errors
    /// If the file or a value cannot be used.
    pub fn resolve(options: ServeOptions, port: Option<&str>, listen_is_flag: bool) -> Result<Self, ConfigError> {
        let options = match &options.config {
            Some(path) => {
                let file = file::read(path)?;
                options.or(file)
            }
            None => options,
        };
        let mut settings = Self::from_options(options);
        settings.judge().map_err(|(setting, problem)| ConfigError::Value { setting, problem })?;
        if let Some(port) = port.filter(|port| !port.is_empty() && !listen_is_flag) {
            let problem = || format!("{port:?} is not a port; set a number from 0 to 65535, or unset it");
            let port: Option<u16> = port.parse().ok().filter(|_| values::is_number(port));
            let port = port.ok_or_else(|| ConfigError::Value { setting: "PORT", problem: problem() })?;
            let addresses = split_addresses(&settings.listen)
                .map_err(|problem| ConfigError::Value { setting: "listen", problem })?;
            let addresses: Vec<_> = addresses.into_iter().map(|(host, _)| format!("{host}:{port}")).collect();
            settings.listen = addresses.join(",");
        }
        Ok(settings)
    }
}
