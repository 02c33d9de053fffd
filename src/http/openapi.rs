//! The OpenAPI documents. The contract's document is built on the schema files that validate bodies.

use crate::{
    domain::contract::{HANDOFF_ANSWER, HANDOFF_REQUEST, SchemaError, signing},
    http::{admin::document::DOCUMENT, base_url::Base, problem::Problem},
};

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::{Value, json};
use std::borrow::Cow;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema,
        schema::{AdditionalProperties, ArrayBuilder, Type},
    },
};

/// Schema of an OpenAPI document, for the operations that return one.
pub(super) enum OpenApiDocument {}

impl PartialSchema for OpenApiDocument {
    fn schema() -> RefOr<Schema> {
        let object = ObjectBuilder::new().description(Some("An OpenAPI document."));
        let version = ObjectBuilder::new().schema_type(Type::String).pattern(Some(r"^3\.1\.[0-9]+$"));
        let object = object.property("openapi", version).required("openapi");
        let members = ["info", "paths", "components"].into_iter();
        let object = members.fold(object, |object, name| object.property(name, ObjectBuilder::new()).required(name));
        let servers = ArrayBuilder::new().items(ObjectBuilder::new()).min_items(Some(1));
        let object = object.property("servers", servers).required("servers");
        object.additional_properties(Some(AdditionalProperties::FreeForm(true))).into()
    }
}

impl ToSchema for OpenApiDocument {
    fn name() -> Cow<'static, str> {
        "OpenApi".into()
    }
}

const CONTRACT: &str = include_str!("../domain/contract/openapi.json");
const SIGNING: &str = include_str!("../domain/contract/signing/openapi.json");

/// Get the contract's OpenAPI document
#[utoipa::path(
    get, path = "/openapi.json", tag = "documents",
    responses(
        (status = 200, description = "The contract surface as OpenAPI 3.1.", body = OpenApiDocument),
        (status = 400, description = "The request names no valid host.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn show_contract_document(Base(base_url): Base) -> Response {
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

/// Adds the guard's responses to every operation below a path.
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

/// Merges another document into this one: members into objects, items into lists.
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

/// Get the control plane's OpenAPI document
#[utoipa::path(
    get, path = "/__admin/openapi.json", tag = "documents",
    responses((status = 200, description = "The control plane as OpenAPI 3.1.", body = OpenApiDocument))
)]
pub(super) async fn show_control_document(Base(base_url): Base) -> Response {
    let mut document = DOCUMENT.clone();
    document["servers"] = json!([{ "url": base_url }]);
    answer(Ok(document))
}

fn document(text: &str, base_url: &str, schemas: &[(&str, &str)]) -> Result<Value, SchemaError> {
    let mut document: Value = serde_json::from_str(text)?;
    document["info"]["version"] = env!("CARGO_PKG_VERSION").into();
    document["servers"] = json!([{ "url": base_url }]);
    for (name, schema) in schemas {
        let mut schema: Value = serde_json::from_str(schema)?;
        if let Some(schema) = schema.as_object_mut() {
            // Within the document, a schema is identified by its place.
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
