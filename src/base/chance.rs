//! Fixed or random durations, and probabilities.
//!
//! Reads no randomness: callers pass the random numbers in.

pub(crate) mod exact;
mod limit;

use limit::limit;
pub(crate) use limit::within_limit;

use crate::base::position::brief;
use jiff::SignedDuration;
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{Error, MapAccess, Visitor, value::MapAccessDeserializer},
};
use std::{fmt, time::Duration};

/// Visitor methods that reject a number where a duration is expected.
macro_rules! numbers_have_no_unit {
    ($type:ty) => {
        $crate::base::chance::numbers_have_no_unit!($type, |problem: String| problem);
    };
    ($type:ty, $fit:expr) => {
        fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<$type, E> {
            Err(E::custom(($fit)($crate::base::chance::without_unit(if number > 0 { 1.0 } else { 0.0 }, number))))
        }

        fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<$type, E> {
            Err(E::custom(($fit)($crate::base::chance::without_unit(if number < 0 { -1.0 } else { 1.0 }, number))))
        }

        fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<$type, E> {
            Err(E::custom(($fit)($crate::base::chance::without_unit(number, number))))
        }

        // The YAML reader knows a position only for errors that the visitor itself reports.
        fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<$type, E> {
            Err(E::custom(format!("{value} is not a span of time; write one such as 500ms or 5m")))
        }
    };
}

pub(crate) use numbers_have_no_unit;

/// A duration of at most `MOST` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch<const MOST: u64>(pub Duration);

impl<const MOST: u64> TryFrom<String> for Stretch<MOST> {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let most = Duration::from_secs(MOST);
        let span = read_span(&text).map_err(|problem: String| within_limit(&problem, most))?;
        match Duration::try_from(span) {
            Ok(span) if span <= most => Ok(Self(span)),
            _ => Err(format!("{:?} is longer than {}, the limit here", brief(&text), limit(most))),
        }
    }
}

impl<'de, const MOST: u64> Deserialize<'de> for Stretch<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct StretchVisitor<const MOST: u64>;

        impl<const MOST: u64> Visitor<'_> for StretchVisitor<MOST> {
            type Value = Stretch<MOST>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a span of time such as 500ms")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Stretch<MOST>, E> {
                Stretch::try_from(text.to_owned()).map_err(E::custom)
            }

            numbers_have_no_unit!(Stretch<MOST>, |problem: String| within_limit(&problem, Duration::from_secs(MOST)));
        }

        deserializer.deserialize_any(StretchVisitor)
    }
}

impl<const MOST: u64> Serialize for Stretch<MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:#}", written(self.0)))
    }
}

fn written(span: Duration) -> SignedDuration {
    SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX)
}

/// Parses a non-negative duration: `500ms`, `90s`, `1h 30m`, `2d`, or ISO 8601.
///
/// # Errors
/// A message with the expected format, when the text is not a duration.
pub(crate) fn read_span(text: &str) -> Result<SignedDuration, String> {
    match crate::base::clock::read_span(text) {
        Some(span) if !span.is_negative() => Ok(span),
        Some(_) => Err(negative(&format!("{:?}", brief(text)))),
        None => Err(not_a_span(text)),
    }
}

/// The error message for a text that [`crate::base::clock::read_span`] rejects.
pub(crate) fn not_a_span(text: &str) -> String {
    let shown = brief(text.trim());
    match text.trim().parse::<f64>() {
        Ok(number) if number.is_finite() => without_unit(number, shown),
        _ if is_span_but_long(text) => format!("{shown:?} is too long; write a shorter span of time, such as 90d"),
        _ => format!("{shown:?} is not a span of time; write one such as 500ms, 90s, 10m, 1h 30m or PT10M"),
    }
}

/// Whether a text would be a duration if its numbers were smaller.
fn is_span_but_long(text: &str) -> bool {
    let mut small = String::new();
    for char in text.chars() {
        match char {
            '0'..='9' if small.ends_with('1') => {}
            '0'..='9' => small.push('1'),
            _ => small.push(char),
        }
    }
    crate::base::clock::read_span(&small).is_some()
}

/// The text of a duration that can be negative. Numbers are rejected because they have no unit.
#[derive(Debug)]
pub struct SpanText(pub String);

impl<'de> Deserialize<'de> for SpanText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct SpanTextVisitor;

        impl Visitor<'_> for SpanTextVisitor {
            type Value = SpanText;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a span of time such as 500ms")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<SpanText, E> {
                Ok(SpanText(text.to_owned()))
            }

            numbers_have_no_unit!(SpanText);
        }

        deserializer.deserialize_any(SpanTextVisitor)
    }
}

