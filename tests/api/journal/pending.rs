//! Exchanges whose answer is delayed: in the journal during the delay, and completed in place after it.

use crate::{
    harness::{Answer, Api, body_of, handoff_request},
    sandboxes::lifecycle::send,
    token::client::Client,
};
use docendorse_mock::Settings;
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::{
    task::{JoinHandle, yield_now},
    time::{Instant, timeout},
};

async fn list(api: &Api, query: &str) -> Value {
    api.get(&format!("/__admin/requests{query}")).await.json()
}

/// Sends a handoff with a delayed answer, and returns once the journal has recorded `recorded` exchanges.
async fn begin_slow(api: &Arc<Api>, handoff_id: &str, recorded: u64) -> JoinHandle<Answer> {
    let (caller, body) = (Arc::clone(api), body_of(handoff_id, "sam+slow@example.com"));
    let answer = tokio::spawn(async move { caller.hand_off(body).await });
    for _ in 0..1_000 {
        let fill = api.get("/__admin/health").await.json()["requests"].clone();
        if fill["kept"].as_u64().unwrap() + fill["dropped"].as_u64().unwrap() >= recorded {
            assert!(!answer.is_finished(), "the answer is still delayed");
            return answer;
        }
        yield_now().await;
    }
    panic!("a delayed exchange is not in the journal");
}

fn bytes(api: &Api) -> usize {
    api.app.sandboxes.default_sandbox().journal.bytes()
}

#[tokio::test(start_paused = true)]
async fn a_delayed_exchange_is_visible_at_once() {
    let api = Arc::new(Api::new());
    let slow = begin_slow(&api, "h-1", 1).await;
    let page = list(&api, "").await;
    let shown = &page["requests"][0];
    assert_eq!((&page["matching"], &shown["id"]), (&json!(1), &json!("ex_00000001")));
    assert_eq!((&shown["pending"], &shown["answer"]), (&json!(true), &json!(null)));
    assert_eq!(shown["request"]["body"]["handoff_id"], "h-1");
    assert_eq!((&shown["client"], &shown["chosen"]["by"]), (&json!("open"), &json!("magic_email")));
    assert!(shown["agent_session_id"].as_str().unwrap().starts_with("as_"));
    let single = api.get("/__admin/requests/ex_00000001").await;
    assert_eq!((single.status.as_u16(), &single.json()["pending"]), (200, &json!(true)));
    assert!(!slow.is_finished());

    let answer = slow.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("x-mock-exchange")), (200, "ex_00000001"));
    let finished = api.exchange(&answer).await;
    assert_eq!((&finished["pending"], &finished["answer"]["status"]), (&json!(false), &json!("success")));
    assert_eq!(finished["agent_session_id"], shown["agent_session_id"]);
    assert_eq!(finished["request_id"], answer.header("x-request-id"));
    let page = list(&api, "").await;
    assert_eq!((&page["matching"], &page["dropped"]), (&json!(1), &json!(0)));
    assert_eq!(page["requests"][0]["pending"], false);
}

#[tokio::test(start_paused = true)]
async fn filters_treat_a_pending_exchange_like_others() {
    let api = Arc::new(Api::new());
    api.hand_off(body_of("h-0", "sam@example.com")).await;
    let slow = begin_slow(&api, "h-1", 2).await;
    for (query, expected) in [
        ("?status=success", 1),
        ("?status=200", 1),
        ("?since=ex_00000001", 1),
        ("?before=ex_00000002", 1),
        ("?endpoint=handoff", 2),
        ("?endpoint=token", 0),
        ("?since=2020-01-01T00:00:00Z", 2),
    ] {
        assert_eq!(list(&api, query).await["matching"], expected, "{query}");
    }
    assert!(!slow.is_finished());
    // Meanwhile, an exchange without a delay takes the next number.
    let other = api.hand_off(body_of("h-2", "sam@example.com")).await;
    assert_eq!(other.header("x-mock-exchange"), "ex_00000003");
    assert_eq!(slow.await.unwrap().header("x-mock-exchange"), "ex_00000002");
    assert_eq!(list(&api, "?status=success").await["matching"], 3);
    let page = list(&api, "").await;
    let ids: Vec<_> = page["requests"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["ex_00000003", "ex_00000002", "ex_00000001"]);
}

