//! Parses JSON, TOML and query strings into types, and explains errors.
//!
//! A text is first parsed into a [`Tree`], which keeps every member of an object in order. The type is then
//! deserialized from the tree. This way errors name their location, unknown members are rejected at every level, and no
//! library message is shown to users.

mod error;
mod number;
mod query;
mod source;
mod tree;
mod within;

pub use error::{ReadError, wanted_as};
pub use number::{is_number, tag, whole};
pub use query::{Readings, query};
pub use source::EXACT;
pub use tree::Tree;
pub use within::{Within, within};

use crate::base::position::{Position, brief};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::borrow::Cow;

/// Parses JSON into a type. Errors give their location as a JSON pointer.
///
/// # Errors
/// When the text is not JSON or does not match the type.
pub fn json<T: DeserializeOwned>(text: &[u8]) -> Result<T, ReadError> {
    json_tree(text)?.read()
}

/// Parses a JSON object into a type. An empty text counts as an empty object.
///
/// # Errors
/// When the text is not a JSON object or does not match the type.
pub fn json_object<T: DeserializeOwned>(text: &[u8]) -> Result<T, ReadError> {
    object_tree(text)?.read()
}

/// Parses a word into an enum of words.
///
/// # Errors
/// When the word is not one of them.
pub fn word<T: DeserializeOwned>(word: &str) -> Result<T, ReadError> {
    Tree::Text(word.to_owned()).read()
}

/// Parses a JSON object with any members. An empty text counts as an empty object.
///
/// # Errors
/// When the text is not a JSON object.
pub fn object_tree(text: &[u8]) -> Result<Tree, ReadError> {
    if text.trim_ascii().is_empty() {
        return Ok(Tree::Object(Vec::new()));
    }
    if looks_like_a_form(text) {
        return Err(ReadError::problem("it is form data; send a JSON object"));
    }
    match json_tree(text)? {
        object @ Tree::Object(_) => Ok(object),
        other => Err(ReadError::problem(format!("it is {}, but must be a JSON object", other.kind()))),
    }
}

fn json_tree(text: &[u8]) -> Result<Tree, ReadError> {
    if text.trim_ascii().is_empty() {
        return Err(ReadError::problem("it is empty; write JSON"));
    }
    if text.starts_with(b"\xEF\xBB\xBF") {
        return Err(ReadError::problem("it begins with a byte order mark; send UTF-8 without one"));
    }
    let text = std::str::from_utf8(text).map_err(|error| {
        let place = Position::of(&String::from_utf8_lossy(text), error.valid_up_to());
        ReadError::problem(format!(
            "it is not UTF-8 at line {}, column {}; encode it as UTF-8",
            place.line, place.column
        ))
    })?;
    let tree = Tree::from_tagged(&tag(text)).ok_or_else(|| not_json(text))?;
    tree.without_repeats()?;
    Ok(tree)
}

/// The error for a text that is not JSON, with its position.
fn not_json(text: &str) -> ReadError {
    let Err(error) = serde_json::from_str::<Value>(&number::tame(text)) else {
        return ReadError::problem("it is not JSON");
    };
    let message = error.to_string();
    let stopped = Position { line: error.line(), column: error.column().max(1) };
    let offset = text.split_inclusive('\n').take(stopped.line.saturating_sub(1)).map(str::len).sum::<usize>();
    let offset = word_start(text, (offset + stopped.column).saturating_sub(1));
    let at_word =
        ["expected value", "expected ident", "expected `", "key must"].iter().any(|start| message.starts_with(start));
    let stopped = if at_word { Position::of(text, offset) } else { stopped };
    let place = format!("line {}, column {}", stopped.line, stopped.column);
    ReadError::problem(if error.is_eof() {
        format!("it ends too early, at {place}; close every quote and bracket")
    } else if message.starts_with("recursion limit") {
        format!("it is nested too deeply at {place}; at most 127 levels of lists and objects are allowed")
    } else if is_comment(&text[offset..]) {
        format!("it is not JSON at {place}: JSON has no comments; remove it")
    } else {
        match SLIPS.iter().find(|(theirs, _)| message.starts_with(theirs)) {
            Some((_, ours)) => format!("it is not JSON at {place}: {ours}"),
            None => format!("it is not JSON at {place}"),
        }
    })
}

/// The start of the word around an offset; a parser may have stopped in the middle of it.
#[must_use]
pub fn word_start(text: &str, offset: usize) -> usize {
    let offset = text.floor_char_boundary(offset);
    let ends = |char: char| char.is_whitespace() || ",:{}[]\"".contains(char);
    text[..offset].rfind(ends).map_or(0, |end| end + text[end..].chars().next().map_or(1, char::len_utf8))
}

