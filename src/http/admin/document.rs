//! The OpenAPI document of the control plane.
//!
//! Operations and schemas are generated from the handlers and their types. This module adds the parts that many
//! operations share, which follow from facts about each operation.

mod schemas;

use self::schemas::{
    EITHER, close_objects, describe_inlined, leave_out_instead_of_null, merge_parts, require_one, retain_used,
    simplify, without_null,
};
use super::{
    ControlPlane,
    answers::{self, header},
    links, signing,
};
use crate::{domain::scenario, http::PublicOperations};
use serde_json::{Map, Value, json};
use std::sync::LazyLock;
use utoipa::OpenApi;

/// The document without the server's address. Built on first use.
pub(in crate::http) static DOCUMENT: LazyLock<Value> = LazyLock::new(build);

const DESCRIPTION: &str = "\
    `/__admin` and the probes. No credential is needed unless the server runs with `--admin-token`. Requests from web \
    pages of other origins are refused. Nothing here is recorded in the journal. Errors of `/__admin` are RFC 9457 \
    problems. Every GET also answers HEAD. Request bodies are read as JSON, whatever their media type. Unknown members \
    are refused. An optional member may be null, which means the same as leaving it out.\n\n\
    A sandbox is an isolated environment. `?sandbox=NAME` selects one; without it, requests use the sandbox `default`, \
    which always exists.\n\n\
    The contract surface has its own document at `/openapi.json`. Labels such as S8 refer to clauses of the contract.";

const TAGS: [(&str, &str); 13] = [
    ("server", "The server and its settings."),
    ("sessions", "Agent sessions of the sandbox."),
    ("journal", "Recorded requests of the contract surface, each with its answer and the reasons for it (S9)."),
    ("actors", "The users on whose behalf handoffs are made, and the obstacles they face (S3 to S5)."),
    ("tokens", "Clients that can request access tokens, and the tokens issued to them (T1 to T5)."),
    ("time", "The sandbox's clock, which can be moved forward, and its pending tasks."),
    ("signing", "Actions of agents, full envelopes, the team, and races (G1 to G10)."),
    ("events", "Everything that happened in the sandbox, in one order."),
    ("messages", "Messages that the real service would have sent to people."),
    ("scenarios", "How the service answers matching requests, and how far each script has advanced."),
    ("sandboxes", "Isolated environments for test suites that share a server."),
    ("documents", "The OpenAPI documents, and the schema of scenarios."),
    ("probes", "Liveness and readiness. A reset does not affect them."),
];

fn build() -> Value {
    let mut api = ControlPlane::openapi();
    api.merge(PublicOperations::openapi());
    // Tests check that the document can be serialized.
    let Value::Object(mut generated) = serde_json::to_value(&api).unwrap_or_default() else { return Value::Null };
    let mut schemas = generated["components"]["schemas"].take();
    add_all(&mut schemas, signing::problem_schemas());
    add_all(&mut schemas, scenario::components());
    let mut paths = generated.remove("paths").unwrap_or_default();
    for (path, item) in members(&mut paths) {
        for (_, operation) in members(item) {
            complete(path, operation);
        }
    }
    describe_inlined(&mut schemas);
    describe_inlined(&mut paths);
    merge_parts(&mut schemas);
    let mut answers = answers::components();
    if let Value::Object(more) = answers::signing_components() {
        add_all(&mut answers, more);
    }
    retain_used(&mut schemas, &[&paths, &answers]);
    leave_out_instead_of_null(&mut schemas, &paths);
    close_objects(&mut schemas);
    for (name, one, other) in EITHER {
        require_one(&mut schemas[name], one, other);
    }
    let parameters = share_parameters(&mut paths);
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "docendorse-mock: the control plane",
            "summary": "Inspect and change the server and its sandboxes.",
            "description": DESCRIPTION,
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
            "version": env!("CARGO_PKG_VERSION"),
        },
        "servers": [],
        "security": [{}, { "adminToken": [] }],
        "tags": TAGS.map(|(name, description)| json!({ "name": name, "description": description })),
        "paths": paths,
        "components": {
            "parameters": parameters,
            "headers": answers::headers(),
            "responses": answers,
            "schemas": schemas,
            "securitySchemes": { "adminToken": {
                "type": "http",
                "scheme": "bearer",
                "description": "The value of `--admin-token`. Without that setting, no credential is needed.",
            } },
        },
    });
    // The guard refuses a request before it gets an id.
    let is_guards = |name: &str| ["Unauthorized", "CrossSite", "Misdirected"].contains(&name);
    for (name, answer) in members(&mut document["components"]["responses"]) {
        if answer["content"].is_object() && !is_guards(name) {
            answer["headers"]["X-Request-Id"] = header("X-Request-Id");
        }
    }
    simplify(&mut document);
    document
}