#[tokio::test(start_paused = true)]
async fn count_find_and_wait_include_pending_exchanges() {
    let api = Arc::new(Api::new());
    let waiting = Arc::clone(&api);
    let wait = tokio::spawn(async move { waiting.get("/__admin/requests/wait?count=1&endpoint=handoff").await });
    yield_now().await;
    let started = Instant::now();
    let slow = begin_slow(&api, "h-1", 1).await;
    let found = wait.await.unwrap();
    assert_eq!((found.status.as_u16(), &found.json()["requests"][0]["pending"]), (200, &json!(true)));
    let question = json!({ "match": { "handoff_id": "h-1" } });
    let counted = send(&api, "POST", "/__admin/requests/count", question.clone()).await;
    assert_eq!(counted.json()["count"], 1);
    let found = send(&api, "POST", "/__admin/requests/find", question.clone()).await;
    assert_eq!(found.json()["requests"][0]["pending"], true);
    assert!(started.elapsed() < Duration::from_secs(1), "nothing waited for the answer");
    slow.await.unwrap();
    let found = send(&api, "POST", "/__admin/requests/find", question).await;
    assert_eq!((&found.json()["matching"], &found.json()["requests"][0]["pending"]), (&json!(1), &json!(false)));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_deleted_while_pending_stays_gone() {
    let api = Arc::new(Api::new());
    let slow = begin_slow(&api, "h-1", 1).await;
    assert_eq!(api.call("DELETE", "/__admin/requests/ex_00000001").await.status, 204);
    assert_eq!(bytes(&api), 0);
    let answer = slow.await.unwrap();
    assert_eq!((answer.status.as_u16(), answer.header("x-mock-exchange")), (200, "ex_00000001"));
    assert_eq!(api.get("/__admin/requests/ex_00000001").await.status, 404);
    assert_eq!((&list(&api, "").await["matching"], bytes(&api)), (&json!(0), 0));
}

#[tokio::test(start_paused = true)]
async fn an_exchange_cleared_while_pending_stays_gone() {
    let api = Arc::new(Api::new());
    let slow = begin_slow(&api, "h-1", 1).await;
    assert_eq!(api.call("DELETE", "/__admin/requests").await.json(), json!({ "deleted": 1 }));
    api.hand_off(body_of("h-2", "sam@example.com")).await;
    let kept = bytes(&api);
    assert_eq!(slow.await.unwrap().header("x-mock-exchange"), "ex_00000001");
    let page = list(&api, "").await;
    assert_eq!((&page["matching"], &page["requests"][0]["id"]), (&json!(1), &json!("ex_00000002")));
    assert_eq!(bytes(&api), kept);
}

#[tokio::test(start_paused = true)]
async fn a_reset_separates_a_pending_exchange_from_its_number() {
    let api = Arc::new(Api::new());
    let slow = begin_slow(&api, "h-1", 1).await;
    assert_eq!(api.call("POST", "/__admin/reset").await.status, 200);
    let other = api.hand_off(body_of("h-2", "sam@example.com")).await;
    assert_eq!(other.header("x-mock-exchange"), "ex_00000001");
    slow.await.unwrap();
    let page = list(&api, "").await;
    assert_eq!(page["matching"], 1);
    assert_eq!(page["requests"][0]["request"]["body"]["handoff_id"], "h-2");
}

#[tokio::test(start_paused = true)]
async fn a_full_journal_drops_the_older_pending_exchange() {
    let api = Arc::new(Api::with(Settings { max_exchanges: 1, ..Settings::default() }));
    let first = begin_slow(&api, "h-1", 1).await;
    let second = begin_slow(&api, "h-2", 2).await;
    assert_eq!(first.await.unwrap().header("x-mock-exchange"), "ex_00000001");
    assert_eq!(second.await.unwrap().header("x-mock-exchange"), "ex_00000002");
    let page = list(&api, "").await;
    assert_eq!((&page["matching"], &page["dropped"]), (&json!(1), &json!(1)));
    assert_eq!(page["requests"][0]["id"], "ex_00000002");
    assert_eq!(page["requests"][0]["pending"], false);
    assert_eq!(api.call("DELETE", "/__admin/requests").await.json(), json!({ "deleted": 1 }));
    assert_eq!(bytes(&api), 0);
}

#[tokio::test(start_paused = true)]
async fn the_byte_limit_holds_after_the_answer_too() {
    // The size of an exchange while it is pending, and with its answer.
    let api = Arc::new(Api::new());
    let slow = begin_slow(&api, "h-1", 1).await;
    let pending = bytes(&api);
    slow.await.unwrap();
    let whole = bytes(&api);
    assert!(pending < whole, "{pending} {whole}");
    // Two pending exchanges fit, but not two with their answers.
    let most = pending * 2 + (whole - pending) / 2;
    let api = Arc::new(Api::with(Settings { max_journal: most, ..Settings::default() }));
    let first = begin_slow(&api, "h-1", 1).await;
    let second = begin_slow(&api, "h-2", 2).await;
    assert_eq!(list(&api, "").await["matching"], 2);
    first.await.unwrap();
    second.await.unwrap();
    let page = list(&api, "").await;
    assert_eq!((&page["matching"], &page["dropped"]), (&json!(1), &json!(1)));
    assert!(bytes(&api) <= most);
    // One pending exchange fits, but not with its answer.
    let api = Arc::new(Api::with(Settings { max_journal: (pending + whole) / 2, ..Settings::default() }));
    begin_slow(&api, "h-1", 1).await.await.unwrap();
    let page = list(&api, "").await;
    assert_eq!((&page["matching"], &page["dropped"], bytes(&api)), (&json!(0), &json!(1), 0));
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_pending_facts_is_released() {
    let api = Arc::new(Api::new());
    let slow = begin_slow(&api, "h-1", 1).await;
    let before = bytes(&api);
    send(&api, "POST", "/__admin/requests/count", json!({ "match": { "email": "sam*" } })).await;
    assert!(bytes(&api) > before, "the facts count");
    slow.await.unwrap();
    let finished = bytes(&api);
    send(&api, "POST", "/__admin/requests/count", json!({ "match": { "email": "sam*" } })).await;
    assert!(bytes(&api) > finished);
    api.call("DELETE", "/__admin/requests").await;
    assert_eq!((bytes(&api), api.app.sandboxes.default_sandbox().journal.fill().kept), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_ends_finishes_a_pending_exchange() {
    let api = Api::new();
    let request = handoff_request(body_of("h-1", "sam+slow@example.com"));
    assert!(timeout(Duration::from_secs(1), api.send(request)).await.is_err());
    let page = list(&api, "").await;
    let shown = &page["requests"][0];
    assert_eq!((&page["matching"], &shown["id"]), (&json!(1), &json!("ex_00000001")));
    assert_eq!((&shown["pending"], &shown["answer"]), (&json!(false), &json!(null)));
    assert_eq!(shown["chosen"]["by"], "magic_email");
}

#[tokio::test(start_paused = true)]
async fn a_delayed_token_is_pending_in_its_own_sandbox() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let claims = json!({ "email": "sam+token-slow@example.com" });
    let path = client.path("requests");
    let seen = async {
        loop {
            let page = api.get(&path).await.json();
            if page["matching"] != 0 {
                break page["requests"][0].clone();
            }
            yield_now().await;
        }
    };
    let (answer, seen) = tokio::join!(client.exchange("j-1", &claims), seen);
    assert_eq!((&seen["pending"], &seen["id"]), (&json!(true), &json!(answer.header("x-mock-exchange"))));
    assert!(seen["assertion"].is_object() && seen["token_id"].is_string());
    let page = api.get(&path).await.json();
    assert_eq!((&page["matching"], &page["requests"][0]["pending"]), (&json!(1), &json!(false)));
    assert_eq!(list(&api, "").await["matching"], 0, "the default sandbox records nothing");
}

#[tokio::test]
async fn an_exchange_without_a_delay_is_never_pending() {
    let api = Api::new();
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_eq!(api.exchange(&answer).await["pending"], false);
}
