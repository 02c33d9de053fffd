//! Every URL that the server hands out.
//!
//! A [`BaseUrl`] is the start of a URL, and its methods complete it. No other module builds URLs.

use serde::{Deserialize, Serialize, Serializer};
use std::{
    fmt::{self, Write},
    ops::Deref,
    str::FromStr,
    sync::Arc,
};

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
    /// Parses a scheme in any case.
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

/// The start of every URL in a response: scheme, host, port, and the path that `--base-url` may add. No slash at the
/// end.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(Arc<str>);

impl BaseUrl {
    /// The base URL of a valid host. Omits the scheme's default port.
    #[must_use]
    pub fn of_host(scheme: Scheme, host: &str, port: Option<u16>) -> Self {
        let scheme_name = scheme.as_str();
        match port.filter(|port| *port != scheme.default_port()) {
            Some(port) => Self(format!("{scheme_name}://{host}:{port}").into()),
            None => Self(format!("{scheme_name}://{host}").into()),
        }
    }

    /// Whether this is `http://` with exactly this host and port.
    #[must_use]
    pub fn is_http(&self, authority: &[u8]) -> bool {
        self.0.as_bytes().strip_prefix(b"http://") == Some(authority)
    }

    /// The hosted pages of a sandbox; `None` is the default one.
    #[must_use]
    pub fn pages<'a>(&'a self, sandbox: Option<&'a str>) -> PageUrls<'a> {
        PageUrls { base: self, sandbox }
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

    /// The key set that verifies access tokens.
    #[must_use]
    pub fn jwks(&self) -> String {
        format!("{self}{OAUTH}/.well-known/jwks.json")
    }

    /// A control-plane operation, by its documented path.
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

/// The URLs of a sandbox's hosted pages. Sandboxes with the same seed have the same ids, so the URLs of every sandbox
/// except the default one name it.
#[derive(Clone, Copy, Debug)]
pub struct PageUrls<'a> {
    base: &'a str,
    sandbox: Option<&'a str>,
}

impl<'a> PageUrls<'a> {
    /// URLs relative to a page; `root` leads from there to the root of the server, as in `..`.
    #[must_use]
    pub fn relative(root: &'a str, sandbox: Option<&'a str>) -> Self {
        Self { base: root, sandbox }
    }

    /// The page of an agent session (S2).
    #[must_use]
    pub fn agent(self, agent_session_id: &str) -> String {
        self.page("agent", agent_session_id, "")
    }

    /// Where the agent page sends a draft.
    #[must_use]
    pub fn send_draft(self, agent_session_id: &str) -> String {
        self.page("agent", agent_session_id, "/send")
    }

    /// The changes of an agent page, as a stream.
    #[must_use]
    pub fn agent_changes(self, agent_session_id: &str) -> String {
        self.page("agent", agent_session_id, "/changes")
    }

    /// The page where a user subscribes, for a waiting handoff (S3).
    #[must_use]
    pub fn subscribe(self, waiting: &str) -> String {
        self.page("subscribe", waiting, "")
    }

    /// The page where a user verifies an email, reached by the secret link in a mail (S4).
    #[must_use]
    pub fn verify_email(self, link: &str) -> String {
        self.page("verify-email", link, "")
    }

    /// The page where a user registers, for a waiting handoff (S5).
    #[must_use]
    pub fn register(self, waiting: &str) -> String {
        self.page("register", waiting, "")
    }

    /// The page where an agent signs, reached by the secret link in an invitation.
    #[must_use]
    pub fn sign(self, link: &str) -> String {
        self.page("sign", link, "")
    }

    /// Where the signing page sends what an agent does: `open`, `accept`, `decline` or `sign`.
    #[must_use]
    pub fn act(self, link: &str, act: &str) -> String {
        self.page("sign", link, &format!("/{act}"))
    }

    /// The changes of a signing page, as a stream.
    #[must_use]
    pub fn sign_changes(self, link: &str) -> String {
        self.page("sign", link, "/changes")
    }

    /// The inbox of captured messages.
    #[must_use]
    pub fn inbox(self) -> String {
        self.page("__admin", "inbox", "")
    }

    /// The messages of the inbox that contain a text.
    #[must_use]
    pub fn search_inbox(self, search: &str) -> String {
        let inbox = self.inbox();
        let separator = if self.sandbox.is_some() { '&' } else { '?' };
        let mut url = format!("{inbox}{separator}search=");
        for byte in search.bytes() {
            let _ = write!(url, "%{byte:02X}");
        }
        url
    }

    /// The changes of the inbox, as a stream.
    #[must_use]
    pub fn inbox_changes(self) -> String {
        self.page("__admin", "inbox", "/changes")
    }

    /// The page of a captured message.
    #[must_use]
    pub fn message(self, id: &str) -> String {
        self.page("__admin", "inbox", &format!("/{id}"))
    }

    /// The HTML of a captured mail.
    #[must_use]
    pub fn message_html(self, id: &str) -> String {
        self.page("__admin", "messages", &format!("/{id}/html"))
    }

