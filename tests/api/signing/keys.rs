//! `X-Inspakt-Api-Key` (G8): the sandbox that it selects, when it is accepted, and that it is never shown.

use crate::{
    harness::Api,
    sandboxes::lifecycle::create,
    signing::lifecycle::{ask, refusal, request},
};
use axum::{
    body::Body,
    http::{HeaderValue, Request},
};
use docendorse_mock::{
    Settings,
    config::{Auth, InspaktHttpStatus},
    domain::oauth::built_in,
};
use serde_json::{Value, json};

async fn made_with(api: &Api, key: &str) -> String {
    let answer = api.send(request(key, "POST", "/envelopes", Some(&json!({ "name": "NDA" })))).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["payload"]["envelopeId"].as_str().unwrap().to_owned()
}

async fn refused_with(api: &Api, key: &str) -> (String, String) {
    let answer = api.send(request(key, "GET", "/envelopes", None)).await;
    assert_eq!(answer.header("www-authenticate"), "ApiKey realm=\"docendorse-mock\"");
    let description = answer.json()["error"]["description"].as_str().unwrap().to_owned();
    (refusal(&answer).0, description)
}

fn key_of(sandbox: &Value) -> String {
    sandbox["credentials"]["api_key"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_selects_its_sandbox_and_no_other() {
    let api = Api::new();
    let suites = [create(&api, json!({ "name": "suite-a" })).await, create(&api, json!({ "name": "suite-b" })).await];
    let keys = [key_of(&suites[0]), key_of(&suites[1]), built_in::API_KEY.to_owned()];
    let mut envelopes = Vec::new();
    for key in &keys {
        envelopes.push(made_with(&api, key).await);
    }
    for (at, key) in keys.iter().enumerate() {
        let listed = api.send(request(key, "GET", "/envelopes", None)).await.json();
        assert_eq!(listed["payload"]["envelopes"].as_array().unwrap().len(), 1);
        assert_eq!(listed["payload"]["envelopes"][0]["id"], envelopes[at]);
        let other = &envelopes[(at + 1) % 3];
        let foreign = api.send(request(key, "GET", &format!("/envelopes/{other}"), None)).await;
        assert_eq!(refusal(&foreign).0, "Envelope.NotFound");
    }
    for (sandbox, count) in [("suite-a", 3), ("suite-b", 3), ("default", 3)] {
        let journal = api.get(&format!("/__admin/requests?sandbox={sandbox}")).await.json();
        assert_eq!(journal["matching"], count, "each exchange is in the journal of its sandbox: {sandbox}");
    }
}

#[tokio::test]
async fn in_open_mode_other_keys_select_the_default_sandbox() {
    let api = Api::new();
    create(&api, json!({ "name": "suite-a" })).await;
    let id = made_with(&api, "whatever it is").await;
    assert_eq!(ask(&api, "GET", &format!("/envelopes/{id}"), None).await.status, 200);
    // A key that is not UTF-8.
    let mut odd = request("x", "GET", "/envelopes", None);
    odd.headers_mut().insert("x-inspakt-api-key", HeaderValue::from_bytes(b"\xFFkey").unwrap());
    assert_eq!(api.send(odd).await.status, 200);
}

#[tokio::test]
async fn strict_mode_accepts_only_keys_of_sandboxes() {
    let api = Api::with(Settings { auth: Auth::Strict, ..Settings::default() });
    let suite = create(&api, json!({ "name": "suite-a" })).await;
    made_with(&api, &key_of(&suite)).await;
    made_with(&api, built_in::API_KEY).await;
    let credential = |name: &str| suite["credentials"][name].as_str().unwrap().to_owned();
    for other in ["any".to_owned(), credential("client_id"), credential("client_secret"), credential("bearer_token")] {
        let (name, description) = refused_with(&api, &other).await;
        assert_eq!(name, "ApiKey.Unknown", "{other}");
        assert!(!description.contains(&other), "a key is never shown");
    }
}

#[tokio::test]
async fn no_other_credential_selects_the_sandbox() {
    let api = Api::new();
    let suite = create(&api, json!({ "name": "suite-a" })).await;
    let id = made_with(&api, suite["credentials"]["client_id"].as_str().unwrap()).await;
    assert_eq!(
        ask(&api, "GET", &format!("/envelopes/{id}"), None).await.status,
        200,
        "the envelope is in the default sandbox"
    );
}

#[tokio::test]
async fn the_key_of_a_deleted_sandbox_is_refused_as_such() {
    for auth in [Auth::Open, Auth::Strict] {
        let api = Api::with(Settings { auth, ..Settings::default() });
        let key = key_of(&create(&api, json!({ "name": "suite-a" })).await);
        made_with(&api, &key).await;
        assert_eq!(api.call("DELETE", "/__admin/sandboxes/suite-a").await.status, 204);
        let (name, description) = refused_with(&api, &key).await;
        assert_eq!(name, "ApiKey.Unknown");
        assert_eq!(description, "The API key belongs to a sandbox that no longer exists: it was deleted.");
    }
}

#[tokio::test]
async fn every_endpoint_requires_one_key() {
    let api = Api::new();
    let mut told = Vec::new();
    let bare = || Request::get("/api/v1/key/envelopes");
    let twice = bare().header("x-inspakt-api-key", "one").header("x-inspakt-api-key", "two");
    for request in [bare(), bare().header("x-inspakt-api-key", ""), bare().header("x-inspakt-api-key", "  "), twice] {
        let answer = api.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(refusal(&answer), ("ApiKey.Missing".to_owned(), json!({})));
        assert_eq!(answer.header("www-authenticate"), "ApiKey realm=\"docendorse-mock\"");
        told.push(answer.json()["error"]["description"].as_str().unwrap().to_owned());
    }
    assert_eq!(
        told,
        [
            "The X-Inspakt-Api-Key header is missing; send X-Inspakt-Api-Key: API_KEY.",
            "The X-Inspakt-Api-Key header is empty; send X-Inspakt-Api-Key: API_KEY.",
            "The X-Inspakt-Api-Key header is empty; send X-Inspakt-Api-Key: API_KEY.",
            "There is more than one X-Inspakt-Api-Key header; send one.",
        ]
    );
    let token = bare().header("authorization", "Bearer ACCESS_TOKEN").body(Body::empty()).unwrap();
    assert_eq!(refusal(&api.send(token).await).0, "ApiKey.Missing", "a token is not a key");
    // Checked before the query and the path.
    for path in ["/envelopes?limit=0", "/envelopes/env_1", "/users/usr_1"] {
        let request = Request::get(format!("/api/v1/key{path}")).body(Body::empty()).unwrap();
        assert_eq!(refusal(&api.send(request).await).0, "ApiKey.Missing", "{path}");
    }
}

#[tokio::test]
async fn exchanges_are_recorded_without_the_key() {
    let api = Api::new();
    let suite = create(&api, json!({ "name": "suite-a" })).await;
    let key = key_of(&suite);
    let body = json!({ "name": "NDA" });
    let answer = api.send(request(&key, "POST", "/envelopes", Some(&body))).await;
    let path = format!("/__admin/requests/{}?sandbox=suite-a", answer.header("x-mock-exchange"));
    let page = api.get(&path).await;
    assert!(!page.text.contains(&key));
    let exchange = page.json();
    assert_eq!(exchange["request"]["headers"]["x-inspakt-api-key"], "*** (44 characters)");
    assert_eq!((&exchange["request"]["method"], &exchange["request"]["body"]), (&json!("POST"), &body));
    assert_eq!((&exchange["answer"]["body"], &exchange["answer"]["status"]), (&answer.json(), &Value::Null));
    assert_eq!(exchange["client"], suite["credentials"]["client_id"]);
    assert_eq!(exchange["chosen"]["by"], "signing");
    assert_eq!(exchange["near_misses"], json!([]));

    let refused = api.send(request(&key, "GET", "/envelopes/env_1", None)).await;
    let path = format!("/__admin/requests/{}?sandbox=suite-a", refused.header("x-mock-exchange"));
    let exchange = api.get(&path).await.json();
    assert_eq!(exchange["chosen"]["why"], "the signing rules refuse it: Envelope.NotFound");
    assert_eq!(
        (&exchange["answer"]["http_status"], &exchange["client"]),
        (&json!(200), &suite["credentials"]["client_id"])
    );

    let invalid = api.send(request(&key, "POST", "/envelopes", Some(&json!({})))).await;
    let path = format!("/__admin/requests/{}?sandbox=suite-a", invalid.header("x-mock-exchange"));
    let exchange = api.get(&path).await.json();
    assert_eq!((&exchange["chosen"]["by"], &exchange["request"]["body"]), (&json!("contract"), &json!({})));
    assert_eq!(exchange["client"], suite["credentials"]["client_id"]);
}

#[tokio::test]
async fn handoff_settings_do_not_affect_signing_answers() {
    let moved = Settings { error_http_status: Some(418), ..Settings::default() };
    let api = Api::with(moved.clone());
    assert_eq!(refusal(&ask(&api, "GET", "/envelopes/env_1", None).await).0, "Envelope.NotFound");
    let api = Api::with(Settings { inspakt_http_status: InspaktHttpStatus::Semantic, ..moved });
    assert_eq!(ask(&api, "GET", "/envelopes/env_1", None).await.status, 404);
}
