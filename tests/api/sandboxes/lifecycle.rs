//! The lifecycle of sandboxes: created, selected by credential, isolated, and removed.

use crate::harness::{Answer, Api, BASE_URL, CREATE, body_of, handoff_request};
use axum::{body::Body, http::Request};
use docendorse_mock::{Settings, config::Auth};
use jiff::SignedDuration;
use serde_json::{Value, json};
use std::{collections::HashSet, sync::Arc, time::Duration};

pub async fn send(api: &Api, method: &str, path: &str, body: Value) -> Answer {
    let body = Body::from(body.to_string());
    api.send(Request::builder().method(method).uri(path).body(body).unwrap()).await
}

/// Creates a sandbox, and returns the body of the answer.
pub async fn create(api: &Api, wanted: Value) -> Value {
    let created = send(api, "POST", "/__admin/sandboxes", wanted).await;
    assert_eq!(created.status, 201, "{}", created.text);
    created.json()
}

/// Sends a handoff with a credential.
pub async fn hand_off(api: &Api, token: &Value, handoff_id: &str, email: &str) -> Answer {
    let request = Request::post(CREATE)
        .header("authorization", format!("Bearer {}", token.as_str().unwrap()))
        .header("content-type", "application/json");
    api.send(request.body(Body::from(body_of(handoff_id, email))).unwrap()).await
}

fn token(sandbox: &Value) -> Value {
    sandbox["credentials"]["bearer_token"].clone()
}

async fn matching(api: &Api, kind: &str, sandbox: &str) -> Value {
    api.get(&format!("/__admin/{kind}?sandbox={sandbox}")).await.json()["matching"].clone()
}

