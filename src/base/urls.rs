//! Every URL that is handed out.
//!
//! A [`BaseUrl`] says how URLs begin, and its methods how they go on. No other module puts a URL together.

use serde::{Deserialize, Serialize, Serializer};
use std::{fmt, ops::Deref, str::FromStr, sync::Arc};

/// The path of the handoff endpoint (H1).
pub const CREATE_AGENT_SESSION: &str = "/api/v1/agent-sessions/create";

/// The path of the token endpoint (T1).
pub const CREATE_TOKEN: &str = "/oauth2/v2/token";

/// The path below which tokens are issued (T1).
const OAUTH: &str = "/oauth2/v2";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scheme {
    #[default]
    Http,
    Https,
}

impl Scheme {
    /// Reads a scheme in any case.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|scheme| text.eq_ignore_ascii_case(scheme.as_str()))
    }

    fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// How the URLs of an answer begin: scheme, host and port, and the path that `--base-url` may add. No slash at the end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(Arc<str>);

impl BaseUrl {
    /// The base URL of a host, which must be valid. The default port of the scheme is left out.
    #[must_use]
    pub fn of_host(scheme: Scheme, host: &str, port: Option<u16>) -> Self {
        let scheme_name = scheme.as_str();
        match port.filter(|port| *port != scheme.default_port()) {
            Some(port) => Self(format!("{scheme_name}://{host}:{port}").into()),
            None => Self(format!("{scheme_name}://{host}").into()),
        }
    }

    /// Whether this is `http://` and exactly this host and port.
    #[must_use]
    pub fn is_http(&self, authority: &[u8]) -> bool {
        self.0.as_bytes().strip_prefix(b"http://") == Some(authority)
    }

    /// The page of an agent session (S2).
    #[must_use]
    pub fn agent(&self, agent_session_id: &str) -> String {
        format!("{self}/agent/{agent_session_id}")
    }

    /// The page where a user subscribes, for the handoff that waits (S3).
    #[must_use]
    pub fn subscribe(&self, waiting: &str) -> String {
        format!("{self}/subscribe/{waiting}")
    }

    /// The page where a user registers, for the handoff that waits (S5).
    #[must_use]
    pub fn register(&self, waiting: &str) -> String {
        format!("{self}/register/{waiting}")
    }

    /// The `issuer` of the metadata, and the `iss` of access tokens (RFC 8414).
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("{self}{OAUTH}")
    }

    /// The token endpoint (T1).
    #[must_use]
    pub fn token_endpoint(&self) -> String {
        format!("{self}{CREATE_TOKEN}")
    }

    /// The key that verifies access tokens.
    #[must_use]
    pub fn jwks(&self) -> String {
        format!("{self}{OAUTH}/.well-known/jwks.json")
    }

    /// An operation of the control plane, by its path as documented.
    #[must_use]
    pub fn operation(&self, path: &str) -> String {
        format!("{self}{path}")
    }

    /// The URL of the control plane.
    #[must_use]
    pub fn admin(&self) -> String {
        format!("{self}/__admin")
    }
}

impl Deref for BaseUrl {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for BaseUrl {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl FromStr for BaseUrl {
    type Err = String;

    /// Reads an `http` or `https` URL without query, fragment and user. Slashes at its end are dropped.
    fn from_str(text: &str) -> Result<Self, String> {
        let bare = text.trim_end_matches('/');
        if is_base_url(bare) {
            Ok(Self(bare.into()))
        } else {
            Err(format!("{text:?} is not a base URL; {}", fix(bare)))
        }
    }
}

fn is_base_url(text: &str) -> bool {
    fluent_uri::Uri::parse(text).is_ok_and(|uri| {
        let host = uri.authority().filter(|authority| !authority.host().is_empty() && !authority.has_userinfo());
        let is_http = Scheme::parse(uri.scheme().as_str()).is_some();
        is_http && host.is_some() && !uri.has_query() && !uri.has_fragment()
    })
}

/// How to write a text as a base URL.
fn fix(text: &str) -> String {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let with_scheme = format!("http://{rest}");
    if scheme.is_empty() && is_base_url(&with_scheme) {
        return format!("the scheme is missing; did you mean {with_scheme:?}?");
    }
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    let bare = format!("{scheme}://{}", host.trim_end_matches('/'));
    if bare != text && is_base_url(&bare) {
        return format!("user, query and fragment are not allowed; did you mean {bare:?}?");
    }
    "write one such as http://mock.test:4747".to_owned()
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_ends_without_a_slash() {
        for (text, read) in [
            ("http://mock.test:4747/", "http://mock.test:4747"),
            ("https://example.com/mock//", "https://example.com/mock"),
            ("http://[::1]:80", "http://[::1]:80"),
        ] {
            assert_eq!(text.parse::<BaseUrl>().unwrap().agent("as_1"), format!("{read}/agent/as_1"));
        }
    }

    #[test]
    fn what_no_url_can_begin_with_is_refused() {
        for text in
            ["", "mock.test", "ftp://mock.test", "http://", "http://a?b", "http://a#b", "http://a@b", "http://a b"]
        {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_default_port_of_the_scheme_is_left_out() {
        let base = |scheme, port| BaseUrl::of_host(scheme, "mock.test", port).to_string();
        assert_eq!(base(Scheme::Https, Some(443)), "https://mock.test");
        assert_eq!(base(Scheme::Https, Some(80)), "https://mock.test:80");
        assert_eq!(base(Scheme::Http, None), "http://mock.test");
    }
}
