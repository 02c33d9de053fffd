//! Rules for settings that their types cannot express.

use super::{DEFAULT_AUDIENCE, Settings};

/// What is wrong with a `token-ttl` of 0.
pub(super) const ZERO_TOKEN_TTL: &str = "0 would expire every token at once; give a span of time such as 1h";

impl Settings {
    /// Refuses values that their types allow. The error is the name of the setting, and what is wrong with it.
    pub(super) fn judge(&self) -> Result<(), (&'static str, String)> {
        self.refuse_zero()?;
        if self.token_ttl.is_zero() {
            return Err(("token-ttl", ZERO_TOKEN_TTL.to_owned()));
        }
        if self.sandbox_idle.is_zero() {
            let problem = "0 would drop every sandbox at once; give a span of time such as 1h";
            return Err(("sandbox-idle", problem.to_owned()));
        }
        if self.audience.trim().is_empty() {
            let problem = format!("it is empty; give a URL such as {DEFAULT_AUDIENCE}");
            return Err(("audience", problem));
        }
        if self.admin_token.as_ref().is_some_and(|token| !token.is_bearer_token()) {
            let problem = "it is not a bearer token; use letters, digits and - . _ ~ + / only";
            return Err(("admin-token", problem.to_owned()));
        }
        Ok(())
    }

    /// Refuses 0 where nothing could be served with it. 0 elsewhere is a choice: no journal, no events, no sandbox beside
    /// the default one, no tolerance, a session that ends at once.
    fn refuse_zero(&self) -> Result<(), (&'static str, String)> {
        let size = "0 would refuse or drop everything; give a size such as 1MiB";
        let count = "0 would drop everything at once; give a number such as 1000";
        for (setting, value, problem) in [
            ("max-body", self.max_body, size),
            ("max-admin-body", self.max_admin_body, size),
            ("max-sessions", self.max_sessions, count),
            ("max-session-bytes", self.max_session_bytes, size),
            ("max-memory", self.max_memory, size),
        ] {
            if value == 0 {
                return Err((setting, problem.to_owned()));
            }
        }
        Ok(())
    }
}
