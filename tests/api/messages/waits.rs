//! Waiting for a message: before and after it arrives, bounded, and ended with the sandbox and the server.

use crate::{
    harness::{Answer, Api, body_of},
    signing::play::post,
};
use docendorse_mock::app::MOST_WAITS;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time::sleep};

const WAIT: &str = "/__admin/messages/wait?timeout=5m";

/// Starts a wait, and returns once it waits: the paused clock moves only when nothing else can run.
async fn begin(api: &Arc<Api>, waits: &mut JoinSet<Answer>, query: &str) {
    let (api, path) = (Arc::clone(api), format!("{WAIT}{query}"));
    waits.spawn(async move { api.get(&path).await });
    sleep(Duration::from_millis(1)).await;
}

async fn send_mail(api: &Api, name: &str) {
    api.hand_off(body_of(name, &format!("{name}+verify_email@example.com"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_wait_ends_with_the_message_it_waits_for() {
    let api = Arc::new(Api::new());
    let mut waits = JoinSet::new();
    begin(&api, &mut waits, "&to=KIM%2Bverify_email@example.com").await;
    send_mail(&api, "sam").await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(waits.len(), 1);
    assert!(waits.try_join_next().is_none(), "a message to someone else does not end it");
    let started = tokio::time::Instant::now();
    send_mail(&api, "kim").await;
    let answer = waits.join_next().await.unwrap().unwrap();
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(answer.status, 200, "{}", answer.text);
    let message = answer.json();
    assert_eq!((&message["to"], &message["handoff_id"]), (&json!("kim+verify_email@example.com"), &json!("kim")));
    assert_eq!(message["links"][0]["rel"], "verify");
}

#[tokio::test(start_paused = true)]
async fn a_message_that_exists_ends_a_wait_at_once() {
    let api = Arc::new(Api::new());
    for name in ["sam", "kim", "sam"] {
        send_mail(&api, name).await;
    }
    let started = tokio::time::Instant::now();
    let newest = api.get(&format!("{WAIT}&about=sam")).await;
    assert_eq!(newest.status, 200, "{}", newest.text);
    assert_eq!(newest.json(), api.get("/__admin/messages/latest").await.json());
    assert_eq!(started.elapsed(), Duration::ZERO);
    let id = newest.json()["id"].as_str().unwrap().to_owned();
    let mut waits = JoinSet::new();
    begin(&api, &mut waits, &format!("&about=sam&since={id}")).await;
    send_mail(&api, "kim").await;
    sleep(Duration::from_secs(1)).await;
    assert!(waits.try_join_next().is_none());
    send_mail(&api, "sam").await;
    let newer = waits.join_next().await.unwrap().unwrap().json();
    assert_ne!(newer["id"], json!(id));
    assert_eq!(newer["handoff_id"], "sam");
}

#[tokio::test(start_paused = true)]
async fn a_wait_times_out_and_says_what_there_is() {
    let api = Api::new();
    for (timeout, seconds) in [("", 10), ("?timeout=3s", 3), ("?timeout=0s", 0)] {
        let started = tokio::time::Instant::now();
        let missed = api.get(&format!("/__admin/messages/wait{timeout}")).await;
        assert_eq!(missed.status, 408);
        assert_eq!(missed.header("content-type"), "application/problem+json");
        let detail = "The wait timed out without a matching message; the sandbox \"default\" holds no messages.";
        assert_eq!(missed.json()["detail"], detail);
        assert_eq!(started.elapsed().as_secs(), seconds);
    }
    send_mail(&api, "sam").await;
    let missed = api.get("/__admin/messages/wait?timeout=0s&to=kim@example.com").await;
    let detail = "holds 1 message, the newest of kind verify_email to \"sam+verify_email@example.com\".";
    assert!(missed.json()["detail"].as_str().unwrap().ends_with(detail), "{}", missed.text);
    for (timeout, words) in [("6m", "longer than the maximum of 5m"), ("soon", "at most 5m"), ("10", "no unit")] {
        let refused = api.get(&format!("/__admin/messages/wait?timeout={timeout}")).await;
        assert_eq!(refused.status, 400, "{}", refused.text);
        assert!(refused.json()["detail"].as_str().unwrap().contains(words), "{}", refused.text);
    }
}

#[tokio::test(start_paused = true)]
async fn waits_for_messages_are_bounded_and_give_their_place_back() {
    let api = Arc::new(Api::new());
    let mut waits = JoinSet::new();
    for _ in 0..MOST_WAITS {
        let api = Arc::clone(&api);
        waits.spawn(async move { api.get(WAIT).await });
    }
    sleep(Duration::from_millis(1)).await;
    for path in [WAIT, "/__admin/requests/wait?timeout=5m"] {
        let refused = api.get(path).await;
        assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "1"), "{}", refused.text);
        assert!(refused.text.contains("1000 callers are waiting already"), "{}", refused.text);
    }
    // Clients that hang up.
    waits.shutdown().await;
    for _ in 0..MOST_WAITS {
        let api = Arc::clone(&api);
        waits.spawn(async move { api.get(WAIT).await });
    }
    sleep(Duration::from_millis(1)).await;
    send_mail(&api, "sam").await;
    assert!(waits.join_all().await.iter().all(|answer| answer.status == 200));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_waits_for_messages() {
    let api = Arc::new(Api::new());
    let mut waits = JoinSet::new();
    begin(&api, &mut waits, "").await;
    api.app.begin_stop();
    let answer = waits.join_next().await.unwrap().unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["detail"]), (503, &json!("The server is stopping.")));
    assert_eq!(api.get(WAIT).await.status, 503);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_message_ends_with_its_sandbox() {
    let api = Arc::new(Api::new());
    post(&api, "/__admin/sandboxes", json!({ "name": "a" })).await;
    let mut waits = JoinSet::new();
    begin(&api, &mut waits, "&sandbox=a").await;
    assert_eq!(api.call("DELETE", "/__admin/sandboxes/a").await.status, 204);
    let answer = waits.join_next().await.unwrap().unwrap();
    assert_eq!(answer.status, 404);
    assert!(answer.text.contains("was deleted or dropped during the wait"), "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn a_wait_for_a_message_outlives_a_reset() {
    let api = Arc::new(Api::new());
    send_mail(&api, "sam").await;
    let old = api.get("/__admin/messages/latest").await.json()["id"].as_str().unwrap().to_owned();
    let mut waits = JoinSet::new();
    begin(&api, &mut waits, &format!("&since={old}")).await;
    post(&api, "/__admin/reset", "").await;
    sleep(Duration::from_secs(1)).await;
    assert!(waits.try_join_next().is_none());
    send_mail(&api, "kim").await;
    assert_eq!(waits.join_next().await.unwrap().unwrap().json()["handoff_id"], "kim");
}
