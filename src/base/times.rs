//! Reads times in RFC 3339 format only.
//!
//! The underlying time library accepts much more: several ISO 8601 formats, brackets, negative years. Other readers of
//! the same file would reject those or read a different time.

use super::position::brief;
use jiff::{Timestamp, civil::Date};
use serde::{Deserializer, de::Visitor};
use std::fmt;

/// What to expect where a text is not a time.
pub const EXAMPLE: &str = "a time such as \"2026-03-01T12:00:00Z\"";

/// The last second that date arithmetic supports.
const LATEST: &str = "9999-12-30T22:00:00Z";

/// Parses a time: `2026-03-01T12:00:00Z`, optionally with fractional seconds or another offset.
///
/// # Errors
/// When the text is not an RFC 3339 `date-time`, names a day or an hour that does not exist, or is too late.
pub fn read(text: &str) -> Result<Timestamp, String> {
    let shown = format!("{:?}", brief(text));
    let Some(parts) = Parts::of(text) else { return Err(format!("{shown} is not {EXAMPLE}")) };
    if let Some(problem) = parts.problem() {
        return Err(format!("{shown} is not a time: {problem}"));
    }
    // Precision beyond nanoseconds is dropped.
    let fraction = if parts.fraction.is_empty() { String::new() } else { format!(".{:.9}", parts.fraction) };
    let plain = format!("{}T{}{fraction}{}", parts.date, parts.time, parts.offset.to_ascii_uppercase());
    plain.parse().map_err(|_| format!("{shown} is out of range; the latest time is {LATEST}"))
}

/// The parts of a text in `date-time` format (RFC 3339, 5.6).
struct Parts<'t> {
    date: &'t str,
    time: &'t str,
    /// Digits only.
    fraction: &'t str,
    offset: &'t str,
}

impl<'t> Parts<'t> {
    fn of(text: &'t str) -> Option<Self> {
        if !text.is_ascii() || text.len() < "2026-03-01T12:00:00Z".len() {
            return None;
        }
        let (date, rest) = text.split_at(10);
        let (time, rest) = rest.strip_prefix(['T', 't'])?.split_at_checked(8)?;
        let (fraction, offset) = match rest.strip_prefix('.') {
            None => ("", rest),
            Some(rest) => {
                let end = rest.find(|char: char| !char.is_ascii_digit())?;
                if end == 0 {
                    return None;
                }
                rest.split_at(end)
            }
        };
        let is_offset = has_form(offset, "Z") || has_form(offset, "+00:00") || has_form(offset, "-00:00");
        let has_form = has_form(date, "0000-00-00") && has_form(time, "00:00:00") && is_offset;
        has_form.then_some(Self { date, time, fraction, offset })
    }

    /// The part of the time that does not exist.
    fn problem(&self) -> Option<String> {
        let Self { date, time, offset, .. } = self;
        let number = |text: &str, place: usize| text[place..place + 2].parse::<i8>().unwrap_or_default();
        let year = date[..4].parse().unwrap_or_default();
        if Date::new(year, number(date, 5), number(date, 8)).is_err() {
            return Some(format!("the day {date} does not exist"));
        }
        let (hour, minute, second) = (number(time, 0), number(time, 3), number(time, 6));
        if second == 60 {
            return Some("leap seconds are not supported; write 59 instead of 60".to_owned());
        }
        if hour > 23 || minute > 59 || second > 60 {
            return Some(format!("{time} does not exist; the day ends at 23:59:59"));
        }
        let has_numbers = offset.len() > 1;
        (has_numbers && (number(offset, 1) > 23 || number(offset, 4) > 59))
            .then(|| format!("the offset {offset} does not exist; offsets go from -23:59 to +23:59"))
    }
}

/// Whether a text has the form of another: a digit for each 0, and every other character unchanged.
fn has_form(text: &str, form: &str) -> bool {
    let fits = |(own, wanted): (u8, u8)| match wanted {
        b'0' => own.is_ascii_digit(),
        _ => own.eq_ignore_ascii_case(&wanted),
    };
    text.len() == form.len() && text.bytes().zip(form.bytes()).all(fits)
}

