//! Suggests a fix for a value of the wrong type: an example of what its key takes.

use crate::base::reading::nearest;
use serde_saphyr::Error;

/// What each key takes, ready to be copied into a file.
const EXAMPLES: [(&str, &str); 39] = [
    ("above", "10"),
    ("after", "5m"),
    ("answers", "[{ outcome: success }]"),
    ("at_end", "start_over"),
    ("attempts", "2"),
    ("below", "10"),
    ("content_type", "text/plain"),
    ("delay", "500ms, or { uniform: [1s, 2s] }"),
    ("description", "\"The file cannot be read.\""),
    ("dribble", "2s"),
    ("email", "\"*@example.com\""),
    ("endpoint", "token"),
    ("error", "invalid_grant"),
    ("exists", "true"),
    ("expires_in", "1m"),
    ("fault", "{ kind: hang }"),
    ("headers", "{ Retry-After: \"5\" }"),
    ("http_status", "503"),
    ("instead_of", "signing"),
    ("intent", "self_sign"),
    ("kind", "hang"),
    ("lognormal", "{ median: 1s, sigma: 0.5 }"),
    ("match", "{ email: \"*@example.com\" }"),
    ("median", "1s"),
    ("outcome", "verify_email"),
    ("parties", "any_one"),
    ("people", "[{ opens: 5m }]"),
    ("per", "actor"),
    ("pointer", "/facts/metadata/title"),
    ("priority", "10"),
    ("probability", "0.5"),
    ("raw", "{ body: \"a text\" }"),
    ("remove", "[handoff_uri]"),
    ("reopen", "true"),
    ("set", "{ note: \"a text\" }"),
    ("sigma", "0.5"),
    ("truncate", "10"),
    ("uniform", "[1s, 2s]"),
    ("until", "{ attempts: 2 }"),
];

/// Kinds of faults, which are often written without "kind".
const FAULTS: [&str; 5] = ["close_before_answer", "close_midway", "reset", "empty_answer", "hang"];

/// The problem with a value at an offset, with an example of what to write instead.
pub(super) fn with_example(text: &str, offset: usize, error: &Error, problem: String) -> String {
    let (before, rest) = text.split_at(offset);
    let before = match error {
        Error::UnexpectedValueForUnitEnumVariant { .. } => {
            return match key_before(before) {
                Some(word) => format!("{word:?} takes no value; write the word alone, without braces and a colon"),
                None => problem,
            };
        }
        // The position is that of the brace after the first one, or of a key that is not a string.
        Error::ExpectedStringKeyForExternallyTaggedEnum { .. } => before.trim_end().trim_end_matches('{'),
        // Every other object with a single key is a delay.
        Error::SerdeInvalidType { expected, .. } if expected == "enum" && key_before(before) != Some("until") => {
            return format!("{problem}; write uniform or lognormal, such as {{ uniform: [1s, 2s] }}");
        }
        Error::SerdeMissingField { field, .. } => {
            return match example_of(field) {
                Some(example) => format!("{problem}; write one such as {field}: {example}"),
                None => problem,
            };
        }
        Error::Unexpected { .. }
        | Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. }
        | Error::InvalidScalar { .. }
        | Error::SerdeInvalidType { .. } => before,
        _ => return problem,
    };
    let Some(key) = key_before(before) else { return problem };
    // A list of predicates in "match", a string in "raw".
    if key == "body" {
        let example = if problem == "expected a list" { "[{ pointer: /a, exists: true }]" } else { "\"a text\"" };
        return format!("{problem}; write one such as {example}");
    }
    let word = rest.split(|char: char| !char.is_ascii_lowercase() && char != '_').next().unwrap_or_default();
    if key == "fault"
        && let Some(kind) = nearest(word, &FAULTS)
    {
        return format!("{problem}; write {{ kind: {kind} }}");
    }
    match example_of(key) {
        Some(example) => format!("{problem}; write one such as {example}"),
        None => problem,
    }
}

fn example_of(key: &str) -> Option<&'static str> {
    EXAMPLES.iter().find(|(known, _)| *known == key).map(|(_, example)| *example)
}

/// The key whose value follows a text.
fn key_before(text: &str) -> Option<&str> {
    let text = text.trim_end().strip_suffix(':')?.trim_end();
    let text = text.strip_suffix(['"', '\'']).unwrap_or(text);
    let start = text.rfind(|char: char| !char.is_ascii_alphanumeric() && char != '_').map_or(0, |place| place + 1);
    // A multi-byte character before it means that it is not a key of a scenario.
    text.get(start..)
}

/// Whether an offset is at the colon after a key, where a missing value is noticed.
pub(super) fn is_without_value(text: &str, offset: usize) -> bool {
    let (before, rest) = text.split_at(offset);
    rest.starts_with(':') && before.ends_with(|char: char| char.is_ascii_alphanumeric() || "_\"'".contains(char))
}
