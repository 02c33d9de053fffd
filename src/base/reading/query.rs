//! Queries, and the two ways to read a `+` in one.

use super::{ReadError, Tree, quoted};
use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor};
use std::{borrow::Cow, fmt};

/// A value of a query in both readings of a `+` that is not written `%2B`: forms write a space that way, but people who
/// paste an address or a time into a URL mean the sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readings {
    /// As a form reads it: each `+` is a space.
    pub spaced: String,
    /// Each `+` is itself; `None` without one.
    pub plus: Option<String>,
}

impl Readings {
    fn of(raw: &str) -> Result<Self, ReadError> {
        let spaced = decode(&raw.replace('+', "%20"))?;
        let plus = raw.contains('+').then(|| decode(raw)).transpose()?;
        Ok(Self { spaced, plus })
    }

    /// Every reading, the one of forms first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.spaced).chain(self.plus.as_deref())
    }

    /// Whether one of the readings is this text.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.iter().any(|reading| reading == text)
    }

    /// The first reading that is of a type, else the error of the first.
    ///
    /// # Errors
    /// When no reading is of the type.
    pub fn parse<T, E>(&self, read: impl Fn(&str) -> Result<T, E>) -> Result<T, E> {
        read(&self.spaced).or_else(|error| match &self.plus {
            Some(plus) => read(plus).map_err(|_| error),
            None => Err(error),
        })
    }
}

/// The name under which the deserializer of a query hands over both readings.
pub(super) const READINGS: &str = "$docendorse_mock::Readings";

impl<'de> Deserialize<'de> for Readings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Both;

        impl<'de> Visitor<'de> for Both {
            type Value = Readings;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Readings, E> {
                Ok(Readings { spaced: text.to_owned(), plus: None })
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut both: A) -> Result<Readings, A::Error> {
                Ok(Readings { spaced: both.next_element()?.unwrap_or_default(), plus: both.next_element()? })
            }
        }

        deserializer.deserialize_newtype_struct(READINGS, Both)
    }
}

/// Reads the query of a URL. Each parameter can be given once.
///
/// # Errors
/// When a parameter is given twice, or is not UTF-8.
pub fn query(text: &str) -> Result<Tree<'static>, ReadError> {
    let mut parameters: Vec<(Cow<'static, str>, Tree<'static>)> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(&name.replace('+', "%20"))?;
        if parameters.iter().any(|(known, _)| *known == name) {
            return Err(ReadError::twice(&name));
        }
        if parameters.len() == MOST {
            return Err(ReadError::problem(format!("there are more than {MOST} parameters")));
        }
        let value = Readings::of(value).map_err(|error| error.below(&name))?;
        parameters.push((name.into(), Tree::Word(value)));
    }
    Ok(Tree::Object(parameters))
}

/// The most parameters of one query.
const MOST: usize = 100;

/// Undoes percent-encoding.
fn decode(text: &str) -> Result<String, ReadError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        let hex = |place: usize| behind.get(place).and_then(|digit| char::from(*digit).to_digit(16));
        if let (b'%', Some(high), Some(low)) = (byte, hex(0), hex(1)) {
            bytes.push(u8::try_from(high * 16 + low).unwrap_or_default());
            rest = &behind[2..];
        } else {
            bytes.push(*byte);
            rest = behind;
        }
    }
    String::from_utf8(bytes).map_err(|_| ReadError::problem(format!("{} is not percent-encoded UTF-8", quoted(text))))
}
