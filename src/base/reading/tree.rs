//! A parsed text that has not been read into a type yet. Every member is kept in order, including repeated ones.

use super::{ReadError, number::is_number, query::Readings, source::At};
use crate::base::position::brief;
use serde::de::{Deserialize, DeserializeOwned, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::Number;
use std::{collections::HashSet, fmt};

/// A value of any type.
#[derive(Clone, Debug)]
pub enum Tree {
    Null,
    Bool(bool),
    /// A number, as it was written.
    Number(Box<str>),
    Text(String),
    /// A query parameter, which may stand for a number or a boolean.
    Word(Readings),
    List(Vec<Self>),
    /// An object, or all parameters of a query.
    Object(Vec<(String, Self)>),
}

impl Tree {
    /// Deserializes the tree into a type.
    ///
    /// # Errors
    /// When the tree does not match the type. Unknown members are rejected at every level.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ReadError> {
        T::deserialize(At::root(self))
    }

    /// Parses a text written by [`super::tag`].
    pub(super) fn from_tagged(tagged: &str) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_str(tagged);
        let tree = AnyTree { is_tagged: true }.deserialize(&mut json).ok()?;
        json.end().ok().map(|()| tree)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        let members = if let Self::Object(members) = self { members.as_slice() } else { &[] };
        members.iter().map(|(name, _)| name.as_str())
    }

    /// Returns a query parameter.
    #[must_use]
    pub fn word(&self, name: &str) -> Option<&Readings> {
        let Self::Object(members) = self else { return None };
        members.iter().find_map(|(given, value)| match value {
            Self::Word(word) if given == name => Some(word),
            _ => None,
        })
    }

    /// Rejects repeated members at any level.
    pub(super) fn without_repeats(&self) -> Result<(), ReadError> {
        match self {
            Self::List(items) => items
                .iter()
                .enumerate()
                .try_for_each(|(place, item)| item.without_repeats().map_err(|error| error.below(&place.to_string()))),
            Self::Object(members) => {
                let mut seen = HashSet::with_capacity(members.len());
                for (name, value) in members {
                    if !seen.insert(&**name) {
                        return Err(ReadError::twice(name));
                    }
                    value.without_repeats().map_err(|error| error.below(name))?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// The JSON type, in words.
    pub(super) fn kind(&self) -> String {
        match self {
            Self::Null => "null".to_owned(),
            Self::Bool(value) => value.to_string(),
            Self::Number(number) => brief(number).into_owned(),
            Self::Text(text) => super::quoted(text),
            Self::Word(text) => super::quoted(&text.spaced),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "an object".to_owned(),
        }
    }
}

impl fmt::Display for Tree {
    /// Writes the tree as JSON, with numbers as they were written.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let quoted = |text: &str| serde_json::to_string(text).map_err(|_| fmt::Error);
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Number(number) => formatter.write_str(number),
            Self::Text(text) => formatter.write_str(&quoted(text)?),
            Self::Word(word) => formatter.write_str(&quoted(&word.spaced)?),
            Self::List(items) => {
                formatter.write_str("[")?;
                for (place, item) in items.iter().enumerate() {
                    write!(formatter, "{}{item}", if place > 0 { "," } else { "" })?;
                }
                formatter.write_str("]")
            }
            Self::Object(members) => {
                formatter.write_str("{")?;
                for (place, (name, value)) in members.iter().enumerate() {
                    write!(formatter, "{}{}:{value}", if place > 0 { "," } else { "" }, quoted(name)?)?;
                }
                formatter.write_str("}")
            }
        }
    }
}

impl<'de> Deserialize<'de> for Tree {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        AnyTree { is_tagged: false }.deserialize(deserializer)
    }
}

/// Deserializes a value, from a text written by [`super::tag`] or from another source.
#[derive(Clone, Copy)]
struct AnyTree {
    is_tagged: bool,
}

impl<'de> DeserializeSeed<'de> for AnyTree {
    type Value = Tree;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Tree, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for AnyTree {
    type Value = Tree;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Tree, E> {
        Ok(Tree::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Tree, E> {
        Ok(Tree::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string().into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Tree, E> {
        Ok(Tree::Number(value.to_string().into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Tree, E> {
        Ok(Number::from_f64(value).map_or(Tree::Null, |number| Tree::Number(number.to_string().into())))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Tree, E> {
        if !self.is_tagged {
            return Ok(Tree::Text(text.to_owned()));
        }
        match (text.strip_prefix('s'), text.strip_prefix('n')) {
            (Some(text), _) => Ok(Tree::Text(text.to_owned())),
            (_, Some(number)) if is_number(number) => Ok(Tree::Number(number.into())),
            _ => Err(E::custom("not a number")),
        }
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Tree, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(self)? {
            list.push(item);
        }
        Ok(Tree::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Tree, A::Error> {
        let mut members = Vec::new();
        while let Some(mut name) = map.next_key::<String>()? {
            if self.is_tagged && !name.starts_with('s') {
                return Err(A::Error::custom("a key is a string"));
            }
            if self.is_tagged {
                name.remove(0);
            }
            members.push((name, map.next_value_seed(self)?));
        }
        Ok(Tree::Object(members))
    }
}
