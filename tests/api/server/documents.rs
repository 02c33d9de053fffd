//! The published documents. The harness checks every answer in these tests against them.

use crate::{
    control_plane::strictness::{operations, send},
    harness::{Api, BASE_URL, CREATE, documents, is_page},
};
use axum::{body::Body, http::Request};
use docendorse_mock::{
    App, Settings,
    domain::contract::{HANDOFF_ANSWER, HANDOFF_REQUEST},
    http,
};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Paths that no document describes: the index without its slash, fallbacks, and further paths at which clients look
/// for the metadata.
const BESIDE: [&str; 9] = [
    "/",
    "/{*__private__axum_fallback}",
    "/__admin",
    "/__admin/{*rest}",
    "/api/v1/key",
    "/api/v1/key/",
    "/api/v1/key/{*rest}",
    "/.well-known/oauth-authorization-server/oauth2/v2",
    "/oauth2/v2/.well-known/openid-configuration",
];

#[test]
fn the_document_is_built_on_the_schema_files() {
    let schemas = &documents().contract()["components"]["schemas"];
    for (name, file) in [("HandoffRequest", HANDOFF_REQUEST), ("HandoffAnswer", HANDOFF_ANSWER)] {
        let mut file: Value = serde_json::from_str(file).unwrap();
        file.as_object_mut().unwrap().retain(|key, _| key != "$schema" && key != "$id");
        assert_eq!(schemas[name], file, "{name}");
    }
}

#[test]
fn the_documents_say_where_they_are_served() {
    for document in [documents().contract(), documents().control()] {
        assert!(document["openapi"].as_str().unwrap().starts_with("3.1."));
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(document["servers"][0]["url"], BASE_URL);
    }
    assert!(documents().contract()["paths"][CREATE]["post"]["responses"].is_object());
}

/// A path without the names of its parameters, because the documents and the router may name them differently.
fn unnamed(path: &str) -> String {
    path.split('/').map(|part| if part.starts_with('{') { "{}" } else { part }).collect::<Vec<_>>().join("/")
}

/// The documented methods by path.
fn documented() -> BTreeMap<String, BTreeSet<String>> {
    let mut methods: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for document in [documents().contract(), documents().control()] {
        for (path, item) in document["paths"].as_object().unwrap() {
            let operations =
                item.as_object().unwrap().iter().filter(|(_, operation)| operation["responses"].is_object());
            methods.entry(unnamed(path)).or_default().extend(operations.map(|(method, _)| method.to_uppercase()));
        }
    }
    methods
}

#[tokio::test]
async fn every_route_is_documented_and_the_reverse() {
    let router = http::router(&App::new(Settings::default(), BASE_URL).unwrap());
    // The router lists its paths only here.
    let shown = format!("{router:?}");
    let paths = shown
        .split('"')
        .skip(1)
        .step_by(2)
        .filter(|path| path.starts_with('/') && !BESIDE.contains(path) && !is_page(path));
    let routed: BTreeSet<String> = paths.map(unnamed).collect();
    let documented = documented();
    let known: BTreeSet<String> = documented.keys().cloned().collect();
    assert_eq!(routed.symmetric_difference(&known).collect::<Vec<_>>(), [""; 0]);
    assert!(routed.len() > 60, "{routed:?}");
    let api = Api::new();
    for (path, methods) in documented {
        let request = Request::builder().method("TRACE").uri(path.replace("{}", "x")).body(Body::empty()).unwrap();
        let answer = api.send(request).await;
        let allowed: BTreeSet<&str> = answer.header("allow").split(',').map(str::trim).collect();
        let known = methods.iter().map(String::as_str).chain(methods.contains("GET").then_some("HEAD"));
        assert_eq!(allowed, known.collect(), "{path}");
    }
}

#[test]
fn every_reference_leads_to_a_component_and_back() {
    fn references<'v>(value: &'v Value, found: &mut BTreeSet<&'v str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let document = documents().control();
    let mut found = BTreeSet::new();
    references(document, &mut found);
    for reference in &found {
        assert!(document.pointer(reference.trim_start_matches('#')).is_some(), "{reference}");
    }
    for kind in ["schemas", "responses", "headers", "parameters"] {
        for name in document["components"][kind].as_object().unwrap().keys() {
            assert!(found.contains(&*format!("#/components/{kind}/{name}")), "nothing refers to {kind}/{name}");
        }
    }
}

#[test]
fn operations_have_names_tags_and_descriptions() {
    let document = documents().control();
    let tags: BTreeSet<&str> =
        document["tags"].as_array().unwrap().iter().map(|tag| tag["name"].as_str().unwrap()).collect();
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(ids.insert(id) && !id.contains('_'), "{id}");
            assert!(tags.contains(operation["tags"][0].as_str().unwrap()), "{id}");
            assert!(!operation["summary"].as_str().unwrap().is_empty(), "{id}");
            for parameter in operation["parameters"].as_array().into_iter().flatten().map(followed) {
                assert!(parameter["description"].is_string(), "{method} {path}: {parameter}");
            }
        }
    }
}

