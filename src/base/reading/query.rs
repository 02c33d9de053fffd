//! Query strings, and the two meanings of `+` in them.

use super::{ReadError, Tree, quoted};
use serde::de::{Deserialize, DeserializeOwned, Deserializer, Error, IgnoredAny, Visitor};
use std::fmt;

/// A query value in both readings of an unencoded `+`: forms use it for a space, but people who paste an address or a
/// time into a URL mean a plus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readings {
    /// As a form: each `+` is a space.
    pub spaced: String,
    /// Each `+` is a plus; `None` without one.
    pub plus: Option<String>,
    /// The raw text from the query.
    pub(super) raw: String,
}

impl Readings {
    fn of(raw: &str) -> Result<Self, ReadError> {
        let spaced = decode(&raw.replace('+', "%20"))?;
        let plus = raw.contains('+').then(|| decode(raw)).transpose()?;
        Ok(Self { spaced, plus, raw: raw.to_owned() })
    }

    /// Every reading, the form reading first.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.spaced).chain(self.plus.as_deref())
    }

    /// Whether this text is a reading of the value, where each `+` can be a plus or a space.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        self.is_by(text, |byte, read| byte == read)
    }

    /// As [`Readings::is`], ignoring the case of ASCII letters.
    #[must_use]
    pub fn is_ignoring_case(&self, text: &str) -> bool {
        self.is_by(text, |byte, read| byte.eq_ignore_ascii_case(&read))
    }

    fn is_by(&self, text: &str, same: impl Fn(u8, u8) -> bool) -> bool {
        // Both readings have the same length, and each `+` is read independently.
        let plus = self.plus.as_ref().unwrap_or(&self.spaced);
        let mut readings = self.spaced.bytes().zip(plus.bytes());
        text.len() == plus.len()
            && text.bytes().all(|byte| readings.next().is_some_and(|(a, b)| same(byte, a) || same(byte, b)))
    }

    /// Parses JSON. Outside strings, only one reading of a `+` is valid JSON; inside a string, both are.
    ///
    /// # Errors
    /// When no reading matches the type, and when both do and the right one cannot be determined.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ReadError> {
        let is_json = |text: &str| serde_json::from_str::<IgnoredAny>(text).is_ok();
        match &self.plus {
            // A client that encodes like a form would encode a plus as well.
            Some(plus) if !is_form(&self.raw) && is_json(&self.spaced) && is_json(plus) => Err(ReadError::problem(
                "a + inside a text can be a plus or a space; write %2B for a plus and %20 for a space",
            )),
            _ => self.parse(|text| super::json(text.as_bytes())),
        }
    }

    /// The first reading that matches the type, or the error of the first one.
    ///
    /// # Errors
    /// When no reading matches the type.
    pub fn parse<T, E>(&self, read: impl Fn(&str) -> Result<T, E>) -> Result<T, E> {
        read(&self.spaced).or_else(|error| match &self.plus {
            Some(plus) => read(plus).map_err(|_| error),
            None => Err(error),
        })
    }
}

/// The name with which a type asks for the raw text of a query parameter, as bytes.
pub(super) const READINGS: &str = "$docendorse_mock::Readings";

impl<'de> Deserialize<'de> for Readings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Both;

        impl Visitor<'_> for Both {
            type Value = Readings;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }

            fn visit_str<E>(self, text: &str) -> Result<Readings, E> {
                Ok(Readings { spaced: text.to_owned(), plus: None, raw: text.to_owned() })
            }

            fn visit_bytes<E: Error>(self, raw: &[u8]) -> Result<Readings, E> {
                Readings::of(&String::from_utf8_lossy(raw)).map_err(E::custom)
            }
        }

        deserializer.deserialize_newtype_struct(READINGS, Both)
    }
}

/// Whether a raw value contains only characters that forms leave unencoded.
fn is_form(raw: &str) -> bool {
    raw.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"%+-._~*".contains(&byte))
}

/// Parses a query string. Each parameter can be given once.
///
/// # Errors
/// When a parameter is repeated or is not UTF-8.
pub fn query(text: &str) -> Result<Tree, ReadError> {
    let mut parameters: Vec<(String, Tree)> = Vec::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let name = decode(&name.replace('+', "%20"))?;
        if parameters.iter().any(|(known, _)| *known == name) {
            return Err(ReadError::twice(&name));
        }
        if parameters.len() == MOST {
            return Err(ReadError::problem(format!("more than {MOST} parameters; send fewer")));
        }
        let value = Readings::of(value).map_err(|error| error.below(&name))?;
        parameters.push((name, Tree::Word(value)));
    }
    Ok(Tree::Object(parameters))
}

/// Maximum number of parameters of a query.
const MOST: usize = 100;

/// Decodes percent-encoding.
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
    String::from_utf8(bytes)
        .map_err(|_| ReadError::problem(format!("{} is not percent-encoded UTF-8; write %C3%A9 for é", quoted(text))))
}
