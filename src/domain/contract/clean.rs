//! A shortcut for clean bodies: one walk over the bytes that builds nothing.
//!
//! It uses the same [`Shape`] as `super::explain`, so no rule is written twice. It can only err on one side: the
//! full validation accepts every body that it passes, without advice (checked by property tests and fuzzing).
//! Whatever it is unsure of, such as unknown fields or nested free-form values, it leaves to the full validation.

use super::{
    parse::scalars_pass,
    shape::{Field, Range, Shape, ShapeKind, Text},
};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Whether a body is valid and draws no advice.
pub(super) fn is_clean(shape: &Shape, body: &str) -> bool {
    let mut json = serde_json::Deserializer::from_str(body);
    Clean(shape).deserialize(&mut json).is_ok() && json.end().is_ok()
}

/// Passes a value of a shape, or fails with an error that is never shown.
struct Clean<'s>(&'s Shape);

impl<'de> DeserializeSeed<'de> for Clean<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        match &self.0.kind {
            ShapeKind::Any => deserializer.deserialize_any(Scalar),
            ShapeKind::Object(fields) => deserializer.deserialize_map(Object { fields, any_of: &self.0.any_of }),
            ShapeKind::Array(items) => deserializer.deserialize_seq(Array(items)),
            ShapeKind::Text(text) => deserializer.deserialize_str(Passes(text)),
            ShapeKind::FreeForm => deserializer.deserialize_map(FreeForm),
            ShapeKind::Integer(range) => deserializer.deserialize_u64(Integer(*range)),
            ShapeKind::Boolean => deserializer.deserialize_bool(Boolean),
        }
    }
}

struct Object<'s> {
    fields: &'s [Field],
    any_of: &'s [Box<str>],
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a clean object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { fields, any_of } = self;
        let mut seen = 0_u64;
        let mut expected = 0;
        while let Some(index) = map.next_key_seed(MemberKey { fields, expected })? {
            let bit = 1_u64 << index;
            if seen & bit != 0 {
                return Err(A::Error::custom("a key twice"));
            }
            seen |= bit;
            expected = index + 1;
            map.next_value_seed(Clean(&fields[index].shape))?;
        }
        let missing =
            |(index, field): (usize, &Field)| field.is_expected_in_clean_objects() && seen & (1 << index) == 0;
        if fields.iter().enumerate().any(missing) {
            return Err(A::Error::custom("a field is missing"));
        }
        let is_there = |name: &str| {
            fields.iter().position(|field| *field.name == *name).is_some_and(|index| seen & (1 << index) != 0)
        };
        if !any_of.is_empty() && !any_of.iter().any(|name| is_there(name)) {
            return Err(A::Error::custom("a choice of fields is missing"));
        }
        Ok(())
    }
}

/// Finds a key among the fields, trying first the one that the schema lists next.
struct MemberKey<'s> {
    fields: &'s [Field],
    expected: usize,
}

impl<'de> DeserializeSeed<'de> for MemberKey<'_> {
    type Value = usize;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<usize, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberKey<'_> {
    type Value = usize;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a known key")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<usize, E> {
        if self.fields.get(self.expected).is_some_and(|field| *field.name == *key) {
            return Ok(self.expected);
        }
        self.fields.iter().position(|field| *field.name == *key).ok_or_else(|| E::custom("an unknown key"))
    }
}

struct Array<'s>(&'s Shape);

impl<'de> Visitor<'de> for Array<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a clean array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(Clean(self.0))?.is_some() {}
        Ok(())
    }
}

struct Passes<'s>(&'s Text);

impl Visitor<'_> for Passes<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a clean string")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        let text = self.0;
        let draws_advice =
            || !text.has_expected_form(value) || text.format.is_some_and(|format| format.advice(value).is_some());
        if !value.is_empty() && text.objection(value).is_none() && text.is_expected(value) && !draws_advice() {
            Ok(())
        } else {
            Err(E::custom("a remarkable string"))
        }
    }
}

/// A free-form object with at most one member: with more, a duplicate key could go unnoticed.
struct FreeForm;

impl<'de> Visitor<'de> for FreeForm {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a small object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        if map.next_key::<IgnoredAny>()?.is_some() {
            map.next_value_seed(AnyScalar)?;
        }
        if map.next_key::<IgnoredAny>()?.is_some() { Err(A::Error::custom("several members")) } else { Ok(()) }
    }
}

struct AnyScalar;

impl<'de> DeserializeSeed<'de> for AnyScalar {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(Scalar)
    }
}

struct Integer(Range);

impl Visitor<'_> for Integer {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a clean whole number")
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        match u32::try_from(value) {
            Ok(value) if self.0.objection(value.into()).is_none() => Ok(()),
            _ => Err(E::custom("a remarkable number")),
        }
    }
}

struct Boolean;

impl Visitor<'_> for Boolean {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a boolean")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
}

/// A value without members: a free-form value that cannot hide a duplicate key.
struct Scalar;

impl Visitor<'_> for Scalar {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a scalar")
    }

    scalars_pass!();
}
