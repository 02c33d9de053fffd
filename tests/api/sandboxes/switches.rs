//! The settings that a sandbox can override.

use crate::harness::{Answer, Api, CREATE, body_of};
use axum::{body::Body, http::Request};
use docendorse_mock::{
    Settings,
    config::{Auth, Switches},
};
use serde_json::{Value, json};

async fn create(api: &Api, settings: Value) -> Answer {
    let wanted = json!({ "name": "own", "settings": settings });
    api.send(Request::post("/__admin/sandboxes").body(Body::from(wanted.to_string())).unwrap()).await
}

/// A handoff in the sandbox `own`.
async fn hand_off(api: &Api, email: &str) -> Answer {
    let sandbox = api.get("/__admin/sandboxes/own").await.json();
    let token = sandbox["credentials"]["bearer_token"].as_str().unwrap();
    let request = Request::post(CREATE)
        .header("authorization", format!("Bearer {token}"))
        .header("content-type", "application/json");
    api.send(request.body(Body::from(body_of("h-1", email))).unwrap()).await
}

/// A value for each setting that is not the default.
fn others() -> Value {
    json!({
        "auth": "strict", "error_http_status": 200, "validation_next_action": "none", "email": "ascii",
        "on_duplicate_handoff": "error", "inspakt_http_status": "semantic", "on_decline": "keep",
        "no_registration_url": true,
        "session_ttl": "PT1M", "token_ttl": "PT2M", "clock_skew": "PT3S", "assertion_clock": "sandbox",
        "assertion_names": "optional",
    })
}

#[tokio::test]
async fn every_switch_is_set_shown_and_kept_in_snapshots() {
    let api = Api::new();
    let made = create(&api, others()).await.json();
    assert_eq!(made["settings"], others());
    let names: Vec<&String> = made["settings"].as_object().unwrap().keys().collect();
    assert_eq!(names, Switches::NAMES, "this test needs a value for each setting");
    let snapshot = api.get("/__admin/sandboxes/own/snapshot").await.json();
    let restore = Request::post("/__admin/sandboxes/restore?name=again").body(Body::from(snapshot.to_string()));
    assert_eq!(api.send(restore.unwrap()).await.json()["settings"], others());
}

#[tokio::test]
async fn settings_missing_in_a_snapshot_are_the_servers() {
    let api = Api::new();
    create(&api, json!({})).await;
    let mut snapshot = api.get("/__admin/sandboxes/own/snapshot").await.json();
    snapshot["settings"] = json!({ "session_ttl": "5m" });
    let other = Api::with(Settings { no_registration_url: true, ..Settings::default() });
    let restore = Request::post("/__admin/sandboxes/restore").body(Body::from(snapshot.to_string())).unwrap();
    let restored = other.send(restore).await.json();
    assert_eq!(restored["settings"]["session_ttl"], "PT5M");
    assert_eq!(restored["settings"]["no_registration_url"], true);
}

#[tokio::test]
async fn a_wrong_setting_of_a_snapshot_has_one_place() {
    let api = Api::new();
    create(&api, json!({})).await;
    let snapshot = api.get("/__admin/sandboxes/own/snapshot").await.json();
    for (settings, expected) in [
        (json!({ "foo": 1 }), "In the body: /settings/foo: unknown setting of a sandbox; known settings are auth, "),
        (json!({ "auth": "closed" }), r#"In the body: /settings/auth: "closed" is not one of "open", "strict""#),
        (json!({ "token_ttl": 60 }), "In the body: /settings/token_ttl: 60 has no unit; "),
        (json!([]), "In the body: /settings: a list is not an object of settings"),
    ] {
        let mut snapshot = snapshot.clone();
        snapshot["settings"] = settings;
        let restore = Request::post("/__admin/sandboxes/restore?name=again").body(Body::from(snapshot.to_string()));
        let refused = api.send(restore.unwrap()).await;
        assert_eq!(refused.status, 400);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(expected), "{detail}");
    }
}