/// Adds the parts of an operation that follow from facts about it.
fn complete(path: &str, operation: &mut Value) {
    operation["operationId"] = camel_case(operation["operationId"].as_str().unwrap_or_default()).into();
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    let parameters: Vec<_> = parameters
        .into_iter()
        .flatten()
        .map(|parameter| {
            carry_as_json(parameter);
            (
                parameter["in"].as_str().unwrap_or_default().to_owned(),
                parameter["name"].as_str().unwrap_or_default().to_owned(),
            )
        })
        .collect();
    let has = |wanted: (&str, &str)| parameters.iter().any(|(place, name)| (&**place, &**name) == wanted);
    let has_path = parameters.iter().any(|(place, _)| place == "path");
    let has_body = operation["requestBody"].is_object();
    let prefers = has(("header", "Prefer"));
    let is_control = path.starts_with("/__admin");
    let mut common = Vec::new();
    if is_control {
        common.extend([
            ("400", "BadRequest"),
            ("401", "Unauthorized"),
            ("403", "CrossSite"),
            ("405", "MethodNotAllowed"),
            ("421", "Misdirected"),
            ("500", "Defect"),
        ]);
        if has_path || has(("query", "sandbox")) || has(("query", "after")) {
            common.extend([("404", "NotFound"), ("503", "StoreUnavailable")]);
        }
        if has_body {
            common.extend([
                ("408", "BodyTimedOut"),
                ("413", "BodyTooLarge"),
                ("501", "UnsupportedTransferCoding"),
                ("503", "StoreUnavailable"),
            ]);
        }
    } else {
        common.push(("405", "BareMethodNotAllowed"));
    }
    let links = links::of(operation["operationId"].as_str().unwrap_or_default());
    let body = operation.pointer_mut("/requestBody/content").and_then(Value::as_object_mut);
    for content in body.into_iter().flat_map(Map::values_mut) {
        // A body is either present or absent, never null.
        without_null(&mut content["schema"]);
    }
    let Some(answers) = operation["responses"].as_object_mut() else { return };
    for answer in ["200", "201"] {
        if let Some(answer) = answers.get_mut(answer).filter(|_| !links.is_empty()) {
            answer["links"] = links.clone().into();
        }
    }
    for answer in answers.values_mut().filter(|answer| answer["description"].is_string() && is_control) {
        answer["headers"]["X-Request-Id"] = header("X-Request-Id");
        if prefers {
            answer["headers"]["Preference-Applied"] = header("Preference-Applied");
        }
    }
    for (code, name) in common {
        let reference = json!({ "$ref": format!("#/components/responses/{name}") });
        answers.entry(code).or_insert(reference);
    }
    answers.sort_keys();
}

/// Moves parameters that many operations share out of the operations, and returns them by name.
fn share_parameters(paths: &mut Value) -> Map<String, Value> {
    let mut shared = Map::new();
    for (_, operation) in members(paths).flat_map(|(_, item)| members(item)) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_lowercase();
            if !SHARED.contains(&&*name) {
                continue;
            }
            let reference = json!({ "$ref": format!("#/components/parameters/{name}") });
            // An operation may describe the parameter in its own words.
            let known = shared.entry(name).or_insert_with(|| parameter.clone());
            if known == parameter {
                *parameter = reference;
            }
        }
    }
    shared
}

const SHARED: [&str; 3] = ["sandbox", "limit", "prefer"];

/// Declares that an object in a query is written as JSON.
fn carry_as_json(parameter: &mut Value) {
    let is_object = parameter["in"] == "query" && parameter["schema"]["$ref"] == "#/components/schemas/Match";
    if let Some(members) = parameter.as_object_mut().filter(|_| is_object) {
        let schema = members.shift_remove("schema").unwrap_or_default();
        let example = members.shift_remove("example").unwrap_or_default();
        members.insert("content".to_owned(), json!({ "application/json": { "schema": schema, "example": example } }));
    }
}

/// `list_sessions` as `listSessions`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (initial, rest) = word.split_at(word.chars().next().map_or(0, char::len_utf8));
        name + &initial.to_uppercase() + rest
    })
}

fn members(value: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    value.as_object_mut().into_iter().flatten()
}

fn add_all(to: &mut Value, from: Map<String, Value>) {
    if let Some(to) = to.as_object_mut() {
        to.extend(from);
    }
}
