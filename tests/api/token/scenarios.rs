//! Scenarios of the token endpoint: walks through each shipped one, errors of the format, and separation from the
//! scenarios of handoffs.

use crate::{
    harness::{Answer, Api},
    sandboxes::lifecycle::send,
    token::client::{Client, NOW, error_of, token_of},
};
use docendorse_mock::{
    Mock, Settings,
    domain::{oauth::JWT_BEARER, scenario::shipped},
};
use serde_json::{Value, json};
use std::fmt::Write;
use tokio::time::Instant;

fn tagged(name: &str) -> Value {
    json!({ "email": format!("sam+{name}@example.com") })
}

async fn advance(client: &Client<'_>, by: &str) {
    let advanced = send(client.api, "POST", &client.path("clock/advance"), json!({ "by": by })).await;
    assert_eq!(advanced.status, 200);
}

async fn put(client: &Client<'_>, scenario: Value) -> Answer {
    let path = client.path(&format!("scenarios/{}", scenario["name"].as_str().unwrap()));
    send(client.api, "PUT", &path, scenario).await
}

#[test]
fn every_shipped_scenario_for_tokens_is_walked() {
    let names: Vec<&str> =
        shipped().into_iter().filter(|(_, text)| text.contains("\nendpoint: token\n")).map(|(name, _)| name).collect();
    let this = include_str!("scenarios.rs");
    for name in &names {
        assert!(this.contains(&format!("tagged(\"{name}\")")) || this.contains(&format!("+{name}@")), "{name}");
    }
    assert_eq!(names.len(), 6);
}

#[tokio::test]
async fn a_client_is_unknown_for_a_minute_of_the_sandboxs_time() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let email = tagged("token-client-unknown-for-a-minute");
    for (number, seconds) in [0, 59].into_iter().enumerate() {
        advance(&client, &format!("{seconds}s")).await;
        let refused = client.exchange(&format!("j-{number}"), &email).await;
        assert_eq!((refused.status.as_u16(), &*error_of(&refused)), (401, "invalid_client: The client is not known."));
        assert_eq!(refused.header("www-authenticate"), "Basic realm=\"docendorse-mock\"");
    }
    advance(&client, "1s").await;
    assert_eq!(client.exchange("j-9", &email).await.status, 200);
    let replayed = client.exchange("j-0", &email).await;
    assert!(error_of(&replayed).contains("it was used before"), "an assertion is used up even by an error");
}

#[tokio::test]
async fn a_token_expires_in_a_second() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let answer = client.exchange("j-1", &tagged("token-expires-in-a-second")).await;
    assert_eq!(answer.json()["expires_in"], 1);
    let token = token_of(&answer);
    let hand_off =
        async || crate::token::access::hand_off(&api, &token, "h-1", "usr_123", "sam@example.com").await.status;
    assert_eq!(hand_off().await, 200);
    advance(&client, "1s").await;
    assert_eq!(hand_off().await, 401);
}

#[tokio::test]
async fn a_token_lacks_the_requested_scope() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let answer = client.exchange("j-1", &tagged("token-without-scope")).await;
    assert_eq!(answer.json()["scope"], "openid");
    let refused = crate::token::access::hand_off(&api, &token_of(&answer), "h-1", "usr_123", "sam@example.com").await;
    assert_eq!(refused.status, 403);
}

#[tokio::test]
async fn a_client_that_asks_too_often_is_told_to_wait() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let refused = client.exchange("j-1", &tagged("token-rate-limited")).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, "1"));
    let path = format!("/__admin/requests/{}?sandbox={}", refused.header("x-mock-exchange"), client.sandbox);
    let exchange = api.get(&path).await.json();
    assert_eq!(exchange["chosen"]["by"], "scenario");
    assert_eq!(client.exchange("j-2", &tagged("token-rate-limited")).await.status, 200);
}

/// A late answer, and an answer that is not JSON, over a socket.
#[tokio::test(start_paused = true)]
async fn a_token_is_late_or_replaced_by_a_page() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let client = reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap();
    let ask = async |jti: &str, email: &str| {
        let now = docendorse_mock::base::clock::Clock::system_now().as_second();
        let claims = json!({
            "iss": docendorse_mock::domain::oauth::built_in::CLIENT_ID, "sub": "usr_123", "aud": "https://api.docendorse.com",
            "iat": now, "exp": now + 60, "jti": jti, "email": email, "given_name": "Kim", "family_name": "Doe", "scope": "openid",
        });
        let assertion = crate::token::client::sign(&json!({ "alg": "RS256" }), &claims);
        let form = crate::token::client::form(&[("grant_type", JWT_BEARER), ("assertion", &assertion)]);
        let request = client.post(format!("{}{}", mock.url(), crate::token::client::TOKEN));
        let answer =
            request.header("content-type", "application/x-www-form-urlencoded").body(form).send().await.unwrap();
        (
            answer.status().as_u16(),
            answer.headers()["content-type"].to_str().unwrap().to_owned(),
            answer.text().await.unwrap(),
        )
    };
    for jti in ["1", "2"] {
        let page = ask(jti, "sam+token-server-error@example.com").await;
        assert_eq!((page.0, &*page.1), (503, "text/html"));
    }
    assert_eq!(ask("3", "sam+token-server-error@example.com").await.0, 200);
    let before = Instant::now();
    let (status, _, body) = ask("4", "sam+token-slow@example.com").await;
    assert!(status == 200 && before.elapsed().as_secs() >= 3, "{status} {body}");
}

