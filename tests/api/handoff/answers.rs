//! The five answers (S1 to S8), and the rules that choose among them.

use crate::harness::{Api, BASE_URL, body_of};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use docendorse_mock::{Settings, config::OnDuplicateHandoff};
use serde_json::json;

#[tokio::test]
async fn a_handoff_succeeds_by_default() {
    let api = Api::new();
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_eq!(answer.status, StatusCode::OK);
    let body = answer.json();
    let id = body["agent_session_id"].as_str().unwrap();
    assert!(id.starts_with("as_") && id.len() == 27, "{id}");
    let uri = format!("{BASE_URL}/agent/{id}");
    assert_eq!(
        body,
        json!({ "status": "success", "next_action": "continue_handoff", "agent_session_id": id, "handoff_uri": uri })
    );
    assert_eq!(api.exchange(&answer).await["chosen"]["by"], "default");
}

#[tokio::test]
async fn a_magic_email_names_its_answer() {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    let mut answers = String::new();
    for tag in ["require_subscription", "verify_email", "register", "error"] {
        let answer = api.hand_off(body_of("h-1", &format!("sam+{tag}@example.com"))).await;
        answers += &format!("{tag}: {} {}\n", answer.status.as_u16(), answer.text);
        let exchange = api.exchange(&answer).await;
        assert_eq!(exchange["chosen"]["by"], "magic_email");
        assert_eq!(exchange["chosen"]["why"], format!("the actor's email has the tag +{tag}"));
    }
    insta::assert_snapshot!(answers);
    assert_eq!(api.hand_off(body_of("h-1", "sam+success@example.com")).await.json()["status"], "success");
    assert_eq!(api.hand_off(body_of("h-2", "sam+SUCCESS+error@example.com")).await.json()["status"], "success");
    assert_eq!(api.hand_off(body_of("h-3", "sam+unknown@example.com")).await.json()["status"], "success");
}

#[tokio::test]
async fn the_answers_of_the_guide_are_the_answers_of_the_mock() {
    let api = Api::new();
    for status in ["success", "require_subscription", "verify_email", "register", "error"] {
        let file = std::fs::read_to_string(format!("fixtures/responses/{status}.json")).unwrap();
        let documented: serde_json::Value = serde_json::from_str(&file).unwrap();
        let ours = api.hand_off(body_of(status, &format!("sam+{status}@example.com"))).await.json();
        for (field, value) in documented.as_object().unwrap() {
            match field.as_str() {
                "status" | "next_action" => assert_eq!(&ours[field], value, "{status}"),
                _ => assert!(ours[field].is_string(), "{status} lacks {field}"),
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_actor_waits_for_the_answer() {
    let api = Api::new();
    let start = tokio::time::Instant::now();
    let answer = api.hand_off(body_of("h-1", "sam+slow@example.com")).await;
    assert_eq!(answer.json()["status"], "success");
    assert_eq!(start.elapsed().as_secs(), 2);
    let answer = api.hand_off(body_of("h-2", "sam+slow+verify_email@example.com")).await;
    assert_eq!(answer.json()["status"], "verify_email");
    assert_eq!(start.elapsed().as_secs(), 4);
}

#[tokio::test]
async fn a_known_handoff_id_returns_its_session() {
    let api = Api::new();
    let first = api.hand_off(body_of("h-1", "sam@example.com")).await;
    let again = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_eq!(first.json(), again.json());
    assert!(again.headers.get("x-mock-advices").is_none());
    let other = api.hand_off(body_of("h-1", "Sam+news@example.com")).await;
    assert_eq!(first.json(), other.json());
    assert_eq!(api.exchange(&other).await["advices"][0]["code"], "reused_handoff_id");
    let unsubscribed = Request::patch("/__admin/actors/sam@example.com").body(Body::from(r#"{"subscribed": false}"#));
    api.send(unsubscribed.unwrap()).await;
    let obstructed = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_eq!(first.json(), obstructed.json(), "obstacles do not apply to a replay");
    assert_ne!(first.json(), api.hand_off(body_of("h-2", "sam@example.com")).await.json());
}

#[tokio::test]
async fn before_a_success_a_known_handoff_id_is_a_retry() {
    let api = Api::new();
    let refused = api.hand_off(body_of("h-1", "sam+verify_email@example.com")).await;
    assert_eq!(refused.json()["status"], "verify_email");
    assert_eq!(api.hand_off(body_of("h-1", "sam@example.com")).await.json()["status"], "success");
}

#[tokio::test]
async fn a_known_handoff_id_can_open_another_session() {
    let settings = Settings { on_duplicate_handoff: OnDuplicateHandoff::New, ..Settings::default() };
    let api = Api::with(settings);
    let first = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_ne!(first.json(), api.hand_off(body_of("h-1", "sam@example.com")).await.json());
}

#[tokio::test]
async fn a_known_handoff_id_can_be_an_error() {
    let settings = Settings { on_duplicate_handoff: OnDuplicateHandoff::Error, ..Settings::default() };
    let api = Api::with(settings);
    api.hand_off(body_of("h-1", "sam@example.com")).await;
    let again = api.hand_off(body_of("h-1", "sam@example.com")).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert_eq!(again.description(), "The handoff_id was used before; send each handoff with its own id.");
}

#[tokio::test]
async fn the_registration_url_can_be_left_out() {
    let api = Api::with(Settings { no_registration_url: true, ..Settings::default() });
    let answer = api.hand_off(body_of("h-1", "sam+register@example.com")).await;
    assert_eq!(answer.json(), json!({ "status": "register", "next_action": "register_account" }));
}

#[tokio::test]
async fn one_setting_sets_the_http_status_of_every_handoff_error() {
    let api = Api::with(Settings { error_http_status: Some(200), ..Settings::default() });
    let outcome = api.hand_off(body_of("h-1", "sam+error@example.com")).await;
    let invalid = api.hand_off("{}").await;
    let method = api.get(crate::harness::CREATE).await;
    for answer in [&outcome, &invalid, &method] {
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.description().is_empty());
    }
    assert_eq!(method.header("allow"), "POST");
    assert_eq!(api.exchange(&invalid).await["answer"]["http_status"], 200);
    assert_eq!(api.get("/elsewhere").await.status, StatusCode::NOT_FOUND, "the setting does not apply to other paths");
    assert_eq!(api.hand_off(body_of("h-1", "sam+verify_email@example.com")).await.status, StatusCode::OK);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answers() {
    let api = || Api::with(Settings { seed: Some(42), ..Settings::default() });
    let (one, other) = (api(), api());
    for id in ["h-1", "h-2"] {
        let body = body_of(id, "sam@example.com");
        // Requests in between take their ids from other streams.
        other.get("/__admin/health").await;
        assert_eq!(one.hand_off(body.clone()).await.text, other.hand_off(body).await.text);
    }
}

#[tokio::test]
async fn error_http_status_leaves_unknown_paths_alone() {
    let api = Api::with(Settings { error_http_status: Some(200), ..Settings::default() });
    for (host, status) in [("mock.test", 404), ("a b", 400)] {
        let request = Request::get("/nothing").header("host", host).body(Body::empty()).unwrap();
        assert_eq!(api.send(request).await.status, status, "{host}");
    }
}