#[tokio::test]
async fn a_wrong_value_is_refused_by_its_name() {
    let api = Api::new();
    for (name, value, expected) in [
        ("auth", json!("closed"), r#"In the body: /settings/auth: "closed" is not one of "open", "strict""#),
        (
            "no_registration_url",
            json!("yes"),
            r#"In the body: /settings/no_registration_url: "yes" is not true or false"#,
        ),
        ("session_ttl", json!("soon"), r#"In the body: /settings/session_ttl: "soon" is not a span of time"#),
        ("token_ttl", json!("0s"), "In the body: /settings/token_ttl: 0 would expire every token immediately"),
        ("token_ttl", json!(60), "In the body: /settings/token_ttl: 60 has no unit; write 60ms, 60s or 60m"),
        ("clock_skew", json!("-1s"), r#"In the body: /settings/clock_skew: "-1s" is negative"#),
        ("error_http_status", json!(204), "In the body: /settings/error_http_status: "),
        ("error_http_status", json!("teapot"), "In the body: /settings/error_http_status: "),
        (
            "error_http_status",
            json!("500"),
            r#"In the body: /settings/error_http_status: "500" is not a number; write 500 without quotes"#,
        ),
        (
            "no_registration_url",
            json!("true"),
            r#"In the body: /settings/no_registration_url: "true" is not true or false; write true without quotes"#,
        ),
        (
            "sesion_ttl",
            json!("1m"),
            "In the body: /settings/sesion_ttl: unknown setting of a sandbox; did you mean \"session_ttl\"? Known settings are auth, ",
        ),
        (
            "max_body",
            json!(1),
            "In the body: /settings/max_body: unknown setting of a sandbox; known settings are auth, ",
        ),
    ] {
        let refused = create(&api, json!({ (name): value })).await;
        assert_eq!(refused.status, 400, "{name}");
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.starts_with(expected), "{detail}");
    }
    assert_eq!(api.get("/__admin/sandboxes/own").await.status, 404, "no sandbox was created");
}

#[tokio::test]
async fn a_sandbox_sets_the_http_status_of_its_errors() {
    let api = Api::new();
    create(&api, json!({ "error_http_status": 200 })).await;
    assert_eq!(hand_off(&api, "sam+error@example.com").await.status, 200);
    assert_eq!(api.hand_off(body_of("h-1", "sam+error@example.com")).await.status, 422, "the default sandbox");
    let api = Api::with(Settings { error_http_status: Some(200), ..Settings::default() });
    create(&api, json!({ "error_http_status": null })).await;
    assert_eq!(hand_off(&api, "sam+error@example.com").await.status, 422);
}

#[tokio::test]
async fn a_sandbox_leaves_the_registration_url_out() {
    let api = Api::new();
    create(&api, json!({ "no_registration_url": true })).await;
    let answer = hand_off(&api, "sam+register@example.com").await.json();
    assert_eq!(answer, json!({ "status": "register", "next_action": "register_account" }));
}

#[tokio::test]
async fn a_sandbox_can_be_strict_about_the_users_of_tokens() {
    for (server, sandbox, expected) in
        [(Auth::Open, Some("strict"), 403), (Auth::Strict, Some("open"), 200), (Auth::Strict, None, 403)]
    {
        let api = Api::with(Settings { auth: server, ..Settings::default() });
        create(&api, json!({ "auth": sandbox })).await;
        let wanted = json!({ "sub": "somebody_else" });
        let request = Request::post("/__admin/tokens?sandbox=own").body(Body::from(wanted.to_string())).unwrap();
        let token = api.send(request).await.json()["access_token"].as_str().unwrap().to_owned();
        let request = Request::post(CREATE)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json")
            .body(Body::from(body_of("h-1", "sam@example.com")))
            .unwrap();
        assert_eq!(api.send(request).await.status, expected, "server {server:?}, sandbox {sandbox:?}");
    }
}
