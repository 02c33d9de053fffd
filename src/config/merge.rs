//! Merges options from several sources: the first source that sets an option wins, and defaults come last.

use super::{DEFAULT_AUDIENCE, DEFAULT_LISTEN, ServeOptions, Settings, or_shipped};
use bytesize::ByteSize;
use jiff::SignedDuration;

impl ServeOptions {
    /// These options, with missing ones taken from `other`.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            config: self.config.or(other.config),
            listen: self.listen.or(other.listen),
            base_url: self.base_url.or(other.base_url),
            trust_forwarded: self.trust_forwarded.or(other.trust_forwarded),
            ready_file: self.ready_file.or(other.ready_file),
            log_format: self.log_format.or(other.log_format),
            log_level: self.log_level.or(other.log_level),
            max_body: self.max_body.or(other.max_body),
            max_admin_body: self.max_admin_body.or(other.max_admin_body),
            allowed_hosts: if self.allowed_hosts.is_empty() { other.allowed_hosts } else { self.allowed_hosts },
            admin_token: self.admin_token.or(other.admin_token),
            auth: self.auth.or(other.auth),
            client_key: if self.client_key.is_empty() { other.client_key } else { self.client_key },
            clients: if self.clients.is_empty() { other.clients } else { self.clients },
            audience: self.audience.or(other.audience),
            token_ttl: self.token_ttl.or(other.token_ttl),
            clock_skew: self.clock_skew.or(other.clock_skew),
            assertion_clock: self.assertion_clock.or(other.assertion_clock),
            assertion_names: self.assertion_names.or(other.assertion_names),
            error_http_status: self.error_http_status.or(other.error_http_status),
            validation_next_action: self.validation_next_action.or(other.validation_next_action),
            email: self.email.or(other.email),
            on_duplicate_handoff: self.on_duplicate_handoff.or(other.on_duplicate_handoff),
            inspakt_http_status: self.inspakt_http_status.or(other.inspakt_http_status),
            on_decline: self.on_decline.or(other.on_decline),
            no_registration_url: self.no_registration_url.or(other.no_registration_url),
            scenarios: if self.scenarios.is_empty() { other.scenarios } else { self.scenarios },
            seed: self.seed.or(other.seed),
            session_ttl: self.session_ttl.or(other.session_ttl),
            max_sandboxes: self.max_sandboxes.or(other.max_sandboxes),
            sandbox_idle: self.sandbox_idle.or(other.sandbox_idle),
            max_sessions: self.max_sessions.or(other.max_sessions),
            max_session_bytes: self.max_session_bytes.or(other.max_session_bytes),
            max_events: self.max_events.or(other.max_events),
            max_exchanges: self.max_exchanges.or(other.max_exchanges),
            max_journal: self.max_journal.or(other.max_journal),
            max_memory: self.max_memory.or(other.max_memory),
        }
    }
}

impl Settings {
    /// The options, with missing ones set to their defaults.
    pub(super) fn from_options(options: ServeOptions) -> Self {
        let bytes = |size: Option<ByteSize>, default: u64| {
            usize::try_from(size.map_or(default, |size| size.as_u64())).unwrap_or(usize::MAX)
        };
        Self {
            listen: options.listen.unwrap_or_else(|| DEFAULT_LISTEN.to_owned()),
            base_url: options.base_url,
            trust_forwarded: options.trust_forwarded.unwrap_or_default(),
            ready_file: options.ready_file,
            log_format: options.log_format.unwrap_or_default(),
            log_level: options.log_level.unwrap_or_default(),
            max_body: bytes(options.max_body, 1 << 20),
            max_admin_body: bytes(options.max_admin_body, 4 << 20),
            allowed_hosts: options.allowed_hosts,
            admin_token: options.admin_token,
            auth: options.auth.unwrap_or_default(),
            client_key: options.client_key,
            clients: options.clients,
            audience: options.audience.unwrap_or_else(|| DEFAULT_AUDIENCE.to_owned()),
            token_ttl: options.token_ttl.unwrap_or(SignedDuration::from_hours(1)),
            clock_skew: options.clock_skew.unwrap_or(SignedDuration::from_secs(30)),
            assertion_clock: options.assertion_clock.unwrap_or_default(),
            assertion_names: options.assertion_names.unwrap_or_default(),
            error_http_status: options.error_http_status,
            validation_next_action: options.validation_next_action.unwrap_or_default(),
            email: options.email.unwrap_or_default(),
            on_duplicate_handoff: options.on_duplicate_handoff.unwrap_or_default(),
            inspakt_http_status: options.inspakt_http_status.unwrap_or_default(),
            on_decline: options.on_decline.unwrap_or_default(),
            no_registration_url: options.no_registration_url.unwrap_or_default(),
            scenarios: or_shipped(options.scenarios),
            seed: options.seed,
            session_ttl: options.session_ttl.unwrap_or(SignedDuration::from_hours(24)),
            max_sandboxes: options.max_sandboxes.unwrap_or(1_000),
            sandbox_idle: options.sandbox_idle.unwrap_or(SignedDuration::from_hours(1)),
            max_sessions: options.max_sessions.unwrap_or(10_000),
            max_session_bytes: bytes(options.max_session_bytes, 64 << 20),
            max_events: options.max_events.unwrap_or(100_000),
            max_exchanges: options.max_exchanges.unwrap_or(1_000),
            max_journal: bytes(options.max_journal, 16 << 20),
            max_memory: bytes(options.max_memory, 256 << 20),
        }
    }
}
