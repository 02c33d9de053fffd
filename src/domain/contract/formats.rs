//! The formats that the contract uses. The JSON Schema validator calls these same functions.

use super::hosts;

/// A JSON Schema format that the contract uses.
#[derive(Clone, Copy, Debug)]
pub(super) enum StringFormat {
    Date,
    Email,
    Uri,
}

impl StringFormat {
    pub(super) fn named(name: &str) -> Option<Self> {
        match name {
            "date" => Some(Self::Date),
            "email" => Some(Self::Email),
            "uri" => Some(Self::Uri),
            _ => None,
        }
    }

    pub(super) fn is_match(self, text: &str) -> bool {
        match self {
            Self::Date => is_date(text),
            Self::Email => is_email(text),
            Self::Uri => is_uri(text),
        }
    }

    /// The rule that a text violates, if the format has several.
    pub(super) fn problem(self, text: &str) -> Option<&'static str> {
        match self {
            Self::Date => None,
            Self::Email => email_problem(text),
            Self::Uri => fluent_uri::Uri::parse(text).ok().and_then(|uri| host_problem(&uri)),
        }
    }

    /// The code and message of the advice for a valid text.
    pub(super) fn advice(self, text: &str) -> Option<(&'static str, String)> {
        match self {
            Self::Date => None,
            Self::Email => email_advice(text),
            Self::Uri => uri_advice(text),
        }
    }
}

/// Whether a text is an email address (R13).
#[must_use]
pub fn is_email(text: &str) -> bool {
    email_problem(text).is_none()
}

/// The rule of R13 that a text violates. An address must be a dot-atom of RFC 5321 at a domain name, either of them
/// possibly internationalised (RFC 6531). A domain with a single label is valid (RFC 5321, 4.1.2).
#[must_use]
pub fn email_problem(text: &str) -> Option<&'static str> {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return Some(if text.is_empty() { "it is empty" } else { "it has no \"@\"" });
    };
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        Some("it begins or ends with a space or a line break; remove it")
    } else if local.is_empty() {
        Some("nothing precedes the \"@\"")
    } else if local.starts_with('"') {
        Some("a local part in quotes is not accepted")
    } else if local.contains('@') {
        Some("it has more than one \"@\"")
    } else if local.len() > 64 {
        Some("the part before the \"@\" has more than 64 octets")
    } else if local.split('.').any(str::is_empty) {
        Some("the local part begins or ends with a dot, or has two in a row")
    } else if !local.chars().all(is_atext) {
        Some("the part before the \"@\" has a character that needs quotes")
    } else {
        domain_problem(domain).or((text.len() > 254).then_some("it has more than 254 octets"))
    }
}

fn is_atext(char: char) -> bool {
    let is_word = char.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(char);
    is_word || !char.is_ascii() && !char.is_control() && !char.is_whitespace()
}

fn domain_problem(domain: &str) -> Option<&'static str> {
    if domain.is_empty() {
        return Some("nothing follows the \"@\"");
    }
    if domain.starts_with('[') {
        return Some("an address literal is not accepted; use a domain name");
    }
    // Some readers treat the characters that look like a dot as separators (RFC 3490), others as letters.
    let is_letter = |char: char| {
        char.is_ascii_alphanumeric()
            || char == '-'
            || !(char.is_ascii()
                || char.is_control()
                || char.is_whitespace()
                || "\u{3002}\u{FF0E}\u{FF61}".contains(char))
    };
    domain.split('.').find_map(|label| {
        if label.is_empty() {
            Some("the domain has an empty label")
        } else if label.len() > 63 {
            Some("a label of the domain has more than 63 octets")
        } else if label.starts_with('-') || label.ends_with('-') {
            Some("a label of the domain begins or ends with a hyphen")
        } else if !label.chars().all(is_letter) {
            Some("the domain has a character other than letters, digits and hyphens")
        } else {
            None
        }
    })
}

/// The code and message of the advice for a valid email address.
fn email_advice(text: &str) -> Option<(&'static str, String)> {
    if !text.is_ascii() {
        let message = "is internationalised (RFC 6531), which not every mail system supports; --email ascii rejects it";
        return Some(("internationalised_email", message.to_owned()));
    }
    let domain = text.rsplit_once('@').map_or("", |(_, domain)| domain);
    (!domain.contains('.')).then(|| {
        let message = format!("is at {domain:?}, a single-label domain, which external mail cannot reach");
        ("single_label_domain", message)
    })
}

/// Whether a text is an absolute URI (RFC 3986) and, for http and https, names a host (RFC 9110, 4.2).
pub(super) fn is_uri(text: &str) -> bool {
    fluent_uri::Uri::parse(text).is_ok_and(|uri| host_problem(&uri).is_none())
}

/// The rule about hosts that a syntactically valid URI violates.
fn host_problem(uri: &fluent_uri::Uri<&str>) -> Option<&'static str> {
    let has_host = uri.authority().is_some_and(|authority| !authority.host().is_empty());
    (is_http(uri.scheme().as_str()) && !has_host).then_some("an http or https URL needs a host")
}

