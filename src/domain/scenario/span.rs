//! Spans of time in a scenario: of the sandbox's time, and of real time, which is bounded.

use crate::base::{chance, reading::quoted};
use jiff::SignedDuration;
use serde::Deserialize;
use std::time::Duration;

/// The longest that anything in a scenario takes in real time.
pub const LONGEST: Duration = Duration::from_secs(MOST_SECONDS);

const MOST_SECONDS: u64 = 600;

/// A span of real time, [`LONGEST`] at most.
pub type Wait = chance::Stretch<MOST_SECONDS>;

/// How long an answer is held back, in real time, [`LONGEST`] at most.
pub type Delay = chance::Delay<MOST_SECONDS>;

/// A span of the sandbox's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Span(pub SignedDuration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        chance::read_span(&text).map(Self)
    }
}

/// How long a token lives, at least a second.
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
