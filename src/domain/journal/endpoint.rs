//! Which surface of the contract an exchange belongs to.

use crate::base::urls::{CREATE_AGENT_SESSION, CREATE_TOKEN};
use serde::Deserialize;
use utoipa::ToSchema;

/// Below this path lies the signing service (G8).
const SIGNING: &str = "/api/v1/key";

/// A surface of the contract: the handoff endpoint, the token endpoint, or the signing service below `/api/v1/key`.
/// Requests to other paths belong to none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Endpoint {
    /// The handoff endpoint, under any method.
    Handoff,
    /// The token endpoint, under any method.
    Token,
    /// The signing service and everything below its path.
    Signing,
}

impl Endpoint {
    /// The surface that a request target, with or without a query, belongs to; `None` for paths of no surface.
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
