//! Predicates about a value in a request body, and about the intent.

use super::{decimal::Decimal, exact::Exact, matching::given, steps::Steps};
use crate::base::glob::Glob;
use crate::base::reading;
use crate::domain::session::Intent;
use serde::Deserialize;
use std::{
    fmt,
    io::{self, Write},
};

/// Maximum length of a JSON pointer in bytes.
const LONGEST_POINTER: usize = 1_000;

/// Maximum size of a value to compare with, as JSON, in bytes.
const LARGEST_VALUE: usize = 10_000;

/// What the value at a JSON pointer in the body must be.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "BodyPredicateFile")]
pub(super) struct BodyPredicate {
    pointer: Pointer,
    test: Test,
}

#[derive(Clone, Debug)]
enum Test {
    Equals(Exact),
    Glob(Glob),
    Exists(bool),
    Above(Decimal),
    Below(Decimal),
}

impl BodyPredicate {
    pub(super) fn holds(&self, body: &Exact, steps: &Steps) -> bool {
        if !steps.pay(self.pointer.0.len() as u64) {
            return false;
        }
        let found = body.pointer(&self.pointer.0);
        match &self.test {
            Test::Equals(wanted) => {
                found.is_some_and(|found| steps.pay(LARGEST_VALUE as u64) && found.is_same(wanted, steps))
            }
            Test::Glob(glob) => match found {
                Some(Exact::Text(text)) => steps.pay(glob.steps(text.len())) && glob.matches(text),
                _ => false,
            },
            Test::Exists(wanted) => found.is_some() == *wanted,
            Test::Above(limit) => number(found, steps).is_some_and(|number| number > limit),
            Test::Below(limit) => number(found, steps).is_some_and(|number| number < limit),
        }
    }

    /// Explains why the predicate fails.
    pub(super) fn failure(&self, body: &Exact) -> String {
        let pointer = &self.pointer.0;
        match (body.pointer(pointer), &self.test) {
            (None, test) => format!("{pointer} is absent; expected that it {test}"),
            (Some(found), test) => format!("{pointer} is {}; expected that it {test}", brief(found)),
        }
    }
}

impl fmt::Display for BodyPredicate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.pointer.0, self.test)
    }
}

impl fmt::Display for Test {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Equals(wanted) => write!(formatter, "equals {}", brief(wanted)),
            Self::Glob(glob) => write!(formatter, "matches {glob}"),
            Self::Exists(true) => formatter.write_str("exists"),
            Self::Exists(false) => formatter.write_str("does not exist"),
            Self::Above(limit) => write!(formatter, "is above {limit}"),
            Self::Below(limit) => write!(formatter, "is below {limit}"),
        }
    }
}

/// Returns a number if there are enough steps left to compare it.
fn number<'e>(found: Option<&'e Exact>, steps: &Steps) -> Option<&'e Decimal> {
    match found {
        Some(Exact::Number(number)) if steps.pay(number.len() as u64) => Some(number),
        _ => None,
    }
}

/// A value as JSON, shortened to a readable length. Only the part that is shown is written.
fn brief(value: &Exact) -> String {
    const MOST: usize = 80;
    let mut start = Start { text: Vec::new(), left: MOST * 4 + 4 };
    // Fails once enough is written.
    let _ = write!(start, "{value}");
    cut(&String::from_utf8_lossy(&start.text), MOST, str::to_owned)
}

/// A writer that fails after a number of bytes.
struct Start {
    text: Vec<u8>,
    left: usize,
}

impl Write for Start {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let taken = bytes.len().min(self.left);
        self.text.extend_from_slice(&bytes[..taken]);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A text formatted by `show` and cut after `most` characters.
pub(super) fn cut(text: &str, most: usize, show: impl FnOnce(&str) -> String) -> String {
    match text.char_indices().nth(most) {
        Some((end, _)) => show(&text[..end]) + "…",
        None => show(text),
    }
}

/// Whether the JSON of a value has more than `bytes` bytes.
fn is_larger(value: &Exact, bytes: usize) -> bool {
    write!(Start { text: Vec::new(), left: bytes }, "{value}").is_err()
}

/// A JSON pointer as shown in a message.
fn shown(pointer: &str) -> String {
    cut(pointer, 100, |text| format!("{text:?}"))
}

/// A JSON pointer (RFC 6901).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
struct Pointer(Box<str>);

impl TryFrom<String> for Pointer {
    type Error = String;

