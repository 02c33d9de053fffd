//! Logarithm, exponential and cosine with bit-identical results on every machine. Values drawn from a seed must not
//! depend on the C library that the program is linked with.
//!
//! Uses only operations that IEEE 754 defines to the bit, in a fixed order. Accurate to about fifteen digits, more than
//! any drawn value needs.

use std::f64::consts::{LN_2, LOG2_E, SQRT_2, TAU};

/// The natural logarithm of a positive, normal number.
pub(crate) fn ln(number: f64) -> f64 {
    let bits = number.to_bits();
    let exponent = i32::try_from(bits >> 52 & 0x7FF).unwrap_or(0) - 1023;
    let mantissa = f64::from_bits(bits & 0x000F_FFFF_FFFF_FFFF | 0x3FF0_0000_0000_0000);
    let (mantissa, exponent) = if mantissa > SQRT_2 { (mantissa / 2.0, exponent + 1) } else { (mantissa, exponent) };
    // ln m = 2 artanh s; s is less than 0.172, so a short series suffices.
    let s = (mantissa - 1.0) / (mantissa + 1.0);
    let square = s * s;
    let sum = ODD.into_iter().fold(0.0, |sum, odd| sum * square + odd);
    f64::from(exponent) * LN_2 + 2.0 * s * sum
}

/// e to the power of a number.
pub(crate) fn exp(power: f64) -> f64 {
    if power > 709.0 {
        return f64::INFINITY;
    }
    if power < -708.0 {
        return 0.0;
    }
    let twos = (power * LOG2_E).round();
    let rest = power - twos * LN_2;
    let sum = FACTORIALS.into_iter().rev().fold(0.0, |sum, part| sum * rest + part);
    #[expect(clippy::cast_possible_truncation, reason = "from -1022 to 1023, as the power is bounded above")]
    let exponent = twos as i64;
    sum * f64::from_bits(u64::try_from(exponent + 1023).unwrap_or(0) << 52)
}

/// The cosine of an angle given in turns, from 0 to 1.
pub(crate) fn cos_of_turns(turns: f64) -> f64 {
    // Symmetry reduces a full turn to a half, and a half to a quarter.
    let half = 0.5 - (turns - 0.5).abs();
    let (quarter, sign) = if half > 0.25 { (0.5 - half, -1.0) } else { (half, 1.0) };
    if quarter <= 0.125 {
        let square = (TAU * quarter) * (TAU * quarter);
        sign * series(square, COSINE)
    } else {
        let angle = TAU * (0.25 - quarter);
        sign * angle * series(angle * angle, SINE)
    }
}

/// 1 - a x (1 - b x (1 - …)), from the last factor to the first.
fn series(square: f64, factors: [f64; 9]) -> f64 {
    factors.into_iter().fold(1.0, |sum, factor| 1.0 - square * factor * sum)
}

/// 1/23, 1/21, … 1.
const ODD: [f64; 12] = reciprocals([23.0, 21.0, 19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0, 1.0]);

/// 1/(18·17), 1/(16·15), … 1/(2·1).
const COSINE: [f64; 9] = reciprocals([306.0, 240.0, 182.0, 132.0, 90.0, 56.0, 30.0, 12.0, 2.0]);

/// 1/(19·18), 1/(17·16), … 1/(3·2).
const SINE: [f64; 9] = reciprocals([342.0, 272.0, 210.0, 156.0, 110.0, 72.0, 42.0, 20.0, 6.0]);

/// 1/0!, 1/1!, 1/2!, …
const FACTORIALS: [f64; 15] = {
    let mut parts = [1.0; 15];
    let (mut place, mut n) = (1, 1.0);
    while place < parts.len() {
        parts[place] = parts[place - 1] / n;
        (place, n) = (place + 1, n + 1.0);
    }
    parts
};

const fn reciprocals<const N: usize>(mut numbers: [f64; N]) -> [f64; N] {
    let mut place = 0;
    while place < N {
        numbers[place] = 1.0 / numbers[place];
        place += 1;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn close(ours: f64, theirs: f64) -> bool {
        (ours - theirs).abs() <= 4e-15 * theirs.abs().max(1.0)
    }

    #[test]
    fn known_values_are_computed() {
        assert_eq!((ln(1.0), exp(0.0), cos_of_turns(0.0), cos_of_turns(0.25)), (0.0, 1.0, 1.0, 0.0));
        assert_eq!((cos_of_turns(0.5), cos_of_turns(1.0)), (-1.0, 1.0));
        assert_eq!((exp(710.0), exp(-710.0)), (f64::INFINITY, 0.0));
        // Bit-identical on every machine.
        let bits = [ln(0.1), exp(1.5), cos_of_turns(0.1)].map(f64::to_bits);
        assert_eq!(
            bits.map(|bits| format!("{bits:016x}")),
            ["c0026bb1bbb55515", "4011ed3fe64fc542", "3fe9e3779b97f4a8"]
        );
    }

    proptest! {
        #[test]
        fn functions_agree_with_the_standard_library(unit in 1e-16..1.0_f64, wide in 1.0..1e300_f64, power in -700.0..700.0_f64) {
            prop_assert!(close(ln(unit), unit.ln()) && close(ln(wide), wide.ln()));
            prop_assert!((exp(power) / power.exp() - 1.0).abs() < 1e-12, "{power}");
            prop_assert!(close(cos_of_turns(unit), (TAU * unit).cos()));
        }
    }
}
