//! Near misses of an exchange: the scenarios of its endpoint that were in force when the request arrived.

use crate::{
    harness::{Api, body_of},
    sandboxes::lifecycle::send,
    token::client::Client,
};
use docendorse_mock::Settings;
use serde_json::{Value, json};

async fn put(api: &Api, name: &str, scenario: Value) {
    let put = send(api, "PUT", &format!("/__admin/scenarios/{name}"), scenario).await;
    assert!(put.status.is_success(), "{}", put.text);
}

/// A scenario that is nearer to every handoff here than the shipped ones are: one predicate holds, one fails.
fn near(name: &str, source: &str) -> Value {
    let matcher = json!({ "email": "sam@*", "intent": "send_e_sign_request", "source": source });
    json!({ "name": name, "match": matcher, "answers": [{}] })
}

async fn near_misses(api: &Api, exchange: &str) -> Value {
    let shown = api.get(&format!("/__admin/requests/{exchange}")).await;
    assert_eq!(shown.status, 200, "{}", shown.text);
    shown.json()["near_misses"].clone()
}

async fn hand_off(api: &Api, id: &str) -> String {
    api.hand_off(body_of(id, "sam@example.com")).await.header("x-mock-exchange").to_owned()
}

#[tokio::test]
async fn a_changed_scenario_is_compared_as_it_was() {
    let api = Api::new();
    put(&api, "mine", near("mine", "erp")).await;
    let before = hand_off(&api, "h-1").await;
    put(&api, "mine", near("mine", "fax")).await;
    let after = hand_off(&api, "h-2").await;
    for (exchange, source) in [(&before, "erp"), (&after, "fax"), (&before, "erp")] {
        let misses = near_misses(&api, exchange).await;
        let failed = format!(r#"source "chat" does not match "{source}""#);
        assert_eq!(misses[0], json!({ "scenario": "mine", "failed": [failed], "matched": 2 }));
    }
}

#[tokio::test]
async fn a_deleted_scenario_is_still_a_near_miss() {
    let api = Api::new();
    put(&api, "mine", near("mine", "erp")).await;
    let before = hand_off(&api, "h-1").await;
    assert_eq!(api.call("DELETE", "/__admin/scenarios/mine").await.status, 204);
    assert_eq!(near_misses(&api, &before).await[0]["scenario"], "mine");
    let after = hand_off(&api, "h-2").await;
    assert_ne!(near_misses(&api, &after).await[0]["scenario"], "mine");
    // A scenario that is added later was not missed.
    put(&api, "later", near("later", "erp")).await;
    assert_eq!(near_misses(&api, &before).await[0]["scenario"], "mine");
    assert!(near_misses(&api, &after).await.as_array().unwrap().iter().all(|miss| miss["scenario"] != "later"));
    // The scenarios that the sandbox started with are one more set.
    assert_eq!(api.call("DELETE", "/__admin/scenarios").await.status, 204);
    assert_eq!(near_misses(&api, &before).await[0]["scenario"], "mine");
}

#[tokio::test]
async fn near_misses_are_null_once_the_history_is_full() {
    let api = Api::new();
    put(&api, "mine", near("mine", "first")).await;
    let first = hand_off(&api, "first").await;
    let mut last = String::new();
    for number in 0..16 {
        put(&api, "mine", near("mine", &format!("s{number}"))).await;
        last = hand_off(&api, &format!("h-{number}")).await;
    }
    assert_eq!(near_misses(&api, &first).await[0]["scenario"], "mine", "sixteen replaced sets are kept");
    put(&api, "mine", near("mine", "end")).await;
    assert_eq!(near_misses(&api, &first).await, json!(null));
    assert_eq!(near_misses(&api, &last).await[0]["scenario"], "mine");
    let now = hand_off(&api, "now").await;
    assert_eq!(near_misses(&api, &now).await[0]["scenario"], "mine");
}

#[tokio::test]
async fn changes_without_requests_leave_the_history_alone() {
    let api = Api::new();
    put(&api, "mine", near("mine", "first")).await;
    let first = hand_off(&api, "first").await;
    for number in 0..100 {
        put(&api, "mine", near("mine", &format!("s{number}"))).await;
    }
    let misses = near_misses(&api, &first).await;
    assert_eq!(misses[0]["failed"], json!([r#"source "chat" does not match "first""#]));
}

#[tokio::test]
async fn near_misses_keep_to_the_endpoint() {
    let api = Api::new();
    let client = Client::frozen(&api).await;
    let matcher = json!({ "email": "nobody@example.com" });
    let token = json!({ "name": "for-tokens", "priority": 9, "endpoint": "token", "match": matcher,
        "answers": [{ "outcome": "error", "description": "No." }] });
    let handoff = json!({ "name": "for-handoffs", "priority": 9, "match": matcher, "answers": [{}] });
    for scenario in [token, handoff] {
        let name = scenario["name"].as_str().unwrap().to_owned();
        put(&api, &format!("{name}?sandbox={}", client.sandbox), scenario).await;
    }
    let answer = client.exchange("j-1", &json!({ "email": "sam@example.com" })).await;
    let exchange = api.get(&client.path(&format!("requests/{}", answer.header("x-mock-exchange")))).await.json();
    let misses = exchange["near_misses"].as_array().unwrap();
    assert_eq!(misses[0]["scenario"], "for-tokens", "{exchange}");
    assert_eq!(misses[0]["failed"], json!([r#"email "sam@example.com" does not match "nobody@example.com""#]));
    assert!(misses.iter().all(|miss| miss["scenario"].as_str().unwrap().contains("token")), "{exchange}");
    let token = crate::token::client::token_of(&answer);
    let answer = crate::token::access::hand_off(&api, &token, "h-1", "usr_123", "sam@example.com").await;
    let exchange = api.get(&client.path(&format!("requests/{}", answer.header("x-mock-exchange")))).await.json();
    let misses = exchange["near_misses"].as_array().unwrap();
    assert_eq!(misses[0]["scenario"], "for-handoffs", "{exchange}");
    assert!(misses.iter().all(|miss| !miss["scenario"].as_str().unwrap().contains("token")), "{exchange}");
}

#[tokio::test]
async fn a_large_set_replaced_many_times_stays_bounded() {
    const MOST: usize = 8 << 20;
    let api = Api::new();
    let large = |number: usize| {
        let body: Vec<_> = (0..100)
            .map(|place| json!({ "pointer": format!("/p{place}"), "glob": format!("{number}{}", "x".repeat(900)) }))
            .collect();
        json!({ "name": "large", "match": { "body": body }, "answers": [{ "description": "d".repeat(400_000),
            "outcome": "error" }] })
    };
    let sandbox = api.app.sandboxes.default_sandbox();
    let mut first = String::new();
    // The history holds 16 sets at most, so it is full long before the last round.
    for number in 0..40 {
        put(&api, "large", large(number)).await;
        let exchange = hand_off(&api, &format!("h-{number}")).await;
        if number == 0 {
            first = exchange;
        }
        assert!(sandbox.scripts.history_bytes() <= MOST, "{}", sandbox.scripts.history_bytes());
    }
    assert!(sandbox.scripts.history_bytes() > 100_000, "{}", sandbox.scripts.history_bytes());
    assert_eq!(near_misses(&api, &first).await, json!(null));
}

#[tokio::test]
async fn the_history_is_dropped_when_memory_is_short() {
    let api = Api::with(Settings { max_memory: 8_000_000, ..Settings::default() });
    let description = |number: usize| format!("{number} {}", "d".repeat(250_000));
    let scenario = |number| {
        json!({ "name": "mine", "match": { "email": "kim@*" },
            "answers": [{ "outcome": "error", "description": description(number) }] })
    };
    let first = hand_off(&api, "first").await;
    for number in 0..15 {
        put(&api, "mine", scenario(number)).await;
        hand_off(&api, &format!("h-{number}")).await;
        let memory = api.get("/__admin/health").await.json()["memory"].clone();
        assert!(memory["used"].as_u64() <= memory["limit"].as_u64(), "{memory}");
    }
    assert_eq!(near_misses(&api, &first).await, json!(null), "fewer than sixteen sets fit");
    let last = hand_off(&api, "last").await;
    assert!(near_misses(&api, &last).await.is_array(), "the set in force is always available");
}
