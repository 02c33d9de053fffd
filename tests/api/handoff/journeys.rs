//! After an obstacle: actors change, and handoffs continue (S3, S4, S5).

use crate::harness::{Answer, Api, body_of};
use axum::{body::Body, http::Request};
use docendorse_mock::{Settings, config::OnDuplicateHandoff};
use serde_json::{Value, json};

async fn patch(api: &Api, email: &str, change: Value) -> Answer {
    let request = Request::patch(format!("/__admin/actors/{email}"));
    api.send(request.body(Body::from(change.to_string())).unwrap()).await
}

async fn status_of(api: &Api, handoff_id: &str, email: &str) -> Value {
    api.hand_off(body_of(handoff_id, email)).await.json()["status"].clone()
}

async fn sessions(api: &Api) -> Vec<Value> {
    let list = api.get("/__admin/sessions").await.json();
    list["sessions"].as_array().unwrap().iter().map(|session| session["id"].clone()).collect()
}

#[tokio::test]
async fn once_the_email_is_verified_the_retry_succeeds() {
    let api = Api::new();
    let email = "sam+verify_email@example.com";
    assert_eq!(status_of(&api, "h-1", email).await, "verify_email");
    assert_eq!(status_of(&api, "h-1", email).await, "verify_email", "a retry alone changes nothing");
    let changed = patch(&api, email, json!({ "email_verified": true })).await;
    assert_eq!(
        changed.json(),
        json!({
            "actor": { "email": email, "registered": true, "email_verified": true, "subscribed": true },
            "opened_sessions": [],
        })
    );
    let retried = api.hand_off(body_of("h-1", email)).await;
    assert_eq!(retried.json()["status"], "success");
    let chosen = &api.exchange(&retried).await["chosen"];
    assert_eq!(
        *chosen,
        json!({ "by": "actor", "why": "the actor is registered, verified and subscribed" }),
        "the tag in the email no longer decides"
    );
}

#[tokio::test]
async fn once_the_actor_is_registered_the_retry_succeeds() {
    let api = Api::new();
    let email = "sam+register@example.com";
    assert_eq!(status_of(&api, "h-1", email).await, "register");
    assert_eq!(patch(&api, email, json!({ "registered": true })).await.json()["opened_sessions"], json!([]));
    assert_eq!(status_of(&api, "h-1", email).await, "success");
}

#[tokio::test]
async fn once_the_actor_subscribes_the_session_exists_without_a_retry() {
    let api = Api::new();
    let email = "sam+require_subscription@example.com";
    assert_eq!(status_of(&api, "h-1", email).await, "require_subscription");
    assert_eq!(sessions(&api).await, [Value::Null; 0]);
    let opened = patch(&api, email, json!({ "subscribed": true })).await.json()["opened_sessions"].clone();
    assert_eq!(sessions(&api).await, *opened.as_array().unwrap());
    let session = api.get(&format!("/__admin/sessions/{}", opened[0].as_str().unwrap())).await.json();
    let sent: Value = serde_json::from_str(&body_of("h-1", email)).unwrap();
    assert_eq!((&session["request"], &session["status"]), (&sent, &json!("open")));
    let retried = api.hand_off(body_of("h-1", email)).await;
    assert_eq!(retried.json()["agent_session_id"], opened[0], "the very same one");
    assert!(retried.headers.get("x-mock-advices").is_none());
    assert_eq!(sessions(&api).await.len(), 1);
}

#[tokio::test]
async fn all_waiting_handoffs_of_an_actor_are_opened_in_order() {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    let email = "sam+require_subscription@example.com";
    for handoff_id in ["h-1", "h-2", "h-3", "h-2"] {
        assert_eq!(status_of(&api, handoff_id, email).await, "require_subscription");
    }
    assert_eq!(status_of(&api, "h-4", "kim+require_subscription@example.com").await, "require_subscription");
    let opened = patch(&api, email, json!({ "subscribed": true })).await.json()["opened_sessions"].clone();
    let mut handoff_ids = Vec::new();
    for id in opened.as_array().unwrap() {
        let session = api.get(&format!("/__admin/sessions/{}", id.as_str().unwrap())).await.json();
        handoff_ids.push(session["handoff_id"].as_str().unwrap().to_owned());
    }
    assert_eq!(handoff_ids, ["h-1", "h-2", "h-3"]);
    let again = patch(&api, email, json!({ "subscribed": true })).await.json();
    assert_eq!(again["opened_sessions"], json!([]), "they are opened only once");
    assert_eq!(status_of(&api, "h-4", "kim+require_subscription@example.com").await, "require_subscription");
}

