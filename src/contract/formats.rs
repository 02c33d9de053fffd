//! The formats that the contract asserts. The JSON Schema validator is handed these very functions.

/// A format of JSON Schema that the contract uses.
#[derive(Clone, Copy, Debug)]
pub(super) enum Format {
    Date,
    Email,
    Uri,
}

impl Format {
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
}

/// Whether a text is an email address (R4): a mailbox as RFC 5321 writes it, in ASCII; its domain made of labels that
/// DNS would take.
#[must_use]
pub fn is_email(text: &str) -> bool {
    is_plain_email(text) || is_any_email(text)
}

/// The mailboxes that people have: a few atoms, an at, a few labels. A subset of [`is_any_email`], and much quicker.
fn is_plain_email(text: &str) -> bool {
    let bytes = text.as_bytes();
    let Some(at) = bytes.iter().position(|byte| *byte == b'@') else { return false };
    let (local, domain) = (&bytes[..at], &bytes[at + 1..]);
    local.len() <= 64
        && domain.len() <= 180
        && local.split(|byte| *byte == b'.').all(|atom| {
            !atom.is_empty() && atom.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+-_".contains(byte))
        })
        && domain.split(|byte| *byte == b'.').all(is_label)
}

fn is_any_email(text: &str) -> bool {
    let options = email_address::Options::default().without_display_text();
    let Ok(address) = email_address::EmailAddress::parse_with_options(text, options) else { return false };
    let domain = address.domain();
    text.is_ascii() && (domain.starts_with('[') || domain.as_bytes().split(|byte| *byte == b'.').all(is_label))
}

fn is_label(bytes: &[u8]) -> bool {
    (1..=63).contains(&bytes.len())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-')
        && bytes[0] != b'-'
        && bytes[bytes.len() - 1] != b'-'
}

/// An absolute URI (RFC 3986): one that begins with a scheme.
pub(super) fn is_uri(text: &str) -> bool {
    fluent_uri::Uri::parse(text).is_ok()
}

/// `YYYY-MM-DD`, and a day that the calendar has.
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
    use proptest::prelude::*;

    #[test]
    fn emails() {
        for good in ["sam@example.com", "sam+tag@example.co.uk", "a@b", "\"a b\"@example.com", "o'neil@x-y.org"] {
            assert!(is_email(good), "{good}");
        }
        for bad in [
            "",
            "sam",
            "sam@",
            "@example.com",
            "a@b@c",
            "Sam <sam@example.com>",
            "sam@exa mple.com",
            "sam@-x.com",
            "sam@x..com",
            "sam@x.com.",
            ".sam@x.com",
            "sam@x_y.com",
            "söm@example.com",
            " sam@x.com",
            "sam@x.com\n",
        ] {
            assert!(!is_email(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_plain_email_is_an_email(text in "[a-zA-Z0-9.+_@!-]{0,12}@?[a-zA-Z0-9.-]{0,90}") {
            if is_plain_email(&text) {
                prop_assert!(is_any_email(&text), "{}", text);
            }
        }
    }

    #[test]
    fn uris() {
        for good in ["https://example.com/a.pdf", "http://h", "file:///tmp/x", "urn:a:b", "https://example.com/a%20b"] {
            assert!(is_uri(good), "{good}");
        }
        for bad in ["", "example.com/a.pdf", "//example.com/x", "/a", "https://exa mple.com", "https://x/%zz", "://x"] {
            assert!(!is_uri(bad), "{bad}");
        }
    }

    #[test]
    fn dates() {
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
