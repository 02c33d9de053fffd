//! The helpers of the server inside a Rust test.

use crate::harness::{CREATE, body_of};
use docendorse_mock::{ActorChange, CreateSandbox, Mock, MockError, MockSandbox, SessionStatus, Settings};
use serde_json::{Value, json};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

async fn hand_off(mock: &Mock, sandbox: &MockSandbox, handoff_id: &str, email: &str) -> Value {
    let token = sandbox.issue_token("usr_123", email).await.unwrap();
    let request = reqwest::Client::new().post(format!("{}{CREATE}", mock.url())).bearer_auth(token);
    let request = request.header("content-type", "application/json").body(body_of(handoff_id, email));
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn a_test_sets_the_state_of_an_actor() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let sandbox = mock.create_sandbox("suite-a").await.unwrap();
    assert_eq!(sandbox.actor("kim@example.com").await.unwrap(), None);
    let change = ActorChange { subscribed: Some(false), ..ActorChange::default() };
    sandbox.change_actor("kim@example.com", change).await.unwrap();
    assert!(!sandbox.actor("KIM@example.com").await.unwrap().unwrap().subscribed);
    assert_eq!(hand_off(&mock, &sandbox, "h-1", "kim@example.com").await["status"], "require_subscription");
    let change = ActorChange { subscribed: Some(true), ..ActorChange::default() };
    let changed = sandbox.change_actor("kim@example.com", change).await.unwrap();
    assert_eq!(changed.opened_sessions.len(), 1);
    assert_eq!(sandbox.sessions().await.unwrap().len(), 1);
    assert!(!sandbox.events().await.unwrap().is_empty());
    sandbox.reset().await.unwrap();
    assert!(sandbox.sessions().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_test_queries_the_journal_and_waits_for_it() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let sandbox = mock.sandbox();
    let kim = json!({ "endpoint": "handoff", "match": { "email": "kim@example.com" } });
    let wait = sandbox.wait_for_exchanges(2, &kim, PATIENCE);
    let (found, ..) = tokio::join!(wait, async {
        for (id, email) in [("h-1", "sam@example.com"), ("h-2", "kim@example.com"), ("h-3", "kim@example.com")] {
            hand_off(&mock, &sandbox, id, email).await;
        }
    });
    assert_eq!(found.unwrap().len(), 2);
    assert_eq!((sandbox.count_exchanges(&kim).unwrap(), sandbox.exchanges().len()), (2, 3));
    assert_eq!(sandbox.find_exchanges(&json!({})).unwrap().len(), 3);
    let missed = sandbox.wait_for_exchanges(3, &kim, Duration::ZERO).await.unwrap_err();
    assert!(matches!(missed, MockError::TimedOut { wanted: 3, matching: 2, kept: 3, .. }), "{missed}");
    assert!(matches!(sandbox.count_exchanges(&json!({ "emial": "x" })), Err(MockError::Query(_))));
}

#[tokio::test]
async fn a_test_moves_the_clock_of_its_sandbox() {
    let settings = Settings::default().with_session_ttl(Duration::from_secs(60));
    let mock = Mock::start(settings).await.unwrap();
    let sandbox = mock.sandbox();
    sandbox.freeze_clock().await.unwrap();
    let start = sandbox.now();
    assert_eq!(hand_off(&mock, &sandbox, "h-1", "sam@example.com").await["status"], "success");
    assert!(sandbox.advance_clock(Duration::from_secs(59)).await.unwrap().is_empty());
    assert_eq!(sandbox.set_clock(start + Duration::from_secs(60)).await.unwrap().len(), 1);
    assert_eq!(sandbox.now(), start + Duration::from_secs(60));
    assert_eq!(sandbox.sessions().await.unwrap()[0].status, SessionStatus::Expired);
    assert!(matches!(sandbox.set_clock(start).await, Err(MockError::Clock(_))));
    sandbox.resume_clock().await.unwrap();
}

#[tokio::test]
async fn a_test_puts_pins_and_queues_scenarios() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let sandbox = mock.create_sandbox(CreateSandbox { seed: Some(7), ..CreateSandbox::default() }).await.unwrap();
    let text = "name: unlucky\nmatch: { email: nobody@example.com }\nanswers: [{ outcome: verify_email }]\n";
    assert_eq!(sandbox.put_scenario(text).await.unwrap(), "unlucky");
    sandbox.queue_scenario("unlucky", 1).await.unwrap();
    assert_eq!(hand_off(&mock, &sandbox, "h-1", "sam@example.com").await["status"], "verify_email");
    sandbox.pin_scenario("unlucky").await.unwrap();
    assert_eq!(hand_off(&mock, &sandbox, "h-2", "kim@example.com").await["status"], "verify_email");
    sandbox.unpin_scenario().await.unwrap();
    assert_eq!(hand_off(&mock, &sandbox, "h-3", "lee@example.com").await["status"], "success");
    assert!(matches!(sandbox.put_scenario("nonsense").await, Err(MockError::Scenario(_))));
    assert!(matches!(sandbox.pin_scenario("unknown").await, Err(MockError::NoSuchScenario(_))));
    assert!(matches!(sandbox.queue_scenario("unknown", 1).await, Err(MockError::NoSuchScenario(_))));
}

#[tokio::test]
async fn sandboxes_are_found_by_their_name() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    assert!(mock.sandbox().credentials().is_none());
    let made = mock.create_sandbox("suite-a").await.unwrap();
    assert_eq!(mock.find_sandbox("suite-a").unwrap().credentials(), made.credentials());
    assert!(mock.find_sandbox("suite-b").is_none());
    assert!(matches!(mock.create_sandbox("suite-a").await, Err(MockError::Sandbox(_))));
}
