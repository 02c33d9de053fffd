//! The contract: the format of request bodies and the wording of every answer.
//!
//! The schema files beside this module are the only authority. [`Schema`] compiles such a file once and validates
//! bodies against it. A clean body, one that needs no remark, passes in a single walk over its bytes (`clean`). Every
//! other body is parsed, validated by a JSON Schema validator, and explained field by field (`explain`). Independent of
//! HTTP.

mod answer;
mod clean;
mod explain;
mod finding;
mod formats;
mod hosts;
mod lenient;
mod locate;
mod parse;
mod shape;
pub mod signing;
mod values;

pub use answer::{Answer, STATUSES, Status};
pub use explain::is_near;
pub use finding::{Advice, BodyRefusal, Violation};
pub use formats::{email_problem, is_email};
pub use lenient::{read_json, same_json};
pub use locate::{locate, pointer_at};
pub use parse::is_json;
pub use values::has_more_values_than;

use serde::de::DeserializeOwned;
use serde_json::Value;
use shape::Shape;
use std::sync::OnceLock;

/// The schema of a handoff's request body (R1 to R11).
pub const HANDOFF_REQUEST: &str = include_str!("contract/handoff-request.schema.json");

/// The schema of every answer of the handoff endpoint (S1 to S6).
pub const HANDOFF_ANSWER: &str = include_str!("contract/handoff-answer.schema.json");

/// Why a schema file is unusable. Always a bug in this crate, never the fault of a request.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    #[error("the schema is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The file uses a keyword, or a value of one, that `explain` does not support.
    #[error("the schema at {place:?}: {problem}")]
    Unsupported {
        /// Location in the schema, as a JSON pointer.
        place: String,
        problem: String,
    },
    /// The JSON Schema validator rejects the file.
    #[error("the schema does not compile: {0}")]
    Validator(String),
}

/// A valid body, deserialized.
#[derive(Debug)]
pub struct Accepted<T> {
    pub value: T,
    /// What the contract allows but the caller probably did not mean. Empty for most bodies.
    pub advices: Vec<Advice>,
}

/// A compiled schema file.
#[derive(Debug)]
pub struct Schema {
    document: Value,
    shape: Shape,
    validator: OnceLock<Result<jsonschema::Validator, String>>,
}

impl Schema {
    /// Compiles the text of a schema file.
    ///
    /// The JSON Schema validator is compiled only when the first body needs it: that takes longer than the rest of the
    /// server's start, and valid bodies never need it.
    ///
    /// # Errors
    /// When the text is not JSON or uses a keyword that `explain` does not support.
    pub fn compile(text: &str) -> Result<Self, SchemaError> {
        Self::of(serde_json::from_str(text)?)
    }

    fn of(document: Value) -> Result<Self, SchemaError> {
        let shape = Shape::compile(&document)?;
        Ok(Self { document, shape, validator: OnceLock::new() })
    }

    /// The schema file as JSON.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Compiles the validator now, so that the first invalid body does not wait for it.
    ///
    /// # Errors
    /// When the schema file is not a valid schema.
    pub fn warm(&self) -> Result<(), SchemaError> {
        self.validator().map(|_| ())
    }

    /// Whether the body needs no remark at all. A body that is not clean may still be valid.
    #[must_use]
    pub fn is_clean(&self, body: &[u8]) -> bool {
        std::str::from_utf8(body).is_ok_and(|text| clean::is_clean(&self.shape, text))
    }

    /// Validates a body and deserializes it as `T` (R1 to R11).
    ///
    /// # Errors
    /// A [`BodyRefusal`] with all violations in the order of the schema.
    pub fn check<T: DeserializeOwned>(&self, body: &[u8]) -> Result<Accepted<T>, BodyRefusal> {
        self.check_with(body, false)
    }

    /// As [`Schema::check`]; `ascii_emails` rejects internationalised addresses (R13).
    ///
    /// # Errors
    /// As [`Schema::check`].
    pub fn check_with<T: DeserializeOwned>(&self, body: &[u8], ascii_emails: bool) -> Result<Accepted<T>, BodyRefusal> {
        if let Ok(text) = std::str::from_utf8(body)
            && clean::is_clean(&self.shape, text)
            && let Ok(value) = serde_json::from_str(text)
        {
            return Ok(Accepted { value, advices: Vec::new() });
        }
        let (value, advices) = self.judge_with(body, ascii_emails)?;
        match T::deserialize(&value) {
            Ok(value) => Ok(Accepted { value, advices }),
            // The schema and the type disagree: a bug in this crate, reported without taking the server down.
            Err(error) => Err(BodyRefusal::of(Violation::body("a readable request", &error.to_string()))),
        }
    }

    /// Validates a body in full, without the shortcut for clean ones.
    ///
    /// # Errors
    /// As [`Schema::check`].
    pub fn judge(&self, body: &[u8]) -> Result<(Value, Vec<Advice>), BodyRefusal> {
        self.judge_with(body, false)
    }

    fn judge_with(&self, body: &[u8], ascii_emails: bool) -> Result<(Value, Vec<Advice>), BodyRefusal> {
        let value = parse::parse(body).map_err(BodyRefusal::of)?;
        let mut findings = explain::explain(&self.shape, &value, ascii_emails);
        parse::advise_on_duplicates(body, &mut findings.advices);
        let valid = match self.validator() {
            Ok(validator) => validator.is_valid(&value) && !findings.refused_by_setting,
            Err(error) => return Err(BodyRefusal::of(Violation::body("a valid request", &error.to_string()))),
        };
        if valid {
            return Ok((value, findings.advices));
        }
        if findings.violations.is_empty() {
            // The validator alone decides. Its verdict stands even if `explain` missed the reason.
            findings.violations.push(Violation::body("a body that matches the schema", "one that does not"));
        }
        Err(BodyRefusal { violations: findings.violations, omitted: findings.omitted, advices: findings.advices })
    }

    /// The locations that the JSON Schema validator rejects, as `(pointer, keyword)`. Tests compare `explain` with it.
    ///
    /// # Errors
    /// When the schema file is not a valid schema.
    pub fn validator_findings(&self, value: &Value) -> Result<Vec<(String, String)>, SchemaError> {
        let validator = self.validator()?;
        Ok(validator
            .iter_errors(value)
            .map(|error| {
                let mut pointer = error.instance_path().to_string();
                if let jsonschema::error::ValidationErrorKind::Required { property } = error.kind() {
                    finding::push_segment(&mut pointer, property.as_str().unwrap_or_default());
                }
                (pointer, error.kind().keyword().to_owned())
            })
            .collect())
    }

    fn validator(&self) -> Result<&jsonschema::Validator, SchemaError> {
        let compile = || {
            jsonschema::options()
                .offline()
                .should_validate_formats(true)
                .with_format("email", formats::is_email)
                .with_format("uri", formats::is_uri)
                .with_format("date", formats::is_date)
                .with_pattern_options(jsonschema::PatternOptions::regex())
                .build(&self.document)
                .map_err(|error| error.to_string())
        };
        self.validator.get_or_init(compile).as_ref().map_err(|error| SchemaError::Validator(error.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_schema_compiles_both_ways() {
        let schema = Schema::compile(HANDOFF_REQUEST).unwrap();
        schema.warm().unwrap();
    }

    #[test]
    fn a_keyword_without_words_is_refused() {
        let error = Schema::compile(r#"{"type":"object","properties":{"n":{"type":"number"}}}"#).unwrap_err();
        assert_eq!(error.to_string(), r#"the schema at "/properties/n": the type "number" has no explanation"#);
    }
}
