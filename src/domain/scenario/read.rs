//! Parses a file into typed values, with a position for every error. The only module that uses the YAML reader.

mod comment;
mod example;
mod syntax;

use super::error::ScenarioError;
use crate::base::{
    position::{Position, brief},
    reading::{is_number, nearest, quoted, wanted_as},
};
use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location, Options, budget::BudgetBreach, localizer::ExternalMessageSource};

/// Maximum size of a file in bytes.
pub(crate) const MOST_BYTES: usize = 1 << 20;

/// Maximum number of values in a file, including keys, and of values that YAML aliases expand to.
const MOST_VALUES: usize = 50_000;

/// Maximum nesting depth of lists and objects.
const MOST_LEVELS: usize = 64;

/// Parses YAML, or JSON, which is a subset of it.
pub(crate) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ScenarioError> {
    if text.len() > MOST_BYTES {
        return Err(too_large(file, text.len()));
    }
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let error = error.without_snippet();
        let place = place(file, text, error.location().unwrap_or(Location::UNKNOWN));
        if let Error::ExternalMessage { source, .. } = error
            && let ExternalMessageSource::Parser(error) = &**source
        {
            let (position, problem) = syntax::explain(text, place.position, error.kind());
            return ScenarioError::at(file, text, position, &problem);
        }
        let problem = slip(text, place.position, error).unwrap_or_else(|| {
            let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
            example::with_example(text, place.position.offset(text), error, problem(error))
        });
        place.saying(&problem)
    })
}

/// A common mistake that gives a value another type: no value at all, unquoted braces, or a missing space after a colon
/// or a dash.
fn slip(text: &str, position: Position, error: &Error) -> Option<String> {
    let expected = match error {
        Error::Unexpected { expected, .. } => *expected,
        Error::SerdeInvalidType { .. }
        | Error::InvalidScalar { .. }
        | Error::InvalidBooleanStrict { .. }
        | Error::SerdeUnknownVariant { .. } => "",
        _ => return None,
    };
    let text = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let offset = position.offset(text);
    if example::is_without_value(text, offset) {
        return Some(MISSING.to_owned());
    }
    if matches!(error, Error::InvalidBooleanStrict { .. } | Error::SerdeUnknownVariant { .. }) {
        return None;
    }
    let (before, rest) = text.split_at(offset);
    if rest.starts_with("{{") || (before.ends_with('{') && rest.starts_with('{')) {
        return Some("{{ opens an object in YAML; write a text with {{ }} in quotes".to_owned());
    }
    let is_name =
        |name: &str| !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let word = rest.split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
    let (name, value) = word.split_once(':').unwrap_or_default();
    if expected == "mapping start" && is_name(name) && !value.is_empty() {
        let value = brief(value.trim_end_matches([',', '}', ']']));
        return Some(format!("expected an object; write a space after the colon: {name}: {value}"));
    }
    if expected == "sequence start" && word.len() > 1 && word.starts_with('-') {
        return Some("expected a list; write a space after the dash".to_owned());
    }
    let number = word.split([',', '}', ']']).next().unwrap_or_default();
    let is_below = |ty: &str| ty.starts_with('u') && number.starts_with('-');
    if matches!(error, Error::InvalidScalar { ty, .. } if ty.starts_with(['i', 'u']) && !is_below(ty))
        && (number.parse::<i64>().is_ok() || number.len() > 18)
        && is_number(number)
    {
        let number = brief(number);
        return Some(match error {
            Error::InvalidScalar { ty: "u32", .. } => {
                format!("{number} is too large; write a number up to {}", u32::MAX)
            }
            _ if number.starts_with('-') => format!("{number} is too small; write a number from {}", i64::MIN),
            _ => format!("{number} is too large; write a number up to {}", i64::MAX),
        });
    }
    None
}

const MISSING: &str = "the value is missing; add one, or remove the key";

/// Decodes the text of a file.
///
/// # Errors
/// At the first byte that is not UTF-8.
pub fn utf8<'b>(file: &str, bytes: &'b [u8]) -> Result<&'b str, ScenarioError> {
    std::str::from_utf8(bytes).map_err(|error| {
        let text = String::from_utf8_lossy(bytes);
        let position = Position::of(&text, error.valid_up_to());
        ScenarioError::at(file, &text, position, "the file is not UTF-8; save it as UTF-8")
    })
}

/// The error for a file with more than [`MOST_BYTES`].
fn too_large(file: &str, bytes: usize) -> ScenarioError {
    let problem =
        format!("the file has {bytes} bytes; at most {MOST_BYTES} are allowed, so split it into several files");
    ScenarioError::at(file, "", Position { line: 1, column: 1 }, &problem)
}

/// An error at a position of a file, without a problem yet.
pub(crate) fn place(file: &str, text: &str, location: Location) -> ScenarioError {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    let position = Position { line: number(location.line()), column: number(location.column()) };
    ScenarioError::at(file, text, position, "")
}

fn options() -> Options {
    serde_saphyr::options! {
        // In a scenario, `no` and `off` are words, as in JSON.
        strict_booleans: true,
        budget: serde_saphyr::budget! {
            max_depth: MOST_LEVELS,
            max_nodes: MOST_VALUES,
            max_events: 4 * MOST_VALUES,
        },
        alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: MOST_VALUES },
        with_snippet: false,
    }
}

