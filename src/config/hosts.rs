//! Host names in `Host`, `Origin` and `--allowed-hosts`.
//!
//! Parsing is strict: a text that a browser would read as another host than we do (`127.1`, `a@b`) is not accepted.

use serde::{Deserialize, Serialize};
use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// Top-level domains in which no registry sells names (RFC 6761, RFC 6762, and ICANN's resolution on `.internal`).
const PRIVATE_DOMAINS: [&str; 4] = ["localhost", "local", "internal", "test"];

/// A host without its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An IP literal; IPv6 is written in brackets.
    Ip(IpAddr),
    /// A lower-case name without a trailing dot.
    Name(Box<str>),
}

impl Host {
    /// Parses a host without a port.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(rest) = text.strip_prefix('[') {
            let address: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Ip(address.into()));
        }
        let name = text.strip_suffix('.').unwrap_or(text);
        (is_name(name) && !ends_in_number(name)).then(|| Self::Name(name.to_ascii_lowercase().into()))
    }

    /// Parses `host` or `host:port`.
    #[must_use]
    pub fn parse_with_port(text: &str) -> Option<(Self, Option<u16>)> {
        let (host, port) = split_port(text)?;
        Some((Self::parse(host)?, port))
    }

    /// Whether a stranger cannot own this host, so that a request for it did not come by DNS rebinding: an IP literal,
    /// a single label, or a name below `.localhost`, `.local`, `.internal` or `.test`.
    #[must_use]
    pub fn is_private(&self) -> bool {
        match self {
            Self::Ip(_) => true,
            Self::Name(name) => name.rsplit_once('.').is_none_or(|(_, domain)| PRIVATE_DOMAINS.contains(&domain)),
        }
    }
}

/// Splits `host:port`. An empty port counts as none (RFC 3986, 3.2.3). The host is not checked.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let end_of_host = if text.starts_with('[') { text.find(']')? + 1 } else { text.find(':').unwrap_or(text.len()) };
    let (host, rest) = text.split_at_checked(end_of_host)?;
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => None,
        Some("") => None,
        Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => Some(port.parse().ok()?),
        _ => return None,
    };
    Some((host, port))
}

/// Splits a host with an optional port that can start a URL. Unlike [`Host::parse`], it accepts every notation of an
/// IPv4 address that clients understand, such as `127.1`, because the sender has reached the server by it.
#[must_use]
pub fn split_authority(text: &str) -> Option<(&str, Option<u16>)> {
    let (host, port) = split_port(text)?;
    let is_host = Host::parse(host).is_some() || is_name(host.strip_suffix('.').unwrap_or(host));
    is_host.then_some((host, port))
}

fn is_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Whether the URL standard would read a name as an IPv4 address, because its last label is a number.
fn ends_in_number(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or_default();
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    last.bytes().all(|byte| byte.is_ascii_digit())
        || hex.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V4(address)) => address.fmt(f),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

/// An entry of `--allowed-hosts`: a host, or `*.example.com` for every name below `example.com`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum AllowedHost {
    Exactly(Host),
    /// Every name that ends with a dot and this one.
    Below(Box<str>),
}

impl AllowedHost {
    #[must_use]
    pub fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Exactly(own), host) => own == host,
            (Self::Below(domain), Host::Name(name)) => {
                name.strip_suffix(&**domain).is_some_and(|rest| rest.ends_with('.'))
            }
            (Self::Below(_), Host::Ip(_)) => false,
        }
    }
}

impl FromStr for AllowedHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let entry = match text.strip_prefix("*.") {
            Some(domain) => match Host::parse(domain) {
                Some(Host::Name(domain)) if is_open_to_all(&domain) => {
                    return Err(format!(
                        "{text:?} also covers hosts of strangers, because anyone can register a name below {domain}; use \
                         a domain of your own, such as *.example.{domain}"
                    ));
                }
                Some(Host::Name(domain)) => Some(Self::Below(domain)),
                _ => None,
            },
            None => Host::parse(text).map(Self::Exactly),
        };
        entry.ok_or_else(|| {
            format!(
                "{text:?} is not a host; write a name without scheme and port, such as mock.example.com, or \
                 *.example.com for every name below it"
            )
        })
    }
}

/// Second-level domains below which registries and hosting services give out names to anyone.
const SHARED_DOMAINS: [&str; 40] = [
    "co.uk",
    "org.uk",
    "ac.uk",
    "gov.uk",
    "me.uk",
    "com.au",
    "net.au",
    "org.au",
    "co.nz",
    "co.jp",
    "ne.jp",
    "or.jp",
    "com.br",
    "com.tr",
    "org.tr",
    "com.cn",
    "com.mx",
    "com.ar",
    "com.sg",
    "com.hk",
    "co.in",
    "co.kr",
    "co.za",
    "co.il",
    "com.tw",
    "com.ua",
    "com.pl",
    "github.io",
    "gitlab.io",
    "pages.dev",
    "workers.dev",
    "web.app",
    "firebaseapp.com",
    "herokuapp.com",
    "netlify.app",
    "vercel.app",
    "azurewebsites.net",
    "cloudfront.net",
    "ngrok.io",
    "nip.io",
];

