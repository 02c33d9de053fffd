//! A schema file as a tree that both `super::clean` and `super::explain` walk.
//!
//! Supports only the keywords that the contract uses. An unknown keyword is rejected when the schema is compiled, so
//! that no rule is ever ignored silently. The `x-` members express what JSON Schema has no keyword for.

use super::{SchemaError, formats::StringFormat};
use regex::Regex;
use serde_json::{Map, Value, json};
use std::sync::OnceLock;

/// One node of the schema.
#[derive(Debug)]
pub(super) struct Shape {
    /// The clause that this node comes from (`x-clause`).
    pub(super) clause: Option<Box<str>>,
    /// What is expected here, as the end of "must be …" (`x-wanted`, or derived from the keywords).
    pub(super) wanted: Box<str>,
    pub(super) kind: ShapeKind,
    /// Members of which an object must have at least one (`anyOf`); empty if there is no such rule.
    pub(super) any_of: Vec<Box<str>>,
}

#[derive(Debug)]
pub(super) enum ShapeKind {
    Any,
    /// An object with arbitrary members.
    FreeForm,
    Object(Vec<Field>),
    Array(Box<Shape>),
    Text(Text),
    Integer(Range),
    Boolean,
}

/// The bounds of a number.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Range {
    pub(super) min: Option<f64>,
    pub(super) max: Option<f64>,
}

#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: Box<str>,
    pub(super) required: bool,
    /// Optional, but its absence draws an advice (`x-recommended`).
    pub(super) recommended: bool,
    /// Required if another field of the object has a certain value (`if` and `then`).
    pub(super) required_if: Option<(Box<str>, Box<str>)>,
    pub(super) shape: Shape,
}

#[derive(Debug, Default)]
pub(super) struct Text {
    pub(super) min: Option<usize>,
    pub(super) max: Option<usize>,
    pub(super) options: Option<Vec<Box<str>>>,
    pub(super) format: Option<StringFormat>,
    pub(super) pattern: Option<Pattern>,
    /// Values that draw no advice (`x-expected`); others are allowed too.
    pub(super) expected: Option<Vec<Box<str>>>,
    /// Strings that match draw no advice (`x-expected-pattern`); others are allowed too.
    pub(super) expected_pattern: Option<Pattern>,
}

/// A regular expression, compiled on first use.
#[derive(Debug)]
pub(super) struct Pattern {
    source: Box<str>,
    regex: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.get_or_init(|| Regex::new(&self.source).ok()).as_ref().is_some_and(|regex| regex.is_match(text))
    }
}

impl Shape {
    pub(super) fn compile(schema: &Value) -> Result<Self, SchemaError> {
        compile(schema, "")
    }
}

/// Keywords without rules for a body.
const ANNOTATIONS: [&str; 10] = [
    "$schema",
    "$id",
    "title",
    "description",
    "default",
    "x-clause",
    "x-wanted",
    "x-recommended",
    "x-expected",
    "x-expected-pattern",
];

fn compile(schema: &Value, place: &str) -> Result<Shape, SchemaError> {
    let unsupported = |problem: String| SchemaError::Unsupported { place: place.to_owned(), problem };
    let Some(keywords) = schema.as_object() else {
        return Err(unsupported("a schema must be an object".to_owned()));
    };
    let (kind, known): (ShapeKind, &[&str]) = match keywords.get("type").map(|kind| kind.as_str().unwrap_or_default()) {
        None => (ShapeKind::Any, &[]),
        Some("object") if is_free_form(keywords) => (ShapeKind::FreeForm, &["type", "additionalProperties"]),
        Some("object") => {
            (ShapeKind::Object(fields(keywords, place)?), &["type", "properties", "required", "anyOf", "if", "then"])
        }
        Some("array") => {
            let items = keywords.get("items").ok_or_else(|| unsupported("an array needs `items`".to_owned()))?;
            (ShapeKind::Array(Box::new(compile(items, &format!("{place}/items"))?)), &["type", "items"])
        }
        Some("string") => (
            ShapeKind::Text(text(keywords).map_err(unsupported)?),
            &["type", "minLength", "maxLength", "enum", "format", "pattern"],
        ),
        Some("integer") => (ShapeKind::Integer(range(keywords).map_err(unsupported)?), &["type", "minimum", "maximum"]),
        Some("boolean") => (ShapeKind::Boolean, &["type"]),
        Some(other) => return Err(unsupported(format!("the type {other:?} has no explanation"))),
    };
    if let Some(unknown) =
        keywords.keys().find(|key| !known.contains(&key.as_str()) && !ANNOTATIONS.contains(&key.as_str()))
    {
        return Err(unsupported(format!("the keyword {unknown:?} has no explanation")));
    }
    let wanted = match keywords.get("x-wanted").and_then(Value::as_str) {
        Some(wanted) => wanted.into(),
        None => kind.wanted().into(),
    };
    let clause = keywords.get("x-clause").and_then(Value::as_str).map(Into::into);
    let any_of = any_of(keywords, &kind).map_err(unsupported)?;
    Ok(Shape { clause, wanted, kind, any_of })
}

