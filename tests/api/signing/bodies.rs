//! The bodies of the signing service: every valid fixture passes, every invalid one is refused for exactly its reasons;
//! and the order in which a request is checked.

use crate::{
    handoff::fixtures::{Case, files, violations_of},
    harness::{Api, documents},
    signing::lifecycle::{add, ask, draft, payload, refusal, request, signer},
};
use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode},
};
use docendorse_mock::{Settings, domain::oauth::built_in};
use serde_json::{Value, json};
use std::fmt::Write;

/// The method and path of each kind of body, and its name in the document.
async fn kinds(api: &Api) -> Vec<(&'static str, &'static str, &'static str, String)> {
    let id = draft(api).await;
    let recipient = add(api, &id, signer("tenant", &["sam"])).await;
    let recipients = format!("/envelopes/{id}/recipients");
    let contact = payload(api, "POST", "/contacts", json!({ "name": "Jane", "phone": "+905001234567" })).await;
    let contact = format!("/contacts/{}", contact["contactId"].as_str().unwrap());
    let group = payload(api, "POST", "/contact-groups", json!({ "name": "Directors", "contactIds": [] })).await;
    let group = format!("/contact-groups/{}", group["groupId"].as_str().unwrap());
    vec![
        ("envelope", "NewEnvelope", "POST", "/envelopes".to_owned()),
        ("recipient", "NewRecipient", "POST", recipients.clone()),
        ("recipient-change", "RecipientChange", "PATCH", format!("{recipients}/{recipient}")),
        ("agents", "AgentSources", "PUT", format!("{recipients}/{recipient}/agents")),
        ("contact", "NewContact", "POST", "/contacts".to_owned()),
        ("contact-change", "ContactChange", "PATCH", contact),
        ("group", "NewContactGroup", "POST", "/contact-groups".to_owned()),
        ("group-change", "ContactGroupChange", "PUT", group),
    ]
}

fn with_bytes(method: &str, path: &str, body: Vec<u8>) -> Request<Body> {
    let mut request = request(built_in::API_KEY, method, path, Some(&Value::Null));
    *request.body_mut() = Body::from(body);
    request
}

#[tokio::test]
async fn every_valid_body_of_the_signing_service_passes() {
    let api = Api::new();
    for (kind, schema, method, path) in kinds(&api).await {
        let fixtures = files(&format!("signing/{kind}/valid"));
        assert!(fixtures.len() >= 3, "{kind}");
        for (name, body) in fixtures {
            let answer = api.send(with_bytes(method, &path, body.clone())).await;
            assert_ne!(answer.json()["error"]["name"], "Request.Invalid", "{kind}/{name}: {}", answer.text);
            let value: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(documents().objections(schema, &value), [""; 0], "{kind}/{name}");
        }
    }
}

#[tokio::test]
async fn every_invalid_signing_body_is_refused_for_its_reasons() {
    let api = Api::new();
    let mut told = String::new();
    for (kind, schema, method, path) in kinds(&api).await {
        for (name, file) in files(&format!("signing/{kind}/invalid")) {
            let case: Case = serde_json::from_slice(&file).unwrap_or_else(|error| panic!("{kind}/{name}: {error}"));
            let answer = api.send(with_bytes(method, &path, case.bytes())).await;
            let (refused, context) = refusal(&answer);
            assert_eq!(refused, "Request.Invalid", "{kind}/{name}: {}", answer.text);
            let exchange = api.exchange(&answer).await;
            assert_eq!(violations_of(&exchange), case.violations, "{kind}/{name}");
            assert_eq!(exchange["violations"][0]["clause"], case.clause, "{kind}/{name}");
            let pointers: Vec<&Value> =
                context["violations"].as_array().unwrap().iter().map(|violation| &violation["pointer"]).collect();
            let wanted: Vec<Value> = case.violations.iter().map(|violation| json!(violation.pointer)).collect();
            assert_eq!(pointers, wanted.iter().collect::<Vec<_>>(), "the answer names every location");
            let by_format = case.violations.iter().all(|violation| violation.rule == "format");
            if let Some(body) = case.body.as_ref().filter(|_| !by_format) {
                assert_ne!(documents().objections(schema, body), [""; 0], "{kind}/{name}: the document lets it pass");
            }
            let description = answer.json()["error"]["description"].as_str().unwrap().to_owned();
            writeln!(told, "{kind}/{name}\n  {description}").unwrap();
        }
    }
    insta::assert_snapshot!(told);
}

#[tokio::test]
async fn an_error_holds_a_hundred_violations_and_counts_all() {
    let api = Api::new();
    let answer = ask(&api, "POST", "/contact-groups", json!({ "name": "x", "contactIds": vec![1; 250] })).await;
    let body = answer.json();
    assert_eq!(body["error"]["context"]["violations"].as_array().unwrap().len(), 100);
    let description = body["error"]["description"].as_str().unwrap();
    assert!(description.starts_with("The request breaks the contract in 250 places: "), "{description}");
    assert_eq!(body.as_object().unwrap().keys().collect::<Vec<_>>(), ["version", "success", "error"]);
    assert_eq!(
        body["error"]["context"]["violations"][0],
        json!({ "pointer": "/contactIds/0", "message": "/contactIds/0 must be a string, but is the number 1" })
    );
    assert_eq!(api.exchange(&answer).await["omitted_violations"], 150);
}

