//! Concurrent callers that change or use the scenarios of one sandbox: no change is lost, and nothing is used twice.

use crate::{
    harness::{Api, body_of},
    sandboxes::lifecycle::send,
};
use serde_json::{Value, json};
use std::sync::Arc;
use tokio::task::JoinSet;

/// A scenario that matches no request here, whose answers are errors with these descriptions.
fn scenario(name: &str, per: &str, descriptions: &[String]) -> Value {
    let answers = descriptions.iter().map(|text| json!({ "outcome": "error", "description": text }));
    let matcher = json!({ "email": "nobody@example.com" });
    json!({ "name": name, "per": per, "match": matcher, "answers": answers.collect::<Vec<_>>() })
}

async fn put(api: &Api, scenario: &Value) {
    let path = format!("/__admin/scenarios/{}", scenario["name"].as_str().unwrap());
    let answer = send(api, "PUT", &path, scenario.clone()).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
}

async fn list(api: &Api) -> Value {
    api.get("/__admin/scenarios?limit=1000").await.json()
}

/// The sorted descriptions of the answers to `count` concurrent handoffs; `success` for a session.
async fn at_once(api: &Arc<Api>, round: usize, count: usize) -> Vec<String> {
    let mut handoffs = JoinSet::new();
    for number in 0..count {
        let (api, id) = (Arc::clone(api), format!("h-{round}-{number}"));
        handoffs.spawn(async move {
            let answer = api.hand_off(body_of(&id, &format!("{id}@example.com"))).await.json();
            answer.get("description").unwrap_or(&answer["status"]).as_str().unwrap().to_owned()
        });
    }
    let mut said = handoffs.join_all().await;
    said.sort();
    said
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_queue_entry_is_used_once() {
    let api = Arc::new(Api::new());
    put(&api, &scenario("queued", "actor", &["queued".to_owned()])).await;
    for round in 0..10 {
        let count = 25;
        send(&api, "POST", "/__admin/scenarios/queued/queue", json!({ "count": count })).await;
        let said = at_once(&api, round, 4 * count).await;
        assert_eq!(said.iter().filter(|said| *said == "queued").count(), count, "round {round}");
        assert_eq!(said.iter().filter(|said| *said == "success").count(), 3 * count, "round {round}");
        assert_eq!(list(&api).await["queued"], json!([]));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn each_request_advances_a_walk_by_one_step() {
    let api = Arc::new(Api::new());
    for (round, force) in [("PUT", "pin"), ("POST", "queue")].into_iter().cycle().take(10).enumerate() {
        let (method, verb) = force;
        let name = format!("s{round}");
        let steps: Vec<String> = (0..60).map(|step| format!("step {step:02}")).collect();
        put(&api, &scenario(&name, "all", &steps)).await;
        let body = if verb == "queue" { json!({ "count": steps.len() }) } else { Value::Null };
        if body.is_null() {
            api.call(method, &format!("/__admin/scenarios/{name}/{verb}")).await;
        } else {
            send(&api, method, &format!("/__admin/scenarios/{name}/{verb}"), body).await;
        }
        assert_eq!(at_once(&api, round, steps.len()).await, steps, "{verb}");
        let state = api.get(&format!("/__admin/scenarios/{name}/state")).await.json();
        assert_eq!(state["state"][0]["total"], steps.len());
        api.call("DELETE", &format!("/__admin/scenarios/{name}/pin")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_change_of_two_callers_is_lost() {
    let api = Arc::new(Api::new());
    let shipped = list(&api).await["scenarios"].as_array().unwrap().len();
    let mut changes = JoinSet::new();
    for number in 0..40 {
        let api = Arc::clone(&api);
        changes.spawn(async move { put(&api, &scenario(&format!("s{number}"), "actor", &["x".to_owned()])).await });
    }
    for name in ["hang", "flaky", "rate-limited"] {
        let api = Arc::clone(&api);
        changes.spawn(async move {
            assert_eq!(api.call("DELETE", &format!("/__admin/scenarios/{name}")).await.status, 204);
        });
    }
    let pinning = Arc::clone(&api);
    changes.spawn(async move {
        assert_eq!(pinning.call("PUT", "/__admin/scenarios/token-revoked/pin").await.status, 200);
    });
    changes.join_all().await;
    let list = list(&api).await;
    assert_eq!(list["scenarios"].as_array().unwrap().len(), shipped + 40 - 3);
    assert_eq!(list["pinned"], "token-revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_queue_never_exceeds_its_limit() {
    let api = Arc::new(Api::new());
    let mut queueing = JoinSet::new();
    for _ in 0..20 {
        let api = Arc::clone(&api);
        queueing.spawn(async move {
            send(&api, "POST", "/__admin/scenarios/rate-limited/queue", json!({ "count": 100 })).await.status.as_u16()
        });
    }
    let statuses = queueing.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 10, "{statuses:?}");
    assert_eq!(list(&api).await["queued"].as_array().unwrap().len(), 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_removed_scenario_is_never_left_pinned() {
    let api = Arc::new(Api::new());
    let own = scenario("own", "actor", &["own".to_owned()]);
    for round in 0..30 {
        put(&api, &own).await;
        let mut both = JoinSet::new();
        for (method, path) in [("PUT", "/__admin/scenarios/own/pin"), ("DELETE", "/__admin/scenarios/own")] {
            let api = Arc::clone(&api);
            both.spawn(async move { api.call(method, path).await.status });
        }
        both.join_all().await;
        put(&api, &own).await;
        assert_eq!(list(&api).await["pinned"], Value::Null, "round {round}");
    }
}
