//! The errors of the token endpoint (T5; RFC 6749, 5.2).

use crate::base::position::shorten;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// The `error` of an answer of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A parameter is missing, repeated or invalid.
    InvalidRequest,
    /// The client is unknown or fails to authenticate.
    InvalidClient,
    /// The assertion cannot be accepted.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    UnsupportedGrantType,
    /// The scope is missing, unknown, or more than the client is allowed.
    InvalidScope,
}

impl ErrorCode {
    /// The name in RFC 6749.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidRequest => "invalid_request",
            Self::InvalidClient => "invalid_client",
            Self::InvalidGrant => "invalid_grant",
            Self::UnauthorizedClient => "unauthorized_client",
            Self::UnsupportedGrantType => "unsupported_grant_type",
            Self::InvalidScope => "invalid_scope",
        }
    }

    #[must_use]
    pub fn http_status(self) -> u16 {
        if self == Self::InvalidClient { 401 } else { 400 }
    }
}

/// An error of the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct TokenError {
    pub code: ErrorCode,
    /// What exactly is wrong, and the fix, in characters that RFC 6749 allows.
    pub description: String,
}

impl TokenError {
    /// Creates an error. Characters that `error_description` must not contain are transliterated.
    #[must_use]
    pub fn new(code: ErrorCode, description: &str) -> Self {
        Self { code, description: transliterated(&shorten(description)) }
    }
}

/// Converts a text to the characters that RFC 6749 allows: `%x20-21 / %x23-5B / %x5D-7E`, which is printable ASCII
/// without the double quote and the backslash.
///
/// Double quotes become single quotes, even if escaped; other punctuation becomes its ASCII equivalent. Everything else
/// is percent-encoded, so that it can be decoded again.
fn transliterated(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match (char, chars.peek()) {
            // The escaped quotes in a text that a message quotes.
            ('\\', Some('"')) => {}
            ('\\', Some('\\')) => {
                chars.next();
                written.push_str("%5C");
            }
            _ => push_allowed(&mut written, char),
        }
    }
    written
}

fn push_allowed(written: &mut String, char: char) {
    match char {
        '"' | '‘' | '’' | '“' | '”' => written.push('\''),
        '…' => written.push_str("..."),
        '–' | '—' => written.push('-'),
        '\u{a0}' => written.push(' '),
        '\\' => written.push_str("%5C"),
        ' '..='~' => written.push(char),
        _ => {
            let mut bytes = [0; 4];
            for byte in char.encode_utf8(&mut bytes).bytes() {
                // Writing to a string cannot fail.
                let _ = write!(written, "%{byte:02X}");
            }
        }
    }
}

/// A text from outside, quoted and shortened for an `error_description`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted<'a>(pub(super) &'a str);

/// Maximum number of characters shown of a text.
const SHOWN: usize = 80;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = String::new();
        self.0.chars().take(SHOWN).for_each(|char| push_allowed(&mut shown, char));
        let cut = if self.0.chars().nth(SHOWN).is_some() { "..." } else { "" };
        write!(formatter, "'{shown}{cut}'")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_keeps_its_fix_in_allowed_characters() {
        for (text, written) in [
            ("give another one with | default('…')", "give another one with | default('...')"),
            ("write both, such as \\ud83d\\ude00", "write both, such as %5Cud83d%5Cude00"),
            (r#""{{ request.scope ~ \"\\n\" }}""#, "'{{ request.scope ~ '%5Cn' }}'"),
            ("“a” – b\u{a0}c", "'a' - b c"),
            ("é\n", "%C3%A9%0A"),
        ] {
            let description = TokenError::new(ErrorCode::InvalidGrant, text).description;
            assert_eq!(description, written);
        }
        assert_eq!(Quoted("a\"é\\").to_string(), "'a'%C3%A9%5C'");
    }
}
