//! Exchanges in the journal, and the limits of everything that is kept.

use crate::harness::{Api, body_of};
use axum::{body::Body, http::Request};
use docendorse_mock::Settings;
use serde_json::json;

#[tokio::test]
async fn an_exchange_is_recorded_in_full() {
    let api = Api::with(Settings { seed: Some(1), ..Settings::default() });
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await;
    let exchange = api.exchange(&answer).await;
    assert!(exchange["at"].as_str().unwrap().ends_with('Z'));
    assert!(exchange["duration_us"].is_u64());
    insta::assert_json_snapshot!(exchange, { ".at" => "[time]", ".duration_us" => "[duration]" });
}

#[tokio::test]
async fn contract_surfaces_are_recorded_and_nothing_else_is() {
    let api = Api::new();
    for path in ["/livez", "/readyz", "/openapi.json", "/__admin/health", "/__admin/nowhere", "/__admin/requests"] {
        api.get(path).await;
    }
    assert_eq!(api.get("/__admin/requests").await.json()["matching"], 0);
    api.get("/nowhere").await;
    api.get(crate::harness::CREATE).await;
    assert_eq!(api.get("/__admin/requests").await.json()["matching"], 2);
}

#[tokio::test]
async fn requests_are_listed_newest_first_and_filtered() {
    let api = Api::new();
    for email in ["sam@example.com", "sam+register@example.com", "sam+error@example.com"] {
        api.hand_off(body_of(email, email)).await;
    }
    api.hand_off("{}").await;
    let ids = |list: &serde_json::Value| -> Vec<String> {
        let requests = list["requests"].as_array().unwrap().iter();
        requests.map(|request| request["id"].as_str().unwrap().to_owned()).collect()
    };
    let list = async |query: &str| api.get(&format!("/__admin/requests{query}")).await.json();
    assert_eq!(ids(&list("").await), ["ex_00000004", "ex_00000003", "ex_00000002", "ex_00000001"]);
    assert_eq!(ids(&list("?limit=1").await), ["ex_00000004"]);
    assert_eq!(list("?limit=1").await["matching"], 4);
    assert_eq!(ids(&list("?since=ex_00000002").await), ["ex_00000004", "ex_00000003"]);
    assert_eq!(ids(&list("?status=error").await), ["ex_00000004", "ex_00000003"]);
    assert_eq!(ids(&list("?status=422").await), ["ex_00000003"]);
    assert_eq!(ids(&list("?status=register&limit=5").await), ["ex_00000002"]);
    assert_eq!(ids(&list("?since=2020-01-01T00:00:00Z").await).len(), 4);
    assert_eq!(ids(&list("?since=2120-01-01T00:00:00Z").await).len(), 0);
}

#[tokio::test]
async fn requests_can_be_deleted() {
    let api = Api::new();
    for id in ["a", "b", "c"] {
        api.hand_off(body_of(id, "sam@example.com")).await;
    }
    assert_eq!(api.call("DELETE", "/__admin/requests/ex_00000002").await.status, 204);
    assert_eq!(api.call("DELETE", "/__admin/requests/ex_00000002").await.status, 404);
    assert_eq!(api.get("/__admin/requests/ex_00000002").await.status, 404);
    assert_eq!(api.get("/__admin/requests/ex_00000003").await.status, 200);
    assert_eq!(api.call("DELETE", "/__admin/requests").await.json(), json!({ "deleted": 2 }));
    assert_eq!(api.get("/__admin/requests").await.json()["matching"], 0);
}

#[tokio::test]
async fn the_journal_bounds_exchanges_and_counts_the_rest() {
    let api = Api::with(Settings { max_exchanges: 3, ..Settings::default() });
    for id in 0..5 {
        api.hand_off(body_of(&id.to_string(), "sam@example.com")).await;
    }
    let list = api.get("/__admin/requests").await.json();
    assert_eq!((&list["matching"], &list["dropped"]), (&json!(3), &json!(2)));
    assert_eq!(list["requests"][2]["id"], "ex_00000003");
    assert_eq!(api.get("/__admin/requests/ex_00000002").await.status, 404);
}

#[tokio::test]
async fn the_journal_is_bounded_in_bytes() {
    let api = Api::with(Settings { max_journal: 20_000, ..Settings::default() });
    for id in 0..100 {
        api.hand_off(body_of(&id.to_string(), "sam@example.com")).await;
    }
    let fill = api.get("/__admin/health").await.json()["requests"].clone();
    let kept = fill["kept"].as_u64().unwrap();
    assert!((5..=25).contains(&kept), "{fill}");
    assert_eq!(kept + fill["dropped"].as_u64().unwrap(), 100);
}

