//! The contract surface as OpenAPI 3.1, built on the very schema files that bodies are judged by.

use crate::{
    domain::contract::{HANDOFF_ANSWER, HANDOFF_REQUEST, SchemaError, signing},
    http::base_url::Base,
};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};

const CONTRACT: &str = include_str!("../domain/contract/openapi.json");
const SIGNING: &str = include_str!("../domain/contract/signing/openapi.json");
/// The document of the control plane.
pub(super) const CONTROL: &str = include_str!("admin/openapi.json");

/// `GET /openapi.json`.
pub(super) async fn contract(Base(base_url): Base) -> Response {
    answer(contract_document(&base_url))
}

fn contract_document(base_url: &str) -> Result<Value, SchemaError> {
    let schemas = [("HandoffRequest", HANDOFF_REQUEST), ("HandoffAnswer", HANDOFF_ANSWER)];
    let mut whole = document(CONTRACT, base_url, &schemas)?;
    add(&mut whole, serde_json::from_str(SIGNING)?);
    add(&mut whole, json!({ "components": { "schemas": signing::components()? } }));
    add_responses(&mut whole, "/api/v1/key", &[("403", "SigningCrossSite")]);
    Ok(whole)
}

/// Adds responses of the guard, which every operation below a path has.
fn add_responses(document: &mut Value, below: &str, responses: &[(&str, &str)]) {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let items = paths.filter(|(path, _)| path.starts_with(below)).filter_map(|(_, item)| item.as_object_mut());
    let operations = items.flat_map(|item| item.values_mut()).filter_map(|operation| operation.get_mut("responses"));
    for known in operations.filter_map(Value::as_object_mut) {
        for (status, name) in responses {
            let reference = json!({ "$ref": format!("#/components/responses/{name}") });
            known.entry(*status).or_insert(reference);
        }
    }
}

/// Adds to a document what another one has: members to objects, items to lists.
fn add(to: &mut Value, from: Value) {
    match (to, from) {
        (Value::Object(to), Value::Object(from)) => {
            for (name, member) in from {
                add(to.entry(name).or_insert(Value::Null), member);
            }
        }
        (Value::Array(to), Value::Array(from)) => to.extend(from),
        (to, from) => *to = from,
    }
}

/// `GET /__admin/openapi.json`.
pub(super) async fn control(Base(base_url): Base) -> Response {
    let responses = [("401", "Unauthorized"), ("403", "CrossSite"), ("421", "Misdirected")];
    answer(document(CONTROL, &base_url, &[]).map(|mut whole| {
        add_responses(&mut whole, "/__admin", &responses);
        whole
    }))
}

fn document(text: &str, base_url: &str, schemas: &[(&str, &str)]) -> Result<Value, SchemaError> {
    let mut document: Value = serde_json::from_str(text)?;
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document["servers"] = json!([{ "url": base_url }]);
    for (name, schema) in schemas {
        let mut schema: Value = serde_json::from_str(schema)?;
        if let Some(schema) = schema.as_object_mut() {
            // Inside the document, a schema is named by its place in it.
            schema.shift_remove("$schema");
            schema.shift_remove("$id");
        }
        document["components"]["schemas"][*name] = schema;
    }
    Ok(document)
}

fn answer(document: Result<Value, SchemaError>) -> Response {
    match document.and_then(|document| Ok(serde_json::to_vec_pretty(&document)?)) {
        Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