/// Whether a text starts with a comment, as other languages write it.
#[must_use]
pub fn is_comment(text: &str) -> bool {
    ["//", "/*", "#"].iter().any(|mark| text.starts_with(mark))
}

/// Common mistakes: the start of the parser's message, and our wording. The wording contains no backslash, because the
/// description of a token error cannot hold one.
const SLIPS: [(&str, &str); 12] = [
    ("trailing comma", "trailing comma; remove it"),
    ("trailing characters", "text after the end of the value; remove it"),
    ("key must be a string", "a key without double quotes; add them"),
    (
        "control character",
        "a raw control character inside a text; write it as an escape, which is a backslash and a letter such as n",
    ),
    ("lone leading surrogate", HALF),
    ("unexpected end of hex escape", HALF),
    ("invalid escape", "not a JSON escape; double each backslash, or write a backslash, u and four hexadecimal digits"),
    ("expected `,` or", "a comma or a closing bracket is missing; add it"),
    ("expected `:`", "a colon is missing after a key; add it"),
    ("expected ident", "not a JSON word; write true, false or null, or put the text in double quotes"),
    (
        "expected value",
        "a value is missing or is not valid JSON; put texts in double quotes, and write numbers such as 0.5",
    ),
    ("invalid number", "not a JSON number; write one such as 10 or 0.5, or put it in double quotes"),
];

/// The wording for an escaped lone surrogate.
const HALF: &str = "half of a surrogate pair; write the character itself, or the escapes of both halves";

/// Whether a text looks like what `curl -d name=value` sends.
fn looks_like_a_form(text: &[u8]) -> bool {
    let name = text.split(|byte| *byte == b'=').next().unwrap_or_default();
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.%[]".contains(byte);
    name.len() < text.len() && name.first().is_some_and(u8::is_ascii_alphabetic) && name.iter().all(is_name)
}

/// The option that a word most likely means. Ignores case and the difference between hyphens and underscores.
#[must_use]
pub fn nearest<'o>(written: &str, options: &[&'o str]) -> Option<&'o str> {
    if written.len() > 64 {
        return None;
    }
    let plain = |word: &str| word.to_lowercase().replace(['-', ' '], "_");
    let written = plain(written);
    let distance = |option: &&&str| strsim::damerau_levenshtein(&written, &plain(option));
    let most = (written.chars().count() / 3).clamp(1, 3);
    options.iter().min_by_key(distance).filter(|option| distance(option) <= most).copied()
}

/// Formats a list of words for a message.
fn listed<'w>(words: impl IntoIterator<Item = &'w str>) -> String {
    words.into_iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

/// Quotes a text for a message and shortens it.
///
/// Invisible characters are escaped as in JSON.
#[must_use]
pub fn quoted(text: &str) -> String {
    with_json_escapes(&format!("{:?}", brief(text))).into_owned()
}

/// Replaces escapes that only Rust's `{:?}` writes with those of JSON: `\0` and `\u{1}` become `\u0000` and `\u0001`.
#[must_use]
pub fn with_json_escapes(message: &str) -> Cow<'_, str> {
    if !message.contains('\\') {
        return Cow::Borrowed(message);
    }
    let mut written = String::with_capacity(message.len());
    let mut rest = message;
    while let Some(place) = rest.find('\\') {
        let (before, escape) = rest.split_at(place);
        written.push_str(before);
        let code = escape.strip_prefix("\\u{").and_then(|code| code.split_once('}'));
        let code = code.and_then(|(code, behind)| Some((char::from_u32(u32::from_str_radix(code, 16).ok()?)?, behind)));
        let zero = escape.strip_prefix("\\0").map(|behind| ('\0', behind));
        if let Some((char, behind)) = code.or(zero) {
            let mut units = [0; 2];
            written.extend(char.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
            rest = behind;
        } else {
            // The escaped character can be a backslash.
            let end = escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end);
            written.push_str(&escape[..end]);
            rest = &escape[end..];
        }
    }
    written.push_str(rest);
    Cow::Owned(written)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quoted_text_is_escaped_as_in_json() {
        for text in ["plain", "a\u{1}b", "\0", "a\\u{1}", "q\"q", "\n\t\r", "\u{200b}", "\u{e0001}", "é“", "\\0"] {
            let written = quoted(text);
            assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text, "{written}");
            assert!(!written.contains(char::is_control), "{written:?}");
        }
        assert_eq!(quoted("a\u{1}\u{200b}"), r#""a\u0001\u200b""#);
    }
}