async fn assert_gone(api: &Api, token: &Value, reason: &str) {
    let refused = hand_off(api, token, "h-1", "sam@example.com").await;
    assert_eq!(refused.status, 401, "{}", refused.text);
    assert!(refused.header("www-authenticate").contains(r#"error="invalid_token""#));
    let description = refused.description();
    assert!(
        description.contains("belongs to a client or a sandbox that no longer exists") && description.contains(reason),
        "{description}"
    );
}

#[tokio::test]
async fn a_sandbox_has_credentials_and_environment_lines() {
    let api = Api::new();
    let made = create(
        &api,
        json!({
            "name": "suite-a",
            "seed": 7,
            "clock": { "frozen_at": "2026-03-01T12:00:00Z" },
            "settings": { "on_duplicate_handoff": "new", "session_ttl": "10m" },
        }),
    )
    .await;
    assert_eq!((&made["name"], &made["seed"]), (&json!("suite-a"), &json!(7)));
    assert_eq!(made["clock"], json!({ "now": "2026-03-01T12:00:00Z", "frozen": true }));
    assert_eq!(
        made["settings"],
        json!({
            "auth": "open", "error_http_status": null, "validation_next_action": "omit", "email": "international",
            "on_duplicate_handoff": "new", "inspakt_http_status": "ok", "on_decline": "void",
            "no_registration_url": false, "session_ttl": "PT10M", "token_ttl": "PT1H", "clock_skew": "PT30S",
            "assertion_clock": "either", "assertion_names": "required",
        })
    );
    let credentials = made["credentials"].as_object().unwrap();
    let distinct: HashSet<&str> = credentials.values().map(|value| value.as_str().unwrap()).collect();
    assert_eq!(distinct.len(), 5);
    let env = made["env"].as_str().unwrap();
    let mut lines: HashSet<&str> = env.lines().map(|line| line.split_once('=').unwrap().1).collect();
    assert!(lines.remove(BASE_URL));
    assert_eq!(lines, distinct, "each credential has a line of its own");
    assert_eq!(api.get("/__admin/sandboxes/suite-a").await.json(), made);
    let first = hand_off(&api, &token(&made), "h-1", "sam@example.com").await.json();
    assert_ne!(hand_off(&api, &token(&made), "h-1", "sam@example.com").await.json(), first, "its own settings apply");
}

#[tokio::test]
async fn a_sandbox_needs_no_input() {
    let api = Api::new();
    let bare = api.call("POST", "/__admin/sandboxes").await;
    assert_eq!(bare.status, 201, "no body at all");
    let bare = bare.json();
    let nulls = create(&api, json!({ "name": null, "seed": null, "clock": null })).await;
    for made in [&bare, &nulls] {
        assert!(made["name"].as_str().unwrap().starts_with("sb_"), "{made}");
        assert_eq!(made["clock"]["frozen"], false);
        assert_eq!(made["settings"]["session_ttl"], "PT24H");
        assert_eq!(made["settings"]["on_duplicate_handoff"], "replay");
    }
    assert_ne!(bare["name"], nulls["name"]);
    assert_ne!(bare["seed"], nulls["seed"]);
    let list = api.get("/__admin/sandboxes").await.json();
    let mut names = vec![bare["name"].clone(), nulls["name"].clone()];
    names.sort_by_key(Value::to_string);
    names.insert(0, json!("default"));
    let listed: Vec<&Value> = list["sandboxes"].as_array().unwrap().iter().map(|sandbox| &sandbox["name"]).collect();
    assert_eq!(listed, names.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn omitted_settings_are_those_of_the_server() {
    let api = Api::with(Settings { seed: Some(7), session_ttl: SignedDuration::from_mins(5), ..Settings::default() });
    // Frozen, because the bearer token contains the time of its creation.
    let wanted = json!({ "name": "suite-a", "clock": { "frozen_at": "2026-03-01T12:00:00Z" } });
    let made = create(&api, wanted.clone()).await;
    assert_eq!(made["settings"]["session_ttl"], "PT5M");
    let again = Api::with(Settings { seed: Some(7), ..Settings::default() });
    let again = create(&again, wanted).await;
    assert_eq!(again["credentials"], made["credentials"], "a restarted server issues the same credentials");
}

/// The agent sessions of two handoffs in a sandbox.
async fn ids_in(api: &Api, sandbox: &Value) -> Vec<Value> {
    let token = sandbox["credentials"]["bearer_token"].as_str().unwrap();
    let mut ids = Vec::new();
    for id in ["h-1", "h-2"] {
        let mut request = handoff_request(body_of(id, "sam@example.com"));
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        ids.push(api.send(request).await.json()["agent_session_id"].clone());
    }
    ids
}

#[tokio::test]
async fn sandboxes_of_a_seeded_server_share_no_ids() {
    let server = || Api::with(Settings { seed: Some(7), ..Settings::default() });
    let (api, restarted) = (server(), server());
    let mut seen = std::collections::HashSet::new();
    for id in ["h-1", "h-2"] {
        seen.insert(api.hand_off(body_of(id, "sam@example.com")).await.json()["agent_session_id"].to_string());
    }
    for name in ["suite-a", "suite-b", "suite-c"] {
        let made = create(&api, json!({ "name": name })).await;
        let ids = ids_in(&api, &made).await;
        assert!(ids.iter().all(|id| seen.insert(id.to_string())), "{name}: {ids:?}");
        let again = create(&restarted, json!({ "name": name })).await;
        assert_eq!(again["seed"], made["seed"], "a restart repeats it");
        assert_eq!(ids_in(&restarted, &again).await, ids);
    }
    assert_eq!(create(&api, json!({ "name": "own", "seed": 7 })).await["seed"], 7, "a given seed takes precedence");
    let snapshot = api.get("/__admin/sandboxes/suite-a/snapshot").await.json();
    let restored = send(&restarted, "POST", "/__admin/sandboxes/restore?name=restored", snapshot.clone()).await.json();
    assert_eq!(restored["seed"], snapshot["seed"], "a restored sandbox keeps its own");
}

#[tokio::test]
async fn an_invalid_sandbox_is_refused() {
    let api = Api::new();
    create(&api, json!({ "name": "suite-a" })).await;
    for name in ["suite-a", "default"] {
        let refused = send(&api, "POST", "/__admin/sandboxes", json!({ "name": name })).await;
        assert_eq!(refused.status, 409, "{name}");
        assert!(refused.json()["detail"].as_str().unwrap().contains("already"), "{}", refused.text);
    }
    let long = "x".repeat(65);
    for name in ["", "a b", "a/b", "ä", "a?b", "a\nb", "%41", ".", "..", "restore", &long] {
        let refused = send(&api, "POST", "/__admin/sandboxes", json!({ "name": name })).await;
        assert_eq!(refused.status, 400, "{name:?}");
    }
    for wanted in [
        json!({ "nam": "b" }),
        json!({ "name": 7 }),
        json!({ "seed": -1 }),
        json!({ "seed": "7" }),
        json!({ "clock": {} }),
        json!({ "clock": { "frozen_at": "noon" } }),
        json!({ "settings": { "session_ttl": "soon" } }),
        json!({ "settings": { "session_ttl": "-10m" } }),
        json!({ "settings": { "on_duplicate_handoff": "repeat" } }),
        json!({ "settings": { "ttl": "10m" } }),
        json!("suite-b"),
    ] {
        let refused = send(&api, "POST", "/__admin/sandboxes", wanted.clone()).await;
        assert_eq!(refused.status, 400, "{wanted}");
    }
    assert_eq!(api.get("/__admin/sandboxes").await.json()["sandboxes"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_bearer_token_selects_its_sandbox_or_the_default() {
    let api = Api::new();
    let (one, other) = (create(&api, json!({ "name": "one" })).await, create(&api, json!({ "name": "other" })).await);
    let answer = hand_off(&api, &token(&one), "h-1", "sam@example.com").await;
    assert_eq!(answer.header("x-mock-exchange"), "ex_00000001");
    hand_off(&api, &token(&other), "h-1", "sam@example.com").await;
    hand_off(&api, &token(&other), "h-2", "sam@example.com").await;
    hand_off(&api, &json!("tok_0000000000000000000000000000000000000000"), "h-3", "sam@example.com").await;
    for (name, sessions) in [("one", vec!["h-1"]), ("other", vec!["h-2", "h-1"]), ("default", vec!["h-3"])] {
        let list = api.get(&format!("/__admin/sessions?sandbox={name}")).await.json();
        let ids: Vec<&str> =
            list["sessions"].as_array().unwrap().iter().map(|one| one["handoff_id"].as_str().unwrap()).collect();
        assert_eq!(ids, sessions, "{name}");
        assert_eq!(matching(&api, "requests", name).await, sessions.len(), "{name}");
    }
    let session = &api.get("/__admin/sessions?sandbox=one").await.json()["sessions"][0];
    assert_eq!(session["client"], one["credentials"]["client_id"]);
    assert_eq!(api.get("/__admin/sessions").await.json()["sessions"][0]["client"], "open");
}

#[tokio::test]
async fn strict_mode_accepts_only_tokens_of_sandboxes() {
    let api = Api::with(Settings { auth: Auth::Strict, ..Settings::default() });
    let made = create(&api, json!({})).await;
    assert_eq!(hand_off(&api, &token(&made), "h-1", "sam@example.com").await.status, 200);
    assert_eq!(hand_off(&api, &json!("ACCESS_TOKEN"), "h-1", "sam@example.com").await.status, 401);
}

#[tokio::test]
async fn the_control_plane_addresses_any_sandbox() {
    let api = Api::new();
    let made = create(&api, json!({ "name": "suite-a", "seed": 7 })).await;
    let first = hand_off(&api, &token(&made), "h-1", "sam+require_subscription@example.com").await;
    let exchange = first.header("x-mock-exchange").to_owned();
    let id = hand_off(&api, &token(&made), "h-2", "sam@example.com").await.json()["agent_session_id"].clone();
    let id = id.as_str().unwrap();
    // Each of these exists in the sandbox, and not in the default one.
    for (method, path, body, wanted) in [
        ("GET", "health".to_owned(), json!({}), json!({ "sandbox": "suite-a", "seed": 7 })),
        ("GET", "sessions".to_owned(), json!({}), json!({ "matching": 1 })),
        ("GET", format!("sessions/{id}"), json!({}), json!({ "handoff_id": "h-2" })),
        ("GET", "requests".to_owned(), json!({}), json!({ "matching": 2 })),
        ("GET", format!("requests/{exchange}"), json!({}), json!({ "id": exchange })),
        ("GET", "actors".to_owned(), json!({}), json!({ "matching": 2 })),
        ("GET", "actors/sam+require_subscription@example.com".to_owned(), json!({}), json!({ "subscribed": false })),
        ("GET", "agenda".to_owned(), json!({}), json!({ "total": 1 })),
        ("POST", "clock/freeze".to_owned(), json!({}), json!({ "frozen": true })),
        ("GET", "clock".to_owned(), json!({}), json!({ "frozen": true })),
        ("POST", "clock/set".to_owned(), json!({ "to": "2100-01-01T00:00:00Z" }), json!({ "frozen": true })),
        ("POST", "clock/advance".to_owned(), json!({ "by": "1m" }), json!({ "now": "2100-01-01T00:01:00Z" })),
        ("POST", "clock/resume".to_owned(), json!({}), json!({ "frozen": false })),
        ("DELETE", format!("requests/{exchange}"), json!({}), json!(null)),
        ("DELETE", "requests".to_owned(), json!({}), json!({ "deleted": 1 })),
        ("DELETE", format!("sessions/{id}"), json!({}), json!(null)),
        ("POST", "reset".to_owned(), json!({}), json!({ "reset": "suite-a" })),
    ] {
        let unknown = send(&api, method, &format!("/__admin/{path}?sandbox=nowhere"), body.clone()).await;
        assert_eq!(unknown.status, 404, "{method} {path}: {}", unknown.text);
        assert!(unknown.json()["detail"].as_str().unwrap().contains("no sandbox \"nowhere\""), "{}", unknown.text);
        let answer = send(&api, method, &format!("/__admin/{path}?sandbox=suite-a"), body).await;
        assert!(answer.status.is_success(), "{method} {path}: {}", answer.text);
        for (field, value) in wanted.as_object().into_iter().flatten() {
            assert_eq!(answer.json()[field], *value, "{method} {path}");
        }
    }
    let change = json!({ "subscribed": true });
    let path = "/__admin/actors/sam+require_subscription@example.com";
    assert_eq!(send(&api, "PATCH", &format!("{path}?sandbox=nowhere"), change.clone()).await.status, 404);
    assert_eq!(send(&api, "PATCH", &format!("{path}?sandbox=suite-a"), change).await.status, 200);
    assert_eq!(
        (matching(&api, "actors", "suite-a").await, matching(&api, "actors", "default").await),
        (1.into(), 0.into())
    );
    assert_eq!(api.get("/__admin/clock").await.json()["frozen"], false, "the default sandbox is unchanged");
    for query in ["sandbox=suite-a&sandbox=default", "sandbox=suite-a&unknown=1"] {
        assert_eq!(api.get(&format!("/__admin/sessions?{query}")).await.status, 400, "{query}");
    }
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/reset")] {
        assert_eq!(api.call(method, &format!("/__admin/sandboxes/nowhere{path}")).await.status, 404);
    }
}

#[tokio::test]
async fn a_reset_restores_all_but_the_clock() {
    let api = Api::new();
    let made = create(&api, json!({ "name": "suite-a", "clock": { "frozen_at": "2026-03-01T12:00:00Z" } })).await;
    let first = hand_off(&api, &token(&made), "h-1", "sam@example.com").await;
    send(&api, "POST", "/__admin/clock/advance?sandbox=suite-a", json!({ "by": "1h" })).await;
    let reset = api.call("POST", "/__admin/sandboxes/suite-a/reset").await;
    assert_eq!(reset.json(), json!({ "reset": "suite-a" }));
    let mut now = api.get("/__admin/sandboxes/suite-a").await.json();
    assert_eq!(now["clock"]["now"], "2026-03-01T13:00:00Z");
    now["clock"] = made["clock"].clone();
    assert_eq!(now, made, "its credentials stay");
    let again = hand_off(&api, &token(&made), "h-1", "sam@example.com").await;
    assert_eq!((again.json(), again.header("x-mock-exchange")), (first.json(), first.header("x-mock-exchange")));
}

#[tokio::test]
async fn a_deleted_sandbox_is_gone_with_its_contents() {
    let api = Api::new();
    let made = create(&api, json!({ "name": "suite-a" })).await;
    hand_off(&api, &token(&made), "h-1", "sam+register@example.com").await;
    hand_off(&api, &token(&made), "h-2", "sam@example.com").await;
    let held = api.app.sandboxes.get("suite-a").unwrap();
    assert_eq!(api.call("DELETE", "/__admin/sandboxes/suite-a").await.status, 204);
    assert_eq!(held.agent_sessions().fill().await.unwrap().kept, 0, "its documents are cleared from the store");
    assert_eq!(held.actors().fill().await.unwrap().kept, 0);
    for (method, path) in [("GET", ""), ("DELETE", ""), ("POST", "/reset")] {
        assert_eq!(api.call(method, &format!("/__admin/sandboxes/suite-a{path}")).await.status, 404);
    }
    assert_gone(&api, &token(&made), "it was deleted").await;
    assert_eq!(matching(&api, "sessions", "default").await, 0, "no request reaches the default sandbox instead");

    let second = create(&api, json!({ "name": "suite-a" })).await;
    assert_ne!(second["credentials"], made["credentials"]);
    assert_eq!(matching(&api, "sessions", "suite-a").await, 0, "a new sandbox with the same name starts empty");
    hand_off(&api, &token(&second), "h-1", "sam@example.com").await;
    assert_gone(&api, &token(&made), "it was deleted").await;
    assert_eq!(matching(&api, "sessions", "suite-a").await, 1);
}

#[tokio::test]
async fn the_default_sandbox_is_not_deleted() {
    let api = Api::new();
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    let refused = api.call("DELETE", "/__admin/sandboxes/default").await;
    assert_eq!(refused.status, 409);
    assert!(refused.json()["detail"].as_str().unwrap().contains("reset it instead"));
    let shown = api.get("/__admin/sandboxes/default").await.json();
    assert_eq!(
        (&shown["credentials"], &shown["env"], &shown["sessions"]["kept"]),
        (&json!(null), &json!(null), &json!(1))
    );
    assert_eq!(api.call("POST", "/__admin/sandboxes/default/reset").await.json(), json!({ "reset": "default" }));
    assert_eq!(matching(&api, "sessions", "default").await, 0);
}

#[tokio::test]
async fn beyond_the_limit_the_longest_idle_sandbox_is_dropped() {
    let api = Api::with(Settings { max_sandboxes: 2, ..Settings::default() });
    let one = create(&api, json!({ "name": "one" })).await;
    let other = create(&api, json!({ "name": "other" })).await;
    hand_off(&api, &token(&other), "h-1", "sam@example.com").await;
    let held = api.app.sandboxes.get("other").unwrap();
    hand_off(&api, &token(&one), "h-1", "sam@example.com").await;
    create(&api, json!({ "name": "third" })).await;
    assert_gone(&api, &token(&other), "it gave way to a newer sandbox; see --max-sandboxes").await;
    assert_eq!(held.agent_sessions().fill().await.unwrap().kept, 0, "its documents are cleared from the store");
    assert_eq!(api.get("/__admin/sandboxes/other").await.status, 404);
    assert_eq!(hand_off(&api, &token(&one), "h-2", "sam@example.com").await.status, 200);
    assert_eq!(api.get("/__admin/sandboxes").await.json()["sandboxes"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_control_plane_uses_a_sandbox_too() {
    let api = Api::with(Settings { max_sandboxes: 2, ..Settings::default() });
    create(&api, json!({ "name": "one" })).await;
    create(&api, json!({ "name": "other" })).await;
    send(&api, "PATCH", "/__admin/actors/sam@example.com?sandbox=one", json!({})).await;
    api.get("/__admin/sandboxes").await;
    create(&api, json!({ "name": "third" })).await;
    assert_eq!(api.get("/__admin/sandboxes/one").await.status, 200, "it was used more recently than the other one");
    assert_eq!(api.get("/__admin/sandboxes/other").await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_is_idle_for_too_long_is_dropped() {
    let api = Api::with(Settings { sandbox_idle: SignedDuration::from_secs(1), ..Settings::default() });
    let app = Arc::clone(&api.app);
    let timer = tokio::spawn(async move { app.keep_time().await });
    let (asked, listed) =
        (create(&api, json!({ "name": "asked" })).await, create(&api, json!({ "name": "listed" })).await);
    hand_off(&api, &token(&listed), "h-1", "sam@example.com").await;
    let held = api.app.sandboxes.get("listed").unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_gone(&api, &token(&asked), "it was idle for too long; see --sandbox-idle").await;
    let list = api.get("/__admin/sandboxes").await.json();
    assert_eq!(list["sandboxes"].as_array().unwrap().len(), 1, "never the default one");
    let cleared = async {
        while held.agent_sessions().fill().await.unwrap().kept > 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), cleared).await.expect("its documents are cleared from the store");
    assert_gone(&api, &token(&listed), "it was idle for too long").await;
    assert_eq!(matching(&api, "sessions", "default").await, 1);
    create(&api, json!({ "name": "listed" })).await;
    timer.abort();
}

#[tokio::test(start_paused = true)]
async fn a_sandbox_that_is_used_is_not_idle() {
    let api = Api::with(Settings { sandbox_idle: SignedDuration::from_millis(1500), ..Settings::default() });
    let made = create(&api, json!({ "name": "suite-a" })).await;
    for round in 0..8 {
        tokio::time::sleep(Duration::from_millis(250)).await;
        if round % 2 == 0 {
            assert_eq!(hand_off(&api, &token(&made), "h-1", "sam@example.com").await.status, 200, "{round}");
        } else {
            assert_eq!(api.get("/__admin/clock?sandbox=suite-a").await.status, 200, "{round}");
        }
    }
}

#[tokio::test]
async fn a_sandbox_is_restored_under_another_name() {
    let api = Api::new();
    let wanted = json!({
        "name": "before",
        "seed": 7,
        "clock": { "frozen_at": "2026-03-01T12:00:00Z" },
        "settings": { "session_ttl": "1h" },
    });
    let before = create(&api, wanted).await;
    let ended = hand_off(&api, &token(&before), "h-0", "sam@example.com").await.json();
    send(&api, "POST", "/__admin/clock/advance?sandbox=before", json!({ "by": "1h" })).await;
    let first = hand_off(&api, &token(&before), "h-1", "sam@example.com").await.json();
    let second = hand_off(&api, &token(&before), "h-2", "sam@example.com").await.json();
    let waiting = "sam+require_subscription@example.com";
    hand_off(&api, &token(&before), "h-3", waiting).await;
    let taken = api.get("/__admin/sandboxes/before/snapshot").await.json();
    assert!(!taken.to_string().contains(token(&before).as_str().unwrap()), "a snapshot contains no credentials");

    let restored = send(&api, "POST", "/__admin/sandboxes/restore?name=after", taken.clone()).await;
    assert_eq!(restored.status, 201, "{}", restored.text);
    let after = restored.json();
    assert_ne!(after["credentials"], before["credentials"]);
    for field in ["seed", "settings"] {
        assert_eq!(after[field], before[field]);
    }
    assert_eq!(after["clock"], json!({ "now": "2026-03-01T13:00:00Z", "frozen": true }));
    let mut again = api.get("/__admin/sandboxes/after/snapshot").await.json();
    let own = |made: &Value| made["credentials"]["client_id"].as_str().unwrap().to_owned();
    assert!(again.to_string().contains(&own(&after)) && !again.to_string().contains(&own(&before)));
    again = serde_json::from_str(&again.to_string().replace(&own(&after), &own(&before))).unwrap();
    again["name"] = json!("before");
    assert_eq!(again, taken, "nothing else differs");

    for made in [&before, &after] {
        let name = made["name"].as_str().unwrap();
        let mut replayed = hand_off(&api, &token(made), "h-1", "sam@example.com").await.json();
        assert_eq!(replayed["handoff_uri"].as_str().unwrap().split_once('?').unwrap().1, format!("sandbox={name}"));
        replayed["handoff_uri"] = first["handoff_uri"].clone();
        assert_eq!(replayed, first, "{name}: replayed");
        let again = hand_off(&api, &token(made), "h-0", "sam@example.com").await.json();
        assert_ne!(again, ended, "{name}: an ended session stays ended");
        let path = format!("/__admin/actors/{waiting}?sandbox={name}");
        let opened = send(&api, "PATCH", &path, json!({ "subscribed": true })).await.json()["opened_sessions"].clone();
        let retried = hand_off(&api, &token(made), "h-3", waiting).await.json();
        assert_eq!(json!([retried["agent_session_id"]]), opened, "{name}: waiting handoffs are opened");
        let advance = format!("/__admin/clock/advance?sandbox={name}");
        let ran = send(&api, "POST", &advance, json!({ "by": "1h" })).await.json()["ran"].clone();
        let ran: Vec<&Value> = ran.as_array().unwrap().iter().map(|ran| &ran["agent_session_id"]).collect();
        assert_eq!(ran[..2], [&first["agent_session_id"], &second["agent_session_id"]], "{name}");
        assert_eq!(ran.len(), 4, "{name}: and the two opened since");
    }
    let ids = async |name: &str| {
        let sessions = api.get(&format!("/__admin/sessions?sandbox={name}")).await.json()["sessions"].clone();
        sessions.as_array().unwrap().iter().map(|session| session["id"].clone()).collect::<Vec<_>>()
    };
    let (one, other) = (ids("before").await, ids("after").await);
    assert_eq!(one, other, "both continue with the same ids");
    assert_eq!(one.iter().map(Value::to_string).collect::<HashSet<_>>().len(), 5, "no id is used twice");
}

#[tokio::test]
async fn the_default_sandbox_is_restored_with_a_running_clock() {
    let api = Api::new();
    let first = api.hand_off(body_of("h-1", "sam@example.com")).await.json();
    let taken = api.get("/__admin/sandboxes/default/snapshot").await.json();
    let refused = send(&api, "POST", "/__admin/sandboxes/restore", taken.clone()).await;
    assert_eq!(refused.status, 409, "the default sandbox is there already: {}", refused.text);
    let elsewhere = Api::new();
    let made = send(&elsewhere, "POST", "/__admin/sandboxes/restore?name=copy", taken).await.json();
    assert_eq!(made["clock"]["frozen"], false);
    let replayed = hand_off(&elsewhere, &token(&made), "h-1", "sam@example.com").await.json();
    assert_eq!(replayed["agent_session_id"], first["agent_session_id"], "another server returns the same session");
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_restored_leaves_nothing_behind() {
    let api = Api::new();
    let made = create(&api, json!({ "name": "suite-a" })).await;
    hand_off(&api, &token(&made), "h-1", "sam@example.com").await;
    let taken = api.get("/__admin/sandboxes/suite-a/snapshot").await.json();
    let changed = |field: &str, value: Value| {
        let mut taken = taken.clone();
        taken[field] = value;
        taken
    };
    let session = &taken["agent_sessions"][0];
    for (query, body, status) in [
        ("", taken.clone(), 409),
        ("?name=a/b", taken.clone(), 400),
        ("?as=suite-b", taken.clone(), 400),
        ("?name=suite-b", json!({}), 400),
        ("?name=suite-b", changed("unknown", json!(1)), 400),
        ("?name=suite-b", changed("agent_sessions", json!([session, session])), 400),
        ("?name=suite-b", changed("clock", json!({ "now": "noon", "frozen": true })), 400),
    ] {
        let refused = send(&api, "POST", &format!("/__admin/sandboxes/restore{query}"), body).await;
        assert_eq!(refused.status, status, "{query}: {}", refused.text);
    }
    assert_eq!(api.get("/__admin/sandboxes").await.json()["sandboxes"].as_array().unwrap().len(), 2);
    assert_eq!(api.get("/__admin/sandboxes/nowhere/snapshot").await.status, 404);
    assert_eq!(send(&api, "POST", "/__admin/sandboxes/restore?name=suite-b", taken).await.status, 201);
}

/// Runs one client in its sandbox, and returns everything that it sees there, without times.
async fn walk(api: &Api, number: usize, made: &Value) -> Vec<Value> {
    let (name, token) = (made["name"].as_str().unwrap(), token(made));
    let own = format!("owner{number}@example.com");
    let mut seen = Vec::new();
    for round in 0..4 {
        let answer = hand_off(api, &token, &format!("h-{round}"), "sam@example.com").await;
        seen.push(json!([answer.json(), answer.header("x-mock-exchange"), answer.header("x-request-id")]));
        tokio::task::yield_now().await;
    }
    seen.push(hand_off(api, &token, "h-0", "sam@example.com").await.json());
    hand_off(api, &token, "own", &own).await;
    let waiting = "kim+require_subscription@example.com";
    seen.push(hand_off(api, &token, "h-5", waiting).await.json());
    let path = format!("/__admin/actors/{waiting}?sandbox={name}");
    seen.push(send(api, "PATCH", &path, json!({ "subscribed": true })).await.json());
    seen.push(hand_off(api, &token, "h-5", waiting).await.json());

    let by = format!("{}m", number + 1);
    let moved = send(api, "POST", &format!("/__admin/clock/advance?sandbox={name}"), json!({ "by": by })).await.json();
    let now = "2100-01-01T00:00:00Z".parse::<jiff::Timestamp>().unwrap()
        + SignedDuration::from_mins(i64::try_from(number + 1).unwrap());
    assert_eq!(moved["now"], json!(now), "no other client moves its clock");
    seen.push(moved["ran"].clone());

    let sessions = api.get(&format!("/__admin/sessions?sandbox={name}&limit=1000")).await.json();
    let mut ids = Vec::new();
    for session in sessions["sessions"].as_array().unwrap() {
        assert_eq!(session["client"], made["credentials"]["client_id"], "the session is its own");
        ids.push(json!([session["id"], session["handoff_id"], session["status"]]));
    }
    seen.push(json!(ids));
    let owned: Vec<&Value> =
        sessions["sessions"].as_array().unwrap().iter().map(|session| &session["actor"]["email"]).collect();
    assert_eq!(owned.iter().filter(|email| email.as_str().unwrap().starts_with("owner")).count(), 1);
    assert!(owned.contains(&&json!(own)));

    let requests = api.get(&format!("/__admin/requests?sandbox={name}&limit=1000")).await.json();
    let exchanges = requests["requests"].as_array().unwrap().iter();
    seen.push(
        exchanges.map(|exchange| json!([exchange["id"], exchange["agent_session_id"], exchange["chosen"]])).collect(),
    );
    assert!(!requests.to_string().replace(&own, "").contains("owner"), "the exchanges are its own");
    let actors = api.get(&format!("/__admin/actors?sandbox={name}")).await.json();
    seen.push(serde_json::from_str(&actors["actors"].to_string().replace(&own, "owner@example.com")).unwrap());
    // Sandboxes differ only in their name, which the URLs of their pages contain.
    let in_urls = format!("?sandbox={name}");
    seen.iter().map(|one| serde_json::from_str(&one.to_string().replace(&in_urls, "")).unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_concurrent_sandboxes_share_nothing() {
    let api = Arc::new(Api::new());
    let app = Arc::clone(&api.app);
    let timer = tokio::spawn(async move { app.keep_time().await });
    let tasks: Vec<_> = (0..200)
        .map(|number| {
            let api = Arc::clone(&api);
            tokio::spawn(async move {
                let wanted = json!({
                    "name": format!("client-{number}"),
                    "seed": 7,
                    "clock": { "frozen_at": "2100-01-01T00:00:00Z" },
                });
                let made = create(&api, wanted).await;
                (made["credentials"].clone(), walk(&api, number, &made).await)
            })
        })
        .collect();
    let mut credentials = HashSet::new();
    let mut first: Option<Vec<Value>> = None;
    for (number, task) in tasks.into_iter().enumerate() {
        let (theirs, seen) = task.await.unwrap();
        credentials.extend(theirs.as_object().unwrap().values().map(Value::to_string));
        assert_eq!(*first.get_or_insert_with(|| seen.clone()), seen, "client {number} of the same seed");
    }
    timer.abort();
    assert_eq!(credentials.len(), 1_000, "all credentials differ");
    for kind in ["sessions", "requests", "actors"] {
        assert_eq!(matching(&api, kind, "default").await, 0, "{kind}");
    }
    assert_eq!(matching(&api, "sessions", "client-0").await, 6);

    let other = create(&api, json!({ "seed": 8, "clock": { "frozen_at": "2100-01-01T00:00:00Z" } })).await;
    let ids = |seen: &[Value]| seen[0][0]["agent_session_id"].clone();
    assert_ne!(ids(&walk(&api, 0, &other).await), ids(&first.unwrap()), "another seed, other ids");
}

#[tokio::test]
async fn a_sandbox_can_be_created_with_its_own_scenarios() {
    let api = Api::new();
    let answers = json!([{ "outcome": "register" }]);
    let made = create(&api, json!({ "scenarios": [{ "name": "own", "answers": answers }] })).await;
    let own = hand_off(&api, &token(&made), "h-1", "sam@example.com").await;
    assert_eq!(own.json()["status"], "register");
    send(&api, "POST", &format!("/__admin/sandboxes/{}/reset", made["name"].as_str().unwrap()), json!({})).await;
    let again = hand_off(&api, &token(&made), "h-1", "sam@example.com").await;
    assert_eq!(again.json()["status"], "register", "a reset restores the scenarios that it was created with");
    assert_eq!(api.hand_off(body_of("h-1", "sam@example.com")).await.json()["status"], "success");
    let broken = json!({ "name": "broken", "scenarios": [{ "name": "own", "answers": [] }] });
    let refused = send(&api, "POST", "/__admin/sandboxes", broken).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(api.get("/__admin/sandboxes/broken").await.status, 404, "no incomplete sandbox is left behind");
}

#[tokio::test]
async fn other_credentials_are_not_bearer_tokens() {
    let api = Api::with(Settings { auth: Auth::Strict, ..Settings::default() });
    let made = create(&api, json!({})).await;
    assert_eq!(hand_off(&api, &token(&made), "h-1", "sam@example.com").await.status, 200);
    for kind in ["client_id", "client_secret", "api_key", "webhook_secret"] {
        let refused = hand_off(&api, &made["credentials"][kind], "h-1", "sam@example.com").await;
        assert_eq!(refused.status, 401, "{kind}");
    }
}

#[tokio::test]
async fn a_snapshot_with_sessions_that_end_too_early_is_refused() {
    let api = Api::new();
    create(&api, json!({ "name": "before" })).await;
    let mut snapshot = api.get("/__admin/sandboxes/before/snapshot").await.json();
    snapshot["settings"]["session_ttl"] = json!("-PT24H");
    let refused = send(&api, "POST", "/__admin/sandboxes/restore?name=after", snapshot).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert_eq!(api.get("/__admin/sandboxes/after").await.status, 404);
}

#[tokio::test]
async fn a_new_sandbox_refuses_duplicate_scenario_names() {
    let api = Api::new();
    let scenario = json!({ "name": "same", "answers": [{}] });
    let answer =
        send(&api, "POST", "/__admin/sandboxes", json!({ "name": "a", "scenarios": [scenario, scenario] })).await;
    assert_eq!(answer.status, 400, "{}", answer.text);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    let expected = "In the body: /scenarios/1/name: \"same\" is the name of /scenarios/0 too; rename one of them.";
    assert_eq!(detail, expected);
    assert_eq!(api.get("/__admin/sandboxes/a").await.status, 404);
}

#[tokio::test]
async fn scenarios_of_a_sandbox_are_bounded_everywhere() {
    let api = Api::new();
    let named = |number: usize| json!({ "name": format!("s{number}"), "answers": [{}] });
    let many = |count: usize| -> Vec<Value> { (0..count).map(named).collect() };
    let refused = send(&api, "POST", "/__admin/sandboxes", json!({ "name": "a", "scenarios": many(1_001) })).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    let problem = "a sandbox and a folder have at most 1000";
    assert!(refused.text.contains(problem), "{}", refused.text);
    let sandbox = create(&api, json!({ "name": "a", "scenarios": many(1_000) })).await;
    assert_eq!(sandbox["name"], "a");
    let put = |name: &'static str| {
        let scenario = Body::from(json!({ "name": name, "answers": [{}] }).to_string());
        Request::put(format!("/__admin/scenarios/{name}?sandbox=a")).body(scenario).unwrap()
    };
    let refused = api.send(put("s1000")).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains(problem), "{}", refused.text);
    assert_eq!(api.send(put("s7")).await.status, 200);
}

#[tokio::test]
async fn the_bytes_of_a_sandboxs_scenarios_are_bounded() {
    let api = Api::new();
    let text = "x".repeat(900_000);
    let mut refused = None;
    for number in 0..40 {
        let name = format!("s{number}");
        let scenario = json!({ "name": name, "answers": [{ "raw": { "body": text } }] });
        let answer = send(&api, "PUT", &format!("/__admin/scenarios/{name}"), scenario).await;
        if answer.status != 200 {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.unwrap();
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("the scenarios take "), "{}", refused.text);
    assert!(refused.text.len() < 2_000, "{}", refused.text);
}
