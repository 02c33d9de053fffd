//! Rules for settings that their types cannot express.

use super::Settings;

impl Settings {
    /// Refuses values that their types allow. The error is the name of the setting, and what is wrong with it.
    pub(super) fn judge(&self) -> Result<(), (&'static str, String)> {
        self.refuse_zero()?;
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