struct TimeVisitor;

impl Visitor<'_> for TimeVisitor {
    type Value = Timestamp;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an RFC 3339 timestamp")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
        read(text).map_err(E::custom)
    }
}

/// Deserializes a time. For `#[serde(deserialize_with = …)]`.
///
/// # Errors
/// As [`read`].
pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    deserializer.deserialize_str(TimeVisitor)
}

/// Deserializes a time or `null`.
///
/// # Errors
/// As [`read`].
pub fn deserialize_some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    struct SomeTime;

    impl<'de> Visitor<'de> for SomeTime {
        type Value = Option<Timestamp>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an RFC 3339 timestamp")
        }

        fn visit_none<E>(self) -> Result<Option<Timestamp>, E> {
            Ok(None)
        }

        fn visit_unit<E>(self) -> Result<Option<Timestamp>, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Timestamp>, D::Error> {
            deserialize(deserializer).map(Some)
        }
    }

    deserializer.deserialize_option(SomeTime)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_3339_times_are_read() {
        for (text, time) in [
            ("2026-03-01T12:00:00Z", "2026-03-01T12:00:00Z"),
            ("2026-03-01t12:00:00z", "2026-03-01T12:00:00Z"),
            ("2026-03-01T12:00:00.5+02:00", "2026-03-01T10:00:00.5Z"),
            ("2026-03-01T12:00:00.1234567890123Z", "2026-03-01T12:00:00.123456789Z"),
            ("2026-03-01T12:00:00-00:00", "2026-03-01T12:00:00Z"),
            ("2028-02-29T23:59:59+23:59", "2028-02-29T00:00:59Z"),
            ("9999-12-30T22:00:00Z", "9999-12-30T22:00:00Z"),
            ("0000-01-02T00:00:00Z", "0000-01-02T00:00:00Z"),
        ] {
            assert_eq!(read(text).map(|time| time.to_string()), Ok(time.to_owned()), "{text}");
        }
    }

    #[test]
    fn any_other_time_is_refused_with_the_reason() {
        for text in [
            "",
            "noon",
            "2026-03-01",
            "2026-03-01T12:00Z",
            "2029-04-01T00Z",
            "20290501T000000Z",
            "2026-03-01T12:00:00",
            "2026-03-01 12:00:00Z",
            "2026-03-01T12:00:00,5Z",
            "2026-03-01T12:00:00.Z",
            "2026-03-01T12:00:00Z[UTC]",
            "2026-03-01T12:00:00+02:00[Europe/Paris]",
            "2026-03-01T12:00:00+02",
            "2026-03-01T12:00:00+0200",
            "2026-03-01T12:00:00 02:00",
            "-002026-03-01T12:00:00Z",
            "+002026-03-01T12:00:00Z",
            "2026-W09-7T12:00:00Z",
            " 2026-03-01T12:00:00Z",
            "2026-03-01T12:00:00Z ",
            "２026-03-01T12:00:00Z",
        ] {
            assert_eq!(read(text), Err(format!("{text:?} is not {EXAMPLE}")), "{text}");
        }
        for (text, reason) in [
            ("2027-02-30T00:00:00Z", "the day 2027-02-30 does not exist"),
            ("2027-13-01T00:00:00Z", "the day 2027-13-01 does not exist"),
            ("2027-01-01T24:00:00Z", "24:00:00 does not exist"),
            ("2027-01-01T23:60:00Z", "23:60:00 does not exist"),
            ("2016-12-31T23:59:60Z", "leap seconds are not supported; write 59 instead of 60"),
            ("2027-01-01T00:00:00+25:00", "the offset +25:00 does not exist"),
            ("2027-01-01T00:00:00+01:60", "the offset +01:60 does not exist"),
            ("9999-12-31T23:59:59Z", "is out of range; the latest time is 9999-12-30T22:00:00Z"),
        ] {
            let problem = read(text).unwrap_err();
            assert!(problem.contains(reason), "{text}: {problem}");
        }
    }
}