#[test]
fn links_lead_from_an_id_to_operations_that_take_it() {
    let document = documents().control();
    let operations: Vec<&Value> =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values()).collect();
    let mut linked = BTreeSet::new();
    for operation in &operations {
        for answer in operation["responses"].as_object().unwrap().values() {
            for link in answer["links"].as_object().into_iter().flat_map(|links| links.values()) {
                let (to, parameters) = (link["operationId"].as_str().unwrap(), link["parameters"].as_object().unwrap());
                let target = operations.iter().find(|operation| operation["operationId"] == to).unwrap();
                for (name, expression) in parameters {
                    let known = target["parameters"].as_array().unwrap();
                    assert!(known.iter().any(|known| known["name"] == **name && known["in"] == "path"), "{to} {name}");
                    let pointer = expression.as_str().unwrap().strip_prefix("$response.body#/").unwrap();
                    let mut schema = followed(&answer["content"]["application/json"]["schema"]);
                    for part in pointer.split('/') {
                        let next = if part == "0" { &schema["items"] } else { &schema["properties"][part] };
                        assert!(next.is_object(), "{to}: {pointer}");
                        schema = followed(next);
                    }
                }
                linked.insert(to);
            }
        }
    }
    for (path, item) in document["paths"].as_object().unwrap().iter().filter(|(path, _)| path.contains('{')) {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            // The first also needs the id of a key, and the second creates what it names.
            assert!(linked.contains(id) || ["retireKey", "putScenario"].contains(&id), "{path}: nothing leads to {id}");
        }
    }
}

/// The body that an operation takes: its schema with references resolved, and a valid example.
fn body_of(operation: &Value) -> Option<(Value, Value)> {
    let content = operation.pointer("/requestBody/content/application~1json")?;
    let schema = followed(&content["schema"]);
    let first = content["examples"].as_object().and_then(|all| all.values().next());
    let example = first.map(|example| &example["value"]).unwrap_or(&content["example"]);
    Some((schema, if example.is_object() { example.clone() } else { json!({}) }))
}