/// The problem, in our own words where possible.
fn problem(error: &Error) -> String {
    match error {
        Error::Eof { .. } => "the file is empty or has only comments, or it ends too early; write a scenario, such as name: mine and answers: [{ outcome: success }]".to_owned(),
        Error::SerdeMissingField { field, .. } => format!("the key {field:?} is missing"),
        Error::SerdeUnknownField { field, .. } if field.starts_with("//") || field.starts_with("/*") => {
            "a comment that is valid in neither JSON nor YAML; remove it".to_owned()
        }
        Error::SerdeUnknownField { field, expected, .. } => match nearest(field, expected) {
            Some(option) => format!("unknown key {}; did you mean {option:?}?", quoted(field)),
            None => format!("unknown key {}; known keys are {}", quoted(field), expected.join(", ")),
        },
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let options: Vec<String> = expected.iter().map(|option| format!("{option:?}")).collect();
            let meant = nearest(variant, expected).map_or(String::new(), |word| format!("; did you mean {word:?}?"));
            format!("{} is not one of {}{meant}", quoted(variant), options.join(", "))
        }
        Error::Unexpected { expected: "mapping start", .. } => "expected an object".to_owned(),
        Error::Unexpected { expected: "sequence start", .. } => "expected a list".to_owned(),
        // The same for strings, numbers and booleans.
        Error::Unexpected { expected: "string scalar", .. } => {
            "expected a single value, not a list or an object".to_owned()
        }
        Error::NullIntoString { .. } => MISSING.to_owned(),
        Error::ExternallyTaggedEnumExpectedScalarOrMapping { .. } => "expected a word, not a list".to_owned(),
        Error::ExpectedStringKeyForExternallyTaggedEnum { .. } => "expected a word, not an object".to_owned(),
        Error::UnexpectedValueForUnitEnumVariant { .. } => "expected a word, without a value".to_owned(),
        Error::InvalidBooleanStrict { .. } => "expected true or false".to_owned(),
        Error::InvalidScalar { ty: "f32" | "f64" | "floating point", .. } => "expected a number".to_owned(),
        Error::InvalidScalar { ty, .. } if ty.starts_with('i') => "expected a whole number".to_owned(),
        Error::InvalidScalar { ty, .. } if ty.starts_with('u') => {
            "expected a whole number of 0 or more".to_owned()
        }
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => {
            "there is more than one key; this object takes only one".to_owned()
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => too_deep(),
        Error::Budget { breach: BudgetBreach::Nodes { .. } | BudgetBreach::Events { .. }, .. } => {
            format!("the file has too many values; at most {MOST_VALUES} are allowed, including keys")
        }
        Error::AliasReplayLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. }
        | Error::Budget { breach: BudgetBreach::AliasAnchorRatio { .. } | BudgetBreach::Aliases { .. }, .. } => {
            too_many_aliases()
        }
        Error::UnknownAnchor { .. } => "a text cannot start with * in YAML; put it in quotes".to_owned(),
        Error::Unexpected { expected: "scalar" | "value", .. } => {
            "expected a text, a number, true or false".to_owned()
        }
        // Reported for an enum that takes one key.
        Error::SerdeInvalidType { expected, .. } if expected == "enum" => "the object is empty".to_owned(),
        Error::Unexpected { expected: "mapping end", .. } => {
            "this key cannot be given together with the one before it; remove one of them".to_owned()
        }
        Error::SerdeInvalidType { expected, .. } | Error::SerdeInvalidValue { expected, .. } => {
            format!("expected {}", wanted_as(expected))
        }
        Error::SerdeInvalidLength { len, expected, .. } => {
            format!("a list of {len} is not {}", wanted_as(expected))
        }
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key {} is given more than once; give it once", quoted(key))
        }
        Error::DuplicateMappingKey { key: None, .. } => "a key is given more than once; give it once".to_owned(),
        Error::InvalidScalar { .. } => "the value is of the wrong type".to_owned(),
        Error::NonFiniteFloat { value, .. } => {
            format!("{} is not a finite number; quote it to keep the text", quoted(value))
        }
        Error::MultipleDocuments { .. } => {
            "the file contains more than one document; put each into its own file".to_owned()
        }
        Error::MergeKeyNotAllowed { .. } | Error::MergeValueNotMapOrSeqOfMaps { .. } => {
            "the merge key << cannot be used here; write the keys out".to_owned()
        }
        Error::UnsupportedTag { .. }
        | Error::TaggedEnumMismatch { .. }
        | Error::TaggedStructFieldName { .. }
        | Error::TaggedScalarCannotDeserializeIntoString { .. }
        | Error::InvalidBinaryBase64 { .. }
        | Error::BinaryNotUtf8 { .. } => {
            "a tag (!) would change the value; remove it, and quote texts".to_owned()
        }
        // A message from our own types. The reader's own messages are of these kinds too.
        Error::Message { msg, .. } | Error::SerdeVariantId { msg, .. } => match &**msg {
            // Limits for which the reader has only a message.
            "recursion limit exceeded" => too_deep(),
            message if message.contains("total_replayed_events") => too_many_aliases(),
            message => message.to_owned(),
        },
        Error::AliasError { error, .. } => problem(error),
        _ => "the value cannot be read; check the indentation, and quote texts".to_owned(),
    }
}

fn too_deep() -> String {
    format!("lists and objects are nested too deeply; at most {MOST_LEVELS} levels are allowed")
}

fn too_many_aliases() -> String {
    format!(
        "the aliases (*) in the file stand for too many values; at most {MOST_VALUES} are allowed, so write them out"
    )
}
