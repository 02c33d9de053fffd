//! The settings of the server: flags over environment over file over defaults, merged into one [`Settings`].
//!
//! One struct, [`ServeOptions`], is the command line, the environment and the file at once, so that a setting cannot
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

/// Where the server listens by default: on both loopback addresses.
pub const DEFAULT_LISTEN: &str = "localhost:4747";

/// The URL of a server that listens there.
pub const DEFAULT_URL: &str = "http://127.0.0.1:4747";

/// The audience of assertions and tokens, as in the vendor's guide (T1).
pub const DEFAULT_AUDIENCE: &str = "https://api.docendorse.com";

/// Every setting of the server, each of them optional.
#[derive(Args, Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
#[command(next_help_heading = "Server")]
pub struct ServeOptions {
    /// Read settings from a TOML file; its keys are these flags without the dashes in front.
    #[arg(long, env = "DOCENDORSE_MOCK_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,

    /// Listen on this address, or on several with commas in between; localhost is both loopback addresses, and port 0
    /// picks a free port. PORT replaces the port, unless this flag is given. [default: localhost:4747]
    #[arg(long, env = "DOCENDORSE_MOCK_LISTEN", value_name = "HOST:PORT", value_parser = listen)]
    #[serde(deserialize_with = "file::listen")]
    pub listen: Option<String>,

    /// Begin every URL that is handed out with this. [default: http:// and the Host of the request]
    #[arg(long, env = "DOCENDORSE_MOCK_BASE_URL", value_name = "URL", value_parser = base_url)]
    #[serde(deserialize_with = "file::base_url")]
    pub base_url: Option<BaseUrl>,

