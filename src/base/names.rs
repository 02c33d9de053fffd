//! Names and ids that can be used in URL paths.

/// Names with a special meaning in a path: the current and the parent segment.
pub const DOTS: [&str; 2] = [".", ".."];

/// Whether a text is a valid name: 1 to `most` letters, digits, dots, dashes and underscores, except `.` and `..`.
#[must_use]
pub fn is_name(text: &str, most: usize) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !DOTS.contains(&text) && (1..=most).contains(&text.len()) && text.bytes().all(is_plain)
}

/// Whether a text has the form of a generated id: a prefix such as `as_`, followed by letters and digits.
#[must_use]
pub fn is_id(text: &str, prefix: &str) -> bool {
    let own = text.strip_prefix(prefix).unwrap_or_default();
    (1..=64).contains(&own.len()) && own.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The id with a given number: a prefix and at least eight digits.
#[must_use]
pub fn numbered_id(prefix: &str, number: u64) -> String {
    format!("{prefix}{number:08}")
}

/// Parses the number of an id made by [`numbered_id`], which may have leading zeros. At most 19 digits, so that every
/// number fits.
#[must_use]
pub fn number_of_id(id: &str, prefix: &str) -> Option<u64> {
    let digits = id.strip_prefix(prefix).filter(|digits| digits.len() <= 19)?;
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { digits.parse().ok() } else { None }
}

/// The problem with a name or an id that contains a control character, such as a line feed.
#[must_use]
pub fn control_problem(text: &str) -> Option<&'static str> {
    text.contains(char::is_control).then_some("contains a control character")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_in_a_path() {
        for name in ["a", "suite-a", "a.b_c", "...", "x".repeat(64).as_str()] {
            assert!(is_name(name, 64), "{name}");
        }
        for name in ["", ".", "..", "a/b", "a b", "a\0", "ä", "x".repeat(65).as_str()] {
            assert!(!is_name(name, 64), "{name}");
        }
    }

    #[test]
    fn ids_have_a_prefix_and_letters_or_digits() {
        assert!(is_id("as_0123456789abcdef01234567", "as_"));
        for id in ["", "as_", "x", "ho_1", "as_a/b", "as_a\0", "as_ä", "as_a b"] {
            assert!(!is_id(id, "as_"), "{id}");
        }
    }
}