/// Whether an object is free-form: it has no `properties` and allows additional ones.
fn is_free_form(keywords: &Map<String, Value>) -> bool {
    keywords.get("additionalProperties") == Some(&Value::Bool(true)) && !keywords.contains_key("properties")
}

/// The only supported use of `anyOf`: a list of `{ "required": [NAME] }`.
fn any_of(keywords: &Map<String, Value>, kind: &ShapeKind) -> Result<Vec<Box<str>>, String> {
    let (Some(choices), ShapeKind::Object(fields)) = (keywords.get("anyOf"), kind) else { return Ok(Vec::new()) };
    let name = |choice: &Value| {
        let choice = choice.as_object().filter(|choice| choice.len() == 1)?;
        let [name] = &texts(choice, "required")?[..] else { return None };
        fields.iter().any(|field| field.name == *name).then(|| name.clone())
    };
    let names: Option<Vec<Box<str>>> = choices.as_array().and_then(|choices| choices.iter().map(name).collect());
    names.ok_or_else(|| "`anyOf` must be a list of `required` with one property each".to_owned())
}

fn range(keywords: &Map<String, Value>) -> Result<Range, String> {
    // Numbers that `f64` holds exactly, so that both validators compare the same values.
    let limit = |name: &str| match keywords.get(name) {
        None => Ok(None),
        Some(value) => match value.as_i64().and_then(|limit| i32::try_from(limit).ok()) {
            Some(limit) => Ok(Some(f64::from(limit))),
            None => Err(format!("`{name}` must be a whole number of 32 bits")),
        },
    };
    Ok(Range { min: limit("minimum")?, max: limit("maximum")? })
}

fn fields(keywords: &Map<String, Value>, place: &str) -> Result<Vec<Field>, SchemaError> {
    let unsupported = |problem: String| SchemaError::Unsupported { place: place.to_owned(), problem };
    let required = texts(keywords, "required").unwrap_or_default();
    let recommended = texts(keywords, "x-recommended").unwrap_or_default();
    let Some(properties) = keywords.get("properties").and_then(Value::as_object) else {
        return Err(unsupported("an object needs `properties`".to_owned()));
    };
    if let Some(name) = required.iter().chain(&recommended).find(|name| !properties.contains_key(&***name)) {
        return Err(unsupported(format!("{name:?} is not among the properties")));
    }
    let condition = condition(keywords).map_err(unsupported)?;
    if properties.len() > 64 {
        return Err(unsupported("more than 64 properties".to_owned()));
    }
    properties
        .iter()
        .map(|(name, schema)| {
            Ok(Field {
                name: name.as_str().into(),
                required: required.iter().any(|other| **other == **name),
                recommended: recommended.iter().any(|other| **other == **name),
                required_if: condition
                    .as_ref()
                    .filter(|(.., then)| then == name)
                    .map(|(field, value, _)| (field.as_str().into(), value.as_str().into())),
                shape: compile(schema, &format!("{place}/properties/{name}"))?,
            })
        })
        .collect()
}

