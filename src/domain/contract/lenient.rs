//! JSON that RFC 8259 allows but a Rust value cannot hold, and comparison of JSON by value (R9).

use serde_json::Value;
use std::{borrow::Cow, fmt::Write};

/// Parses any JSON text that RFC 8259 allows. A number beyond the range of `f64` becomes 10^308, an escaped lone
/// surrogate U+FFFD.
///
/// # Errors
/// When the text is not JSON.
pub fn read_json(text: &[u8]) -> Result<Value, serde_json::Error> {
    serde_json::from_slice(text).or_else(|error| match std::str::from_utf8(text).map(within_range) {
        Ok(Cow::Owned(text)) => serde_json::from_str(&text),
        _ => Err(error),
    })
}

/// Whether two texts are the same JSON value. Ignores whitespace and the order of members, and compares numbers by
/// value, so `1.0` equals `1`.
#[must_use]
pub fn same_json(one: &[u8], other: &[u8]) -> bool {
    let read = |text| {
        let text = std::str::from_utf8(text).ok()?;
        let exact = rewrite(text, |number, into| {
            // A string that no body contains here, so that `Value` compares it exactly.
            let _ = write!(into, r#""\u0000number {}""#, canonical(number));
        });
        serde_json::from_str::<Value>(&exact).ok()
    };
    one == other || read(one).is_some_and(|one| Some(one) == read(other))
}

/// A JSON text with every number in range and every surrogate paired. Offsets do not change.
pub(super) fn within_range(text: &str) -> Cow<'_, str> {
    let tame = rewrite(text, |number, into| {
        let magnitude = number.trim_start_matches('-');
        if number.parse::<f64>().is_ok_and(f64::is_infinite) && magnitude.len() >= 5 && is_number(magnitude) {
            into.push_str(&number[..number.len() - magnitude.len()]);
            // Padded to the length of the original number: an exponent may start with zeros.
            let _ = write!(into, "1e{:0>width$}", 308, width = magnitude.len() - 2);
        } else {
            into.push_str(number);
        }
    });
    if tame == text { Cow::Borrowed(text) } else { Cow::Owned(tame) }
}

/// Copies a JSON text, rewriting each number with `replace` and replacing each lone surrogate.
fn rewrite(text: &str, mut replace: impl FnMut(&str, &mut String)) -> String {
    let bytes = text.as_bytes();
    let mut copy = String::with_capacity(text.len());
    let (mut at, mut copied, mut in_string) = (0, 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => in_string = !in_string,
            b'\\' if in_string => match surrogate(bytes, at) {
                Some(0xD800..=0xDBFF) if matches!(surrogate(bytes, at + 6), Some(0xDC00..=0xDFFF)) => at += 11,
                Some(_) => {
                    copy.push_str(&text[copied..at]);
                    copy.push_str("\\ufffd");
                    at += 5;
                    copied = at + 1;
                }
                None => at += 1,
            },
            b'-' | b'0'..=b'9' if !in_string => {
                let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let end = at + bytes[at..].iter().take_while(is_part).count();
                copy.push_str(&text[copied..at]);
                replace(&text[at..end], &mut copy);
                copied = end;
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    copy.push_str(&text[copied.min(text.len())..]);
    copy
}

/// The surrogate whose escape starts at an offset.
fn surrogate(bytes: &[u8], at: usize) -> Option<u16> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    let code = digits.iter().try_fold(0, |code, digit| Some(code << 4 | char::from(*digit).to_digit(16)?))?;
    u16::try_from(code).ok().filter(|code| (0xD800..=0xDFFF).contains(code))
}

/// Whether a text is a JSON number without a sign. Rust's own number syntax is wider.
fn is_number(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && is_digits(fraction)
        && is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

/// The canonical form of a number, the same for all numbers of equal value. Numbers with very large exponents stay as
/// they are.
fn canonical(number: &str) -> String {
    let (sign, magnitude) = number.strip_prefix('-').map_or(("", number), |magnitude| ("-", magnitude));
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_start_matches('0').trim_end_matches('0');
    if significant.is_empty() {
        return "0".to_owned();
    }
    let zeros = digits.len() - digits.trim_end_matches('0').len();
    let shift = i64::try_from(zeros).unwrap_or(0) - i64::try_from(fraction.len()).unwrap_or(0);
    match exponent.parse::<i64>().ok().and_then(|exponent| exponent.checked_add(shift)) {
        Some(exponent) => format!("{sign}{significant}e{exponent}"),
        None => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_compared_by_value() {
        for (one, other) in [("1", "1.0"), ("1e2", "100"), ("-0", "0"), ("1e400", "10e399"), ("0.10", "1E-1")] {
            assert!(same_json(one.as_bytes(), other.as_bytes()), "{one} {other}");
        }
        for (one, other) in
            [("1", "-1"), ("1e400", "1e401"), ("9007199254740993", "9007199254740992"), ("1", "\"1\""), ("1e-400", "0")]
        {
            assert!(!same_json(one.as_bytes(), other.as_bytes()), "{one} {other}");
        }
    }

    #[test]
    fn order_and_whitespace_do_not_count() {
        assert!(same_json(br#"{"a":1,"b":[1,2]}"#, b"{ \"b\": [1, 2],\n \"a\": 1 }"));
        assert!(!same_json(br#"{"b":[1,2]}"#, br#"{"b":[2,1]}"#));
        assert!(!same_json(b"{", b"{ "));
    }

    #[test]
    fn numbers_and_surrogates_beyond_a_value_are_read() {
        let long = format!("-{}", "9".repeat(400));
        for text in ["1e400", "-1E+999", "1.5e999", "1e99999999999999999999", &long] {
            let value = read_json(text.as_bytes()).unwrap();
            assert!(value.as_f64().unwrap().abs() >= 1e308, "{text}: {value}");
        }
        assert_eq!(read_json(br#""a\ud800b""#).unwrap(), "a\u{FFFD}b");
        assert_eq!(read_json(br#""\udc00\ud800""#).unwrap(), "\u{FFFD}\u{FFFD}");
        assert_eq!(read_json(br#""\ud83d\ude00 \\ud800""#).unwrap(), "\u{1F600} \\ud800");
        for text in ["1e400e", "01e400", "1.e400", "1e400.5", "--1e400", "\"\\ud80\"", "[1e400"] {
            assert!(read_json(text.as_bytes()).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_rewritten_text_keeps_its_length(text in r#"[-"\\ud8cfe0-9.+E{}:,é ]{0,40}"#) {
            prop_assert_eq!(within_range(&text).len(), text.len());
            let _ = same_json(text.as_bytes(), b"0");
        }
    }
}
