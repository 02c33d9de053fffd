//! Queries of the journal with scenario matchers: `count`, `find` and `wait`.

use crate::{
    harness::{Answer, Api, body_of},
    sandboxes::lifecycle::send,
};
use docendorse_mock::Settings;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// A server that has received three handoffs and a body that is not a handoff.
async fn asked() -> Api {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    for (handoff_id, email) in
        [("h-1", "sam@example.com"), ("h-2", "Kim@example.com"), ("h-3", "sam+error@example.com")]
    {
        api.hand_off(body_of(handoff_id, email)).await;
    }
    assert_eq!(api.hand_off(r#"{"handoff_id": "h-4"}"#).await.status, 400);
    api
}

async fn count(api: &Api, question: Value) -> Value {
    let answer = send(api, "POST", "/__admin/requests/count", question).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()["count"].clone()
}

fn ids(found: &Answer) -> Vec<String> {
    let found = found.json();
    let ids = found["requests"].as_array().unwrap().iter().map(|one| one["request"]["body"]["handoff_id"].clone());
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Waits with these parameters, whose values are encoded for a query.
async fn wait(api: &Api, params: &[(&str, &str)]) -> Answer {
    let query: Vec<String> = params
        .iter()
        .map(|(name, value)| {
            let value = value.bytes().map(|byte| {
                if byte.is_ascii_alphanumeric() { char::from(byte).to_string() } else { format!("%{byte:02X}") }
            });
            format!("{name}={}", value.collect::<String>())
        })
        .collect();
    api.get(&format!("/__admin/requests/wait?{}", query.join("&"))).await
}

#[tokio::test]
async fn exchanges_are_counted_by_their_facts() {
    let api = asked().await;
    for (matcher, expected) in [
        (json!({}), 4),
        (json!({ "email": "SAM@*" }), 1),
        (json!({ "email": "sam*" }), 2),
        (json!({ "handoff_id": "h-?" }), 4),
        (json!({ "handoff_id": "h-4" }), 1),
        (json!({ "intent": "self_sign" }), 0),
        (json!({ "any": [{ "handoff_id": "h-1" }, { "email": "kim@example.com" }] }), 2),
        (json!({ "not": { "source": "chat" } }), 1),
        (json!({ "body": [{ "pointer": "/context/summary", "glob": "*NDA*" }] }), 3),
        (json!({ "body": [{ "pointer": "/files/0", "exists": true }] }), 0),
    ] {
        assert_eq!(count(&api, json!({ "match": matcher })).await, expected, "{matcher}");
    }
    assert_eq!(api.call("POST", "/__admin/requests/count").await.json()["count"], 4, "without a body");
    api.call("DELETE", "/__admin/requests").await;
    assert_eq!(count(&api, json!({})).await, 0);
    assert_eq!(api.call("POST", "/__admin/requests/count?sandbox=none").await.status, 404);
}

#[tokio::test]
async fn exchanges_are_found_newest_first() {
    let api = asked().await;
    let find = async |question: Value| send(&api, "POST", "/__admin/requests/find", question).await;
    let found = find(json!({ "match": { "email": "sam*" } })).await;
    assert_eq!((ids(&found), &found.json()["matching"]), (vec!["h-3".to_owned(), "h-1".to_owned()], &json!(2)));
    let mut first = api.get("/__admin/requests/ex_00000001").await.json();
    first.as_object_mut().unwrap().shift_remove("near_misses");
    assert_eq!(found.json()["requests"][1], first, "the whole exchange, except what only a single exchange shows");
    let page = find(json!({ "limit": 1 })).await;
    assert_eq!((ids(&page), &page.json()["matching"]), (vec!["h-4".to_owned()], &json!(4)));
    assert_eq!(find(json!({ "limit": 0 })).await.status, 400);
    assert_eq!(find(json!({ "limit": 1001 })).await.status, 400);
}

#[tokio::test]
async fn an_invalid_query_is_refused() {
    let api = asked().await;
    for (path, question) in [
        ("count", json!({ "matcher": {} })),
        ("count", json!({ "limit": 1 })),
        ("count", json!({ "match": { "mail": "x" } })),
        ("count", json!({ "match": { "email": "" } })),
        ("find", json!({ "match": { "any": [] } })),
        ("find", json!({ "match": { "body": [{ "pointer": "files", "exists": true }] } })),
    ] {
        let answer = send(&api, "POST", &format!("/__admin/requests/{path}"), question.clone()).await;
        assert_eq!(answer.status, 400, "{path} {question}: {}", answer.text);
        assert!(answer.json()["detail"].as_str().unwrap().starts_with("In the body: "), "{}", answer.text);
    }
    for (name, value, problem) in [
        ("match", "{", "In the query: match: it ends too early"),
        ("match", r#"{"mail": "x"}"#, "In the query: match: /mail: unknown member"),
        ("match", r#"{"email": null}"#, "In the query: match: /email: "),
        ("timeout", "soon", "In the query: timeout: \"soon\" is not a span of time"),
        ("timeout", "-1s", "In the query: timeout: \"-1s\" is negative"),
        ("count", "many", "In the query: "),
        ("counts", "1", "In the query of GET /__admin/requests/wait: unknown parameter"),
    ] {
        let answer = wait(&api, &[(name, value)]).await;
        assert_eq!(answer.status, 400, "{name}={value}: {}", answer.text);
        assert!(answer.json()["detail"].as_str().unwrap().starts_with(problem), "{name}={value}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_wait_for_past_exchanges_ends_immediately() {
    let api = asked().await;
    tokio::time::pause();
    let started = Instant::now();
    assert_eq!(ids(&wait(&api, &[]).await), ["h-4", "h-3", "h-2", "h-1"]);
    let found = wait(&api, &[("count", "2"), ("match", r#"{"email": "sam*"}"#), ("timeout", "0s")]).await;
    assert_eq!((found.status.as_u16(), ids(&found)), (200, vec!["h-3".to_owned(), "h-1".to_owned()]));
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_as_soon_as_the_last_exchange_arrives() {
    let api = Arc::new(Api::new());
    let waiting = tokio::spawn({
        let api = Arc::clone(&api);
        async move {
            let started = Instant::now();
            let params = [("count", "2"), ("match", r#"{"email": "sam@*"}"#), ("timeout", "1m")];
            (wait(&api, &params).await, started.elapsed())
        }
    });
    for (handoff_id, email) in [("h-1", "sam@example.com"), ("h-2", "kim@example.com"), ("h-3", "sam@example.com")] {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert!(!waiting.is_finished(), "before {handoff_id}");
        api.hand_off(body_of(handoff_id, email)).await;
    }
    let (found, took) = waiting.await.unwrap();
    assert_eq!((found.status.as_u16(), ids(&found)), (200, vec!["h-3".to_owned(), "h-1".to_owned()]));
    assert!((15..16).contains(&took.as_secs()), "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn no_exchange_is_missed_when_a_wait_begins() {
    let api = Arc::new(Api::new());
    let waiting: Vec<_> = (1..=20)
        .map(|count: usize| {
            let api = Arc::clone(&api);
            tokio::spawn(async move { wait(&api, &[("count", &count.to_string())]).await.status.as_u16() })
        })
        .collect();
    for number in 0..20 {
        api.hand_off(body_of(&format!("h-{number}"), "sam@example.com")).await;
    }
    for one in waiting {
        assert_eq!(one.await.unwrap(), 200);
    }
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_times_out_reports_near_misses() {
    let api = asked().await;
    let started = Instant::now();
    let matcher = r#"{"email": "sam@*", "intent": "send_e_sign_request"}"#;
    let missed = wait(&api, &[("count", "2"), ("match", matcher), ("timeout", "90s")]).await;
    assert_eq!(missed.status, 408, "{}", missed.text);
    // The time before the wait, which is real, is subtracted from it.
    assert_eq!(started.elapsed().as_secs_f64().round(), 90.0);
    let told = missed.json();
    assert_eq!(
        told["detail"],
        "The wait timed out with 1 of 2 matching exchanges; near_misses says why others did not."
    );
    assert_eq!((&told["wanted"], &told["matching"]), (&json!(2), &json!(1)));
    assert_eq!(ids(&missed), ["h-1"]);
    let near: Vec<(&Value, &Value)> = told["near_misses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|near| (&near["request"]["request"]["body"]["handoff_id"], &near["failed"]))
        .collect();
    let unlike = |email: &str| json!([format!("email {email:?} does not match \"sam@*\"")]);
    assert_eq!(near[0], (&json!("h-3"), &unlike("sam+error@example.com")), "nearest first, then newest first");
    assert_eq!(near[1], (&json!("h-2"), &unlike("Kim@example.com")));
    assert_eq!((near[2].0, near[2].1.as_array().unwrap().len(), near.len()), (&json!("h-4"), 2, 3));
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_at_its_timeout() {
    let api = Api::new();
    for (timeout, seconds) in [(None, 10.0), (Some("1ms"), 0.0), (Some("5m"), 300.0)] {
        let started = Instant::now();
        let params: Vec<(&str, &str)> = timeout.iter().map(|timeout| ("timeout", *timeout)).collect();
        let missed = wait(&api, &params).await;
        assert_eq!(missed.status, 408);
        let nothing = json!({
            "title": "Request Timeout",
            "status": 408,
            "detail": "The wait timed out with 0 of 1 matching exchanges; the journal holds no others.",
            "wanted": 1, "matching": 0, "dropped": 0, "requests": [], "near_misses": [],
        });
        assert_eq!(missed.header("content-type"), "application/problem+json");
        // The time before the wait, which is real, is subtracted from it.
        assert_eq!(started.elapsed().as_secs_f64().round(), seconds, "{timeout:?}");
        assert_eq!(missed.json(), nothing);
    }
}

/// A server that received two handoffs, a token request, an envelope and a request to an unknown path.
async fn asked_everywhere() -> Api {
    let api = Api::with(Settings { max_exchanges: 6, ..Settings::default() });
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    api.hand_off(body_of("h-2", "kim@example.com")).await;
    for (method, path) in [("POST", "/oauth2/v2/token"), ("GET", "/api/v1/key/envelopes?limit=1"), ("GET", "/nothing")]
    {
        api.call(method, path).await;
    }
    api
}

#[tokio::test]
async fn exchanges_are_filtered_by_endpoint() {
    let api = asked_everywhere().await;
    for (endpoint, expected) in [("handoff", 2), ("token", 1), ("signing", 1)] {
        assert_eq!(count(&api, json!({ "endpoint": endpoint })).await, expected, "{endpoint}");
        let found = send(&api, "POST", "/__admin/requests/find", json!({ "endpoint": endpoint })).await.json();
        assert_eq!(found["matching"], expected, "{endpoint}");
        let listed = api.get(&format!("/__admin/requests?endpoint={endpoint}")).await.json();
        assert_eq!(listed["matching"], expected, "{endpoint}");
        let waited = wait(&api, &[("endpoint", endpoint), ("count", &expected.to_string())]).await;
        assert_eq!((waited.status.as_u16(), &waited.json()["matching"]), (200, &json!(expected)), "{endpoint}");
    }
    assert_eq!(count(&api, json!({})).await, 5);
    let unknown = api.get("/__admin/requests?endpoint=handof").await;
    assert_eq!(unknown.status, 400);
    assert!(unknown.text.contains("handoff"), "{}", unknown.text);
}

#[tokio::test(start_paused = true)]
async fn near_misses_are_of_the_requested_endpoint() {
    let api = asked_everywhere().await;
    let params = [("endpoint", "handoff"), ("match", r#"{"email":"ann@*"}"#)];
    let missed = wait(&api, &params).await;
    assert_eq!(missed.status, 408);
    assert_eq!(missed.json()["near_misses"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn answers_say_how_many_exchanges_were_dropped() {
    let api = asked_everywhere().await;
    for number in 3..6 {
        api.hand_off(body_of(&format!("h-{number}"), "sam@example.com")).await;
    }
    let question = json!({ "endpoint": "handoff" });
    let counted = send(&api, "POST", "/__admin/requests/count", question.clone()).await.json();
    assert_eq!(counted, json!({ "count": 3, "dropped": 2 }));
    assert_eq!(send(&api, "POST", "/__admin/requests/find", question).await.json()["dropped"], 2);
    assert_eq!(wait(&api, &[]).await.json()["dropped"], 2);
}

#[tokio::test]
async fn a_wait_for_more_than_is_kept_is_refused() {
    let api = asked_everywhere().await;
    assert_eq!(wait(&api, &[("count", "5")]).await.status, 200);
    let refused = wait(&api, &[("count", "7")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text.contains("--max-exchanges"), "{}", refused.text);
}