/// The error message for a number where a duration is expected.
pub(crate) fn without_unit(number: f64, written: impl fmt::Display) -> String {
    if number < 0.0 {
        negative(&written.to_string())
    } else if number == 0.0 {
        format!("{written} has no unit; write 0s")
    } else {
        format!("{written} has no unit; write {written}ms, {written}s or {written}m")
    }
}

fn negative(written: &str) -> String {
    format!("{written} is negative; write a span of time such as 500ms, 90s or 10m")
}

/// A delay of at most `MOST` seconds, fixed or random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay<const MOST: u64> {
    /// Always the same.
    Fixed(Duration),
    /// Uniformly distributed between two durations.
    Uniform(Duration, Duration),
    /// Log-normally distributed: mostly near the median, occasionally much longer, as in real services and people.
    Lognormal {
        /// Half of the delays are shorter.
        median: Duration,
        /// Scatter: 0 means none; at 1, every sixth delay exceeds 2.7 medians.
        sigma: f64,
    },
}

impl<const MOST: u64> Delay<MOST> {
    /// Draws a delay of at most `MOST` seconds.
    ///
    /// `random` returns numbers in `0..1`. A fixed delay calls it zero times, a uniform one once, a log-normal one
    /// twice.
    pub fn draw(&self, random: &mut dyn FnMut() -> f64) -> Duration {
        let drawn = match *self {
            Self::Fixed(delay) => delay,
            Self::Uniform(least, most) => least + most.saturating_sub(least).mul_f64(random().clamp(0.0, 1.0)),
            Self::Lognormal { median, sigma } => {
                // Box–Muller transform: two uniform numbers give a normal one. The logarithm never gets zero.
                let distance = (-2.0 * exact::ln((1.0 - random()).max(f64::MIN_POSITIVE))).sqrt();
                let normal = distance * exact::cos_of_turns(random().clamp(0.0, 1.0));
                let seconds = median.as_secs_f64() * exact::exp(sigma * normal);
                Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
            }
        };
        drawn.min(Duration::from_secs(MOST))
    }
}

impl<'de, const MOST: u64> Deserialize<'de> for Delay<MOST> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DelayVisitor)
    }
}

impl<const MOST: u64> Serialize for Delay<MOST> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match *self {
            Self::Fixed(span) => Stretch::<MOST>(span).serialize(serializer),
            Self::Uniform(least, most) => {
                WrittenDelay::Uniform(vec![Stretch::<MOST>(least), Stretch(most)]).serialize(serializer)
            }
            Self::Lognormal { median, sigma } => {
                WrittenDelay::Lognormal(Lognormal { median: Stretch::<MOST>(median), sigma }).serialize(serializer)
            }
        }
    }
}

struct DelayVisitor<const MOST: u64>;

impl<'de, const MOST: u64> Visitor<'de> for DelayVisitor<MOST> {
    type Value = Delay<MOST>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a span such as 500ms, or an object with \"uniform\" or \"lognormal\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Delay<MOST>, E> {
        Stretch::<MOST>::try_from(text.to_owned()).map(|Stretch(delay)| Delay::Fixed(delay)).map_err(E::custom)
    }

    numbers_have_no_unit!(Delay<MOST>, |problem: String| within_limit(&problem, Duration::from_secs(MOST)));

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Delay<MOST>, A::Error> {
        Delay::try_from(WrittenDelay::deserialize(MapAccessDeserializer::new(map))?).map_err(A::Error::custom)
    }
}

/// A random delay as written in a file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum WrittenDelay<const MOST: u64> {
    Uniform(Vec<Stretch<MOST>>),
    Lognormal(Lognormal<MOST>),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Lognormal<const MOST: u64> {
    median: Stretch<MOST>,
    sigma: f64,
}

impl<const MOST: u64> TryFrom<WrittenDelay<MOST>> for Delay<MOST> {
    type Error = &'static str;

    fn try_from(drawn: WrittenDelay<MOST>) -> Result<Self, &'static str> {
        match drawn {
            WrittenDelay::Uniform(spans) => match spans[..] {
                [Stretch(least), Stretch(most)] if least <= most => Ok(Self::Uniform(least, most)),
                _ => Err("\"uniform\" takes two spans, the shorter one first, such as [1s, 2s]"),
            },
            WrittenDelay::Lognormal(Lognormal { median: Stretch(median), sigma }) if (0.0..=10.0).contains(&sigma) => {
                Ok(Self::Lognormal { median, sigma })
            }
            WrittenDelay::Lognormal(_) => Err("\"sigma\" must be a number from 0 to 10"),
        }
    }
}

