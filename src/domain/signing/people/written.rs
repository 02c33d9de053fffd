//! Rules and habits as written in files, in short or in full.

use super::{Behaviour, Declines, Habit, InsteadOf, LONGEST, Rule};
use crate::base::{
    chance::{Delay, Lognormal, Probability, Stretch, WrittenDelay, numbers_have_no_unit},
    glob::Glob,
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::fmt;

/// A rule as written in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "person")]
pub(super) struct RuleFile {
    #[serde(default = "anybody")]
    agent: String,
    #[serde(default)]
    opens: Habit,
    #[serde(default)]
    accepts: Habit,
    #[serde(default)]
    declines: Declines,
    #[serde(default)]
    signs: Habit,
}

fn anybody() -> String {
    "*".to_owned()
}

impl TryFrom<RuleFile> for Rule {
    type Error = String;

    fn try_from(file: RuleFile) -> Result<Self, String> {
        let RuleFile { agent, opens, accepts, declines, signs } = file;
        let behaviour = Behaviour { opens, accepts, declines, signs };
        Ok(Self { agent: Glob::parse_lower_case(&agent)?, behaviour })
    }
}

/// A habit written in full.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "habit")]
struct HabitFile {
    #[serde(default, deserialize_with = "not_null")]
    after: Option<Delay<LONGEST>>,
    #[serde(default, deserialize_with = "not_null")]
    probability: Option<Probability>,
    #[serde(default, deserialize_with = "not_null")]
    instead_of: Option<InsteadOf>,
    #[serde(default, deserialize_with = "not_null")]
    uniform: Option<Vec<Stretch<LONGEST>>>,
    #[serde(default, deserialize_with = "not_null")]
    lognormal: Option<Lognormal<LONGEST>>,
}

/// A member that must have a value if it is given.
fn not_null<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    match Option::deserialize(deserializer)? {
        None => Err(D::Error::custom("null is not allowed here; write a value, or leave the member out")),
        some => Ok(some),
    }
}

impl TryFrom<HabitFile> for Written {
    type Error = &'static str;

    fn try_from(file: HabitFile) -> Result<Self, &'static str> {
        let HabitFile { after, probability, instead_of, uniform, lognormal } = file;
        if after.is_none() && probability.is_none() && instead_of.is_none() && uniform.is_none() && lognormal.is_none()
        {
            return Err("the object is empty; write a span such as 5m, or never");
        }
        let drawn = match (uniform, lognormal) {
            (None, None) => None,
            (Some(spans), None) => Some(Delay::try_from(WrittenDelay::Uniform(spans))?),
            (None, Some(lognormal)) => Some(Delay::try_from(WrittenDelay::Lognormal(lognormal))?),
            (Some(_), Some(_)) => return Err("\"uniform\" and \"lognormal\" cannot be given together"),
        };
        let after = match (after, drawn) {
            (Some(after), None) | (None, Some(after)) => after,
            (None, None) => Delay::Fixed(std::time::Duration::ZERO),
            (Some(_), Some(_)) => return Err("put \"uniform\" or \"lognormal\" inside \"after\", or remove \"after\""),
        };
        Ok(Self { habit: Habit { after, probability: probability.unwrap_or(Probability::CERTAIN) }, instead_of })
    }
}

/// `never`, a duration, a random duration, or an object with `after` and `probability`.
struct Written {
    habit: Habit,
    instead_of: Option<InsteadOf>,
}

impl<'de> Deserialize<'de> for Written {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WrittenVisitor)
    }
}

struct WrittenVisitor;

impl<'de> Visitor<'de> for WrittenVisitor {
    type Value = Written;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(
            "never, a span such as 5m, or an object with \"after\", \"probability\", \"uniform\" or \"lognormal\"",
        )
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Written, E> {
        if text == "never" {
            return Ok(Written { habit: Habit::NEVER, instead_of: None });
        }
        let after = Delay::deserialize(serde::de::value::StrDeserializer::<E>::new(text))?;
        Ok(Written { habit: Habit { after, probability: Probability::CERTAIN }, instead_of: None })
    }

    numbers_have_no_unit!(Written);

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Written, A::Error> {
        Err(A::Error::custom("a list is not a span of time; write one such as 5m, or {uniform: [1m, 2h]}"))
    }

    fn visit_unit<E: Error>(self) -> Result<Written, E> {
        Err(E::custom("the value is missing; add one, or remove the key"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Written, A::Error> {
        HabitFile::deserialize(MapAccessDeserializer::new(map))?.try_into().map_err(A::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Habit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Written::deserialize(deserializer)? {
            Written { habit, instead_of: None } => Ok(habit),
            _ => Err(D::Error::custom("only \"declines\" takes \"instead_of\"")),
        }
    }
}

impl<'de> Deserialize<'de> for Declines {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Written { habit, instead_of } = Written::deserialize(deserializer)?;
        Ok(Self { habit, instead_of: instead_of.unwrap_or_default() })
    }
}