fn followed(schema: &Value) -> Value {
    let document = documents().control();
    if let Some(reference) = schema["$ref"].as_str() {
        return followed(document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    let variants = schema["oneOf"].as_array().into_iter().flatten();
    let mut variants = variants.filter(|variant| variant["type"] != "null");
    match (variants.next(), variants.next()) {
        (Some(only), None) => followed(only),
        _ => schema.clone(),
    }
}

/// The error of an operation for a member of its body; `None` if it accepts the value.
async fn objection(method: &str, path: &str, example: &Value, member: &str, value: Value) -> Option<String> {
    let mut body = example.clone();
    body[member] = value;
    let answer = send(&Api::new(), method, path, &body.to_string()).await;
    let detail = answer.json()["detail"].as_str().unwrap_or_default().to_owned();
    (answer.status == 400 && detail.contains(&format!("/{member}:"))).then_some(detail)
}

/// Scenarios have a separate schema and reader, and snapshots come from the server.
fn is_plain(path: &str) -> bool {
    !path.ends_with("/scenarios/x") && !path.ends_with("/restore")
}

#[tokio::test]
async fn optional_members_of_bodies_may_be_null() {
    let mut optional = 0;
    for (method, path, operation, _) in operations().into_iter().filter(|(_, path, _, _)| is_plain(path)) {
        let Some((schema, example)) = body_of(&operation) else { continue };
        for (member, member_schema) in schema["properties"].as_object().into_iter().flatten() {
            let is_required = schema["required"].as_array().into_iter().flatten().any(|name| name == member);
            let objection = objection(&method, &path, &example, member, Value::Null).await;
            assert_eq!(objection.is_some(), is_required, "{method} {path} {member}: {objection:?}");
            let takes_null = jsonschema_takes(member_schema, &Value::Null);
            assert_eq!(takes_null, !is_required, "{method} {path} {member}: {member_schema}");
            optional += usize::from(!is_required);
        }
    }
    assert!(optional > 30, "{optional}");
}

#[tokio::test]
async fn whole_numbers_may_be_written_with_a_fraction() {
    let mut whole = 0;
    for (method, path, operation, _) in operations().into_iter().filter(|(_, path, _, _)| is_plain(path)) {
        let Some((schema, example)) = body_of(&operation) else { continue };
        for (member, schema) in schema["properties"].as_object().into_iter().flatten() {
            if !followed(schema)["type"].to_string().contains("integer") {
                continue;
            }
            for (number, is_whole) in [(json!(2.0), true), (json!(2.5), false), (json!("2"), false)] {
                assert_eq!(jsonschema_takes(schema, &number), is_whole, "{member}: {schema}");
                let objection = objection(&method, &path, &example, member, number.clone()).await;
                assert_eq!(objection.is_none(), is_whole, "{method} {path} {member} {number}: {objection:?}");
            }
            whole += 1;
        }
    }
    assert!(whole >= 6, "{whole}");
}

fn jsonschema_takes(schema: &Value, value: &Value) -> bool {
    documents().control_objections_to(schema, value).is_empty()
}

#[tokio::test]
async fn document_and_server_agree_on_bodies() {
    for (schema, method, path, body, is_good) in [
        ("FindRequests", "POST", "/__admin/requests/find", r#"{"limit": null}"#, true),
        ("FindRequests", "POST", "/__admin/requests/find", r#"{"limit": 14.0}"#, true),
        ("FindRequests", "POST", "/__admin/requests/find", r#"{"limit": 14.5}"#, false),
        ("FindRequests", "POST", "/__admin/requests/find", r#"{"limit": 1001}"#, false),
        ("FindRequests", "POST", "/__admin/requests/find", r#"{"match": {"email": null}}"#, false),
        ("CountRequests", "POST", "/__admin/requests/count", r#"{"match": null, "endpoint": null}"#, true),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"scenarios": [{}]}"#, false),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"scenarios": [{"name": "a", "answers": [{}]}]}"#, true),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"scenarios": null, "settings": null, "clock": null}"#, true),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"settings": [null, null]}"#, false),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"settings": []}"#, false),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"settings": {"auth": null, "session_ttl": null}}"#, true),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"settings": {"error_http_status": 422.0}}"#, true),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"settings": {"error_http_status": 204}}"#, false),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"settings": {"unknown": 1}}"#, false),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"seed": 18446744073709551615}"#, true),
        ("NewSandbox", "POST", "/__admin/sandboxes", r#"{"seed": -1}"#, false),
        ("NewUser", "POST", "/__admin/signing/users", r#"{"name": "A", "email": "a@b.org", "phone": "none"}"#, false),
        ("NewUser", "POST", "/__admin/signing/users", r#"{"name": "A", "email": "a@b.org", "locale": null}"#, true),
        ("NewUser", "POST", "/__admin/signing/users", r#"{"name": null, "email": "a@b.org"}"#, false),
        ("NewUser", "POST", "/__admin/signing/users", r#"{"name": "A\u0086", "email": "a@b.org"}"#, false),
        ("NewUser", "POST", "/__admin/signing/users", r#"{"name": "A\t", "email": "a@b.org"}"#, false),
    ] {
        let value: Value = serde_json::from_str(body).unwrap();
        let objections = documents().control_objections(schema, &value);
        assert_eq!(objections.is_empty(), is_good, "{body}: {objections:?}");
        let answer = send(&Api::new(), method, path, body).await;
        assert_eq!(answer.status.is_success(), is_good, "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn filters_agree_with_their_schemas() {
    let api = Api::new();
    for (method, path, operation, _) in operations().into_iter().filter(|(method, _, _, _)| method == "GET") {
        for parameter in operation["parameters"].as_array().into_iter().flatten().map(followed) {
            if parameter["in"] != "query" || parameter["schema"].is_null() || path.ends_with("/wait") {
                continue;
            }
            let (name, schema) = (parameter["name"].as_str().unwrap(), followed(&parameter["schema"]));
            let is_text = schema["type"] == "string" && schema["enum"].is_null() && name != "sandbox";
            let has_form = schema["pattern"].is_string() || schema["format"] == "email";
            if is_text && !name.contains("after") {
                let answer = send(&api, &method, &format!("{path}?{name}=no%20such"), "").await;
                let is_refused = answer.status.is_client_error() && answer.status != 404;
                assert!(path.contains("/x") || is_refused == has_form, "{path} {name}: {}", answer.text);
            }
        }
    }
}

#[tokio::test]
async fn no_form_parameter_may_be_repeated() {
    let api = Api::new();
    let schema = documents().contract().pointer("/paths/~1oauth2~1v2~1token/post/requestBody/content").unwrap();
    let schema = &schema["application/x-www-form-urlencoded"]["schema"];
    let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=x";
    for (more, described, wanted) in [
        ("&extra=1", json!("1"), false),
        ("&extra=1&extra=2", json!(["1", "2"]), true),
        ("&extra=&extra=", json!(["", ""]), true),
    ] {
        let request = Request::post("/oauth2/v2/token").header("content-type", "application/x-www-form-urlencoded");
        let answer = api.send(request.body(Body::from(format!("{form}{more}"))).unwrap()).await;
        let text = answer.json()["error_description"].as_str().unwrap().to_owned();
        assert_eq!(text.contains("more than once"), wanted, "{text}");
        let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
        let form = json!({ "grant_type": grant, "assertion": "x", "extra": described });
        assert_eq!(documents().objections_to(schema, &form).is_empty(), !wanted, "{form}");
    }
}