#[tokio::test]
async fn unknown_fields_pass_and_misspelt_ones_draw_an_advice() {
    let api = Api::new();
    let body = r#"{ "name": "NDA", "name": "NDA 2", "expirationPeriodDay": 3, "unrelated": 1, "context": { "a": 1, "a": 2 } }"#;
    let answer = api.send(with_bytes("POST", "/envelopes", body.into())).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("x-mock-advices"), "3");
    let exchange = api.exchange(&answer).await;
    let advices: Vec<String> = exchange["advices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|advice| format!("{} {}", advice["code"].as_str().unwrap(), advice["pointer"].as_str().unwrap()))
        .collect();
    assert_eq!(advices, ["unknown_field /expirationPeriodDay", "duplicate_key /name", "duplicate_key /context/a"]);
    let id = answer.json()["payload"]["envelopeId"].as_str().unwrap().to_owned();
    let made = ask(&api, "GET", &format!("/envelopes/{id}"), None).await.json()["payload"]["envelope"].clone();
    assert_eq!((&made["name"], &made["context"]), (&json!("NDA 2"), &json!({ "a": 2 })));
}

#[tokio::test]
async fn errors_are_reported_in_the_order_of_the_checks() {
    let api = Api::with(Settings { max_body: 20, ..Settings::default() });
    let too_long = json!({ "name": "certainly more than twenty bytes" });
    let mut request = request("", "POST", "/envelopes", Some(&too_long));
    request.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    let mut ask = async |change: &dyn Fn(&mut Request<Body>)| {
        let mut next = Request::new(Body::empty());
        (*next.method_mut(), *next.uri_mut()) = (request.method().clone(), request.uri().clone());
        *next.headers_mut() = request.headers().clone();
        *next.body_mut() = Body::from(too_long.to_string());
        change(&mut next);
        *request.headers_mut() = next.headers().clone();
        let answer = api.send(next).await;
        (refusal(&answer).0, answer)
    };
    assert_eq!(ask(&|_| {}).await.0, "ApiKey.Missing");
    let key = |request: &mut Request<Body>| {
        request.headers_mut().insert("x-inspakt-api-key", HeaderValue::from_static("any"));
    };
    let (name, answer) = ask(&key).await;
    assert_eq!((name.as_str(), answer.header("accept")), ("Request.UnsupportedMediaType", "application/json"));
    let json = |request: &mut Request<Body>| {
        request.headers_mut().insert("content-type", HeaderValue::from_static("application/json; charset=utf-8"));
    };
    assert_eq!(ask(&json).await.0, "Request.TooLarge");
    assert_eq!(ask(&|request| *request.body_mut() = Body::from("{\"name\":")).await.0, "Request.Invalid");
    assert_eq!(ask(&|request| *request.body_mut() = Body::from("{\"name\":1}")).await.0, "Request.Invalid");
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_in_the_surfaces_shape() {
    let api = Api::new();
    let id = draft(&api).await;
    for (method, path, allowed) in [
        ("DELETE", "/envelopes".to_owned(), "GET, HEAD, POST"),
        ("OPTIONS", "/envelopes".to_owned(), "GET, HEAD, POST"),
        ("POST", format!("/envelopes/{id}"), "GET, HEAD, DELETE"),
        ("POST", format!("/envelopes/{id}/send"), "PUT"),
        ("PUT", format!("/envelopes/{id}/void"), "POST"),
        ("PUT", format!("/envelopes/{id}/recipients"), "GET, HEAD, POST"),
        ("POST", format!("/envelopes/{id}/recipients/rcp_1"), "GET, HEAD, PUT, PATCH, DELETE"),
        ("POST", format!("/envelopes/{id}/recipients/rcp_1/agents"), "GET, HEAD, PUT"),
        ("PUT", "/contacts".to_owned(), "GET, HEAD, POST"),
        ("POST", "/contacts/cnt_1".to_owned(), "GET, HEAD, PUT, PATCH, DELETE"),
        ("PUT", "/contact-groups".to_owned(), "GET, HEAD, POST"),
        ("POST", "/contact-groups/grp_1".to_owned(), "GET, HEAD, PUT, PATCH, DELETE"),
        ("POST", "/users".to_owned(), "GET, HEAD"),
        ("DELETE", "/users/usr_1".to_owned(), "GET, HEAD"),
    ] {
        let answer = ask(&api, method, &path, None).await;
        assert_eq!(refusal(&answer).0, "Method.NotAllowed", "{method} {path}");
        assert_eq!(answer.header("allow"), allowed, "{method} {path}");
        assert_eq!(api.exchange(&answer).await["answer"]["headers"]["allow"], allowed);
    }
    for (method, path) in [
        ("GET", ""),
        ("GET", "/"),
        ("POST", "/envelopes/"),
        ("GET", "/envelope"),
        ("GET", "/envelopes/env_1/agents"),
        ("DELETE", "/webhooks/1/2/3"),
    ] {
        let answer = ask(&api, method, path, None).await;
        assert_eq!(refusal(&answer).0, "Endpoint.NotFound", "{method} {path}");
        assert!(answer.headers.contains_key("x-mock-exchange"));
    }
}
