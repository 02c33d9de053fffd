//! Patterns with `*` (any characters, or none) and `?` (one character). Knows nothing of what they are matched with.

use serde::{Deserialize, Serialize, Serializer};
use std::fmt;

/// A pattern that a whole text must match. A backslash takes the meaning from `*`, `?` and `\`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Glob {
    written: Box<str>,
    tokens: Box<[Token]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Text(Box<str>),
}

impl Serialize for Glob {
    /// The pattern as it is written.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.written)
    }
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// In words, when the pattern is empty or has a backslash before an ordinary character.
    pub fn parse(pattern: &str) -> Result<Self, String> {
        Self::parse_as(pattern, pattern)
    }

    /// Reads a pattern that is to be matched with texts in lower case, such as emails.
    ///
    /// # Errors
    /// As [`Glob::parse`].
    pub(crate) fn parse_lower_case(pattern: &str) -> Result<Self, String> {
        Self::parse_as(pattern, &pattern.to_lowercase())
    }

    fn parse_as(written: &str, pattern: &str) -> Result<Self, String> {
        if written.is_empty() {
            return Err("an empty glob matches nothing that a request holds; write \"*\" or drop the key".to_owned());
        }
        let mut tokens = Vec::new();
        let mut text = String::new();
        let mut chars = pattern.chars();
        while let Some(char) = chars.next() {
            let wildcard = match char {
                '*' => Token::Any,
                '?' => Token::One,
                '\\' => {
                    let Some(escaped) = chars.next().filter(|next| "*?\\".contains(*next)) else {
                        return Err(format!(
                            "the glob {written:?} has a backslash that escapes nothing; only \\*, \\? and \\\\ are escapes"
                        ));
                    };
                    text.push(escaped);
                    continue;
                }
                plain => {
                    text.push(plain);
                    continue;
                }
            };
            if !text.is_empty() {
                tokens.push(Token::Text(std::mem::take(&mut text).into()));
            }
            // Several stars in a row say no more than one.
            if wildcard != Token::Any || tokens.last() != Some(&Token::Any) {
                tokens.push(wildcard);
            }
        }
        if !text.is_empty() {
            tokens.push(Token::Text(text.into()));
        }
        Ok(Self { written: written.into(), tokens: tokens.into() })
    }

    /// Whether the whole text matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let mut token = 0;
        let mut rest = text;
        // Where to go on when a later part fails: behind the last star, which then takes one character more.
        let mut retry: Option<(usize, &str)> = None;
        loop {
            let next = match self.tokens.get(token) {
                None if rest.is_empty() => return true,
                None => None,
                Some(Token::Any) => {
                    retry = Some((token + 1, rest));
                    Some(rest)
                }
                Some(Token::One) => without_first(rest),
                Some(Token::Text(text)) => rest.strip_prefix(&**text),
            };
            if let Some(next) = next {
                rest = next;
                token += 1;
                continue;
            }
            let Some((behind, longer)) = retry.and_then(|(behind, from)| Some((behind, without_first(from)?))) else {
                return false;
            };
            retry = Some((behind, longer));
            token = behind;
            rest = longer;
        }
    }

    /// The one text that matches, when there is no wildcard.
    pub(crate) fn exact(&self) -> Option<&str> {
        match &*self.tokens {
            [Token::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The tag of `*+tag@*`: what stands between the last plus and the at of every email that matches.
    pub(crate) fn tag(&self) -> Option<&str> {
        let [Token::Any, Token::Text(text), Token::Any] = &*self.tokens else {
            return None;
        };
        let tag = text.strip_prefix('+')?.strip_suffix('@')?;
        (!tag.contains(['+', '@'])).then_some(tag)
    }
}

fn without_first(text: &str) -> Option<&str> {
    let mut chars = text.chars();
    chars.next().map(|_| chars.as_str())
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
    fn a_glob_that_can_mean_nothing_is_refused() {
        assert!(Glob::parse("").unwrap_err().contains("empty"));
        assert!(Glob::parse(r"a\b").unwrap_err().contains("escapes nothing"));
        assert!(Glob::parse(r"a\").unwrap_err().contains("escapes nothing"));
    }

    #[test]
    fn the_forms_that_an_index_can_use_are_known() {
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
        fn a_glob_matches_as_its_regular_expression_does(pattern in "[ab*?é]{1,8}", text in "[abé]{0,8}") {
            let expression = pattern.replace('*', ".*").replace('?', ".");
            let expected = regex::Regex::new(&format!("^(?s:{expression})$")).unwrap().is_match(&text);
            prop_assert_eq!(matches(&pattern, &text), expected);
        }
    }
}
