//! Parses bytes into a JSON value, with a clear message for each error (R10).

use super::{
    finding::{Advice, LISTED, Violation, printable, push_segment},
    lenient::{read_json, within_range},
};
use crate::base::{
    position::Position,
    reading::{is_comment, word_start},
};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Value, error::Category};
use std::{collections::HashSet, fmt};

/// What every body must be.
const WANTED: &str = "a JSON object";

/// What a body that is nested too deeply must be. The parser's limit is also the contract's.
const SHALLOW: &str = "a JSON object of at most 127 levels";

pub(super) fn parse(body: &[u8]) -> Result<Value, Violation> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Violation::body(WANTED, "empty"));
    }
    if body.starts_with(b"\xEF\xBB\xBF") {
        return Err(Violation::body(WANTED, "text that starts with a byte order mark; send UTF-8 without one"));
    }
    let text = match std::str::from_utf8(body) {
        Ok(text) => text,
        Err(error) => {
            let position = Position::of(&String::from_utf8_lossy(body), error.valid_up_to());
            let came = format!("not UTF-8 at line {}, column {}", position.line, position.column);
            return Err(Violation { position: Some(position), ..Violation::body(WANTED, &came) });
        }
    };
    read_json(body).map_err(|error| {
        let position = position(&error, text);
        let violation = if error.to_string().starts_with("recursion limit") {
            let Position { line, column } = position;
            Violation::body(SHALLOW, &format!("nested more deeply at line {line}, column {column}"))
        } else {
            Violation::body(WANTED, &explain(&error, text, position))
        };
        Violation { position: Some(position), ..violation }
    })
}

/// Where the parser stopped, as people count: the parser counts bytes, and a line feed as the start of the next line.
fn position(error: &serde_json::Error, text: &str) -> Position {
    let line_start = |line: usize| {
        text.match_indices('\n').nth(line.wrapping_sub(2)).filter(|_| line > 1).map_or(0, |(feed, _)| feed + 1)
    };
    let start = line_start(error.line());
    let stopped = (start + error.column()).saturating_sub(1);
    let message = error.to_string();
    let at_word = ["expected value", "expected ident", "expected `,`", "key must"];
    // The parser may stop in the middle of an invalid word.
    let is_at_word = !error.is_eof() && at_word.iter().any(|start| message.starts_with(start));
    Position::of(text, if is_at_word { word_start(text, stopped) } else { stopped })
}

fn explain(error: &serde_json::Error, text: &str, Position { line, column }: Position) -> String {
    let place = format!("line {line}, column {column}");
    if error.classify() == Category::Eof {
        return format!("cut off: the text ends at {place}, before the JSON is complete");
    }
    let message = error.to_string();
    let has = |words: &str| message.starts_with(words);
    let what = if is_comment(&text[Position { line, column }.offset(text)..]) {
        "a comment, which JSON does not allow".to_owned()
    } else if has("trailing comma") {
        "a trailing comma".to_owned()
    } else if has("trailing characters") {
        "text after the end of the JSON value".to_owned()
    } else if has("key must be a string") {
        format!("{} where a key in double quotes should be", word_at(text, line, column))
    } else if has("number out of range") {
        "a number that is out of range".to_owned()
    } else if has("invalid number") {
        "a number that is not valid in JSON".to_owned()
    } else if has("control character") {
        "a raw control character inside a string; escape it".to_owned()
    } else if has("invalid escape") {
        "an escape that is not valid in JSON".to_owned()
    } else if has("invalid unicode") || has("lone leading surrogate") || has("unexpected end of hex escape") {
        "a \\u escape that is not a character".to_owned()
    } else if has("expected `:`") {
        "a missing colon after a key".to_owned()
    } else if has("expected `,`") {
        format!("{} where a comma or the closing bracket should be", word_at(text, line, column))
    } else {
        format!("{} where a value should be", word_at(text, line, column))
    };
    format!("not JSON: {what}, at {place}")
}

