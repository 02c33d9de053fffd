//! The contract of the signing service: the schemas of its bodies, the format of its answers, and the names of its
//! errors (G8).

use super::{Schema, SchemaError};
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::OnceLock;

/// The `version` of every answer.
pub const VERSION: &str = "1.0.0";

/// The names of errors detected before the signing rules apply.
pub const REQUEST_ERRORS: [&str; 14] = [
    "ApiKey.Missing",
    "ApiKey.Unknown",
    "Endpoint.NotFound",
    "Method.NotAllowed",
    "Request.CrossSite",
    "Request.Invalid",
    "Request.InvalidHost",
    "Request.InvalidQuery",
    "Request.TooLarge",
    "Request.UnsupportedMediaType",
    "Request.UnsupportedTransferCoding",
    "Request.Incomplete",
    "Request.TimedOut",
    "Service.Failed",
];

/// A request body of the signing service with its schema, which is compiled when first needed so that it does not slow
/// down the start.
#[derive(Debug)]
pub struct Body {
    /// The name of the schema in the published document.
    pub name: &'static str,
    text: &'static str,
    schema: OnceLock<Result<Schema, SchemaError>>,
}

pub static ENVELOPE: Body = Body::new("NewEnvelope", include_str!("signing/envelope.schema.json"));
pub static RECIPIENT: Body = Body::new("NewRecipient", include_str!("signing/recipient.schema.json"));
pub static RECIPIENT_CHANGE: Body = Body::new("RecipientChange", include_str!("signing/recipient-change.schema.json"));
pub static AGENTS: Body = Body::new("AgentSources", include_str!("signing/agents.schema.json"));
pub static CONTACT: Body = Body::new("NewContact", include_str!("signing/contact.schema.json"));
pub static CONTACT_CHANGE: Body = Body::new("ContactChange", include_str!("signing/contact-change.schema.json"));
pub static CONTACT_GROUP: Body = Body::new("NewContactGroup", include_str!("signing/group.schema.json"));

pub static CONTACT_GROUP_CHANGE: Body =
    Body::new("ContactGroupChange", include_str!("signing/group-change.schema.json"));

/// A part that several schemas share; not a body itself.
static AGENT: Body = Body::new("AgentSource", include_str!("signing/agent.schema.json"));

/// The name with which the schema files refer to the shared part.
const AGENT_FILE: &str = "agent.schema.json";

impl Body {
    const fn new(name: &'static str, text: &'static str) -> Self {
        Self { name, text, schema: OnceLock::new() }
    }

    /// Every body, once.
    #[must_use]
    pub fn all() -> [&'static Self; 8] {
        [
            &ENVELOPE,
            &RECIPIENT,
            &RECIPIENT_CHANGE,
            &AGENTS,
            &CONTACT,
            &CONTACT_CHANGE,
            &CONTACT_GROUP,
            &CONTACT_GROUP_CHANGE,
        ]
    }

    /// The schema of this body.
    ///
    /// # Errors
    /// When the schema file is unusable, which is a bug in this crate.
    pub fn schema(&self) -> Result<&Schema, &SchemaError> {
        let compile = || {
            let part = document(AGENT.text)?;
            let mut whole = document(self.text)?;
            replace_reference(&mut whole, &part);
            Schema::of(whole)
        };
        self.schema.get_or_init(compile).as_ref()
    }
}

/// All schemas by their names in the published document, with references between them rewritten to those names.
///
/// # Errors
/// When a schema file is not JSON.
pub fn components() -> Result<Map<String, Value>, SchemaError> {
    let reference = serde_json::json!({ "$ref": format!("#/components/schemas/{}", AGENT.name) });
    let all = Body::all().into_iter().chain([&AGENT]);
    all.map(|body| {
        let mut schema = document(body.text)?;
        replace_reference(&mut schema, &reference);
        Ok((body.name.to_owned(), schema))
    })
    .collect()
}

/// A schema file without the members that only a standalone document needs.
fn document(text: &str) -> Result<Value, SchemaError> {
    let mut schema: Value = serde_json::from_str(text)?;
    if let Some(schema) = schema.as_object_mut() {
        schema.shift_remove("$schema");
        schema.shift_remove("$id");
    }
    Ok(schema)
}

/// Replaces references to the shared part with `by`.
fn replace_reference(schema: &mut Value, by: &Value) {
    match schema {
        Value::Object(members) if members.get("$ref").is_some_and(|file| file == AGENT_FILE) => *schema = by.clone(),
        Value::Object(members) => members.values_mut().for_each(|member| replace_reference(member, by)),
        Value::Array(items) => items.iter_mut().for_each(|item| replace_reference(item, by)),
        _ => {}
    }
}

/// An answer of the signing service (G8).
#[derive(Debug, Serialize)]
pub struct SigningAnswer<P> {
    version: &'static str,
    success: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<P>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<ErrorAnswer>,
}

/// The error of an unsuccessful answer.
#[derive(Debug, Serialize)]
pub struct ErrorAnswer {
    /// `Resource.ErrorType`; stable.
    pub name: &'static str,
    /// A description for people.
    pub description: String,
    /// Further data for programs.
    pub context: Map<String, Value>,
}

impl<P: Serialize> SigningAnswer<P> {
    #[must_use]
    pub fn success(payload: P) -> Self {
        Self { version: VERSION, success: true, payload: Some(payload), error: None }
    }

    /// The body of the answer as JSON.
    ///
    /// # Errors
    /// When the payload cannot be serialized.
    pub fn to_json(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }
}

impl SigningAnswer<()> {
    #[must_use]
    pub fn error(error: ErrorAnswer) -> Self {
        Self { version: VERSION, success: false, payload: None, error: Some(error) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_of_the_signing_service_compiles_both_ways() {
        for body in Body::all() {
            body.schema().unwrap().warm().unwrap();
        }
    }
}
