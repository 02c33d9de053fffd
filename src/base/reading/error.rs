//! Deserialization errors with their location.

use super::{is_number, listed, nearest, quoted, with_json_escapes};
use serde::de::{self, Expected, Unexpected};
use std::{borrow::Cow, fmt};

/// A value that does not match the expected type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// Location as a JSON pointer; empty for the whole value.
    pub pointer: String,
    pub(super) kind: ReadErrorKind,
    /// Whether the pointer is final.
    placed: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ReadErrorKind {
    /// An unknown member, with the known ones.
    Unknown {
        name: String,
        known: Vec<&'static str>,
    },
    Missing(Cow<'static, str>),
    Twice(String),
    /// A text that is not one of the known words.
    Word {
        came: String,
        known: Vec<&'static str>,
    },
    Type {
        came: String,
        wanted: String,
    },
    Problem(String),
}

impl ReadError {
    /// An error about the value as a whole.
    #[must_use]
    pub fn problem(problem: impl Into<String>) -> Self {
        Self::of(ReadErrorKind::Problem(with_json_escapes(&problem.into()).into_owned()))
    }

    /// An unknown name.
    #[must_use]
    pub fn unknown(name: &str, known: Vec<&'static str>) -> Self {
        Self::of(ReadErrorKind::Unknown { name: name.to_owned(), known })
    }

    pub(super) fn twice(name: &str) -> Self {
        Self::of(ReadErrorKind::Twice(name.to_owned()))
    }

    pub(super) fn wrong_type(came: String, wanted: impl Into<String>) -> Self {
        Self::of(ReadErrorKind::Type { came, wanted: wanted.into() })
    }

    fn of(kind: ReadErrorKind) -> Self {
        Self { pointer: String::new(), kind, placed: false }
    }

    /// The same error about a number that was rounded before it reached the type.
    pub(super) fn about_number(mut self, text: &str) -> Self {
        if let ReadErrorKind::Type { came, wanted } = &mut self.kind {
            let text = crate::base::position::brief(text);
            let is_negative = text.starts_with('-');
            let is_whole = super::source::is_whole(&text);
            let problem = match &**wanted {
                NATURAL if is_whole && !is_negative => {
                    format!("{text} is too large; write a number up to {}", u64::MAX)
                }
                WHOLE if is_whole && is_negative => format!("{text} is too small; write a larger number"),
                WHOLE if is_whole => format!("{text} is too large; write a smaller number"),
                range if is_whole && range.starts_with(RANGE) => {
                    format!("{text} is not {}", range.trim_start_matches("a whole number "))
                }
                _ => {
                    *came = text.into_owned();
                    return self;
                }
            };
            self.kind = ReadErrorKind::Problem(problem);
        }
        self
    }

    /// The same error about an empty object where exactly one member is expected.
    pub(super) fn about_empty_object(mut self, expected: &str) -> Self {
        if let ReadErrorKind::Type { came, wanted } = &mut self.kind
            && wanted == "enum"
        {
            "an empty object".clone_into(came);
            *wanted = wanted_as(expected);
        }
        self
    }

    /// Sets the location of the error, unless it has one.
    pub(super) fn at(mut self, pointer: impl FnOnce() -> String) -> Self {
        if !self.placed {
            self.pointer = pointer();
            self.placed = true;
        }
        self
    }

    /// Prefixes the location with a segment.
    pub(super) fn below(mut self, segment: &str) -> Self {
        self.pointer = format!("/{}{}", escape(segment), self.pointer);
        self.placed = true;
        self
    }

    /// Location as a JSON pointer, including the name of a member that is unknown, missing or repeated.
    #[must_use]
    pub fn place(&self) -> String {
        match &self.kind {
            ReadErrorKind::Unknown { name, .. } | ReadErrorKind::Twice(name) => {
                format!("{}/{}", self.pointer, escape(name))
            }
            ReadErrorKind::Missing(name) => format!("{}/{}", self.pointer, escape(name)),
            _ => self.pointer.clone(),
        }
    }

    #[must_use]
    pub fn is_missing_member(&self) -> bool {
        matches!(self.kind, ReadErrorKind::Missing(_))
    }

    /// How to write the value with the right type; empty if the problem already says so.
    #[must_use]
    pub fn type_fix(&self) -> String {
        let ReadErrorKind::Type { came, wanted } = &self.kind else { return String::new() };
        let bare = came.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        match (&**wanted, bare) {
            ("a text", _) => "; write a text in double quotes".to_owned(),
            ("an object", _) => "; write an object in braces".to_owned(),
            ("a list", _) => "; write a list in square brackets".to_owned(),
            ("true or false", Some(word @ ("true" | "false"))) => format!("; write {word} without quotes"),
            (NATURAL | WHOLE, Some(text)) if is_number(text) && fits(text, 0, u64::MAX) => {
                format!("; write {text} without quotes")
            }
            (range, Some(text)) if is_number(text) && range.starts_with(RANGE) => {
                let mut bounds = range.trim_start_matches(RANGE).split(" to ").filter_map(|bound| bound.parse().ok());
                match (bounds.next(), bounds.next()) {
                    (Some(least), Some(most)) if fits(text, least, most) => format!("; write {text} without quotes"),
                    _ => String::new(),
                }
            }
            _ => String::new(),
        }
    }

    /// Formats the error for a body: `/settings/session_ttl: …`.
    #[must_use]
    pub fn in_body(&self) -> String {
        let place = match (&self.kind, &*self.pointer) {
            // The member's own name gives the location.
            (ReadErrorKind::Unknown { name, .. } | ReadErrorKind::Twice(name), parent) => {
                format!("{parent}/{}: ", escape(name))
            }
            (ReadErrorKind::Missing(name), parent) => format!("{parent}/{}: ", escape(name)),
            (_, "") => String::new(),
            (_, pointer) => format!("{pointer}: "),
        };
        let place: Cow<'_, str> = crate::base::position::brief(&place);
        match &self.kind {
            ReadErrorKind::Unknown { name, known } => {
                format!("{place}unknown member{}", options(name, known, "members"))
            }
            ReadErrorKind::Missing(_) => format!("{place}the member is missing"),
            ReadErrorKind::Twice(_) => format!("{place}the member is given more than once; give it once"),
            _ => format!("{place}{}", self.what()),
        }
    }

    /// Formats the error for a query: `limit: …`.
    #[must_use]
    pub fn in_query(&self) -> String {
        let place = self.pointer.trim_start_matches('/');
        match &self.kind {
            ReadErrorKind::Unknown { name, known } => {
                format!("unknown parameter {}{}", quoted(name), options(name, known, "parameters"))
            }
            ReadErrorKind::Missing(name) => format!("{name}: the parameter is missing"),
            ReadErrorKind::Twice(name) => {
                format!("{}: the parameter is given more than once; give it once", quoted(name))
            }
            _ if place.is_empty() => self.what(),
            _ => format!("{place}: {}", self.what()),
        }
    }

    /// Formats the error for a settings file: `session-ttl: …`.
    #[must_use]
    pub fn in_settings(&self) -> String {
        let place = self.pointer.trim_start_matches('/').replace('/', ".");
        match &self.kind {
            ReadErrorKind::Unknown { name, known } => {
                format!("unknown setting {}{}", quoted(name), options(name, known, "settings"))
            }
            ReadErrorKind::Missing(name) if place.is_empty() => format!("{name} is missing"),
            ReadErrorKind::Missing(name) => format!("{place}.{name} is missing"),
            ReadErrorKind::Twice(name) => format!("{} is given more than once; give it once", quoted(name)),
            _ if place.is_empty() => self.what(),
            _ => format!("{place}: {}", self.what()),
        }
    }

    fn what(&self) -> String {
        match &self.kind {
            ReadErrorKind::Word { came, known } => {
                let meant = nearest(came, known).map_or(String::new(), |word| format!("; did you mean {word:?}?"));
                format!("{} is not one of {}{meant}", quoted(came), listed(known.iter().copied()))
            }
            ReadErrorKind::Type { came, wanted } => format!("{came} is not {wanted}"),
            ReadErrorKind::Problem(problem) => problem.clone(),
            ReadErrorKind::Unknown { .. } | ReadErrorKind::Missing(_) | ReadErrorKind::Twice(_) => self.in_body(),
        }
    }
}

fn fits(text: &str, least: u64, most: u64) -> bool {
    text.parse().is_ok_and(|number| (least..=most).contains(&number))
}

/// The end of a message about an unknown name.
fn options(name: &str, known: &[&str], what: &str) -> String {
    let meant = nearest(name, known).map_or(String::new(), |option| format!("; did you mean {option:?}?"));
    match known {
        [] => format!("{meant}; there are no {what} here"),
        _ if meant.is_empty() => format!("; known {what} are {}", known.join(", ")),
        _ => format!("{meant} Known {what} are {}", known.join(", ")),
    }
}

/// Escapes a segment of a JSON pointer (RFC 6901).
pub(super) fn escape(segment: &str) -> Cow<'_, str> {
    if segment.contains(['~', '/']) { segment.replace('~', "~0").replace('/', "~1").into() } else { segment.into() }
}

