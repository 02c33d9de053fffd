//! Counts the values in a JSON text before anything is built from it.

/// Whether a text that may be JSON contains more than `most` values: one for each opening bracket and each comma, plus
/// one. Nothing is parsed, so the cost is a single pass over the bytes.
#[must_use]
pub fn has_more_values_than(most: usize, text: &[u8]) -> bool {
    // Each value takes at least one byte.
    if text.len() <= most {
        return false;
    }
    let mut left = most;
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => {
                while let Some(byte) = bytes.next().filter(|byte| **byte != b'"') {
                    if *byte == b'\\' {
                        bytes.next();
                    }
                }
            }
            b'[' | b'{' | b',' => match left.checked_sub(1) {
                Some(rest) => left = rest,
                None => return true,
            },
            _ => {}
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_commas_count_outside_of_strings() {
        let text = br#"{"a,[\"{":[1,2,{}],"b":",,,,"}"#;
        assert!(!has_more_values_than(6, text));
        assert!(has_more_values_than(5, text));
        assert!(has_more_values_than(2, b"[[[["));
        assert!(!has_more_values_than(2, b"\"[[[["));
    }
}
