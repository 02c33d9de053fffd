//! Settings for a program that embeds the server: the defaults, and setters for durations.

use super::{ServeOptions, Settings};
use jiff::SignedDuration;
use std::time::Duration;

impl Default for Settings {
    fn default() -> Self {
        Self::from_options(ServeOptions::default())
    }
}

impl Settings {
    /// Replaces [`session_ttl`](Self::session_ttl).
    #[must_use]
    pub fn with_session_ttl(self, session_ttl: Duration) -> Self {
        Self { session_ttl: signed(session_ttl), ..self }
    }

    /// Replaces [`token_ttl`](Self::token_ttl).
    #[must_use]
    pub fn with_token_ttl(self, token_ttl: Duration) -> Self {
        Self { token_ttl: signed(token_ttl), ..self }
    }

    /// Replaces [`clock_skew`](Self::clock_skew).
    #[must_use]
    pub fn with_clock_skew(self, clock_skew: Duration) -> Self {
        Self { clock_skew: signed(clock_skew), ..self }
    }

    /// Replaces [`sandbox_idle`](Self::sandbox_idle).
    #[must_use]
    pub fn with_sandbox_idle(self, sandbox_idle: Duration) -> Self {
        Self { sandbox_idle: signed(sandbox_idle), ..self }
    }
}

fn signed(duration: Duration) -> SignedDuration {
    SignedDuration::try_from(duration).unwrap_or(SignedDuration::MAX)
}
