//! Durations in a scenario: of sandbox time, and of real time, which is limited.

use crate::base::{chance, reading::quoted};
use jiff::SignedDuration;
use serde::Deserialize;
use std::time::Duration;

/// The longest that anything in a scenario can take in real time.
pub const LONGEST: Duration = Duration::from_secs(MOST_SECONDS);

const MOST_SECONDS: u64 = 600;

/// A duration of real time, at most [`LONGEST`].
pub type Wait = chance::Stretch<MOST_SECONDS>;

/// How long an answer is delayed, in real time, at most [`LONGEST`].
pub type Delay = chance::Delay<MOST_SECONDS>;

/// A duration of sandbox time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub SignedDuration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        chance::read_span(&text).map(Self)
    }
}

/// The lifetime of a token, at least a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Lifetime(pub(super) SignedDuration);

impl TryFrom<String> for Lifetime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match chance::read_span(&text)? {
            span if span.as_secs() < 1 => Err(format!("{} is too short; write at least 1s", quoted(&text))),
            span => Ok(Self(span)),
        }
    }
}
