//! Explains what is wrong or unusual in a body, field by field in the order of the schema.

use super::{
    finding::{Advice, LISTED, SchemaRule, Violation, push_segment},
    formats::StringFormat,
    shape::{Field, Range, Shape, ShapeKind, Text},
};
use serde_json::{Map, Value};

#[derive(Debug, Default)]
pub(super) struct BodyFindings {
    pub(super) violations: Vec<Violation>,
    pub(super) advices: Vec<Advice>,
    /// Number of violations beyond the listed ones.
    pub(super) omitted: usize,
    /// Whether an email was rejected because of a setting and not by the schema.
    pub(super) refused_by_setting: bool,
}

pub(super) fn explain(shape: &Shape, value: &Value, ascii_emails: bool) -> BodyFindings {
    let mut walk = Explainer { pointer: String::new(), ascii_emails, findings: BodyFindings::default() };
    walk.value(shape, value);
    walk.findings
}

struct Explainer {
    pointer: String,
    /// Whether internationalised emails are rejected (R13).
    ascii_emails: bool,
    findings: BodyFindings,
}

impl Explainer {
    fn value(&mut self, shape: &Shape, value: &Value) {
        match (&shape.kind, value) {
            (ShapeKind::Any, _) | (ShapeKind::FreeForm, Value::Object(_)) | (ShapeKind::Boolean, Value::Bool(_)) => {}
            (ShapeKind::Object(fields), Value::Object(members)) => self.object(shape, fields, members),
            (ShapeKind::Array(items), Value::Array(values)) => {
                for (index, value) in values.iter().enumerate() {
                    self.at(&index.to_string(), |walk| walk.value(items, value));
                }
            }
            (ShapeKind::Text(text), Value::String(string)) => self.text(shape, text, string),
            (ShapeKind::Integer(range), Value::Number(number)) => {
                if let Some(rule) = number.as_f64().and_then(|number| range.objection(number)) {
                    self.violation(shape, shape.clause.as_deref(), rule, Some(value), None);
                }
            }
            _ => {
                // Clause R10 itself says that `null` is not an absent value and that a body is an object.
                let is_r10 = value.is_null() || self.pointer.is_empty();
                let clause = if is_r10 { Some("R10") } else { shape.clause.as_deref() };
                self.violation(shape, clause, SchemaRule::Type, Some(value), None);
            }
        }
    }

    fn object(&mut self, shape: &Shape, fields: &[Field], members: &Map<String, Value>) {
        for field in fields {
            self.at(&field.name, |walk| match members.get(&*field.name) {
                Some(value) => walk.value(&field.shape, value),
                None if field.is_required(members) => {
                    let lookalike = misspelling_of(&field.name, fields, members);
                    let hint = lookalike.map(|key| format!("is {key:?} a misspelling of it?"));
                    // A missing field violates the clause of the object that requires it.
                    walk.violation(&field.shape, shape.clause.as_deref(), SchemaRule::Required, None, hint);
                }
                None if field.recommended => {
                    let message = "is optional, but recommended: the agent greets the user with it".to_owned();
                    walk.advice("recommended", message);
                }
                None => {}
            });
        }
        if !shape.any_of.is_empty() && !shape.any_of.iter().any(|name| members.contains_key(&**name)) {
            let names: Vec<String> = shape.any_of.iter().map(|name| format!("{name:?}")).collect();
            let wanted = format!("an object with at least one of {}", names.join(" and "));
            self.report(
                shape.clause.as_deref(),
                SchemaRule::AnyOf,
                wanted,
                Some("an object without them".to_owned()),
                None,
            );
        }
        // A missing required field is reported as a violation, with a likely misspelling.
        let is_silently_absent = |field: &&Field| !field.is_required(members) && !members.contains_key(&*field.name);
        for key in members.keys().filter(|key| !fields.iter().any(|field| *field.name == ***key)) {
            if let Some(field) = nearest(key, fields.iter().filter(is_silently_absent)) {
                let name = &field.name;
                self.at(key, |walk| {
                    walk.advice("unknown_field", format!("is not a field of the contract; did you mean {name:?}?"));
                });
            }
        }
    }

