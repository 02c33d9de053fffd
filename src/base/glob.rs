//! Patterns with `*` (any characters, or none) and `?` (one character).
//!
//! Matching is iterative. Its cost is bounded in advance ([`Glob::steps`]): each part between two stars is searched for
//! once, in a single pass over the text, starting where the previous part ended.

mod part;

use part::{Floating, GlobPart};
use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// Maximum number of characters of a pattern.
pub const MOST_CHARACTERS: usize = 1_000;

/// Number of pattern characters that an error quotes.
const QUOTED: usize = 100;

/// A pattern that must match the whole text. A backslash escapes `*`, `?` and `\`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Glob {
    written: Box<str>,
    /// Up to the first star, or to the end.
    start: GlobPart,
    /// Between stars.
    middle: Box<[Floating]>,
    /// After the last star. `None` without a star; `start` is then the whole pattern.
    end: Option<GlobPart>,
}

impl Serialize for Glob {
    /// Serializes the pattern as it was written.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl Glob {
    /// Parses a pattern.
    ///
    /// # Errors
    /// A message, when the pattern is empty, too long, or has a backslash before an ordinary character.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        Self::parse_as(pattern, pattern)
    }

    /// Parses a pattern for lower-case texts such as emails.
    ///
    /// # Errors
    /// As [`Glob::parse`].
    pub(crate) fn parse_lower_case(pattern: &str) -> Result<Self, String> {
        // Checked before anything is copied.
        if pattern.len() > MOST_CHARACTERS * 4 {
            return Self::parse(pattern);
        }
        Self::parse_as(pattern, &pattern.to_lowercase())
    }

    fn parse_as(written: &str, pattern: &str) -> Result<Self, String> {
        if written.is_empty() {
            return Err("an empty glob never matches; write \"*\" or remove the key".to_owned());
        }
        if written.chars().nth(MOST_CHARACTERS).is_some() {
            return Err(format!(
                "the glob {} has {} characters; at most {MOST_CHARACTERS} are allowed, so replace a part of it with *",
                quote(written),
                written.chars().count()
            ));
        }
        let mut parts = vec![Vec::new()];
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            let char = match char {
                '*' => {
                    parts.push(Vec::new());
                    continue;
                }
                '?' => None,
                '\\' => {
                    let Some(escaped) = chars.next().filter(|next| "*?\\".contains(*next)) else {
                        return Err(format!(
                            "the glob {} has a backslash that escapes nothing; only \\*, \\? and \\\\ are escapes",
                            quote(written)
                        ));
                    };
                    Some(escaped)
                }
                plain => Some(plain),
            };
            if let Some(part) = parts.last_mut() {
                part.push(char);
            }
        }
        let end = if parts.len() > 1 { parts.pop().map(|part| GlobPart::new(&part)) } else { None };
        let mut parts = parts.into_iter();
        let start = GlobPart::new(&parts.next().unwrap_or_default());
        // Several stars in a row mean the same as one.
        let middle = parts.filter(|part| !part.is_empty()).map(|part| Floating::new(&part)).collect();
        Ok(Self { written: written.into(), start, middle, end })
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some(rest) = self.start.strip_prefix(text) else { return false };
        let Some(end) = &self.end else { return rest.is_empty() };
        let Some(mut rest) = end.strip_suffix(rest) else { return false };
        // Taking the leftmost match of each part leaves the most text for the following parts.
        for floating in &self.middle {
            match floating.find_end(rest) {
                Some(behind) => rest = behind,
                None => return false,
            }
        }
        true
    }

    /// Maximum number of steps that [`Glob::matches`] takes for a text of this many bytes. A step compares one
    /// character, or 64 when the pattern part contains `?`.
    #[must_use]
    pub fn steps(&self, bytes: usize) -> u64 {
        let ends = self.written.len().min(bytes);
        let widest = self.middle.iter().map(Floating::words).max().unwrap_or(0);
        (ends + bytes.saturating_mul(widest)) as u64
    }

    /// Cost of searching a short text such as an email: 1 for each part between two stars, or 10 per 64 characters if
    /// the part contains `?`. The start and the end of a pattern cost nothing, because they are not searched for.
    pub(crate) fn search_cost(&self) -> usize {
        self.middle.iter().map(Floating::search_cost).sum()
    }

    /// Returns the only text that matches, if the pattern has no wildcard.
    pub(crate) fn exact(&self) -> Option<&str> {
        match (&self.start, &self.end) {
            (GlobPart::Text(text), None) => Some(text),
            _ => None,
        }
    }

    /// Returns the tag of a pattern `*+tag@*`: every matching email has it between the last plus and the at sign.
    pub(crate) fn tag(&self) -> Option<&str> {
        let (GlobPart::Text(start), [floating], Some(GlobPart::Text(end))) = (&self.start, &*self.middle, &self.end)
        else {
            return None;
        };
        let text = floating.text()?;
        if !start.is_empty() || !end.is_empty() {
            return None;
        }
        let tag = text.strip_prefix('+')?.strip_suffix('@')?;
        (!tag.contains(['+', '@'])).then_some(tag)
    }
}

/// The start of a pattern, quoted for an error message.
fn quote(pattern: &str) -> String {
    match pattern.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{:?}…", &pattern[..end]),
        None => format!("{pattern:?}"),
    }
}

impl TryFrom<String> for Glob {
    type Error = String;

    fn try_from(pattern: String) -> Result<Self, String> {
        Self::parse(&pattern)
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", self.written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matches(pattern: &str, text: &str) -> bool {
        Glob::parse(pattern).unwrap().matches(text)
    }

