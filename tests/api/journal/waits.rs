//! Waits for exchanges: their cost, their maximum number, and what ends them.

use crate::{
    harness::{Answer, Api, body_of},
    sandboxes::lifecycle::send,
};
use docendorse_mock::{Mock, Settings, app::MOST_WAITS};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::{JoinSet, yield_now},
};

const WAIT: &str = "/__admin/requests/wait?timeout=5m&count=";

/// The path of a wait for handoffs with one id.
fn wait_for(handoff_id: &str) -> String {
    format!("{WAIT}1&match=%7B%22handoff_id%22%3A%22{handoff_id}%22%7D")
}

/// Starts a wait, to be awaited later.
fn begin(api: &Arc<Api>, waits: &mut JoinSet<Answer>, path: String) {
    let api = Arc::clone(api);
    waits.spawn(async move { api.get(&path).await });
}

/// Waits until `count` callers wait in a sandbox.
async fn are_waiting(api: &Api, sandbox: &str, count: usize) {
    let sandbox = api.app.sandboxes.get(sandbox).unwrap();
    while sandbox.waiters.open() != count {
        yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_exchange_is_parsed_once_for_all_waiters() {
    let api = Arc::new(Api::new());
    let sandbox = api.app.sandboxes.default_sandbox();
    for number in 0..100 {
        api.hand_off(body_of(&format!("old-{number}"), "sam@example.com")).await;
    }
    let mut waits = JoinSet::new();
    begin(&api, &mut waits, wait_for("new-0"));
    are_waiting(&api, "default", 1).await;
    for number in 1..200 {
        begin(&api, &mut waits, wait_for(&format!("new-{}", number % 10)));
    }
    are_waiting(&api, "default", 200).await;
    assert_eq!(sandbox.journal.parsed(), 100, "each old one once, for the first searches of all callers");
    assert_eq!(sandbox.waiters.compared(), 0);
    for number in 0..10 {
        api.hand_off(body_of(&format!("other-{number}"), "sam@example.com")).await;
    }
    for number in 0..10 {
        api.hand_off(body_of(&format!("new-{number}"), "sam@example.com")).await;
    }
    let answers = waits.join_all().await;
    assert!(answers.iter().all(|answer| answer.status == 200 && answer.json()["matching"] == 1));
    assert_eq!(sandbox.journal.parsed(), 120, "each new one once");
    // Ten that match no waiter, then one for each: a waiter is compared until it has its answer.
    let expected: u64 = (11..=20).map(|seen| seen * 20).sum();
    assert_eq!(sandbox.waiters.compared(), expected);
    are_waiting(&api, "default", 0).await;
    api.hand_off(body_of("last", "sam@example.com")).await;
    assert_eq!((sandbox.journal.parsed(), sandbox.waiters.compared()), (120, expected), "no caller waits");
}

#[tokio::test(start_paused = true)]
async fn waits_are_limited_and_release_their_places() {
    let api = Arc::new(Api::new());
    let mut waits = JoinSet::new();
    for _ in 0..MOST_WAITS {
        begin(&api, &mut waits, wait_for("h-1"));
    }
    are_waiting(&api, "default", MOST_WAITS).await;
    let refused = api.get(&wait_for("h-2")).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "1"), "{}", refused.text);
    assert!(refused.text.contains("1000 callers are waiting already"), "{}", refused.text);
    // Clients that hang up.
    waits.shutdown().await;
    are_waiting(&api, "default", 0).await;
    for _ in 0..MOST_WAITS {
        begin(&api, &mut waits, wait_for("h-1"));
    }
    are_waiting(&api, "default", MOST_WAITS).await;
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert!(waits.join_all().await.iter().all(|answer| answer.status == 200));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_waits_at_once() {
    let api = Arc::new(Api::new());
    let mut waits = JoinSet::new();
    for _ in 0..200 {
        begin(&api, &mut waits, wait_for("h-1"));
    }
    are_waiting(&api, "default", 200).await;
    let started = tokio::time::Instant::now();
    api.app.begin_stop();
    for answer in waits.join_all().await {
        assert_eq!((answer.status.as_u16(), &answer.json()["detail"]), (503, &json!("The server is stopping.")));
    }
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(api.get(&wait_for("h-1")).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn waits_end_with_their_sandbox() {
    let settings =
        Settings { max_sandboxes: 2, sandbox_idle: jiff::SignedDuration::from_mins(1), ..Settings::default() };
    let api = Arc::new(Api::with(settings));
    for end in ["deleted", "gave way"] {
        let made = send(&api, "POST", "/__admin/sandboxes", json!({ "name": "a" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let mut waits = JoinSet::new();
        for _ in 0..20 {
            begin(&api, &mut waits, format!("{}&sandbox=a", wait_for("h-1")));
        }
        are_waiting(&api, "a", 20).await;
        let started = tokio::time::Instant::now();
        if end == "deleted" {
            assert_eq!(api.call("DELETE", "/__admin/sandboxes/a").await.status, 204);
        } else {
            for name in ["b", "c"] {
                // So that the first one has been idle longest.
                tokio::time::sleep(Duration::from_millis(1)).await;
                assert_eq!(send(&api, "POST", "/__admin/sandboxes", json!({ "name": name })).await.status, 201);
            }
        }
        for answer in waits.join_all().await {
            assert_eq!(answer.status.as_u16(), 404, "{end}: {}", answer.text);
            assert!(answer.text.contains("sandbox \\\"a\\\""), "{}", answer.text);
        }
        assert!(started.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn a_reset_starts_the_count_of_a_wait_over() {
    let api = Arc::new(Api::new());
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    let mut waits = JoinSet::new();
    begin(&api, &mut waits, format!("{WAIT}2"));
    are_waiting(&api, "default", 1).await;
    assert_eq!(api.call("POST", "/__admin/reset").await.status, 200);
    api.hand_off(body_of("h-2", "sam@example.com")).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(waits.try_join_next().is_none(), "one exchange since the reset");
    api.hand_off(body_of("h-3", "sam@example.com")).await;
    let found = waits.join_next().await.unwrap().unwrap().json();
    let ids: Vec<_> = found["requests"].as_array().unwrap().iter().map(|one| &one["id"]).collect();
    assert_eq!(ids, ["ex_00000002", "ex_00000001"]);
}

#[tokio::test(start_paused = true)]
async fn dropped_exchanges_do_not_count_for_a_wait() {
    let api = Arc::new(Api::with(Settings { max_exchanges: 3, ..Settings::default() }));
    let mut waits = JoinSet::new();
    begin(&api, &mut waits, format!("{WAIT}3&match=%7B%22handoff_id%22%3A%22x*%22%7D"));
    are_waiting(&api, "default", 1).await;
    // Every second one matches, so at most two of the three kept do.
    for number in 0..5 {
        api.hand_off(body_of(&format!("x-{number}"), "sam@example.com")).await;
        api.hand_off(body_of(&format!("y-{number}"), "sam@example.com")).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(api.call("DELETE", "/__admin/requests").await.status, 200);
    api.hand_off(body_of("x-5", "sam@example.com")).await;
    api.hand_off(body_of("x-6", "sam@example.com")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    // The first of them is deleted individually.
    assert_eq!(api.call("DELETE", "/__admin/requests/ex_00000011").await.status, 204);
    api.hand_off(body_of("x-7", "sam@example.com")).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(waits.try_join_next().is_none());
    api.hand_off(body_of("x-8", "sam@example.com")).await;
    let found = waits.join_next().await.unwrap().unwrap();
    assert_eq!((found.status.as_u16(), &found.json()["matching"]), (200, &json!(3)));
}

#[tokio::test]
async fn a_server_with_open_waits_and_streams_stops() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let sandbox = mock.app().sandboxes.default_sandbox();
    let mut streams = Vec::new();
    for number in 0..60 {
        let mut stream = TcpStream::connect(mock.url().trim_start_matches("http://")).await.unwrap();
        let (path, accept) =
            if number < 50 { (wait_for("h-1"), "*/*") } else { ("/__admin/events".to_owned(), "text/event-stream") };
        let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\naccept: {accept}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        if number % 2 == 0 {
            // A client that closed its sending half may still read the answer, or may be gone.
            let _ = stream.shutdown().await;
        }
        streams.push(stream);
    }
    let most = Instant::now() + Duration::from_secs(4);
    // The server may notice clients that hang up; the others wait.
    while sandbox.waiters.open() < 25 && Instant::now() < most {
        yield_now().await;
    }
    let stop = tokio::time::timeout(docendorse_mock::http::server::DRAIN, mock.stop()).await;
    assert!(stop.is_ok(), "the requests were cut off after the drain instead of answered");
    let mut text = String::new();
    streams[1].read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 503") && text.contains("The server is stopping."), "{text}");
}

#[tokio::test]
async fn matchers_that_cost_too_much_are_refused_everywhere() {
    let api = Api::new();
    let long = "?".repeat(60_000);
    let million: Vec<_> = (0..5_000).map(|_| json!({ "email": "a*" })).collect();
    for (matcher, problem) in [
        (json!({ "handoff_id": long }), "has 60000 characters; at most 1000"),
        (json!({ "any": million }), "more than 100 entries"),
        (json!({ "body": [{ "pointer": "/a", "glob": long }] }), "has 60000 characters; at most 1000"),
    ] {
        let scenario = json!({ "name": "x", "match": matcher, "answers": [{}] });
        for (method, path, body) in [
            ("POST", "/__admin/requests/count", json!({ "match": matcher })),
            ("POST", "/__admin/requests/find", json!({ "match": matcher })),
            ("PUT", "/__admin/scenarios/x", scenario.clone()),
            ("POST", "/__admin/sandboxes", json!({ "scenarios": [scenario] })),
        ] {
            let refused = send(&api, method, path, body).await;
            assert_eq!(refused.status, 400, "{path}: {:.300}", refused.text);
            assert!(refused.text.contains(problem), "{path}: {:.300}", refused.text);
            assert!(refused.text.len() < 2_000, "{path}: {:.300}", refused.text);
        }
    }
    let people = json!({ "name": "x", "people": [{ "agent": long }], "answers": [{}] });
    let refused = send(&api, "PUT", "/__admin/scenarios/x", people).await;
    assert_eq!(refused.status, 400, "{:.300}", refused.text);
    assert!(refused.text.contains("has 60000 characters; at most 1000"), "{:.300}", refused.text);
    let query = format!("{WAIT}1&match=%7B%22source%22%3A%22{}%22%7D", "a".repeat(2_000));
    let refused = api.get(&query).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    assert!(refused.text.contains("match: /source: the glob"), "{}", refused.text);
}

#[tokio::test]
async fn a_handoff_too_costly_to_compare_says_so() {
    let api = Api::new();
    let glob = format!("*{}b*", "a?".repeat(498));
    let matcher = json!({ "any": vec![json!({ "body": [{ "pointer": "/context/transcript", "glob": glob }] }); 100] });
    for name in ["a", "b"] {
        let scenario = json!({ "name": name, "match": matcher, "answers": [{}] });
        let put = send(&api, "PUT", &format!("/__admin/scenarios/{name}"), scenario).await;
        assert!(put.status.is_success(), "{}", put.text);
    }
    let mut body: serde_json::Value = serde_json::from_str(&body_of("h-1", "sam@example.com")).unwrap();
    body["context"]["transcript"] = json!("a".repeat(900_000));
    let refused = api.hand_off(body.to_string()).await;
    assert_eq!(refused.status, 503, "{}", refused.text);
    assert!(refused.description().contains("takes more than 100000000 steps"), "{}", refused.text);
    let exchange = api.exchange(&refused).await;
    assert_eq!(exchange["request"]["body"]["handoff_id"], "h-1");
    for path in ["count", "find"] {
        let asked = send(&api, "POST", &format!("/__admin/requests/{path}"), json!({ "match": matcher })).await;
        assert_eq!(asked.status, 400, "{}", asked.text);
        assert!(asked.text.contains("In the matcher: matching the request takes more than"), "{}", asked.text);
    }
    // Other handoffs pass.
    assert_eq!(api.hand_off(body_of("h-2", "sam@example.com")).await.status, 200);
}