    fn text(&mut self, shape: &Shape, text: &Text, string: &str) {
        if let Some(rule) = text.objection(string) {
            let options = text.options.iter().flatten();
            let hint = options
                .filter(|option| is_near(string, option))
                .min_by_key(|option| strsim::damerau_levenshtein(string, option))
                .map(|option| format!("did you mean {option:?}?"))
                .or_else(|| text.format.and_then(|format| format.problem(string)).map(str::to_owned));
            self.violation(shape, clause(shape, text, rule), rule, Some(&Value::String(string.to_owned())), hint);
        } else if self.ascii_emails && matches!(text.format, Some(StringFormat::Email)) && !string.is_ascii() {
            self.findings.refused_by_setting = true;
            let hint = Some("--email ascii rejects internationalised addresses".to_owned());
            let came = Value::String(string.to_owned());
            self.violation(shape, Some(EMAIL_CLAUSE), SchemaRule::Format, Some(&came), hint);
        } else if let Some((code, message)) = text.format.and_then(|format| format.advice(string)) {
            self.advice(code, message);
        } else if string.is_empty() && text.min != Some(0) {
            self.advice("empty", "is an empty string, which the contract allows but which is of no use".to_owned());
        } else if !text.is_expected(string) {
            let expected: Vec<String> = text.expected.iter().flatten().map(|value| format!("{value:?}")).collect();
            self.advice("unexpected", format!("is {}, but only {} is documented", quote(string), expected.join(", ")));
        } else if !string.is_empty() && !text.has_expected_form(string) {
            let message = format!("is {}, which is accepted, but is not {}", quote(string), shape.wanted);
            self.advice("unexpected_form", message);
        }
    }

    /// Calls `what` one level deeper.
    fn at(&mut self, segment: &str, what: impl FnOnce(&mut Self)) {
        let length = self.pointer.len();
        push_segment(&mut self.pointer, segment);
        what(self);
        self.pointer.truncate(length);
    }

    fn violation(
        &mut self,
        shape: &Shape,
        clause: Option<&str>,
        rule: SchemaRule,
        came: Option<&Value>,
        hint: Option<String>,
    ) {
        let came = came.map(|value| describe(value, rule));
        self.report(clause, rule, shape.wanted.to_string(), came, hint);
    }

    fn report(
        &mut self,
        clause: Option<&str>,
        rule: SchemaRule,
        wanted: String,
        came: Option<String>,
        hint: Option<String>,
    ) {
        if self.findings.violations.len() == LISTED {
            self.findings.omitted += 1;
            return;
        }
        self.findings.violations.push(Violation {
            pointer: self.pointer.clone(),
            rule,
            clause: clause.map(str::to_owned),
            wanted,
            came,
            hint,
            position: None,
        });
    }

    fn advice(&mut self, code: &'static str, message: String) {
        if self.findings.advices.len() < LISTED {
            self.findings.advices.push(Advice { pointer: self.pointer.clone(), code, message });
        }
    }
}

/// The clause that defines email addresses.
const EMAIL_CLAUSE: &str = "R13";

/// The clause that a string violates. The signing service has its own clauses.
fn clause<'s>(shape: &'s Shape, text: &Text, rule: SchemaRule) -> Option<&'s str> {
    let is_email = rule == SchemaRule::Format && matches!(text.format, Some(StringFormat::Email));
    shape.clause.as_deref().map(|clause| if is_email && clause.starts_with('R') { EMAIL_CLAUSE } else { clause })
}