impl de::Error for ReadError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::problem(message.to_string())
    }

    fn invalid_type(came: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::wrong_type(came_as(&came), wanted_as(&wanted.to_string()))
    }

    fn invalid_value(came: Unexpected<'_>, wanted: &dyn Expected) -> Self {
        Self::wrong_type(came_as(&came), wanted_as(&wanted.to_string()))
    }

    fn invalid_length(length: usize, wanted: &dyn Expected) -> Self {
        Self::wrong_type(format!("a list of {length}"), wanted_as(&wanted.to_string()))
    }

    fn unknown_variant(came: &str, known: &'static [&'static str]) -> Self {
        Self::of(ReadErrorKind::Word { came: came.to_owned(), known: known.to_vec() })
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        Self::unknown(name, known.to_vec())
    }

    fn missing_field(name: &'static str) -> Self {
        Self::of(ReadErrorKind::Missing(name.into()))
    }

    fn duplicate_field(name: &'static str) -> Self {
        Self::twice(name)
    }
}

fn came_as(came: &Unexpected<'_>) -> String {
    match came {
        Unexpected::Bool(value) => value.to_string(),
        Unexpected::Unsigned(number) => number.to_string(),
        Unexpected::Signed(number) => number.to_string(),
        Unexpected::Float(number) => number.to_string(),
        Unexpected::Str(text) => quoted(text),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "a list".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        _ => "this value".to_owned(),
    }
}