fn is_http(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

/// The advice for the URI of a file, which the service must be able to fetch (R8).
fn uri_advice(text: &str) -> Option<(&'static str, String)> {
    let uri = fluent_uri::Uri::parse(text).ok()?;
    let scheme = uri.scheme().as_str();
    if !is_http(scheme) {
        let message = format!("has the scheme {scheme:?}; files must be publicly accessible over http or https");
        return Some(("file_url_scheme", message));
    }
    let host = uri.authority()?.host();
    let kind = hosts::private_kind(&percent_decoded(host))?;
    Some(("private_file_url", format!("has the host {host:?}, {kind}; files must be publicly accessible")))
}

/// A host as used for lookup; registered names may be percent-encoded.
fn percent_decoded(host: &str) -> String {
    if host.starts_with('[') || !host.contains('%') {
        return host.to_owned();
    }
    let plain = host.replace('+', "%2B");
    form_urlencoded::parse(plain.as_bytes()).next().map_or_else(|| host.to_owned(), |(host, _)| host.into_owned())
}

/// Whether a text is an existing day as `YYYY-MM-DD`.
pub(super) fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() != 10 || bytes[4] != b'-' || bytes[7] != b'-' {
        return false;
    }
    let number = |range: std::ops::Range<usize>| {
        let digits = &bytes[range];
        let all = digits.iter().all(u8::is_ascii_digit);
        all.then(|| digits.iter().fold(0_i16, |number, digit| number * 10 + i16::from(digit - b'0')))
    };
    let (Some(year), Some(month), Some(day)) = (number(0..4), number(5..7), number(8..10)) else {
        return false;
    };
    match (i8::try_from(month), i8::try_from(day)) {
        (Ok(month), Ok(day)) => jiff::civil::Date::new(year, month, day).is_ok(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_email_passes_or_names_the_broken_rule() {
        let long = format!("{}@{}", "a".repeat(64), ["b".repeat(63), "c".repeat(63), "d".repeat(61)].join("."));
        assert_eq!(long.len(), 254);
        let octets = format!("{}@example.com", "\u{E9}".repeat(32));
        for good in [
            "sam@example.com",
            "sam+tag@example.co.uk",
            "a@b",
            "sam@localhost",
            "o'neil@x-y.org",
            "a!#$%&'*+-/=?^_`{|}~b@x.y",
            "s\u{F6}m@example.com",
            "sam@b\u{FC}cher.example",
            "sam@xn--bcher-kva.example",
            "1@2.3",
            &long,
            &octets,
        ] {
            assert_eq!(email_problem(good), None, "{good}");
        }
        for (bad, rule) in [
            ("", "empty"),
            ("sam", "no \"@\""),
            ("sam@", "nothing follows"),
            ("@example.com", "nothing precedes"),
            ("a@b@c", "more than one"),
            ("Sam <sam@example.com>", "needs quotes"),
            ("\"a b\"@example.com", "in quotes"),
            ("sam@[127.0.0.1]", "address literal"),
            ("sam@exa mple.com", "character other than"),
            ("sam@-x.com", "hyphen"),
            ("sam@x-.com", "hyphen"),
            ("sam@x..com", "empty label"),
            ("sam@x.com.", "empty label"),
            ("sam@.com", "empty label"),
            (".sam@x.com", "dot"),
            ("sam.@x.com", "dot"),
            ("s..m@x.com", "dot"),
            ("sam@x_y.com", "character other than"),
            ("sam@x\u{3002}com", "character other than"),
            (" sam@x.com", "begins or ends with a space"),
            ("s\u{A0}m@x.com", "needs quotes"),
            ("sam@x.com\n", "begins or ends with a space or a line break"),
            (&format!("{}@x.com", "a".repeat(65)), "64 octets"),
            (&format!("{}@x.com", "\u{E9}".repeat(33)), "64 octets"),
            (&format!("sam@{}.com", "a".repeat(64)), "63 octets"),
            (&format!("{long}e"), "254 octets"),
        ] {
            let problem = email_problem(bad).unwrap_or_else(|| panic!("{bad} passes"));
            assert!(problem.contains(rule), "{bad}: {problem}");
        }
    }

    #[test]
    fn only_uris_with_scheme_and_host_pass() {
        for good in [
            "https://example.com/a.pdf",
            "http://h",
            "file:///tmp/x",
            "urn:a:b",
            "https://example.com/a%20b",
            "HTTPS://h:8",
            "http://u@h/",
            "http://[::1]/",
        ] {
            assert!(is_uri(good), "{good}");
        }
        for bad in [
            "",
            "example.com/a.pdf",
            "//example.com/x",
            "/a",
            "https://exa mple.com",
            "https://x/%zz",
            "://x",
            "https://",
            "http:",
            "https:///x",
            "http://:80/",
            "http://@/",
            "http://?x",
            "http:/a",
            "https:a.pdf",
            "HTTP://#a",
        ] {
            assert!(!is_uri(bad), "{bad}");
        }
    }

    #[test]
    fn urls_that_the_public_cannot_fetch_draw_an_advice() {
        for (url, code) in [
            ("ftp://example.com/a", "file_url_scheme"),
            ("data:,x", "file_url_scheme"),
            ("http://localhost:8080/a", "private_file_url"),
            ("https://u:p@10.0.0.1/a", "private_file_url"),
            ("https://0x7f000001/a", "private_file_url"),
            ("https://[::1]/a", "private_file_url"),
            ("https://loc%61lhost/a", "private_file_url"),
        ] {
            assert_eq!(uri_advice(url).map(|(code, _)| code), Some(code), "{url}");
        }
        assert_eq!(uri_advice("https://example.com/a"), None);
    }

    #[test]
    fn only_existing_calendar_days_pass() {
        for good in ["2026-03-01", "2024-02-29", "0000-01-01", "9999-12-31"] {
            assert!(is_date(good), "{good}");
        }
        for bad in [
            "",
            "2026-3-1",
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-01-32",
            "20260301",
            "2026-03-01T00:00:00Z",
            "+026-03-01",
            "２０２６-03",
        ] {
            assert!(!is_date(bad), "{bad}");
        }
    }
}
