//! Rejects plain YAML words that are read as a value other than the one written: `zip: 01234` as 1234.

use super::{decimal::Decimal, error::ScenarioError};
use crate::base::{
    position::{Position, excerpt},
    reading::quoted,
};
use granit_parser::{Event, Marker, Parser, ScalarStyle};
use serde::de::IgnoredAny;
use serde_json::Number;

/// Keys whose value is a number or a boolean, in any notation that JSON allows for it.
const TYPED: [&str; 10] =
    ["above", "attempts", "below", "exists", "http_status", "priority", "probability", "reopen", "sigma", "truncate"];

/// Keys below which any JSON is allowed.
const FREE: [&str; 2] = ["set", "equals"];

/// A list or an object that is being read.
enum Open {
    List,
    Object { key: Option<String>, wants_key: bool },
}

/// Checks a text that was parsed before, so its size and nesting are within bounds.
///
/// # Errors
/// At the first value, key or tag that would be read as something else.
pub(super) fn check(file: &str, text: &str) -> Result<(), ScenarioError> {
    // The YAML reader skips a byte order mark.
    let content = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let is_json = serde_json::from_str::<IgnoredAny>(content).is_ok();
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(content) {
        // Whatever the YAML reader accepted is not an error here.
        let Ok((event, span)) = event else { return Ok(()) };
        let wrong_at = |mark: Marker, problem: &str| {
            let position = Position { line: mark.line(), column: mark.col() + 1 };
            Err(ScenarioError::at(file, text, position, problem))
        };
        let wrong = |problem: &str| wrong_at(span.start, problem);
        let wrong_tag = |problem: &str| wrong_at(span.tag_start().unwrap_or(span.start), problem);
        let is_key = matches!(open.last(), Some(Open::Object { wants_key: true, .. }));
        match &event {
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                continue;
            }
            Event::Scalar(word, style, _, tag) => {
                if tag.as_ref().is_some_and(|tag| !tag.is_yaml_core_schema_tag("str")) {
                    return wrong_tag("a tag (!) would change the value; remove it, and quote texts");
                }
                let is_plain = *style == ScalarStyle::Plain && tag.is_none();
                let problem = match (is_plain, is_key) {
                    (false, _) => None,
                    (true, false) if word == "~" && !written_at(content, span.start).starts_with('~') => {
                        Some(missing_value(content, span.start))
                    }
                    (true, true) => key_problem(word),
                    (true, false) => value_problem(word, is_json || is_typed(&open)),
                };
                if let Some(problem) = problem {
                    return wrong(&problem);
                }
            }
            Event::SequenceStart(_, _, tag) | Event::MappingStart(_, _, tag) => {
                if is_key {
                    return wrong("a list or an object cannot be a key; use a text");
                }
                let is_usual = |name| tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag(name));
                if tag.is_some() && !is_usual("seq") && !is_usual("map") {
                    return wrong_tag("a tag (!) would change the value; remove it");
                }
            }
            Event::Alias(_) => {}
            _ => continue,
        }
        if let Some(Open::Object { key, wants_key }) = open.last_mut() {
            if is_key {
                *key = if let Event::Scalar(word, ..) = &event { Some(word.to_string()) } else { None };
            }
            *wants_key = !is_key;
        }
        match event {
            Event::SequenceStart(..) => open.push(Open::List),
            Event::MappingStart(..) => open.push(Open::Object { key: None, wants_key: true }),
            _ => {}
        }
    }
    Ok(())
}

/// The text from a position on.
fn written_at(text: &str, mark: Marker) -> &str {
    &text[Position { line: mark.line(), column: mark.col() + 1 }.offset(text)..]
}

/// The problem with a key that has no value.
fn missing_value(text: &str, mark: Marker) -> String {
    let rest = written_at(text, mark);
    let before = text[..text.len() - rest.len()].trim_end();
    if before.ends_with(':') || rest.starts_with(':') {
        "the value is missing; write null or another value".to_owned()
    } else {
        "the value is missing; add it after a colon, or write a single word without braces".to_owned()
    }
}

/// Whether the format gives the value a type.
fn is_typed(open: &[Open]) -> bool {
    let mut keys = open.iter().filter_map(|open| match open {
        Open::Object { key, .. } => key.as_deref(),
        Open::List => None,
    });
    let is_free = keys.clone().any(|key| FREE.contains(&key));
    !is_free && keys.next_back().is_some_and(|key| TYPED.contains(&key))
}

/// The problem with a plain word as a value.
fn value_problem(word: &str, any_spelling: bool) -> Option<String> {
    let quoted = excerpt(word, 0).text;
    let read_as =
        |value: &str| Some(format!("{quoted} is read as {value}; write {value}, or quote it to keep the text"));
    match word {
        "~" | "Null" | "NULL" => return read_as("null"),
        "True" | "TRUE" if !any_spelling => return read_as("true"),
        "False" | "FALSE" if !any_spelling => return read_as("false"),
        _ => {}
    }
    let Some(written) = Decimal::parse(word) else {
        return is_like_a_number(word).then(|| {
            format!("{quoted} is a number in a notation that JSON does not allow; quote it to keep the text, or write it as in JSON")
        });
    };
    let Ok(kept) = serde_json::from_str::<Number>(word) else {
        return Some(format!("{quoted} is a number out of range; quote it to keep the text"));
    };
    if Decimal::from(&kept) != written {
        return Some(format!("{quoted} would be rounded to {kept}; write {kept}, or quote it to keep the text"));
    }
    if any_spelling || kept.to_string() == word { None } else { read_as(&kept.to_string()) }
}

/// The problem with a plain word as a key.
fn key_problem(word: &str) -> Option<String> {
    let is_null = matches!(word, "" | "~" | "null" | "Null" | "NULL");
    let is_bool = matches!(word, "true" | "True" | "TRUE" | "false" | "False" | "FALSE");
    let is_number = Decimal::parse(word).is_some() || is_like_a_number(word);
    (is_null || is_bool || is_number).then(|| {
        let quoted = quoted(word);
        format!("the key {quoted} is not a text in YAML; quote it")
    })
}

/// Whether any version of YAML has a number in a notation that JSON lacks: `01234`, `0o17`, `1_000`, `+5`, `.5`,
/// `.inf`.
fn is_like_a_number(word: &str) -> bool {
    let magnitude = word.strip_prefix(['+', '-']).unwrap_or(word);
    let is_digits = |digits: &str, radix: u32| {
        digits.chars().all(|char| char == '_' || char.is_digit(radix))
            && digits.chars().any(|char| char.is_digit(radix))
    };
    let lower = magnitude.to_ascii_lowercase();
    let has_radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .iter()
        .any(|(prefix, radix)| lower.strip_prefix(prefix).is_some_and(|digits| is_digits(digits, *radix)));
    let is_float = || {
        let plain = lower.replace('_', "");
        plain.contains(|char: char| char.is_ascii_digit())
            && plain.bytes().all(|byte| byte.is_ascii_digit() || b".e+-".contains(&byte))
            && plain.parse::<f64>().is_ok()
    };
    has_radix
        || matches!(&*lower, ".inf" | ".nan")
        || (!magnitude.starts_with('_') && (is_digits(magnitude, 10) || is_float()))
}
