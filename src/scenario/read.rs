//! From the text of a file to typed values, with every error at its place. The one module that knows the YAML reader.

use super::error::ScenarioError;
use crate::position::Position;
use serde::de::DeserializeOwned;
use serde_saphyr::{Error, Location, MessageFormatter, Options, UserMessageFormatter};

/// Reads YAML, or JSON, which is YAML too.
pub(crate) fn read<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, ScenarioError> {
    serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
        let location = error.location().unwrap_or(Location::UNKNOWN);
        place(file, text, location).saying(&problem(error.without_snippet()))
    })
}

/// An error at a place of a file that does not yet say what is wrong.
pub(crate) fn place(file: &str, text: &str, location: Location) -> ScenarioError {
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).max(1);
    let position = Position { line: number(location.line()), column: number(location.column()) };
    ScenarioError::at(file, text, position, "")
}

fn options() -> Options {
    serde_saphyr::options! {
        // `no` and `off` are words in a scenario, as they are in JSON.
        strict_booleans: true,
        budget: serde_saphyr::budget! { max_depth: 64 },
        with_snippet: false,
    }
}

/// What is wrong, in the words of this crate where there are any.
fn problem(error: &Error) -> String {
    match error {
        Error::Eof { .. } => "the file is empty, or ends too early".to_owned(),
        Error::SerdeMissingField { field, .. } => format!("the key {field:?} is missing"),
        Error::SerdeUnknownField { field, expected, .. } => match nearest(field, expected) {
            Some(option) => format!("unknown key {field:?}; did you mean {option:?}?"),
            None => format!("unknown key {field:?}; there is {}", expected.join(", ")),
        },
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let options: Vec<String> = expected.iter().map(|option| format!("{option:?}")).collect();
            format!("{variant:?} is not one of {}", options.join(", "))
        }
        Error::Unexpected { expected: "mapping start", .. } => "an object is wanted here".to_owned(),
        Error::Unexpected { expected: "sequence start", .. } => "a list is wanted here".to_owned(),
        Error::Unexpected { expected: "string scalar", .. } => "a text is wanted here".to_owned(),
        Error::NullIntoString { .. } => "the value is missing; give one, or drop the key".to_owned(),
        Error::InvalidBooleanStrict { .. } => "\"true\" or \"false\" is wanted here".to_owned(),
        Error::InvalidScalar { ty: "f32" | "f64", .. } => "a number is wanted here".to_owned(),
        Error::InvalidScalar { ty, .. } if ty.starts_with('i') => "a whole number is wanted here".to_owned(),
        Error::InvalidScalar { ty, .. } if ty.starts_with('u') => {
            "a whole number, not below 0, is wanted here".to_owned()
        }
        Error::ExpectedMappingEndAfterEnumVariantValue { .. } => {
            "there is one key too many; this object takes a single one".to_owned()
        }
        Error::UnknownAnchor { .. } => {
            "in YAML a text that opens with * means something else; write it in quotes".to_owned()
        }
        other => UserMessageFormatter.format_message(other).lines().next().unwrap_or("cannot be read").to_owned(),
    }
}

fn nearest<'o>(written: &str, options: &[&'o str]) -> Option<&'o str> {
    let distance = |option: &&&str| strsim::damerau_levenshtein(written, option);
    options.iter().min_by_key(distance).filter(|option| distance(option) <= 2).copied()
}