impl Range {
    /// The first keyword that a number violates. As in JSON Schema, `1.0` is an integer.
    pub(super) fn objection(self, number: f64) -> Option<SchemaRule> {
        if number.fract() != 0.0 {
            Some(SchemaRule::Type)
        } else if self.min.is_some_and(|min| number < min) {
            Some(SchemaRule::Minimum)
        } else if self.max.is_some_and(|max| number > max) {
            Some(SchemaRule::Maximum)
        } else {
            None
        }
    }
}

impl Text {
    /// The first keyword that a string violates.
    pub(super) fn objection(&self, string: &str) -> Option<SchemaRule> {
        // A string has at least a quarter as many characters as bytes, so most need not be counted.
        let too_short = |min: usize| string.len() < min.saturating_mul(4) && string.chars().count() < min;
        let too_long = |max: usize| string.len() > max && string.chars().count() > max;
        if self.options.as_ref().is_some_and(|options| !options.iter().any(|option| **option == *string)) {
            Some(SchemaRule::Enum)
        } else if self.min.is_some_and(too_short) {
            Some(SchemaRule::MinLength)
        } else if self.max.is_some_and(too_long) {
            Some(SchemaRule::MaxLength)
        } else if self.format.is_some_and(|format| !format.is_match(string)) {
            Some(SchemaRule::Format)
        } else if self.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(string)) {
            Some(SchemaRule::Pattern)
        } else {
            None
        }
    }

    pub(super) fn is_expected(&self, string: &str) -> bool {
        self.expected.as_ref().is_none_or(|expected| expected.iter().any(|value| **value == *string))
    }

    pub(super) fn has_expected_form(&self, string: &str) -> bool {
        self.expected_pattern.as_ref().is_none_or(|pattern| pattern.is_match(string))
    }
}

fn describe(value: &Value, rule: SchemaRule) -> String {
    match value {
        Value::String(string) if matches!(rule, SchemaRule::MinLength | SchemaRule::MaxLength) => {
            match string.chars().count() {
                0 => "empty".to_owned(),
                1 => "1 character long".to_owned(),
                count => format!("{count} characters long"),
            }
        }
        Value::String(string) => quote(string),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::Number(number) => format!("the number {number}"),
        Value::Null => "null".to_owned(),
        Value::Bool(boolean) => boolean.to_string(),
    }
}

/// A string from the body, quoted, and cut if it is long.
fn quote(string: &str) -> String {
    const SHOWN: usize = 60;
    match string.char_indices().nth(SHOWN) {
        None => format!("{string:?}"),
        Some((end, _)) => format!("{:?} and {} more characters", &string[..end], string[end..].chars().count()),
    }
}

/// The unknown key that looks like a misspelling of `name`.
fn misspelling_of<'m>(name: &str, fields: &[Field], members: &'m Map<String, Value>) -> Option<&'m str> {
    let unknown = members.keys().filter(|key| !fields.iter().any(|field| *field.name == ***key));
    unknown.map(String::as_str).find(|key| is_near(key, name))
}

/// The field that an unknown key looks like a misspelling of.
fn nearest<'f>(key: &str, fields: impl Iterator<Item = &'f Field>) -> Option<&'f Field> {
    fields
        .filter(|field| is_near(key, &field.name))
        .min_by_key(|field| strsim::damerau_levenshtein(&plain(key), &plain(&field.name)))
}

/// Whether one word looks like a typo of the other: `handoffId` or `handof_id` for `handoff_id`.
#[must_use]
pub fn is_near(word: &str, name: &str) -> bool {
    // A typo changes the length only a little, and the cost of the distance is the product of both lengths.
    if word.len() > name.len() + 8 {
        return false;
    }
    let (word, name) = (plain(word), plain(name));
    let slips = if name.len() < 6 { 1 } else { 2 };
    strsim::damerau_levenshtein(&word, &name) <= slips
}

fn plain(word: &str) -> String {
    word.chars().filter(|char| !matches!(char, '_' | '-' | ' ')).flat_map(char::to_lowercase).collect()
}
