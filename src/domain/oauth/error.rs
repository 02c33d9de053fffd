//! The errors of the token endpoint (T5; RFC 6749, 5.2).

use crate::base::position::shorten;
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write};

/// The `error` of an answer of the token endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// A parameter is missing, is there twice, or makes no sense.
    InvalidRequest,
    /// The client is not known, or does not prove that it is who it says.
    InvalidClient,
    /// The assertion cannot be accepted.
    InvalidGrant,
    /// The client may not use this grant.
    UnauthorizedClient,
    UnsupportedGrantType,
    /// The scope is missing, unknown, or more than the client may have.
    InvalidScope,
}

impl ErrorCode {
    /// RFC 6749's word for it.
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

/// A refusal of the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {description}", code.as_str())]
pub struct TokenError {
    pub code: ErrorCode,
    /// What exactly is wrong, and the fix, in characters that RFC 6749 allows.
    pub description: String,
}

impl TokenError {
    /// A refusal. Characters that an `error_description` must not have are replaced.
    #[must_use]
    pub fn new(code: ErrorCode, description: &str) -> Self {
        Self { code, description: shorten(description).chars().map(allowed).collect() }
    }
}

/// `%x20-21 / %x23-5B / %x5D-7E`: printable ASCII without the double quote and the backslash.
fn allowed(char: char) -> char {
    match char {
        '"' => '\'',
        '\\' => '/',
        ' '..='~' => char,
        _ => '?',
    }
}

/// A text that came from outside, quoted for an `error_description`; a long one is cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Quoted<'a>(pub(super) &'a str);

/// The most characters of a text that are shown.
const SHOWN: usize = 80;

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_char('\'')?;
        for char in self.0.chars().take(SHOWN) {
            formatter.write_char(allowed(char))?;
        }
        formatter.write_str(if self.0.chars().nth(SHOWN).is_some() { "...'" } else { "'" })
    }
}
