//! A deserializer over a [`Tree`] that tracks its location.

use super::{ReadError, Tree, error::escape, number::whole, query::READINGS};
use crate::base::{position::brief, times};
use serde::de::{
    self, DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess, VariantAccess, Visitor,
    value::{MapDeserializer, StrDeserializer},
};
use serde::forward_to_deserialize_any;
use std::{fmt, slice};

/// The name with which `serde_json` asks for the raw text of a value.
const RAW_VALUE: &str = "$serde_json::private::RawValue";

/// The name with which a type asks for a number as the bytes of its text. No other value is passed as bytes.
pub const EXACT: &str = "$docendorse_mock::Exact";

/// A tree and its location.
#[derive(Clone, Copy)]
pub(super) struct At<'t> {
    tree: &'t Tree,
    path: &'t Path<'t>,
}

/// A location, as a list from the leaf to the root.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root,
    Member(&'p Path<'p>, &'p str),
    Item(&'p Path<'p>, usize),
}

impl Path<'_> {
    fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Member(parent, name) => format!("{}/{}", parent.pointer(), escape(name)),
            Self::Item(parent, place) => format!("{}/{place}", parent.pointer()),
        }
    }
}

impl<'t> At<'t> {
    pub(super) fn root(tree: &'t Tree) -> Self {
        Self { tree, path: &Path::Root }
    }

    fn place<T>(self, result: Result<T, ReadError>) -> Result<T, ReadError> {
        result.map_err(|error| error.at(|| self.path.pointer()))
    }

    fn visit<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.tree {
            Tree::Null => visitor.visit_unit(),
            Tree::Bool(value) => visitor.visit_bool(*value),
            Tree::Number(text) => visit_number(text, visitor).map_err(|error| error.about_number(text)),
            Tree::Text(text) => visit_text(text, visitor),
            Tree::Word(word) => visit_text(&word.spaced, visitor),
            Tree::List(items) => {
                let mut access = Items { rest: items.iter(), at: self, place: 0 };
                let value = visitor.visit_seq(&mut access)?;
                match access.rest.len() {
                    0 => Ok(value),
                    _ => {
                        Err(ReadError::problem(format!("a list of {} items is too long here; shorten it", items.len())))
                    }
                }
            }
            // A type read as an enum with data expects exactly one member, and serde calls an empty object an enum.
            Tree::Object(members) if members.is_empty() => {
                let wanted = expected(&visitor);
                let mut access = Members { rest: members.iter(), at: self, value: None };
                visitor.visit_map(&mut access).map_err(|error| error.about_empty_object(&wanted))
            }
            Tree::Object(members) => {
                let mut access = Members { rest: members.iter(), at: self, value: None };
                let value = visitor.visit_map(&mut access)?;
                match access.rest.next() {
                    None => Ok(value),
                    Some((name, _)) => Err(ReadError::problem(format!(
                        "{} and {} cannot be given together; remove one of them",
                        super::quoted(&members[0].0),
                        super::quoted(name)
                    ))),
                }
            }
        }
    }

    /// A whole number, which JSON may write with a zero fraction, or a query parameter that contains one.
    fn number<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        let word = match self.tree {
            Tree::Word(word) => word,
            Tree::Number(text) => match whole(text) {
                Some(digits) => return visit_number(&digits, visitor).map_err(|error| error.about_number(text)),
                None => return self.visit(visitor),
            },
            _ => return self.visit(visitor),
        };
        let text = &*word.spaced;
        if is_whole(text) {
            visit_number(text, visitor).map_err(|error| error.about_number(text))
        } else {
            let shown = word.plus.as_deref().unwrap_or(text);
            Err(ReadError::wrong_type(super::quoted(shown), super::wanted_as(&expected(&visitor))))
        }
    }
}