/// A probability from 0 (never) to 1 (always).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "f64")]
pub struct Probability(f64);

impl Probability {
    pub const CERTAIN: Self = Self(1.0);

    pub const NEVER: Self = Self(0.0);

    /// Decides whether the event happens. Calls `random` once, or not at all if the probability is 0 or 1.
    pub fn happens(self, random: &mut dyn FnMut() -> f64) -> bool {
        self.0 >= 1.0 || (self.0 > 0.0 && random() < self.0)
    }
}

impl TryFrom<f64> for Probability {
    type Error = String;

    fn try_from(probability: f64) -> Result<Self, String> {
        if (0.0..=1.0).contains(&probability) {
            Ok(Self(probability))
        } else {
            Err(format!("{probability} is not a probability; write a number from 0 to 1"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(json: &str) -> Result<Delay<600>, String> {
        serde_json::from_str(json).map_err(|error: serde_json::Error| error.to_string())
    }

    #[test]
    fn a_written_delay_reads_back() {
        for json in [r#""1m 30s""#, r#"{"uniform":["0s","2d"]}"#, r#"{"lognormal":{"median":"10m","sigma":0.5}}"#] {
            let delay: Delay<1_000_000> = serde_json::from_str(json).unwrap();
            let again = serde_json::to_string(&delay).unwrap();
            assert_eq!(serde_json::from_str::<Delay<1_000_000>>(&again).unwrap(), delay, "{again}");
        }
    }

    const MS: fn(u64) -> Duration = Duration::from_millis;

    #[test]
    fn a_delay_is_fixed_or_random() {
        assert_eq!(read(r#""1.5s""#).unwrap(), Delay::Fixed(MS(1500)));
        assert_eq!(read(r#"{"uniform":["1ms","2ms"]}"#).unwrap(), Delay::Uniform(MS(1), MS(2)));
        let lognormal = Delay::Lognormal { median: MS(200), sigma: 0.5 };
        assert_eq!(read(r#"{"lognormal":{"median":"200ms","sigma":0.5}}"#).unwrap(), lognormal);
    }

    #[test]
    fn an_invalid_delay_is_refused() {
        for (json, problem) in [
            ("500", "has no unit; write 500ms or 500s"),
            ("5", "has no unit; write 5ms, 5s or 5m"),
            ("700000", "has no unit; write a span of at most 10m"),
            ("0", "0 has no unit; write 0s"),
            ("-1", "is negative; write a span of time"),
            (r#""99999999999d""#, "is too long; write a span of at most 10m, such as 10m"),
            (r#""soon""#, "is not a span of time"),
            (r#""-1s""#, "is negative; write a span of time"),
            (r#""11m""#, "longer than 10m"),
            (r#"{"uniform":["2ms","1ms"]}"#, "the shorter one first"),
            (r#"{"lognormal":{"median":"1s","sigma":-1}}"#, "from 0 to 10"),
            (r#"{"normal":{}}"#, "unknown variant `normal`"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(problem), "{json}: {error}");
        }
    }

    #[test]
    fn certain_and_fixed_values_draw_no_number() {
        let mut never = || panic!("a number was drawn");
        assert!(Probability::CERTAIN.happens(&mut never));
        assert!(!Probability(0.0).happens(&mut never));
        assert_eq!(Delay::<600>::Fixed(MS(3)).draw(&mut never), MS(3));
    }

    #[test]
    fn half_of_the_lognormal_delays_are_under_the_median() {
        let mut step = 0_u32;
        // A low-discrepancy sequence over the unit square replaces random numbers here.
        let mut random = || {
            step += 1;
            (f64::from(step) * if step.is_multiple_of(2) { 0.754_877_666 } else { 0.569_840_290 }).fract()
        };
        let delay = Delay::<600>::Lognormal { median: MS(200), sigma: 0.5 };
        let below = (0..2000).filter(|_| delay.draw(&mut random) < MS(200)).count();
        assert!((900..1100).contains(&below), "{below} of 2000");
    }

    proptest! {
        #[test]
        fn a_random_delay_keeps_its_bounds(a in 0.0..1.0_f64, b in 0.0..1.0_f64, sigma in 0.0..10.0_f64) {
            let mut numbers = [a, b].into_iter().cycle();
            let mut random = || numbers.next().unwrap();
            let uniform = Delay::<600>::Uniform(MS(10), MS(20)).draw(&mut random);
            prop_assert!(MS(10) <= uniform && uniform <= MS(20));
            let lognormal = Delay::<600>::Lognormal { median: MS(500), sigma }.draw(&mut random);
            prop_assert!(lognormal <= Duration::from_mins(10));
        }
    }
}