#[tokio::test]
async fn an_exchange_larger_than_the_journal_is_dropped_at_once() {
    let api = Api::with(Settings { max_journal: 100, ..Settings::default() });
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_eq!(answer.status, 200);
    assert_eq!(api.get("/__admin/health").await.json()["requests"], json!({ "kept": 0, "dropped": 1 }));
    // Its neighbours stay.
    let api = Api::with(Settings { max_journal: 5_000, ..Settings::default() });
    api.hand_off("{}").await;
    api.hand_off(" ".repeat(6_000)).await;
    api.hand_off("{}").await;
    let list = api.get("/__admin/requests").await.json();
    assert_eq!((&list["matching"], &list["dropped"]), (&json!(2), &json!(1)));
    assert_eq!(
        (&list["requests"][0]["id"], &list["requests"][1]["id"]),
        (&json!("ex_00000003"), &json!("ex_00000001"))
    );
}

#[tokio::test]
async fn sessions_beyond_the_limit_are_dropped_and_counted() {
    let api = Api::with(Settings { max_sessions: 2, ..Settings::default() });
    let first = api.hand_off(body_of("h-1", "sam@example.com")).await.json();
    for id in ["h-2", "h-3"] {
        api.hand_off(body_of(id, "sam@example.com")).await;
    }
    assert_eq!(api.get("/__admin/health").await.json()["sessions"], json!({ "kept": 2, "dropped": 1 }));
    let path = format!("/__admin/sessions/{}", first["agent_session_id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.status, 404);
    let again = api.hand_off(body_of("h-1", "sam@example.com")).await.json();
    assert_ne!(first, again, "a dropped session leaves its handoff_id free");
}

#[tokio::test]
async fn a_caller_who_hangs_up_leaves_an_exchange_without_an_answer() {
    let api = Api::new();
    let never = Body::from_stream(nothing_ever());
    let mut request = Request::post(crate::harness::CREATE).body(never).unwrap();
    request.headers_mut().insert("authorization", "Bearer x".parse().unwrap());
    request.headers_mut().insert("content-type", "application/json".parse().unwrap());
    tokio::select! {
        biased;
        _ = api.send(request) => panic!("half a request cannot be answered"),
        () = tokio::task::yield_now() => {}
    }
    let list = api.get("/__admin/requests").await.json();
    assert_eq!(list["matching"], 1);
    assert!(list["requests"][0]["answer"].is_null());
    assert_eq!(list["requests"][0]["chosen"]["by"], "nobody");
}

#[tokio::test(start_paused = true)]
async fn a_caller_who_does_not_wait_is_recorded_in_full() {
    let api = Api::new();
    let request = crate::harness::handoff_request(body_of("h-1", "sam+slow@example.com"));
    assert!(tokio::time::timeout(std::time::Duration::from_secs(1), api.send(request)).await.is_err());
    let exchange = api.get("/__admin/requests").await.json()["requests"][0].clone();
    assert!(exchange["answer"].is_null());
    assert_eq!(exchange["client"], "open");
    assert_eq!(exchange["request"]["body"]["handoff_id"], "h-1");
    assert_eq!(exchange["chosen"]["by"], "magic_email");
    assert!(exchange["agent_session_id"].as_str().unwrap().starts_with("as_"));
}

#[tokio::test]
async fn a_body_is_shown_exactly_as_sent() {
    let api = Api::new();
    let twice = r#"{"a":1,"a":2,"n":1.0e2}"#;
    let answer = api.hand_off(twice).await;
    let shown = api.get(&format!("/__admin/requests/{}", answer.header("x-mock-exchange"))).await.text;
    assert!(shown.contains(twice), "{shown}");
    let answer = api.hand_off("no JSON").await;
    let exchange = api.exchange(&answer).await;
    assert_eq!((&exchange["request"]["body"], &exchange["request"]["body_text"]), (&json!(null), &json!("no JSON")));
}

#[tokio::test]
async fn an_exchange_says_why_no_other_scenario_answered() {
    let api = Api::new();
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await;
    let nearest = api.exchange(&answer).await["near_misses"][0].clone();
    assert_eq!(nearest["matched"], 0);
    assert!(nearest["failed"][0].as_str().unwrap().contains("sam@example.com"), "{nearest}");
    let refused = api.hand_off("{}").await;
    assert_eq!(api.exchange(&refused).await["near_misses"], json!([]), "no scenario was tried");
}

#[tokio::test]
async fn the_journal_is_read_in_pages() {
    let api = Api::new();
    for _ in 0..5 {
        api.hand_off("{}").await;
    }
    let page = api.get("/__admin/requests?limit=2").await.json();
    assert_eq!(page["next"], "ex_00000004");
    let page = api.get("/__admin/requests?limit=3&before=ex_00000004").await.json();
    assert_eq!((&page["next"], &page["matching"]), (&json!(null), &json!(3)));
    // A page is bounded by bytes too.
    for _ in 0..10 {
        api.hand_off(" ".repeat(900_000)).await;
    }
    let page = api.get("/__admin/requests?limit=1000").await.json();
    assert!((4..=6).contains(&page["requests"].as_array().unwrap().len()));
    assert!(page["next"].is_string());
}

/// A stream that never yields.
fn nothing_ever() -> impl futures_util::Stream<Item = Result<Vec<u8>, std::io::Error>> {
    struct Never;
    impl futures_util::Stream for Never {
        type Item = Result<Vec<u8>, std::io::Error>;
        fn poll_next(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Self::Item>> {
            std::task::Poll::Pending
        }
    }
    Never
}