/// The only supported form of condition: if a field has a certain value, another is required. Returns the field, the
/// value and the required field.
fn condition(keywords: &Map<String, Value>) -> Result<Option<(String, String, String)>, String> {
    let (Some(when), Some(then)) = (keywords.get("if"), keywords.get("then")) else {
        let is_half = keywords.contains_key("if") || keywords.contains_key("then");
        return if is_half { Err("`if` needs `then`".to_owned()) } else { Ok(None) };
    };
    let read = || {
        let field = when["required"][0].as_str()?;
        let (value, other) = (when["properties"][field]["const"].as_str()?, then["required"][0].as_str()?);
        let form = json!({ "required": [field], "properties": { field: { "const": value } } });
        (form == *when && json!({ "required": [other] }) == *then).then(|| (field.into(), value.into(), other.into()))
    };
    read().map(Some).ok_or_else(|| "a condition of another form has no explanation".to_owned())
}

fn text(keywords: &Map<String, Value>) -> Result<Text, String> {
    let length = |name: &str| match keywords.get(name) {
        None => Ok(None),
        Some(value) => match value.as_u64().and_then(|length| usize::try_from(length).ok()) {
            Some(length) => Ok(Some(length)),
            None => Err(format!("`{name}` must be a length")),
        },
    };
    let format = match keywords.get("format") {
        None => None,
        Some(name) => {
            Some(StringFormat::named(name.as_str().unwrap_or_default()).ok_or_else(|| format!("no format {name}"))?)
        }
    };
    let pattern = |name: &str| match keywords.get(name).and_then(Value::as_str) {
        None => Ok(None),
        Some(source) => {
            regex_syntax_is_plain(source)?;
            Ok::<_, String>(Some(Pattern { source: source.into(), regex: OnceLock::new() }))
        }
    };
    Ok(Text {
        min: length("minLength")?,
        max: length("maxLength")?,
        options: texts(keywords, "enum"),
        format,
        pattern: pattern("pattern")?,
        expected: texts(keywords, "x-expected"),
        expected_pattern: pattern("x-expected-pattern")?,
    })
}

/// Rejects patterns that ECMA-262 and Rust's regular expressions interpret differently.
fn regex_syntax_is_plain(source: &str) -> Result<(), String> {
    let mut chars = source.chars();
    while let Some(char) = chars.next() {
        if char == '\\' && chars.next().is_none_or(char::is_alphanumeric) {
            return Err(format!("the pattern {source:?} uses a class escape; write the class out"));
        }
    }
    Ok(())
}

fn texts(keywords: &Map<String, Value>, name: &str) -> Option<Vec<Box<str>>> {
    let list = keywords.get(name)?.as_array()?;
    Some(list.iter().filter_map(Value::as_str).map(Into::into).collect())
}

impl Field {
    /// Whether its absence may need a remark.
    pub(super) fn is_expected_in_clean_objects(&self) -> bool {
        self.required || self.recommended || self.required_if.is_some()
    }

    /// Whether it is required, given the object's members.
    pub(super) fn is_required(&self, members: &Map<String, Value>) -> bool {
        let holds =
            |(field, value): &(Box<str>, Box<str>)| members.get(&**field).is_some_and(|found| *found == **value);
        self.required || self.required_if.as_ref().is_some_and(holds)
    }
}

impl ShapeKind {
    fn wanted(&self) -> String {
        match self {
            ShapeKind::Any => "any JSON value".to_owned(),
            ShapeKind::Object(_) | ShapeKind::FreeForm => "an object".to_owned(),
            ShapeKind::Array(_) => "an array".to_owned(),
            ShapeKind::Text(text) => text.wanted(),
            ShapeKind::Integer(range) => range.wanted(),
            ShapeKind::Boolean => "true or false".to_owned(),
        }
    }
}

impl Range {
    fn wanted(self) -> String {
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("a whole number from {min} to {max}"),
            (Some(min), None) => format!("a whole number of at least {min}"),
            (None, Some(max)) => format!("a whole number of at most {max}"),
            (None, None) => "a whole number".to_owned(),
        }
    }
}

impl Text {
    fn wanted(&self) -> String {
        if let Some(options) = &self.options {
            let options: Vec<String> = options.iter().map(|option| format!("{option:?}")).collect();
            return format!("one of {}", options.join(", "));
        }
        match (self.min, self.max) {
            (Some(min), Some(max)) => format!("a string of {min} to {max} characters"),
            (Some(1), None) => "a non-empty string".to_owned(),
            (Some(min), None) => format!("a string of at least {min} characters"),
            (None, Some(max)) => format!("a string of at most {max} characters"),
            (None, None) => "a string".to_owned(),
        }
    }
}