#[tokio::test]
async fn scenarios_of_the_two_endpoints_are_separate() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    for (name, endpoint) in [("all-tokens", "token"), ("all-handoffs", "handoff")] {
        let answers = json!([{ "outcome": "error", "description": format!("{name} fail") }]);
        let made = put(&client, json!({ "name": name, "endpoint": endpoint, "answers": answers })).await;
        assert_eq!(made.status, 200, "{}", made.text);
    }
    let listed = api.get(&client.path("scenarios")).await.json();
    let endpoint = |name: &str| {
        let all = listed["scenarios"].as_array().unwrap();
        all.iter().find(|scenario| scenario["name"] == name).unwrap()["endpoint"].clone()
    };
    assert_eq!((endpoint("all-tokens"), endpoint("all-handoffs")), (json!("token"), json!("handoff")));
    assert_eq!(error_of(&client.exchange("j-1", &json!({})).await), "invalid_grant: all-tokens fail");
    let hand_off =
        async || crate::token::access::hand_off(&api, &client.bearer_token, "h-1", "usr_1", "sam@example.com").await;
    assert_eq!(hand_off().await.description(), "all-handoffs fail");
    for name in ["all-tokens", "all-handoffs"] {
        assert_eq!(api.call("DELETE", &client.path(&format!("scenarios/{name}"))).await.status, 204);
    }
    // A pinned or queued scenario waits for requests to its own endpoint.
    let pin = client.path("scenarios/token-without-scope/pin");
    assert_eq!(api.call("PUT", &pin).await.status, 200);
    assert_eq!(hand_off().await.status, 200);
    assert_eq!(client.exchange("j-2", &json!({})).await.json()["scope"], "openid");
    assert_eq!(api.call("DELETE", &pin).await.status, 204);
    for name in ["rate-limited", "token-rate-limited"] {
        let queued = send(&api, "POST", &client.path(&format!("scenarios/{name}/queue")), json!({})).await;
        assert_eq!(queued.status, 200, "{}", queued.text);
    }
    assert_eq!(client.exchange("j-3", &json!({})).await.status, 429);
    assert_eq!(client.exchange("j-4", &json!({})).await.status, 200);
    assert_eq!(hand_off().await.status, 429);
}

#[tokio::test]
async fn a_scenario_for_tokens_matches_by_the_assertions_claims() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let scenario = json!({
        "name": "vip",
        "endpoint": "token",
        "match": { "external_user_id": "vip_*", "body": [{ "pointer": "/exp", "above": NOW }] },
        "answers": [{ "expires_in": "2h", "set": { "user": "{{ actor.display_name }} <{{ request.email }}>" } }],
    });
    assert_eq!(put(&client, scenario).await.status, 200);
    assert_eq!(client.exchange("j-1", &json!({})).await.json()["expires_in"], 3600);
    // The scenario adds a member that the schema does not have, so the harness must not check this answer.
    let router = docendorse_mock::http::router(&api.app);
    let assertion = client.assertion("j-2", &json!({ "sub": "vip_7" }));
    let request = crate::token::client::token_request(&[("assertion", &assertion)]);
    let answer = tower::ServiceExt::oneshot(router, request).await.unwrap();
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!((&body["expires_in"], &body["user"]), (&json!(7200), &json!("Sam Doe <sam@example.com>")));
}

#[tokio::test]
async fn a_scenario_that_cannot_be_rendered_is_an_oauth_error() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let broken = json!({ "name": "broken", "endpoint": "token", "answers": [{ "set": { "a": "{{ 1 / 0 }}" } }] });
    assert_eq!(put(&client, broken).await.status, 200);
    let answer = client.exchange("j-1", &json!({})).await;
    let error = crate::token::client::error_of(&answer);
    assert_eq!(answer.status, 500);
    assert!(error.starts_with("server_error: The scenario 'broken' gave no answer: "), "{error}");
    assert_eq!(answer.header("cache-control"), "no-store");
}

#[tokio::test]
async fn a_key_of_the_other_endpoint_is_refused_at_its_place() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let mut refusals = String::new();
    for (endpoint, key, value) in [
        ("tokens", "answers", json!([{}])),
        ("token", "answers", json!([{ "outcome": "register" }])),
        ("token", "answers", json!([{ "until": "registered" }, {}])),
        ("token", "answers", json!([{ "error": "invalid_scope" }])),
        ("token", "answers", json!([{ "outcome": "error", "error": "access_denied" }])),
        ("token", "answers", json!([{ "outcome": "error", "expires_in": "1s" }])),
        ("token", "answers", json!([{ "expires_in": "10ms" }])),
        ("token", "answers", json!([{ "scope": "openid  x" }])),
        ("handoff", "answers", json!([{ "scope": "openid" }])),
        ("handoff", "answers", json!([{ "outcome": "error", "error": "invalid_grant" }])),
        ("token", "match", json!({ "intent": "self_sign" })),
        ("token", "match", json!({ "any": [{ "email": "a@b" }, { "not": { "handoff_id": "h" } }] })),
        ("token", "per", json!("handoff")),
    ] {
        let mut scenario = json!({ "name": "wrong", "endpoint": endpoint, "answers": [{}] });
        scenario[key] = value.clone();
        let refused = put(&client, scenario).await;
        assert_eq!(refused.status, 400, "{value}");
        let detail = refused.json()["detail"].as_str().unwrap().lines().next().unwrap().to_owned();
        writeln!(refusals, "{endpoint} {key} {value}\n  {detail}").unwrap();
    }
    insta::assert_snapshot!(refusals);
}
