//! Numbers in their original notation, compared by value without rounding.

use crate::base::reading::{EXACT, is_number};
use serde::{
    Deserialize, Deserializer,
    de::{Error, Visitor},
};
use serde_json::Number;
use std::{cmp::Ordering, fmt};

/// A JSON number that keeps its text. `1`, `1.0` and `10e-1` are equal; 9007199254740993 and 9007199254740992 are not.
///
/// The cost of a comparison depends on the length of the texts, not on the exponents. Exponents beyond 10^38 count as
/// equal.
#[derive(Clone, Debug)]
pub(super) struct Decimal(Box<str>);

/// The parts of a number: the digits before and after the decimal point, and the exponent.
struct Parts<'t> {
    is_negative: bool,
    whole: &'t str,
    fraction: &'t str,
    exponent: i128,
}

impl Decimal {
    /// Parses a JSON number (RFC 8259, 6).
    pub(super) fn parse(text: &str) -> Option<Self> {
        is_number(text).then(|| Self(text.into()))
    }

    /// Parses the number that a deserializer passes as the bytes of its text.
    pub(super) fn of_bytes<E: Error>(text: &[u8]) -> Result<Self, E> {
        std::str::from_utf8(text).ok().and_then(Self::parse).ok_or_else(|| E::custom("expected a number"))
    }

    /// Length of its text in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    fn parts(&self) -> Parts<'_> {
        let (is_negative, magnitude) = match self.0.strip_prefix('-') {
            Some(magnitude) => (true, magnitude),
            None => (false, &*self.0),
        };
        let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        // This fails only if the exponent is too large for the type.
        let exponent = exponent.strip_prefix('+').unwrap_or(exponent);
        let exponent =
            exponent.parse().unwrap_or(if exponent.starts_with('-') { i128::MIN / 2 } else { i128::MAX / 2 });
        Parts { is_negative, whole, fraction, exponent }
    }
}

impl Parts<'_> {
    fn digits(&self) -> impl Iterator<Item = u8> {
        self.whole.bytes().chain(self.fraction.bytes())
    }

    fn is_zero(&self) -> bool {
        self.digits().all(|digit| digit == b'0')
    }

    /// Returns -1, 0 or 1.
    fn sign(&self) -> i8 {
        match (self.is_zero(), self.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        }
    }

    /// The position of the first nonzero digit, as a power of ten.
    fn power(&self) -> i128 {
        let zeros = self.digits().take_while(|digit| *digit == b'0').count();
        let length = |count: usize| i128::try_from(count).unwrap_or(i128::MAX / 4);
        self.exponent.saturating_add(length(self.whole.len()) - length(zeros))
    }

    /// Compares two nonzero numbers, ignoring their signs.
    fn compare_magnitude(&self, other: &Self) -> Ordering {
        self.power().cmp(&other.power()).then_with(|| {
            let mut one = self.digits().skip_while(|digit| *digit == b'0');
            let mut other = other.digits().skip_while(|digit| *digit == b'0');
            loop {
                match (one.next(), other.next()) {
                    (None, None) => return Ordering::Equal,
                    (one, other) => match one.unwrap_or(b'0').cmp(&other.unwrap_or(b'0')) {
                        Ordering::Equal => {}
                        order => return order,
                    },
                }
            }
        })
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let (one, other) = (self.parts(), other.parts());
        one.sign().cmp(&other.sign()).then_with(|| match one.sign() {
            0 => Ordering::Equal,
            1 => one.compare_magnitude(&other),
            _ => other.compare_magnitude(&one),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Decimal {}

impl fmt::Display for Decimal {
    /// Writes the number as it was written.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<&Number> for Decimal {
    fn from(number: &Number) -> Self {
        Self(number.to_string().into())
    }
}

impl<'de> Deserialize<'de> for Decimal {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DecimalVisitor;
        impl<'de> Visitor<'de> for DecimalVisitor {
            type Value = Decimal;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a number")
            }

            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Decimal, D::Error> {
                deserializer.deserialize_any(self)
            }

            fn visit_bytes<E: Error>(self, number: &[u8]) -> Result<Decimal, E> {
                Decimal::of_bytes(number)
            }

            fn visit_i64<E>(self, value: i64) -> Result<Decimal, E> {
                Ok(Decimal::from(&value.into()))
            }

            fn visit_u64<E>(self, value: u64) -> Result<Decimal, E> {
                Ok(Decimal::from(&value.into()))
            }

            fn visit_f64<E: Error>(self, value: f64) -> Result<Decimal, E> {
                let number = Number::from_f64(value).ok_or_else(|| E::custom("expected a number"))?;
                Ok(Decimal::from(&number))
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<Decimal, E> {
                Err(E::custom("expected a number"))
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<Decimal, E> {
                Err(E::custom("expected a number"))
            }
        }
        deserializer.deserialize_newtype_struct(EXACT, DecimalVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn numbers_are_equal_by_value() {
        let huge = format!("1e{}", "9".repeat(100_000));
        for (one, other) in [
            ("1", "1.0"),
            ("1", "10e-1"),
            ("100", "1E+2"),
            ("-0", "0"),
            ("0e999", "0.000"),
            ("1e400", "10e399"),
            ("0.10", "1e-1"),
            ("-12.50", "-1250e-2"),
            ("1e0000000000000000000000000000000000000000000000005", "100000"),
            (&huge, &huge),
        ] {
            assert_eq!(decimal(one), decimal(other), "{one} {other}");
        }
    }

    #[test]
    fn numbers_are_ordered_by_value() {
        let huge = format!("1e{}", "9".repeat(100_000));
        let ascending = [
            &format!("-{huge}"),
            "-1e401",
            "-1e400",
            "-2",
            "-1.5",
            "-1e-400",
            "0",
            "1e-401",
            "1e-400",
            "0.1",
            "0.10000000000000000001",
            "9007199254740992",
            "9007199254740993",
            "18446744073709551616",
            "18446744073709551617",
            "1e400",
            "1e401",
            "1e99999999999999999999",
            "1e999999999999999999999",
            &huge,
        ];
        for pair in ascending.windows(2) {
            assert!(decimal(pair[0]) < decimal(pair[1]), "{} {}", pair[0].len(), pair[1].len());
        }
    }

    #[test]
    fn only_numbers_of_json_are_read() {
        for text in ["", "-", "01", "+1", "1.", ".5", "1e", "1e+", "0x1", "1_000", "NaN", "--1", "1.2.3", "1e5e5", " 1"]
        {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn integers_are_ordered_as_integers(one in any::<i64>(), other in any::<i64>(), zeros in 0_usize..5) {
            let shifted = Decimal::parse(&format!("{other}{}e-{zeros}", "0".repeat(zeros))).filter(|_| other != 0);
            let other_decimal = shifted.unwrap_or_else(|| decimal(&other.to_string()));
            prop_assert_eq!(decimal(&one.to_string()).cmp(&other_decimal), one.cmp(&other));
        }
    }
}