    /// A file that every page uses.
    #[must_use]
    pub fn asset(self, name: &str) -> String {
        format!("{}/__pages/{name}", self.base)
    }

    fn page(self, page: &str, id: &str, action: &str) -> String {
        let base = self.base;
        match self.sandbox {
            // The names of sandboxes need no encoding.
            Some(sandbox) => format!("{base}/{page}/{id}{action}?sandbox={sandbox}"),
            None => format!("{base}/{page}/{id}{action}"),
        }
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

    /// Parses an `http` or `https` URL without query, fragment and user. Trailing slashes are dropped.
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
        let is_authority = |authority: &fluent_uri::component::Authority<'_>| {
            let is_port = authority.port().is_none_or(|port| is_port(port.as_str()));
            !authority.host().is_empty() && !authority.has_userinfo() && is_port
        };
        let is_http = Scheme::parse(uri.scheme().as_str()).is_some();
        is_http && uri.authority().as_ref().is_some_and(is_authority) && !uri.has_query() && !uri.has_fragment()
    })
}

/// Whether a text is a usable port.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0)
}

/// Explains why a text is not a base URL and suggests a fix.
fn fix(text: &str) -> String {
    const EXAMPLE: &str = "write one such as http://mock.test:4747";
    let (scheme, rest) = match text.split_once(':') {
        // Without a slash, it may be a host and its port.
        Some((scheme, rest)) if rest.starts_with('/') || Scheme::parse(scheme).is_some() => (scheme, rest),
        _ => ("", text),
    };
    let rest = rest.trim_start_matches('/');
    let authority = rest.split(['?', '#', '/']).next().unwrap_or_default();
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    let path = rest[authority.len()..].split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let port = host.rsplit_once(':').map(|(_, port)| port).filter(|port| !port.contains(']'));
    let is_known = Scheme::parse(scheme).is_some();
    if rest.is_empty() {
        return if is_known { format!("it has no host; {EXAMPLE}") } else { EXAMPLE.to_owned() };
    }
    let reason = if scheme.is_empty() {
        "the scheme is missing".to_owned()
    } else if !is_known {
        format!("its scheme {scheme:?} is not http or https")
    } else if !text[scheme.len()..].starts_with("://") || text[scheme.len() + 3..].starts_with('/') {
        "the scheme must be followed by //".to_owned()
    } else if host.len() < authority.len() || rest.contains(['?', '#']) {
        "a user, query or fragment is not allowed".to_owned()
    } else if host.is_empty() || host.starts_with(':') {
        "it has no host".to_owned()
    } else if let Some(port) = port.filter(|port| !is_port(port)) {
        return format!("its port {port:?} is not a number from 1 to 65535; {EXAMPLE}");
    } else if let Some(char) = text.chars().find(|char| !char.is_ascii_graphic() || "\"<>\\^`{|}".contains(*char)) {
        format!("it contains the character {char:?}")
    } else {
        return EXAMPLE.to_owned();
    };
    let fixed = format!("{}://{host}{path}", if is_known { scheme } else { "http" });
    if is_base_url(&fixed) { format!("{reason}; did you mean {fixed:?}?") } else { format!("{reason}; {EXAMPLE}") }
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
            assert_eq!(text.parse::<BaseUrl>().unwrap().pages(None).agent("as_1"), format!("{read}/agent/as_1"));
        }
    }

    #[test]
    fn an_invalid_base_url_is_refused() {
        for text in
            ["", "mock.test", "ftp://mock.test", "http://", "http://a?b", "http://a#b", "http://a@b", "http://a b"]
        {
            assert!(text.parse::<BaseUrl>().is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_names_the_fault_and_its_fix() {
        for (text, problem) in [
            ("", "write one such as http://mock.test:4747"),
            ("mock.test/a", r#"the scheme is missing; did you mean "http://mock.test/a"?"#),
            ("mock.test:99999", "the scheme is missing; write one such as"),
            ("ftp://a:1/b", r#"its scheme "ftp" is not http or https; did you mean "http://a:1/b"?"#),
            ("http://", "it has no host; write one such as"),
            ("https:///", "it has no host; write one such as"),
            ("http://:80", "it has no host; write one such as"),
            ("http:/a", r#"the scheme must be followed by //; did you mean "http://a"?"#),
            ("https:a:80", r#"the scheme must be followed by //; did you mean "https://a:80"?"#),
            ("http:///a", r#"the scheme must be followed by //; did you mean "http://a"?"#),
            ("http://me@a/b?c#d", r#"a user, query or fragment is not allowed; did you mean "http://a/b"?"#),
            ("http://a:99999", r#"its port "99999" is not a number from 1 to 65535"#),
            ("http://a:0", r#"its port "0" is not a number from 1 to 65535"#),
            ("http://[::1]:0/x", r#"its port "0" is not a number from 1 to 65535"#),
            ("http://a:", r#"its port "" is not a number from 1 to 65535"#),
            ("http://a b", "it contains the character ' '"),
        ] {
            let error = text.parse::<BaseUrl>().unwrap_err();
            assert!(error.contains(problem), "{text}: {error}");
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