    #[test]
    fn wildcards_stand_for_any_and_for_one_character() {
        for (pattern, text, expected) in [
            ("sam@x.com", "sam@x.com", true),
            ("sam@x.com", "sam@x.co", false),
            ("sam@*", "sam@", true),
            ("*", "", true),
            ("*@x.com", "a@b@x.com", true),
            ("*+flaky@*", "sam+flaky@x.com", true),
            ("*+flaky@*", "sam+flakyness@x.com", false),
            ("a?c", "aßc", true),
            ("a?c", "ac", false),
            ("*a*b*c*", "xxaxxbxxc", true),
            ("*a*b*c*", "xxaxxcxxb", false),
            ("?*?", "é", false),
            ("?*?", "éé", true),
            (r"50\* off\?", "50* off?", true),
            (r"50\* off\?", "505 off?", false),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }

    #[test]
    fn a_meaningless_glob_is_refused() {
        assert!(Glob::parse("").unwrap_err().contains("empty"));
        assert!(Glob::parse(r"a\b").unwrap_err().contains("escapes nothing"));
        assert!(Glob::parse(r"a\").unwrap_err().contains("escapes nothing"));
    }

    #[test]
    fn a_glob_that_is_too_long_is_refused() {
        assert!(Glob::parse(&"?".repeat(MOST_CHARACTERS)).is_ok());
        let long = "é".repeat(60_000);
        for error in [Glob::parse(&long).unwrap_err(), Glob::parse_lower_case(&long).unwrap_err()] {
            assert!(error.contains("has 60000 characters; at most 1000 are allowed"), "{error}");
            assert!(error.chars().count() < 250, "{error}");
        }
        let broken = Glob::parse(&format!(r"{}\b", "a".repeat(900))).unwrap_err();
        assert!(broken.chars().count() < 250, "{broken}");
    }

    #[test]
    fn holes_at_the_ends_of_a_part_skip_characters() {
        for (pattern, text, expected) in [
            ("*??abc?*", "xxabcy", true),
            ("*??abc?*", "xabcy", false),
            ("*??abc?*", "xxabc", false),
            ("*abc?*?abc*", "abcxabc", false),
            ("*abc?*?abc*", "abcxyabc", true),
            ("*???*", "éé", false),
            ("*???*", "ééé", true),
            ("a*?c", "abbc", true),
            ("a*?c", "ac", false),
            ("*a?c*", "aacabc", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} against {text}");
        }
    }

    #[test]
    fn a_search_costs_one_pass_per_64_characters() {
        let text = 900_000;
        for (pattern, steps) in [
            ("?".repeat(1_000), 1_000),
            ("a".repeat(1_000), 1_000),
            (format!("*{}*", "a".repeat(998)), text as u64 + 1_000),
            (format!("*{}*", "a?a".repeat(332)), 16 * text as u64 + 998),
            ("*a?a".repeat(250), text as u64 + 1_000),
            ("*".repeat(1_000), 1_000),
        ] {
            assert_eq!(Glob::parse(&pattern).unwrap().steps(text), steps, "{pattern}");
        }
        // These took a minute when every star was tried at every position.
        let text = "a".repeat(text);
        for pattern in [format!("*{}b", "?".repeat(998)), "*a?a".repeat(249) + "b", format!("*{}?b*", "a".repeat(990))]
        {
            assert!(!matches(&pattern, &text), "{pattern}");
        }
    }

    #[test]
    fn globs_that_an_index_can_use_are_recognized() {
        let glob = |pattern| Glob::parse(pattern).unwrap();
        assert_eq!(glob(r"a\*b").exact(), Some("a*b"));
        assert_eq!(glob("a*").exact(), None);
        assert_eq!(glob("*+flaky@*").tag(), Some("flaky"));
        assert_eq!(glob("**+flaky@**").tag(), Some("flaky"));
        assert_eq!(glob("*+a+b@*").tag(), None);
        assert_eq!(glob("*flaky@*").tag(), None);
        assert_eq!(glob("*+flaky@x.com").tag(), None);
    }

    proptest! {
        #[test]
        fn long_parts_match_as_their_regular_expression(pattern in "[ab?*]{60,200}", text in "[ab]{60,300}") {
            let expression = pattern.replace('*', ".*").replace('?', ".");
            let expected = regex::Regex::new(&format!("^(?s:{expression})$")).unwrap().is_match(&text);
            prop_assert_eq!(matches(&pattern, &text), expected);
        }

        #[test]
        fn a_long_part_is_found_in_the_text_it_was_made_of(
            text in "[abc]{70,200}", holes in prop::collection::vec(any::<bool>(), 200), from in 0..5_usize,
        ) {
            let part: String = text[from..]
                .chars()
                .zip(holes)
                .map(|(char, is_hole)| if is_hole { '?' } else { char })
                .collect();
            let wrapped = format!("*{}*", part.get(..part.len() - 2).unwrap());
            prop_assert!(matches(&wrapped, &text));
            let wrong = format!("*{}d*", part.get(..part.len() - 2).unwrap());
            prop_assert!(!matches(&wrong, &text));
        }

        #[test]
        fn a_glob_matches_as_its_regular_expression_does(pattern in "[ab*?é]{1,8}", text in "[abé]{0,8}") {
            let expression = pattern.replace('*', ".*").replace('?', ".");
            let expected = regex::Regex::new(&format!("^(?s:{expression})$")).unwrap().is_match(&text);
            prop_assert_eq!(matches(&pattern, &text), expected);
        }
    }
}