/// What to expect where a value is not a time.
const TIME: &str = crate::base::times::EXAMPLE;

/// What to expect where a value is not a natural number.
const NATURAL: &str = "a whole number of 0 or more";

/// How the name of every range of whole numbers starts.
const RANGE: &str = "a whole number from ";

/// What to expect where a value is not a whole number.
const WHOLE: &str = "a whole number";

/// The expected type in plain words instead of the compiler's.
#[must_use]
pub fn wanted_as(wanted: &str) -> String {
    match wanted {
        "a string" | "a borrowed string" | "str" | "String" | "string" | "path string" | "variant identifier"
        | "field identifier" => "a text",
        "u64" | "usize" | "u128" => NATURAL,
        "u8" => "a whole number from 0 to 255",
        "u16" => "a whole number from 0 to 65535",
        "u32" => "a whole number from 0 to 4294967295",
        "i8" | "i16" | "i32" | "i64" | "isize" | "i128" => WHOLE,
        "f32" | "f64" => "a number",
        "a boolean" => "true or false",
        "a sequence" => "a list",
        "a map" => "an object",
        "unit" => "null",
        other if other.starts_with("a nonzero u") => "a whole number of 1 or more",
        other if other.contains("timestamp") => TIME,
        other if other.starts_with("struct ") || other.starts_with("enum ") || other.contains("enum ") => "an object",
        other => other,
    }
    .to_owned()
}

impl fmt::Display for ReadError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.in_body())
    }
}

impl std::error::Error for ReadError {}