    /// Let URLs that are handed out follow Forwarded, X-Forwarded-Host, -Proto and -Port, as a reverse proxy sets them.
    #[arg(long, env = "DOCENDORSE_MOCK_TRUST_FORWARDED", num_args = 0..=1, default_missing_value = "true",
          require_equals = true, value_name = "BOOL", value_parser = SwitchParser)]
    pub trust_forwarded: Option<bool>,

    /// Once ready, write URLs, process id and version as JSON to this file; if the start fails, write the reason.
    #[arg(long, env = "DOCENDORSE_MOCK_READY_FILE", value_name = "FILE")]
    pub ready_file: Option<PathBuf>,

    /// Log as text for people or as JSON; auto is text on a terminal, else JSON. [default: auto]
    #[arg(long, env = "DOCENDORSE_MOCK_LOG_FORMAT", value_name = "FORMAT")]
    pub log_format: Option<LogFormat>,

    /// Log messages of this level and above: info has a line for each refused request, debug for every request.
    /// [default: info]
    #[arg(long, env = "DOCENDORSE_MOCK_LOG_LEVEL", value_name = "LEVEL")]
    pub log_level: Option<LogLevel>,

    /// Refuse request bodies over this size. [default: 1MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_BODY", value_name = "SIZE", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_body: Option<ByteSize>,

    /// Refuse request bodies of the control plane over this size; a snapshot to restore may have 64MiB. [default: 4MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_ADMIN_BODY", value_name = "SIZE", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_admin_body: Option<ByteSize>,

    /// Serve the control plane under these host names as well, and take requests from their web pages; `*.example.com`
    /// is every name below it. IP addresses, single labels such as localhost, .localhost, .local, .internal, .test and
    /// the host of --base-url need no entry. May be given more than once, or with commas.
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_ALLOWED_HOSTS",
        value_name = "HOST",
        help_heading = "Safety",
        value_delimiter = ','
    )]
    pub allowed_hosts: Vec<AllowedHost>,

    /// Require this bearer token on the control plane. Better set by the variable or in a file: other users of the
    /// machine can see flags.
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_ADMIN_TOKEN",
        value_name = "TOKEN",
        help_heading = "Safety",
        hide_env_values = true
    )]
    pub admin_token: Option<Secret>,

    /// Which bearer tokens pass: any that is not empty, or only those that this server issued, with the scopes `openid`
    /// and `agent_sessions:create`. [default: open]
    #[arg(long, env = "DOCENDORSE_MOCK_AUTH", value_name = "MODE", help_heading = "Contract")]
    pub auth: Option<Auth>,

    /// Verify a client's assertions with the public key of a file: PEM, JWK or JWKS. May be given more than
    /// once, or with commas.
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_CLIENT_KEY",
        value_name = "CLIENT_ID=FILE",
        help_heading = "Tokens",
        value_delimiter = ','
    )]
    pub client_key: Vec<ClientKey>,

    /// Clients with all their settings; only in a file.
    #[arg(skip)]
    pub clients: Vec<ClientEntry>,

    /// Require this `aud` in assertions.
    #[arg(
        long,
        help = "Want this as the `aud` of assertions. [default: https://api.docendorse.com]",
        env = "DOCENDORSE_MOCK_AUDIENCE",
        value_name = "URL",
        help_heading = "Tokens"
    )]
    pub audience: Option<String>,

    /// Accept access tokens for this long, by their sandbox's clock. [default: 1h]
    #[arg(long, env = "DOCENDORSE_MOCK_TOKEN_TTL", value_name = "DURATION", help_heading = "Tokens", value_parser = duration)]
    #[serde(deserialize_with = "file::duration")]
    pub token_ttl: Option<SignedDuration>,

    /// Tolerate a client clock that differs by this much. [default: 30s]
    #[arg(long, env = "DOCENDORSE_MOCK_CLOCK_SKEW", value_name = "DURATION", help_heading = "Tokens", value_parser = duration)]
    #[serde(deserialize_with = "file::duration")]
    pub clock_skew: Option<SignedDuration>,

    /// Which clock judges the times of assertions: the sandbox's or else the system's, or the sandbox's alone. A client
    /// cannot know that a test moved the sandbox's clock. [default: either]
    #[arg(long, env = "DOCENDORSE_MOCK_ASSERTION_CLOCK", value_name = "CLOCK", help_heading = "Tokens")]
    pub assertion_clock: Option<AssertionClock>,

    /// Whether assertions need `given_name` and `family_name`; where they are optional, their absence draws an advice.
    /// [default: required]
    #[arg(long, env = "DOCENDORSE_MOCK_ASSERTION_NAMES", value_name = "RULE", help_heading = "Tokens")]
    pub assertion_names: Option<AssertionNames>,

    /// Answer every "status": "error" of the handoff endpoint with this HTTP status instead of its own, 200 included.
    #[arg(long, env = "DOCENDORSE_MOCK_ERROR_HTTP_STATUS", value_name = "CODE", help_heading = "Contract",
          value_parser = error_http_status)]
    #[serde(deserialize_with = "file::error_http_status")]
    pub error_http_status: Option<u16>,

    /// Whether an answer to an invalid request (HTTP 400) has a `next_action`: omit it, or say "none" as all other
    /// errors do. [default: omit]
    #[arg(long, env = "DOCENDORSE_MOCK_VALIDATION_NEXT_ACTION", value_name = "WHAT", help_heading = "Contract")]
    pub validation_next_action: Option<ValidationNextAction>,

    /// Which email addresses are valid: international ones too, with an advice, or ASCII only. [default: international]
    #[arg(long, env = "DOCENDORSE_MOCK_EMAIL", value_name = "RULE", help_heading = "Contract")]
    pub email: Option<EmailRule>,

    /// When a `handoff_id` comes again after a success: the same session, a new one, or an error. [default: replay]
    #[arg(long, env = "DOCENDORSE_MOCK_ON_DUPLICATE_HANDOFF", value_name = "WHAT", help_heading = "Contract")]
    pub on_duplicate_handoff: Option<OnDuplicateHandoff>,

    /// HTTP status of errors below /api/v1/key: 200 as the vendor answers, or 4xx and 5xx. [default: ok]
    #[arg(long, env = "DOCENDORSE_MOCK_INSPAKT_HTTP_STATUS", value_name = "MODE", help_heading = "Contract")]
    pub inspakt_http_status: Option<InspaktHttpStatus>,

    /// When a required recipient declines: void the envelope, or keep it sent. [default: void]
    #[arg(long, env = "DOCENDORSE_MOCK_ON_DECLINE", value_name = "WHAT", help_heading = "Contract")]
    pub on_decline: Option<OnDecline>,

    /// Leave `registration_url` out of the `register` answer.
    #[arg(long, env = "DOCENDORSE_MOCK_NO_REGISTRATION_URL", help_heading = "Contract",
          num_args = 0..=1, default_missing_value = "true", require_equals = true, value_name = "BOOL",
          value_parser = SwitchParser)]
    pub no_registration_url: Option<bool>,

    /// Serve the scenario files of this folder, and reload them when they change; `shipped` stands for the scenarios
    /// that ship with the server. May be given more than once, or with commas. [default: shipped]
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

    /// Derive all ids from this number: the same seed and requests give the same ids. [default: drawn]
    #[arg(long, env = "DOCENDORSE_MOCK_SEED", value_name = "NUMBER", help_heading = "State")]
    pub seed: Option<u64>,

    /// End agent sessions after this long, by their sandbox's clock. [default: 24h]
    #[arg(long, env = "DOCENDORSE_MOCK_SESSION_TTL", value_name = "DURATION", help_heading = "State", value_parser = duration)]
    #[serde(deserialize_with = "file::duration")]
    pub session_ttl: Option<SignedDuration>,

    /// Keep this many sandboxes besides the default one; the one idle longest is dropped. [default: 1000]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_SANDBOXES", value_name = "COUNT", help_heading = "State")]
    pub max_sandboxes: Option<usize>,

    /// Drop a sandbox that was not used for this long, in real time. [default: 1h]
    #[arg(long, env = "DOCENDORSE_MOCK_SANDBOX_IDLE", value_name = "DURATION", help_heading = "State", value_parser = duration)]
    #[serde(deserialize_with = "file::duration")]
    pub sandbox_idle: Option<SignedDuration>,

    /// Keep this many agent sessions in each sandbox, and as many envelopes, contacts, groups and users; the oldest are
    /// dropped. [default: 10000]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_SESSIONS", value_name = "COUNT", help_heading = "State")]
    pub max_sessions: Option<usize>,

    /// Keep this many bytes of agent sessions in each sandbox, and as many of envelopes, contacts, groups and users
    /// each; the oldest are dropped. [default: 64MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_SESSION_BYTES", value_name = "SIZE", help_heading = "State", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_session_bytes: Option<ByteSize>,

    /// Keep this many events in each sandbox; the oldest are dropped. [default: 100000]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_EVENTS", value_name = "COUNT", help_heading = "State")]
    pub max_events: Option<usize>,

    /// Keep this many exchanges in each journal; the oldest are dropped. [default: 1000]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_EXCHANGES", value_name = "COUNT", help_heading = "State")]
    pub max_exchanges: Option<usize>,

    /// Keep this many bytes in each journal; the oldest exchanges are dropped. [default: 16MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_JOURNAL", value_name = "SIZE", help_heading = "State", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_journal: Option<ByteSize>,

    /// Keep this many bytes in all sandboxes together; the largest sandboxes drop their oldest entries first.
    /// [default: 256MiB]
    #[arg(long, env = "DOCENDORSE_MOCK_MAX_MEMORY", value_name = "SIZE", help_heading = "State", value_parser = size)]
    #[serde(deserialize_with = "file::size")]
    pub max_memory: Option<ByteSize>,
}

impl Settings {
    /// Settles every setting: options as given, then the file that they name, then defaults.
    ///
    /// `port` is the `PORT` of the environment; it replaces the port of the address unless the address was given on
    /// the command line.
    ///
    /// # Errors
    /// When the file or a value cannot be used.
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