/// Whether anyone can register a name below a domain: a public top-level domain, or a well-known public suffix of
/// several labels. The list is not complete, because the list of public suffixes changes weekly.
fn is_open_to_all(domain: &str) -> bool {
    if domain.contains('.') { SHARED_DOMAINS.contains(&domain) } else { !PRIVATE_DOMAINS.contains(&domain) }
}

impl TryFrom<String> for AllowedHost {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<AllowedHost> for String {
    fn from(entry: AllowedHost) -> Self {
        match entry {
            AllowedHost::Exactly(host) => host.to_string(),
            AllowedHost::Below(domain) => format!("*.{domain}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_cannot_be_registered_are_private() {
        for private in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "a.localhost",
            "xn--e1afmkfd.localhost",
            "docendorse",
            "my_service-1",
            "host.docker.internal",
            "printer.local",
            "mock.test",
            "Mock.Test.",
            "127.0.0.1",
            "8.8.8.8",
            "[::1]",
            "[::FFFF:127.0.0.1]",
        ] {
            assert!(Host::parse(private).is_some_and(|host| host.is_private()), "{private}");
        }
        for public in [
            "example.com",
            "evil.localhost.attacker.com",
            "localhost.com",
            "evil-localhost.com",
            "notlocal.xn--p1ai",
            "xn--80ak6aa92e.com",
            "127.0.0.1.nip.io",
            "test.example",
            "a.internal.com",
            "mylocalhost.io",
            "a.b",
        ] {
            assert!(Host::parse(public).is_some_and(|host| !host.is_private()), "{public}");
        }
    }

    #[test]
    fn a_host_that_browsers_read_differently_is_refused() {
        for wrong in [
            "",
            ".",
            "localhost..",
            ".localhost",
            "a..b",
            "2130706433",
            "0x7f000001",
            "0X7F.1",
            "127.1",
            "0177.0.0.1",
            "127.0.0.1.",
            "1.2.3.4.5",
            "256.0.0.1",
            "a.0x",
            "localhost@evil.com",
            "evil.com#localhost",
            "localhost/",
            "loc%61lhost",
            "lo calhost",
            "ℓocalhost",
            "localhost\\",
            "[::1",
            "::1",
            "[::1%25lo]",
            "[v1.a]",
            "[127.0.0.1]",
        ] {
            assert_eq!(Host::parse(wrong), None, "{wrong}");
        }
        let long = "a".repeat(64);
        assert_eq!(Host::parse(&long), None);
    }

    #[test]
    fn a_port_is_digits_or_nothing() {
        let localhost = Host::parse("localhost").unwrap();
        assert_eq!(Host::parse_with_port("localhost"), Some((localhost.clone(), None)));
        assert_eq!(Host::parse_with_port("localhost:"), Some((localhost.clone(), None)));
        assert_eq!(Host::parse_with_port("localhost:80"), Some((localhost, Some(80))));
        assert_eq!(Host::parse_with_port("[::1]:80"), Some((Host::parse("[::1]").unwrap(), Some(80))));
        for wrong in
            ["localhost:+80", "localhost:65536", "localhost:80:80", "localhost:a", ":80", "[::1]80", "a:b@c", ""]
        {
            assert_eq!(Host::parse_with_port(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_wildcard_covers_the_names_below_it() {
        let entry: AllowedHost = "*.Example.com".parse().unwrap();
        let covers = |name: &str| entry.covers(&Host::parse(name).unwrap());
        assert!(covers("a.example.com") && covers("a.b.EXAMPLE.com."));
        assert!(!covers("example.com") && !covers("badexample.com") && !covers("example.com.evil.com"));
        for wrong in ["*", "*.", "*.127.0.0.1", "a.*.com", "http://a.com", "a.com:80", "a.com/", "", "**.a.com"] {
            assert!(wrong.parse::<AllowedHost>().is_err(), "{wrong}");
        }
        for wide in ["*.com", "*.COM.", "*.xn--p1ai", "*.co.uk", "*.github.io", "*.intranet"] {
            let problem = wide.parse::<AllowedHost>().unwrap_err();
            assert!(problem.contains("also covers hosts of strangers"), "{wide}: {problem}");
        }
        for entry in [
            "*.example.com",
            "*.example.co.uk",
            "mock.example.com",
            "[::1]",
            "*.localhost",
            "*.test",
            "*.internal",
            "*.local",
        ] {
            assert_eq!(String::from(entry.parse::<AllowedHost>().unwrap()), entry);
        }
    }
}