/// Whether a text is an integer of any size.
pub(super) fn is_whole(text: &str) -> bool {
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

macro_rules! numbers {
    ($($method:ident)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
            self.place(self.number(visitor))
        }
    )*};
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = ReadError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.place(self.visit(visitor))
    }

    numbers! {
        deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64
        deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        self.place(match self.tree {
            Tree::Word(word) => match &*word.spaced {
                "true" => visitor.visit_bool(true),
                "false" => visitor.visit_bool(false),
                other => Err(ReadError::wrong_type(super::quoted(other), "true or false")),
            },
            _ => self.visit(visitor),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.tree {
            Tree::Null => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        match self.tree {
            Tree::Word(word) if name == READINGS => self.place(visitor.visit_bytes(word.raw.as_bytes())),
            _ if name == READINGS => self.deserialize_any(visitor),
            Tree::Number(text) if name == EXACT => self.place(visitor.visit_bytes(text.as_bytes())),
            _ if name == EXACT => self.deserialize_any(visitor),
            _ if name == RAW_VALUE => {
                let text = self.tree.to_string();
                self.place(visitor.visit_map(MapDeserializer::new(std::iter::once((RAW_VALUE, text)))))
            }
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        let known = |name: &str| fields.contains(&name);
        match self.tree {
            Tree::Object(members) => match members.iter().find(|(name, _)| !known(name)) {
                Some((name, _)) => self.place(Err(ReadError::unknown(name, fields.to_vec()))),
                None => self.deserialize_any(visitor),
            },
            // Serde would accept a list as the members in order.
            Tree::List(_) => self.place(Err(ReadError::wrong_type("a list".to_owned(), "an object"))),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        self.place(match self.tree {
            Tree::Text(text) => visitor.visit_enum(word(text)),
            Tree::Word(text) => visitor.visit_enum(word(&text.spaced)),
            Tree::Object(members) if members.len() == 1 => {
                let (name, value) = &members[0];
                let path = Path::Member(self.path, name);
                visitor.visit_enum(Variant { name, value: At { tree: value, path: &path } })
            }
            other => {
                Err(ReadError::wrong_type(other.kind(), format!("one of {}", super::listed(variants.iter().copied()))))
            }
        })
    }

    /// Accepts a name, never the index of a variant.
    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, ReadError> {
        match self.tree {
            Tree::Text(_) | Tree::Word(_) => self.deserialize_any(visitor),
            other => self.place(Err(ReadError::wrong_type(other.kind(), "a text"))),
        }
    }

    forward_to_deserialize_any! {
        i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map ignored_any
    }
}

/// Passes a number to the visitor as the smallest type that holds it, or else rounded.
fn visit_number<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, ReadError> {
    if let Ok(number) = text.parse::<u64>() {
        return visitor.visit_u64(number);
    }
    if let Ok(number) = text.parse::<i64>() {
        return visitor.visit_i64(number);
    }
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() => visitor.visit_f64(number),
        _ => Err(ReadError::problem(format!("{} is out of range", brief(text)))),
    }
}

/// Passes a text to the visitor. Times must be RFC 3339, even if the visitor accepts more.
fn visit_text<'de, V: Visitor<'de>>(text: &str, visitor: V) -> Result<V::Value, ReadError> {
    if expected(&visitor).contains("timestamp") {
        times::read(text).map_err(ReadError::problem)?;
    }
    visitor.visit_str(text)
}

/// What a visitor expects, in its own words.
fn expected<'de, V: Visitor<'de>>(visitor: &V) -> String {
    struct Expected<'v, V>(&'v V);

    impl<'de, V: Visitor<'de>> fmt::Display for Expected<'_, V> {
        fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.expecting(formatter)
        }
    }

    Expected(visitor).to_string()
}

fn word(text: &str) -> StrDeserializer<'_, ReadError> {
    text.into_deserializer()
}

struct Items<'t> {
    rest: slice::Iter<'t, Tree>,
    at: At<'t>,
    place: usize,
}

impl<'de> SeqAccess<'de> for &mut Items<'_> {
    type Error = ReadError;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some(tree) = self.rest.next() else { return Ok(None) };
        let path = Path::Item(self.at.path, self.place);
        self.place += 1;
        let at = At { tree, path: &path };
        at.place(seed.deserialize(at)).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

struct Members<'t> {
    rest: slice::Iter<'t, (String, Tree)>,
    at: At<'t>,
    value: Option<(&'t str, &'t Tree)>,
}

impl<'de> MapAccess<'de> for &mut Members<'_> {
    type Error = ReadError;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, ReadError> {
        let Some((name, value)) = self.rest.next() else { return Ok(None) };
        self.value = Some((name, value));
        seed.deserialize(word(name)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, ReadError> {
        let (name, tree) = self.value.take().ok_or_else(|| ReadError::problem("a value was read twice"))?;
        let path = Path::Member(self.at.path, name);
        let at = At { tree, path: &path };
        at.place(seed.deserialize(at))
    }
}

struct Variant<'t> {
    name: &'t str,
    value: At<'t>,
}

impl<'de, 't> EnumAccess<'de> for Variant<'t> {
    type Error = ReadError;
    type Variant = At<'t>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, At<'t>), ReadError> {
        Ok((seed.deserialize(word(self.name))?, self.value))
    }
}

impl<'de> VariantAccess<'de> for At<'_> {
    type Error = ReadError;

    fn unit_variant(self) -> Result<(), ReadError> {
        match self.tree {
            Tree::Null => Ok(()),
            other => self.place(Err(ReadError::wrong_type(other.kind(), "null"))),
        }
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, ReadError> {
        self.place(seed.deserialize(self))
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, ReadError> {
        de::Deserializer::deserialize_any(self, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, ReadError> {
        de::Deserializer::deserialize_struct(self, "", fields, visitor)
    }
}
