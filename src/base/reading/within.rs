//! Whole numbers with their own bounds.

use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::fmt;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A whole number from `LEAST` to `MOST`. Errors name both bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Within<const LEAST: usize, const MOST: usize>(usize);

impl<const LEAST: usize, const MOST: usize> Within<LEAST, MOST> {
    #[must_use]
    pub fn get(self) -> usize {
        self.0
    }
}

impl<'de, const LEAST: usize, const MOST: usize> Deserialize<'de> for Within<LEAST, MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bounds<const LEAST: usize, const MOST: usize>;

        impl<const LEAST: usize, const MOST: usize> Visitor<'_> for Bounds<LEAST, MOST> {
            type Value = Within<LEAST, MOST>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "a whole number from {LEAST} to {MOST}")
            }

            fn visit_u64<E: Error>(self, number: u64) -> Result<Self::Value, E> {
                match usize::try_from(number) {
                    Ok(within) if (LEAST..=MOST).contains(&within) => Ok(Within(within)),
                    _ => Err(E::custom(outside(number, LEAST, MOST))),
                }
            }

            fn visit_i64<E: Error>(self, number: i64) -> Result<Self::Value, E> {
                match u64::try_from(number) {
                    Ok(number) => self.visit_u64(number),
                    Err(_) => Err(E::custom(outside(number, LEAST, MOST))),
                }
            }
        }

        deserializer.deserialize_u64(Bounds)
    }
}

impl<const LEAST: usize, const MOST: usize> PartialSchema for Within<LEAST, MOST> {
    fn schema() -> RefOr<Schema> {
        ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(LEAST)).maximum(Some(MOST)).into()
    }
}

impl<const LEAST: usize, const MOST: usize> ToSchema for Within<LEAST, MOST> {}

/// Deserializes a whole number from `LEAST` to `MOST`, for `deserialize_with`.
///
/// # Errors
/// When the value is not in that range.
pub fn within<'de, D, T, const LEAST: usize, const MOST: usize>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: TryFrom<usize>,
{
    let number = Within::<LEAST, MOST>::deserialize(deserializer)?.get();
    T::try_from(number).map_err(|_| D::Error::custom(outside(number, LEAST, MOST)))
}

fn outside(number: impl fmt::Display, least: usize, most: usize) -> String {
    format!("{number} is not from {least} to {most}")
}
