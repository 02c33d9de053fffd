//! The ids of envelopes, recipients and agents.
//!
//! The id of a recipient or an agent starts with the digits of its envelope, so that the envelope is found without an
//! index. To callers, ids are opaque (G1, G2).

use crate::base::schema;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, str::FromStr};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// The id of an envelope: `env_` and 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EnvelopeId(pub u64);

/// The id of a recipient: `rcp_`, the digits of its envelope, and 8 digits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecipientId {
    pub envelope: EnvelopeId,
    /// Its number in the envelope; never reused.
    pub number: u32,
}

/// The id of an agent: `agt_`, the digits of its envelope, and 8 digits of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentId {
    pub envelope: EnvelopeId,
    /// Its number in the envelope; never reused.
    pub number: u32,
}

/// The error for a text that is not an id of the expected kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("write {0:?} followed by {1} lower-case hexadecimal digits")]
pub struct IdError(&'static str, usize);

const ENVELOPE: &str = "env_";
const RECIPIENT: &str = "rcp_";
const AGENT: &str = "agt_";

impl fmt::Display for EnvelopeId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{ENVELOPE}{:016x}", self.0)
    }
}

impl fmt::Display for RecipientId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{RECIPIENT}{:016x}{:08x}", self.envelope.0, self.number)
    }
}

impl fmt::Display for AgentId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{AGENT}{:016x}{:08x}", self.envelope.0, self.number)
    }
}

impl FromStr for EnvelopeId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let error = IdError(ENVELOPE, 16);
        digits(text, ENVELOPE, 16).and_then(number).map(Self).ok_or(error)
    }
}

impl FromStr for RecipientId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (envelope, number) = parts(text, RECIPIENT).ok_or(IdError(RECIPIENT, 24))?;
        Ok(Self { envelope, number })
    }
}

impl FromStr for AgentId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let (envelope, number) = parts(text, AGENT).ok_or(IdError(AGENT, 24))?;
        Ok(Self { envelope, number })
    }
}

fn digits<'t>(text: &'t str, prefix: &str, count: usize) -> Option<&'t str> {
    let digits = text.strip_prefix(prefix)?;
    let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    (digits.len() == count && digits.bytes().all(is_hex)).then_some(digits)
}

fn number(digits: &str) -> Option<u64> {
    u64::from_str_radix(digits, 16).ok()
}

fn parts(text: &str, prefix: &str) -> Option<(EnvelopeId, u32)> {
    let (envelope, own) = digits(text, prefix, 24)?.split_at(16);
    Some((EnvelopeId(number(envelope)?), u32::try_from(number(own)?).ok()?))
}

macro_rules! as_text {
    ($($id:ty: $pattern:literal, $example:literal;)*) => {$(
        impl PartialSchema for $id {
            fn schema() -> RefOr<Schema> {
                schema::id($pattern, $example).into()
            }
        }

        impl ToSchema for $id {}

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                text.parse().map_err(|error: IdError| D::Error::custom(format!("{text:?} is not an id of this kind; {error}")))
            }
        }
    )*};
}

as_text! {
    EnvelopeId: "^env_[0-9a-f]{16}$", "env_0d8ef5f2b39d3a7e";
    RecipientId: "^rcp_[0-9a-f]{24}$", "rcp_0d8ef5f2b39d3a7e00000001";
    AgentId: "^agt_[0-9a-f]{24}$", "agt_0d8ef5f2b39d3a7e00000001";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_and_leads_to_its_envelope() {
        let envelope = EnvelopeId(0x0d8e_f5f2_b39d_3a7e);
        let agent = AgentId { envelope, number: 0x1f };
        assert_eq!(envelope.to_string(), "env_0d8ef5f2b39d3a7e");
        assert_eq!(agent.to_string(), "agt_0d8ef5f2b39d3a7e0000001f");
        assert_eq!(agent.to_string().parse(), Ok(agent));
        assert_eq!(envelope.to_string().parse(), Ok(envelope));
        let recipient = RecipientId { envelope, number: 7 };
        assert_eq!(recipient.to_string().parse(), Ok(recipient));
    }

    #[test]
    fn an_invalid_id_is_not_parsed() {
        for text in
            ["", "env_", "env_0D8EF5F2B39D3A7E", "env_0d8ef5f2b39d3a7", "agt_0d8ef5f2b39d3a7e", "env_+d8ef5f2b39d3a7e"]
        {
            assert!(text.parse::<EnvelopeId>().is_err(), "{text}");
            assert!(text.parse::<AgentId>().is_err(), "{text}");
        }
    }
}
