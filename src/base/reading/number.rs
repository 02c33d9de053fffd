//! Numbers with their original text. A JSON parser rounds numbers to 64 bits but keeps strings as they are.

/// Whether a text is a JSON number (RFC 8259, 6).
#[must_use]
pub fn is_number(text: &str) -> bool {
    let is_digits = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    is_digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && is_digits(fraction)
        && is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

/// The digits of a whole number, even if it is written as `14.0` or `1.4e1`, which JSON Schema also accepts as
/// integers. `None` for a number with a fraction, or with more digits than any integer type holds.
#[must_use]
pub fn whole(number: &str) -> Option<String> {
    const MOST_DIGITS: i64 = 40;
    let (sign, magnitude) = number.strip_prefix('-').map_or(("", number), |magnitude| ("-", magnitude));
    let (mantissa, exponent) = magnitude.split_once(['e', 'E']).unwrap_or((magnitude, "0"));
    let (before, behind) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{before}{behind}");
    let significant = digits.trim_end_matches('0');
    if significant.is_empty() {
        return Some("0".to_owned());
    }
    // Position of the decimal point, counted from the first digit.
    let point = i64::try_from(before.len()).ok()?.checked_add(exponent.parse().ok()?)?;
    let point = usize::try_from(point).ok().filter(|_| point <= MOST_DIGITS)?;
    if significant.len() > point {
        return None;
    }
    let padded = format!("{significant:0<point$}");
    Some(format!("{sign}{}", padded.trim_start_matches('0')))
}

/// Copies a JSON text, prefixing each string with `s` and turning each number into a string prefixed with `n`.
#[must_use]
pub fn tag(text: &str) -> String {
    rewrite(text, "s", |number| format!("\"n{number}\""))
}

/// Copies a JSON text, replacing each number with one of the same length that every parser accepts, so that other
/// errors keep their position.
pub(super) fn tame(text: &str) -> String {
    rewrite(text, "", |number| match number.len() {
        _ if !is_number(number) => number.to_owned(),
        length @ 0..3 => "1".repeat(length),
        length => format!("0.{}", "0".repeat(length - 2)),
    })
}

/// Copies a JSON text with a mark at the start of each string and each number replaced.
fn rewrite(text: &str, mark: &str, replace: impl Fn(&str) -> String) -> String {
    let bytes = text.as_bytes();
    let mut written = String::with_capacity(text.len() + text.len() / 4);
    let (mut at, mut copied, mut in_string) = (0, 0, false);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                in_string = !in_string;
                if in_string {
                    written.push_str(&text[copied..=at]);
                    written.push_str(mark);
                    copied = at + 1;
                }
            }
            // The escaped character can be a quote.
            b'\\' if in_string => at += 1,
            b'-' | b'0'..=b'9' if !in_string => {
                let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
                let end = at + bytes[at..].iter().take_while(is_part).count();
                written.push_str(&text[copied..at]);
                written.push_str(&replace(&text[at..end]));
                copied = end;
                at = end - 1;
            }
            _ => {}
        }
        at += 1;
    }
    written.push_str(&text[copied..]);
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_distinguished_from_fractions() {
        for (number, digits) in [
            ("14", "14"),
            ("14.0", "14"),
            ("1.4e1", "14"),
            ("1400e-2", "14"),
            ("-3.00", "-3"),
            ("-0.0", "0"),
            ("0e99", "0"),
            ("0.5e1", "5"),
            ("18446744073709551615.0", "18446744073709551615"),
            ("1E+2", "100"),
        ] {
            assert_eq!(whole(number).as_deref(), Some(digits), "{number}");
        }
        for number in ["14.5", "1e-1", "1.45e1", "1e41", "1e999999999999999999999", "0.05e1"] {
            assert_eq!(whole(number), None, "{number}");
        }
    }
}
