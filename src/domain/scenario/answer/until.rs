//! The forms of `until`: a word, or an object with a number of attempts or a duration.

use super::{Span, Until};
use crate::base::reading::{nearest, quoted};
use serde::{
    Deserialize, Deserializer,
    de::{Error, IgnoredAny, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, num::NonZeroU32};

const WORDS: [&str; 3] = ["email_verified", "subscribed", "registered"];

/// An object as written in a file, and the words that are not objects.
#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum UntilFile {
    Attempts(#[serde(deserialize_with = "attempts")] NonZeroU32),
    After(Span),
    EmailVerified(IgnoredAny),
    Subscribed(IgnoredAny),
    Registered(IgnoredAny),
}

/// A number of attempts. An error of this function is reported at the number, unlike an error of the type.
fn attempts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let count = u32::deserialize(deserializer)?;
    NonZeroU32::new(count).ok_or_else(|| D::Error::custom("0 attempts are not enough; write 1 or more"))
}

impl<'de> Deserialize<'de> for Until {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(UntilVisitor)
    }
}

struct UntilVisitor;

impl UntilVisitor {
    fn wrong<E: Error>(came: &str) -> E {
        let words = WORDS.map(|word| format!("{word:?}")).join(", ");
        let meant = nearest(came, &WORDS).map_or(String::new(), |word| format!("; did you mean {word:?}?"));
        let came = quoted(came);
        E::custom(match &*meant {
            "" => format!("{came} is not one of {words}; write one of them, {{ attempts: 2 }} or {{ after: 5m }}"),
            _ => format!("{came} is not one of {words}{meant}"),
        })
    }
}

impl<'de> Visitor<'de> for UntilVisitor {
    type Value = Until;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a word such as subscribed, or an object with \"attempts\" or \"after\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Until, E> {
        match text {
            "email_verified" => Ok(Until::EmailVerified),
            "subscribed" => Ok(Until::Subscribed),
            "registered" => Ok(Until::Registered),
            "attempts" => Err(E::custom("\"attempts\" needs a number; write { attempts: 2 }")),
            "after" => Err(E::custom("\"after\" needs a span of time; write { after: 5m }")),
            other => Err(Self::wrong(other)),
        }
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Until, E> {
        Err(E::custom(format!("{number} alone has no meaning here; write {{ attempts: {} }}", number.max(1))))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Until, E> {
        Err(Self::wrong(&number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Until, E> {
        Err(Self::wrong(&number.to_string()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Until, E> {
        Err(Self::wrong(&value.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Until, E> {
        Err(E::custom("the value is missing; add one, or remove the key"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, _: A) -> Result<Until, A::Error> {
        Err(A::Error::custom("a list is not allowed here; write a word such as subscribed, or { attempts: 2 }"))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Until, A::Error> {
        let alone = |word: &str| Err(A::Error::custom(format!("{word:?} takes no value; write until: {word}")));
        match UntilFile::deserialize(MapAccessDeserializer::new(map))? {
            UntilFile::Attempts(count) => Ok(Until::Attempts(count)),
            UntilFile::After(span) => Ok(Until::After(span)),
            UntilFile::EmailVerified(_) => alone("email_verified"),
            UntilFile::Subscribed(_) => alone("subscribed"),
            UntilFile::Registered(_) => alone("registered"),
        }
    }
}
