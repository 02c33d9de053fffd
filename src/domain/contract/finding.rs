//! The findings of a validation: violations, advices, and the summary for the answer.

use crate::base::{position::Position, schema::Pointer};
use serde::Serialize;
use std::fmt;
use utoipa::ToSchema;

/// Maximum number of findings listed in an answer. Further ones are only counted: a body of maximum size could contain
/// half a million violations, and an answer a hundred times the size of the request would be useless.
pub(super) const LISTED: usize = 100;

/// A violation of the contract in a body.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Violation {
    #[schema(value_type = Pointer)]
    pub pointer: String,
    /// `json`, or the JSON Schema keyword that is violated.
    #[schema(inline)]
    pub rule: SchemaRule,
    /// The clause of the contract that contains the rule, such as `R4`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(pattern = "^[RG][0-9]+$")]
    pub clause: Option<String>,
    /// What is expected, as the end of "must be …".
    #[schema(min_length = 1)]
    pub wanted: String,
    /// What was found instead, as the end of "but is …"; null if the member is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1)]
    pub came: Option<String>,
    /// What was probably meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1)]
    pub hint: Option<String>,
    /// Position in the text, if the text is not JSON and a pointer is not possible.
    #[serde(skip)]
    #[schema(ignore)]
    pub position: Option<Position>,
}

/// The kinds of violation: invalid JSON, or the JSON Schema keyword that is violated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub enum SchemaRule {
    /// The body is not JSON (R10).
    Json,
    Type,
    Required,
    Enum,
    MinLength,
    MaxLength,
    /// The string does not have the required format: email, URI or date.
    Format,
    Pattern,
    Minimum,
    Maximum,
    /// The object has none of several members of which it needs one.
    AnyOf,
}

impl Violation {
    /// A violation that concerns the whole body.
    #[must_use]
    pub(super) fn body(wanted: &str, came: &str) -> Self {
        Self {
            pointer: String::new(),
            rule: SchemaRule::Json,
            clause: Some("R10".to_owned()),
            wanted: wanted.to_owned(),
            came: Some(came.to_owned()),
            hint: None,
            position: None,
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = place(&self.pointer);
        match &self.came {
            Some(came) => write!(formatter, "{place} must be {}, but is {came}", self.wanted)?,
            None => write!(formatter, "{place} is missing; it must be {}", self.wanted)?,
        }
        match &self.hint {
            Some(hint) => write!(formatter, " ({hint})"),
            None => Ok(()),
        }
    }
}

/// Something that the contract allows but that was probably not meant. Never refuses a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Advice {
    #[schema(value_type = Pointer)]
    pub pointer: String,
    /// A stable name for the kind of advice.
    #[schema(
        pattern = "^[a-z]+(_[a-z]+)*$",
        examples("duplicate_key", "empty", "recommended", "reused_handoff_id", "unexpected", "unknown_field")
    )]
    pub code: &'static str,
    /// The advice, phrased to follow the location.
    #[schema(min_length = 1)]
    pub message: String,
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", place(&self.pointer), self.message)
    }
}

/// A rejected body, with every reason.
#[derive(Clone, Debug, Default)]
pub struct BodyRefusal {
    /// The first hundred violations, in the order of the schema.
    pub violations: Vec<Violation>,
    /// Number of violations beyond the listed ones.
    pub omitted: usize,
    pub advices: Vec<Advice>,
}

impl BodyRefusal {
    pub(super) fn of(violation: Violation) -> Self {
        Self { violations: vec![violation], ..Self::default() }
    }

    /// One sentence that names every location: the `description` of the error answer (S6).
    #[must_use]
    pub fn description(&self) -> String {
        if let ([violation], 0) = (&self.violations[..], self.omitted) {
            return format!("{}.", capitalized(&violation.to_string()));
        }
        let count = self.violations.len() + self.omitted;
        let list: Vec<String> = self.violations.iter().map(ToString::to_string).collect();
        let rest = if self.omitted == 0 { String::new() } else { format!("; and {} more", self.omitted) };
        format!("The request breaks the contract in {count} places: {}{rest}.", list.join("; "))
    }
}

/// A pointer for people. Keys come from the caller and may contain control characters.
fn place(pointer: &str) -> String {
    if pointer.is_empty() { "the body".to_owned() } else { printable(pointer) }
}

/// Escapes the control characters of a text.
pub(super) fn printable(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut printable, char| {
        if char.is_control() {
            printable.extend(char.escape_default());
        } else {
            printable.push(char);
        }
        printable
    })
}

fn capitalized(text: &str) -> String {
    match text.strip_prefix("the body") {
        Some(rest) => format!("The body{rest}"),
        None => text.to_owned(),
    }
}

/// Appends a segment to a JSON pointer, escaped as in RFC 6901.
pub(super) fn push_segment(pointer: &mut String, segment: &str) {
    pointer.push('/');
    for char in segment.chars() {
        match char {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}
