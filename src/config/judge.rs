//! Checks of settings that their types cannot express.

use super::{DEFAULT_AUDIENCE, Secret, Settings, values::LARGEST};
use crate::base::{names::control_problem, reading::quoted};

/// The error for a `session-ttl` of 0.
pub(super) const ZERO_SESSION_TTL: &str = "0 would expire every session immediately; give a span of time such as 1h";

/// The error for a `token-ttl` of 0.
pub(super) const ZERO_TOKEN_TTL: &str = "0 would expire every token immediately; give a span of time such as 1h";

impl Settings {
    /// Refuses invalid values that their types allow. The error is the name of the setting and the problem.
    pub(super) fn judge(&self) -> Result<(), (&'static str, String)> {
        self.refuse_zero()?;
        self.refuse_huge()?;
        if self.token_ttl.is_zero() {
            return Err(("token-ttl", ZERO_TOKEN_TTL.to_owned()));
        }
        if self.session_ttl.is_zero() {
            return Err(("session-ttl", ZERO_SESSION_TTL.to_owned()));
        }
        if self.sandbox_idle.is_zero() {
            let problem = "0 would drop every sandbox immediately; give a span of time such as 1h";
            return Err(("sandbox-idle", problem.to_owned()));
        }
        if self.audience.trim().is_empty() {
            let problem = format!("it is empty; give a URL such as {DEFAULT_AUDIENCE}");
            return Err(("audience", problem));
        }
        if let Some(problem) = control_problem(&self.audience) {
            let audience = quoted(&self.audience);
            return Err(("audience", format!("{audience} {problem}; give a URL such as {DEFAULT_AUDIENCE}")));
        }
        if let Some((place, source)) =
            self.scenarios.iter().enumerate().find(|(place, source)| self.scenarios[..*place].contains(source))
        {
            let before = self.scenarios.iter().position(|earlier| earlier == source).unwrap_or_default() + 1;
            let problem = format!("entry {} repeats entry {before}, {source}; list each source once", place + 1);
            return Err(("scenarios", problem));
        }
        if self.admin_token.as_ref().is_some_and(Secret::is_empty) {
            return Err((
                "admin-token",
                "it is empty; give a token such as s3cret, or leave the setting out".to_owned(),
            ));
        }
        if self.admin_token.as_ref().is_some_and(|token| !token.is_bearer_token()) {
            let problem = "it is not a bearer token; use letters, digits and - . _ ~ + / only";
            return Err(("admin-token", problem.to_owned()));
        }
        Ok(())
    }

    /// Refuses sizes and counts that no machine can hold. The types set no lower limit.
    fn refuse_huge(&self) -> Result<(), (&'static str, String)> {
        for (setting, value, example) in [
            ("max-body", self.max_body, "1GiB"),
            ("max-admin-body", self.max_admin_body, "1GiB"),
            ("max-session-bytes", self.max_session_bytes, "1GiB"),
            ("max-journal", self.max_journal, "1GiB"),
            ("max-memory", self.max_memory, "1GiB"),
            ("max-sandboxes", self.max_sandboxes, "1000"),
            ("max-sessions", self.max_sessions, "1000"),
            ("max-events", self.max_events, "1000"),
            ("max-exchanges", self.max_exchanges, "1000"),
        ] {
            if u64::try_from(value).is_ok_and(|value| value > LARGEST) {
                return Err((setting, format!("{value} is too large; give a smaller value such as {example}")));
            }
        }
        Ok(())
    }

    /// Refuses 0 where it would make the server useless. Elsewhere 0 is a valid choice: no journal, no events, no
    /// sandbox besides the default one, no tolerance.
    fn refuse_zero(&self) -> Result<(), (&'static str, String)> {
        let size = "0 would refuse or drop everything; give a size such as 1MiB";
        let count = "0 would drop everything immediately; give a number such as 1000";
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
