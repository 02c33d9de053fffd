//! The contract endpoint that an exchange belongs to.

use crate::base::urls::{CREATE_AGENT_SESSION, CREATE_TOKEN};
use serde::Deserialize;
use utoipa::ToSchema;

/// The path prefix of the signing service (G8).
const SIGNING: &str = "/api/v1/key";

/// An endpoint of the contract: the handoff endpoint, the token endpoint, or the signing service below `/api/v1/key`.
/// Requests to other paths have none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// The handoff endpoint, with any method.
    Handoff,
    /// The token endpoint, with any method.
    Token,
    /// The signing service and everything below its path.
    Signing,
}

impl Endpoint {
    /// The endpoint that a request target belongs to, ignoring the query; `None` for other paths.
    #[must_use]
    pub fn of(target: &str) -> Option<Self> {
        let path = target.split('?').next().unwrap_or_default();
        match path {
            CREATE_AGENT_SESSION => Some(Self::Handoff),
            CREATE_TOKEN => Some(Self::Token),
            _ => path
                .strip_prefix(SIGNING)
                .filter(|rest| rest.is_empty() || rest.starts_with('/'))
                .map(|_| Self::Signing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_belongs_to_one_surface_or_none() {
        for (target, endpoint) in [
            ("/api/v1/agent-sessions/create", Some(Endpoint::Handoff)),
            ("/api/v1/agent-sessions/create?x=1", Some(Endpoint::Handoff)),
            ("/oauth2/v2/token", Some(Endpoint::Token)),
            ("/api/v1/key", Some(Endpoint::Signing)),
            ("/api/v1/key/envelopes?page=2", Some(Endpoint::Signing)),
            ("/api/v1/keys", None),
            ("/api/v1/agent-sessions/create/", None),
            ("/nothing", None),
            ("", None),
        ] {
            assert_eq!(Endpoint::of(target), endpoint, "{target}");
        }
    }
}