    fn try_from(pointer: String) -> Result<Self, String> {
        if pointer.len() > LONGEST_POINTER {
            return Err(format!(
                "the JSON pointer {} has {} bytes; at most {LONGEST_POINTER} are allowed",
                shown(&pointer),
                pointer.len()
            ));
        }
        if !pointer.is_empty() && !pointer.starts_with('/') {
            return Err(format!("{} is not a JSON pointer; write one such as /facts/parties/0/email", shown(&pointer)));
        }
        let is_escape = |rest: &str| rest.starts_with(['0', '1']);
        if !pointer.split('~').skip(1).all(is_escape) {
            return Err(format!(
                "{} is not a JSON pointer; write ~0 for a ~, and ~1 for a / inside a key",
                shown(&pointer)
            ));
        }
        Ok(Self(pointer.into()))
    }
}

/// An intent, as the contract names it (R3).
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct IntentName(pub(super) Box<str>);

impl TryFrom<String> for IntentName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        match reading::word::<Intent>(&cut(&name, 60, str::to_owned)) {
            Ok(_) => Ok(Self(name.into())),
            Err(error) => Err(format!("unknown intent: {error}")),
        }
    }
}

/// A predicate as written in a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename = "body predicate")]
struct BodyPredicateFile {
    pointer: Pointer,
    #[serde(default, deserialize_with = "given")]
    equals: Option<Exact>,
    #[serde(default, deserialize_with = "given")]
    glob: Option<Glob>,
    #[serde(default, deserialize_with = "given")]
    exists: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    above: Option<Decimal>,
    #[serde(default, deserialize_with = "given")]
    below: Option<Decimal>,
}

impl TryFrom<BodyPredicateFile> for BodyPredicate {
    type Error = String;

    fn try_from(file: BodyPredicateFile) -> Result<Self, String> {
        let tests = [
            file.equals.map(Test::Equals),
            file.glob.map(Test::Glob),
            file.exists.map(Test::Exists),
            file.above.map(Test::Above),
            file.below.map(Test::Below),
        ];
        let mut tests = tests.into_iter().flatten();
        match (tests.next(), tests.next()) {
            (Some(Test::Equals(value)), None) if is_larger(&value, LARGEST_VALUE) => Err(format!(
                "the value to compare {} with has more than {LARGEST_VALUE} bytes; at most {LARGEST_VALUE} are \
                 allowed, so compare parts of it",
                shown(&file.pointer.0)
            )),
            (Some(test), None) => Ok(Self { pointer: file.pointer, test }),
            (None, _) => Err(format!(
                "{} has no test; add one of \"equals\", \"glob\", \"exists\", \"above\", \"below\"",
                shown(&file.pointer.0)
            )),
            (Some(_), Some(_)) => Err(format!(
                "{} has two tests in one entry; write a separate entry for each test",
                shown(&file.pointer.0)
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(predicate: &Value) -> Result<BodyPredicate, String> {
        serde_json::from_value(predicate.clone()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_predicate_tests_the_value_at_its_place() {
        let body = json!({ "a": { "b/c": [1, "x"] }, "n": null, "f": 1.0 });
        for (predicate, expected) in [
            (json!({ "pointer": "/a/b~1c/1", "equals": "x" }), true),
            (json!({ "pointer": "/a/b~1c", "equals": [1.0, "x"] }), true),
            (json!({ "pointer": "/n", "equals": null }), true),
            (json!({ "pointer": "/m", "equals": null }), false),
            (json!({ "pointer": "/n", "exists": true }), true),
            (json!({ "pointer": "/m", "exists": false }), true),
            (json!({ "pointer": "/a/b~1c/1", "glob": "?" }), true),
            (json!({ "pointer": "/f", "glob": "*" }), false),
            (json!({ "pointer": "/f", "above": 1 }), false),
            (json!({ "pointer": "/f", "below": 1.5 }), true),
            (json!({ "pointer": "", "exists": true }), true),
        ] {
            assert_eq!(
                read(&predicate).unwrap().holds(&Exact::from(&body), &Steps::default()),
                expected,
                "{predicate}"
            );
        }
    }

    #[test]
    fn a_failure_quotes_the_actual_value() {
        let failure = |predicate| read(&predicate).unwrap().failure(&Exact::from(&json!({ "a": 3 })));
        assert_eq!(failure(json!({ "pointer": "/a", "above": 5 })), "/a is 3; expected that it is above 5");
        assert_eq!(failure(json!({ "pointer": "/b", "equals": "x" })), r#"/b is absent; expected that it equals "x""#);
    }

    #[test]
    fn an_invalid_predicate_is_refused() {
        for (predicate, problem) in [
            (json!({ "pointer": "a", "exists": true }), "is not a JSON pointer"),
            (json!({ "pointer": "/a~2", "exists": true }), "write ~0 for a ~"),
            (json!({ "pointer": "/a" }), "has no test"),
            (json!({ "pointer": "/a", "above": 1, "below": 2 }), "has two tests"),
            (json!({ "pointer": "/a", "is": 1 }), "unknown field"),
        ] {
            let error = read(&predicate).unwrap_err();
            assert!(error.contains(problem), "{predicate}: {error}");
        }
    }
}