/// The word around a position, as written: `NaN`, `'text'`, `undefined`.
fn word_at(text: &str, line: usize, column: usize) -> String {
    let line: Vec<char> = text.lines().nth(line - 1).unwrap_or_default().chars().collect();
    let at = (column - 1).min(line.len());
    let ends = |char: &char| char.is_whitespace() || ",:{}[]\"".contains(*char);
    let start = line[..at].iter().rposition(ends).map_or(0, |place| place + 1);
    let word: String = line[start..].iter().take_while(|char| !ends(char)).take(20).collect();
    match (word.is_empty(), line.get(at)) {
        (false, _) => format!("`{}`", printable(&word)),
        (true, Some(char)) => format!("`{}`", printable(&char.to_string())),
        (true, None) => "nothing".to_owned(),
    }
}

/// Whether a text is valid JSON throughout. Also checks strings, which a quick scan skips.
#[must_use]
pub fn is_json(text: &[u8]) -> bool {
    let mut json = serde_json::Deserializer::from_slice(text);
    let mut scan = Scan { pointer: String::new(), budget: 0, advices: &mut Vec::new() };
    Duplicates(&mut scan).deserialize(&mut json).is_ok() && json.end().is_ok()
}

/// Warns about duplicate keys in an object: the last one counts (R10).
pub(super) fn advise_on_duplicates(body: &[u8], advices: &mut Vec<Advice>) {
    let known = advices.len();
    let mut scan = Scan { pointer: String::new(), budget: 16 << 10, advices };
    // A body that does not parse was rejected before.
    if let Ok(text) = std::str::from_utf8(body) {
        let result = Duplicates(&mut scan).deserialize(&mut serde_json::Deserializer::from_str(text));
        if result.is_err() {
            scan = Scan { pointer: String::new(), budget: 16 << 10, advices: scan.advices };
            scan.advices.truncate(known);
            let text = within_range(text);
            let _ = Duplicates(&mut scan).deserialize(&mut serde_json::Deserializer::from_str(&text));
        }
    }
}

/// Visitor methods that accept every scalar.
macro_rules! scalars_pass {
    () => {
        fn visit_unit<E>(self) -> Result<(), E> {
            Ok(())
        }

        fn visit_bool<E>(self, _: bool) -> Result<(), E> {
            Ok(())
        }

        fn visit_i64<E>(self, _: i64) -> Result<(), E> {
            Ok(())
        }

        fn visit_u64<E>(self, _: u64) -> Result<(), E> {
            Ok(())
        }

        fn visit_f64<E>(self, _: f64) -> Result<(), E> {
            Ok(())
        }

        fn visit_str<E>(self, _: &str) -> Result<(), E> {
            Ok(())
        }
    };
}

pub(super) use scalars_pass;

struct Scan<'a> {
    pointer: String,
    /// Remaining bytes of pointers that may be reported, so that a very long key is not repeated in every advice.
    budget: usize,
    advices: &'a mut Vec<Advice>,
}

struct Duplicates<'s, 'a>(&'s mut Scan<'a>);

impl<'de> DeserializeSeed<'de> for Duplicates<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Duplicates<'_, '_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any JSON value")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let scan = self.0;
        let mut seen: HashSet<String> = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            let length = scan.pointer.len();
            push_segment(&mut scan.pointer, &key);
            if !seen.insert(key) && scan.advices.len() < LISTED && scan.pointer.len() <= scan.budget {
                scan.budget -= scan.pointer.len();
                let message = "is given more than once; the last one counts".to_owned();
                scan.advices.push(Advice { pointer: scan.pointer.clone(), code: "duplicate_key", message });
            }
            map.next_value_seed(Duplicates(scan))?;
            scan.pointer.truncate(length);
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let scan = self.0;
        let length = scan.pointer.len();
        for index in 0_usize.. {
            push_segment(&mut scan.pointer, &index.to_string());
            let more = items.next_element_seed(Duplicates(scan))?.is_some();
            scan.pointer.truncate(length);
            if !more {
                break;
            }
        }
        Ok(())
    }

    scalars_pass!();
}
