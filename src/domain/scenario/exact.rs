//! JSON values whose numbers keep their text.

use super::{decimal::Decimal, steps::Steps};
use crate::base::reading::{EXACT, tag};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// A JSON value with exact numbers. The last one of duplicate members counts (R10).
#[derive(Clone, Debug)]
pub(super) enum Exact {
    Null,
    Bool(bool),
    Number(Decimal),
    Text(Box<str>),
    List(Vec<Self>),
    Object(BTreeMap<Box<str>, Self>),
}

impl Exact {
    /// Parses a JSON text; `None` if it is not JSON.
    pub(super) fn read(text: &[u8]) -> Option<Self> {
        let tagged = tag(std::str::from_utf8(text).ok()?);
        let mut json = serde_json::Deserializer::from_str(&tagged);
        let value = NumberReader { is_tagged: true }.deserialize(&mut json).ok()?;
        json.end().ok().map(|()| value)
    }

    /// Returns the value at a JSON pointer.
    pub(super) fn pointer(&self, pointer: &str) -> Option<&Self> {
        pointer.split('/').skip(1).try_fold(self, |value, segment| match value {
            Self::Object(members) => {
                if segment.contains('~') {
                    members.get(&*segment.replace("~1", "/").replace("~0", "~"))
                } else {
                    members.get(segment)
                }
            }
            Self::List(items) => {
                let is_index = segment == "0" || !segment.starts_with(['0', '+']);
                items.get(segment.parse::<usize>().ok().filter(|_| is_index)?)
            }
            _ => None,
        })
    }

    /// Whether two values are the same; numbers are compared by value. Long numbers cost steps.
    pub(super) fn is_same(&self, other: &Self, steps: &Steps) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(one), Self::Bool(other)) => one == other,
            (Self::Text(one), Self::Text(other)) => one == other,
            (Self::Number(one), Self::Number(other)) => steps.pay((one.len() + other.len()) as u64) && one == other,
            (Self::List(one), Self::List(other)) => {
                one.len() == other.len() && one.iter().zip(other).all(|(one, other)| one.is_same(other, steps))
            }
            (Self::Object(one), Self::Object(other)) => {
                one.len() == other.len()
                    && one
                        .iter()
                        .zip(other)
                        .all(|((key, value), (name, other))| key == name && value.is_same(other, steps))
            }
            _ => false,
        }
    }
}

impl From<&Value> for Exact {
    fn from(value: &Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Number(number) => Self::Number(number.into()),
            Value::String(text) => Self::Text(text.as_str().into()),
            Value::Array(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Object(members) => {
                Self::Object(members.iter().map(|(key, value)| (key.as_str().into(), value.into())).collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Exact {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        NumberReader { is_tagged: false }.deserialize(deserializer)
    }
}

/// Deserializes a value, from a text written by [`tag`] or from another source.
#[derive(Clone, Copy)]
struct NumberReader {
    is_tagged: bool,
}

impl<'de> DeserializeSeed<'de> for NumberReader {
    type Value = Exact;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Exact, D::Error> {
        if self.is_tagged {
            deserializer.deserialize_any(self)
        } else {
            deserializer.deserialize_newtype_struct(EXACT, self)
        }
    }
}

impl<'de> Visitor<'de> for NumberReader {
    type Value = Exact;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Exact, E> {
        Ok(Exact::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Exact, E> {
        Ok(Exact::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Exact, E> {
        Ok(Exact::Number(Decimal::from(&value.into())))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Exact, E> {
        Ok(Exact::Number(Decimal::from(&value.into())))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Exact, E> {
        let number = serde_json::Number::from_f64(value).ok_or_else(|| E::custom("a JSON number is finite"))?;
        Ok(Exact::Number(Decimal::from(&number)))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Exact, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_bytes<E: Error>(self, number: &[u8]) -> Result<Exact, E> {
        Decimal::of_bytes(number).map(Exact::Number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Exact, E> {
        if !self.is_tagged {
            return Ok(Exact::Text(text.into()));
        }
        if let Some(text) = text.strip_prefix('s') {
            return Ok(Exact::Text(text.into()));
        }
        let number = text.strip_prefix('n').and_then(Decimal::parse);
        number.map(Exact::Number).ok_or_else(|| E::custom("not a number"))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Exact, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Exact::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Exact, A::Error> {
        let mut object = BTreeMap::new();
        while let Some(key) = members.next_key::<String>()? {
            let key = match (self.is_tagged, key.strip_prefix('s')) {
                (false, _) => key.into(),
                (true, Some(key)) => key.into(),
                (true, None) => return Err(A::Error::custom("a key is a string")),
            };
            object.insert(key, members.next_value_seed(self)?);
        }
        Ok(Exact::Object(object))
    }
}

impl fmt::Display for Exact {
    /// Writes the value as JSON.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| serde_json::to_string(text).map_err(|_| fmt::Error);
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Number(number) => write!(formatter, "{number}"),
            Self::Text(text) => formatter.write_str(&quoted(text)?),
            Self::List(items) => {
                formatter.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    write!(formatter, "{}{item}", if place > 0 { "," } else { "" })?;
                }
                formatter.write_str("]")
            }
            Self::Object(members) => {
                formatter.write_str("{")?;
                for (place, (key, value)) in members.iter().enumerate() {
                    write!(formatter, "{}{}:{value}", if place > 0 { "," } else { "" }, quoted(key)?)?;
                }
                formatter.write_str("}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_texts_keep_their_notation() {
        let text = r#"{"a\"1":[1.50,-0,1e400,"n1","s\\",""],"n":{"":null,"é":true}}"#;
        assert_eq!(Exact::read(text.as_bytes()).unwrap().to_string(), text);
    }

    #[test]
    fn invalid_json_is_not_read() {
        for text in ["", "01", "1 2", "{1:2}", "[1,]", "-", "\"", "{\"a\":1", "1\"a\"", "nan", "[\"\\x\"]", "1.e5"] {
            assert!(Exact::read(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn a_pointer_finds_what_a_value_finds() {
        let text = r#"{"a/b":{"~":[7,8]},"0":1,"":2}"#;
        let (exact, value) = (Exact::read(text.as_bytes()).unwrap(), serde_json::from_str::<Value>(text).unwrap());
        for pointer in ["", "/a~1b/~0/1", "/a~1b/~0/01", "/a~1b/~0/+1", "/0", "/", "/a", "/a~1b/~0/2", "/0/0"] {
            let found = value.pointer(pointer).map(|value| Exact::from(value).to_string());
            assert_eq!(exact.pointer(pointer).map(Exact::to_string), found, "{pointer}");
        }
    }

    proptest! {
        #[test]
        fn a_text_is_read_when_serde_json_reads_it(text in r#"[-"\\ 0-9.+eE{}:,a\[\]]{0,24}"#) {
            let value: Option<Value> = serde_json::from_str(&text).ok();
            let exact = Exact::read(text.as_bytes());
            prop_assert_eq!(value.is_some(), exact.is_some(), "{}", text);
            if let (Some(value), Some(exact)) = (value, exact) {
                prop_assert_eq!(std::mem::discriminant(&exact), std::mem::discriminant(&Exact::from(&value)));
            }
        }
    }
}