#[tokio::test]
async fn waiting_handoffs_are_found_whatever_the_case_of_email() {
    let api = Api::new();
    for (id, email) in
        [("h-1", "Sam+require_subscription@example.com"), ("h-2", "sam+require_subscription@EXAMPLE.com")]
    {
        assert_eq!(status_of(&api, id, email).await, "require_subscription");
    }
    let change = json!({ "subscribed": true });
    let opened = patch(&api, "SAM+require_subscription@example.com", change).await.json()["opened_sessions"].clone();
    assert_eq!(opened.as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_waiting_handoff_is_opened_once_all_obstacles_are_gone() {
    let api = Api::new();
    let email = "sam+require_subscription@example.com";
    assert_eq!(status_of(&api, "h-1", email).await, "require_subscription");
    let change = json!({ "registered": false, "email_verified": false, "subscribed": true });
    assert_eq!(patch(&api, email, change).await.json()["opened_sessions"], json!([]));
    assert_eq!(status_of(&api, "h-2", email).await, "register", "obstacles come in the order of the journey");
    assert_eq!(patch(&api, email, json!({ "registered": true })).await.json()["opened_sessions"], json!([]));
    assert_eq!(status_of(&api, "h-2", email).await, "verify_email");
    let opened = patch(&api, email, json!({ "email_verified": true })).await.json()["opened_sessions"].clone();
    assert_eq!(opened.as_array().unwrap().len(), 1, "h-2 did not wait for a subscription, and is retried");
    assert_eq!(status_of(&api, "h-2", email).await, "success");
}

#[tokio::test]
async fn an_ended_subscription_is_an_obstacle_again() {
    let api = Api::new();
    assert_eq!(status_of(&api, "h-1", "sam@example.com").await, "success");
    patch(&api, "sam@example.com", json!({ "subscribed": false })).await;
    assert_eq!(status_of(&api, "h-2", "sam@example.com").await, "require_subscription");
    assert_eq!(status_of(&api, "h-1", "sam@example.com").await, "success", "an open session stays open (S8)");
}

#[tokio::test]
async fn a_session_that_waited_is_known_by_its_handoff_id() {
    for (mode, second) in [(OnDuplicateHandoff::Error, "error"), (OnDuplicateHandoff::New, "success")] {
        let api = Api::with(Settings { on_duplicate_handoff: mode, ..Settings::default() });
        let email = "sam+require_subscription@example.com";
        status_of(&api, "h-1", email).await;
        patch(&api, email, json!({ "subscribed": true })).await;
        assert_eq!(status_of(&api, "h-1", email).await, second, "{mode:?}");
        let opened = if mode == OnDuplicateHandoff::New { 2 } else { 1 };
        assert_eq!(sessions(&api).await.len(), opened);
    }
}

#[tokio::test]
async fn an_actor_can_be_set_before_the_first_handoff() {
    let api = Api::new();
    assert_eq!(api.get("/__admin/actors/kim@example.com").await.status, 404);
    let changed = patch(&api, "kim@example.com", json!({ "email_verified": false })).await.json();
    let known = json!({ "email": "kim@example.com", "registered": true, "email_verified": false, "subscribed": true });
    assert_eq!(changed, json!({ "actor": known, "opened_sessions": [] }));
    assert_eq!(api.get("/__admin/actors/kim@example.com").await.json(), known);
    assert_eq!(status_of(&api, "h-1", "kim@example.com").await, "verify_email");
    let tagged = patch(&api, "kim+register@example.com", json!({})).await.json();
    assert_eq!(tagged["actor"]["registered"], false, "starts as its tags say");
}

#[tokio::test]
async fn actors_are_listed_newest_first() {
    let api = Api::new();
    for email in ["a@example.com", "b@example.com", "c@example.com"] {
        patch(&api, email, json!({})).await;
    }
    let list = api.get("/__admin/actors?limit=2").await.json();
    let emails: Vec<&Value> = list["actors"].as_array().unwrap().iter().map(|actor| &actor["email"]).collect();
    assert_eq!((emails, &list["matching"]), (vec![&json!("c@example.com"), &json!("b@example.com")], &json!(3)));
}

#[tokio::test]
async fn the_case_of_an_email_does_not_matter() {
    let api = Api::new();
    assert_eq!(status_of(&api, "h-1", "Sam+Require_Subscription@Example.com").await, "require_subscription");
    let changed = patch(&api, "SAM+require_subscription@EXAMPLE.com", json!({ "subscribed": true })).await.json();
    assert_eq!(changed["actor"]["email"], "sam+require_subscription@example.com");
    assert_eq!(changed["opened_sessions"].as_array().unwrap().len(), 1);
    assert_eq!(status_of(&api, "h-2", "sam+REQUIRE_SUBSCRIPTION@example.com").await, "success");
    assert_eq!(api.get("/__admin/actors/sam+require_SUBSCRIPTION@example.com").await.status, 200);
    assert_eq!(api.get("/__admin/actors").await.json()["matching"], 1);
}

#[tokio::test]
async fn an_error_stays_an_error_whatever_the_actors_state() {
    let api = Api::new();
    let email = "sam+error@example.com";
    assert_eq!(status_of(&api, "h-1", email).await, "error");
    assert_eq!(api.get("/__admin/actors").await.json()["matching"], 0, "an error starts no journey");
    patch(&api, email, json!({ "registered": true, "email_verified": true, "subscribed": true })).await;
    assert_eq!(status_of(&api, "h-1", email).await, "error");
}

#[tokio::test]
async fn an_unknown_change_is_refused_and_changes_nothing() {
    let api = Api::new();
    for (change, wanted) in [
        (json!({ "verified": true }), "/verified: unknown member"),
        (json!({ "email_verified": "yes" }), "/email_verified: \"yes\" is not true or false"),
        (json!("verified"), "must be a JSON object"),
        (json!([true]), "must be a JSON object"),
    ] {
        let refused = patch(&api, "sam@example.com", change).await;
        assert_eq!(refused.status, 400);
        assert!(refused.json()["detail"].as_str().unwrap().contains(wanted), "{}", refused.text);
    }
    assert_eq!(api.get("/__admin/actors").await.json()["matching"], 0);
}

#[tokio::test]
async fn a_reset_ends_all_journeys() {
    let api = Api::new();
    let email = "sam+require_subscription@example.com";
    status_of(&api, "h-1", email).await;
    api.call("POST", "/__admin/reset").await;
    assert_eq!(api.get("/__admin/actors").await.json()["matching"], 0);
    let changed = patch(&api, email, json!({ "subscribed": true })).await.json();
    assert_eq!(changed["opened_sessions"], json!([]), "nothing waits any longer");
}

/// Whatever the order of a handoff and the change that it waits for, it neither waits forever nor is opened twice.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_handoff_concurrent_with_its_subscription_opens_once() {
    let api = std::sync::Arc::new(Api::new());
    for round in 0..50 {
        let email = format!("sam{round}+require_subscription@example.com");
        patch(&api, &email, json!({})).await;
        let (other, theirs) = (std::sync::Arc::clone(&api), email.clone());
        let hand_off = tokio::spawn(async move { other.hand_off(body_of("h-1", &theirs)).await });
        patch(&api, &email, json!({ "subscribed": true })).await;
        hand_off.await.unwrap();
        let retried = api.hand_off(body_of("h-1", &email)).await.json();
        assert_eq!(retried["status"], "success");
        let list = api.get(&format!("/__admin/sessions?email={}", email.replace('+', "%2B"))).await;
        assert_eq!(list.json()["matching"], 1);
        api.call("POST", "/__admin/reset").await;
    }
}
