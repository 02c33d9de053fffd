//! Walks through each shipped scenario as a client would.

use super::live::{Live, hand_off, patch, sam, word};
use crate::{harness::Api, sandboxes::lifecycle::send};
use docendorse_mock::{Settings, domain::scenario::shipped};
use serde_json::{Value, json};
use std::{error::Error, io::ErrorKind, time::Duration};
use tokio::time::{Instant, timeout};

/// Declares a test for each walk through a shipped scenario. A walk has the name of its scenario.
macro_rules! walks {
    ($($walk:ident)*) => {
        const WALKED: &[&str] = &[$(stringify!($walk)),*];
        mod walk {
            $(
                #[tokio::test]
                async fn $walk() {
                    super::$walk(&stringify!($walk).replace('_', "-")).await;
                }
            )*
        }
    };
}

walks! {
    close_midway contract_drift_extra_field contract_drift_html contract_drift_missing_field
    contract_drift_truncated_json contract_drift_unknown_status contract_drift_wrong_content_type
    contract_drift_wrong_type empty_answer expired_file_url flaky flaky_alternating hang outage_for_a_minute
    rate_limited register_verify_success reset slow_body slow_lognormal subscribe_then_session token_revoked
    verify_then_success
}

#[test]
fn every_shipped_scenario_is_walked() {
    let mut walked: Vec<String> = WALKED.iter().map(|walk| walk.replace('_', "-")).collect();
    walked.sort();
    // Scenarios of the token endpoint and those with people who sign are tested elsewhere.
    let elsewhere = ["\nendpoint: token\n", "\nparties: ", "\npeople:", "\nvoids: "];
    let is_walked_here = |text: &str| !elsewhere.iter().any(|key| text.contains(key));
    let mut names: Vec<&str> =
        shipped().iter().filter(|(_, text)| is_walked_here(text)).map(|(name, _)| *name).collect();
    names.sort_unstable();
    assert_eq!(walked, names);
}

async fn close_midway(name: &str) {
    let live = Live::start().await;
    let answer = live.hand_off("h-1", &sam(name)).await.unwrap();
    assert_eq!(answer.status(), 200, "the head is valid");
    let announced = answer.content_length().unwrap();
    assert!(announced > 50);
    assert!(answer.text().await.is_err(), "the body is incomplete");
    live.assert_retry_finds_the_session(&sam(name)).await;
}

async fn contract_drift_extra_field(name: &str) {
    let answer = Live::start().await.json(name).await;
    assert_eq!((&answer["status"], &answer["expires_in"]), (&json!("success"), &json!(3600)));
    assert!(answer["handoff_uri"].is_string() && !answer["trace"]["id"].as_str().unwrap().is_empty());
    assert!(answer["trace"]["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    assert_eq!(answer["trace"]["tags"], json!(["new", format!("for {}", sam(name))]));
}

async fn contract_drift_html(name: &str) {
    let live = Live::start().await;
    let answer = live.hand_off("h-1", &sam(name)).await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(last(&answer, "content-type"), "text/html; charset=utf-8");
    let page = answer.text().await.unwrap();
    assert!(page.starts_with("<!doctype html>\n<title>Scheduled maintenance</title>\n"), "{page}");
    assert_eq!(live.sessions().await.len(), 0);
}

async fn contract_drift_missing_field(name: &str) {
    let answer = Live::start().await.json(name).await;
    assert_eq!((&answer["status"], answer.get("handoff_uri")), (&json!("success"), None));
    assert!(answer["agent_session_id"].is_string());
}

async fn contract_drift_truncated_json(name: &str) {
    let live = Live::start().await;
    let answer = live.hand_off("h-1", &sam(name)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(40)));
    let text = answer.text().await.unwrap();
    assert_eq!(text.len(), 40, "the answer is complete as far as HTTP can tell");
    assert!(text.starts_with(r#"{"status":"success""#) && serde_json::from_str::<Value>(&text).is_err(), "{text}");
    assert_eq!(live.sessions().await.len(), 1);
}

async fn contract_drift_unknown_status(name: &str) {
    let answer = Live::start().await.json(name).await;
    assert_eq!(answer, json!({ "status": "awaiting_approval", "next_action": "wait_for_approval" }));
}

async fn contract_drift_wrong_content_type(name: &str) {
    let live = Live::start().await;
    let answer = live.hand_off("h-1", &sam(name)).await.unwrap();
    assert_eq!(last(&answer, "content-type"), "text/plain");
    let body: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    assert_eq!(body["status"], "success");
}

fn last(answer: &reqwest::Response, name: &str) -> String {
    answer.headers().get_all(name).iter().next_back().unwrap().to_str().unwrap().to_owned()
}

async fn contract_drift_wrong_type(name: &str) {
    let answer = Live::start().await.json(name).await;
    assert_eq!((&answer["status"], &answer["agent_session_id"]), (&json!("success"), &json!(42)));
}

async fn empty_answer(name: &str) {
    let live = Live::start().await;
    let answer = live.hand_off("h-1", &sam(name)).await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.content_length()), (200, Some(0)));
    assert_eq!(answer.text().await.unwrap(), "");
    assert_eq!(live.sessions().await.len(), 1);
}

async fn expired_file_url(name: &str) {
    let api = Api::new();
    let refused = hand_off(&api, "h-1", &sam(name)).await;
    assert_eq!((refused.status.as_u16(), &*refused.description()), (422, "Invalid file URL provided."));
    assert_eq!(word(&api, "h-1", &sam(name)).await, "success");
    assert_eq!(word(&api, "h-2", &sam(name)).await, "success");
}

async fn flaky(name: &str) {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let live = Live::seeded(Some(7)).await;
        let mut statuses = Vec::new();
        for _ in 0..40 {
            let (status, body) = live.outcome("h-1", &sam(name)).await;
            statuses.push(status);
            match status {
                502 => assert_eq!(body, "<html><body><h1>502 Bad Gateway</h1></body></html>"),
                _ => assert_eq!(serde_json::from_str::<Value>(&body).unwrap()["status"], "success"),
            }
        }
        assert_eq!(live.sessions().await.len(), 1, "every retry finds the same session");
        runs.push(statuses);
    }
    let lost = runs[0].iter().filter(|status| **status == 502).count();
    assert!((4..=24).contains(&lost), "a third or so of {:?}", runs[0]);
    assert_eq!(runs[0], runs[1], "the seed determines which requests fail");
}

async fn flaky_alternating(name: &str) {
    let api = Api::new();
    for round in 0..3 {
        let failed = hand_off(&api, "h-1", &sam(name)).await;
        assert_eq!(failed.status, 503, "round {round}");
        assert_eq!(failed.description(), "The service is temporarily unavailable.");
        assert_eq!(word(&api, "h-1", &sam(name)).await, "success", "round {round}");
    }
}

async fn hang(name: &str) {
    let live = Live::start().await;
    let patient = timeout(Duration::from_millis(300), live.hand_off("h-1", &sam(name))).await;
    assert!(patient.is_err(), "no answer and no end of the connection");
    assert_eq!(live.sessions().await.len(), 1);
    // The same for a shorter time: then the connection is closed, so that no client waits forever.
    live.put(json!({
        "name": name,
        "match": { "email": "*+hang@*" },
        "answers": [{ "fault": { "kind": "hang", "at_most": "50ms" } }, {}],
    }))
    .await;
    let error = live.hand_off("h-1", "kim+hang@example.com").await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout(), "{error:?}");
}

async fn outage_for_a_minute(name: &str) {
    let api = Api::new();
    api.call("POST", "/__admin/clock/freeze").await;
    let status = async |email: &str| hand_off(&api, "h-1", email).await.status.as_u16();
    let kim = format!("kim+{name}@example.com");
    let down = hand_off(&api, "h-1", &sam(name)).await;
    assert_eq!((down.status.as_u16(), down.header("retry-after")), (503, "60"));
    for (by, expected) in [("30s", 503), ("29s", 503), ("1s", 200), ("1h", 200)] {
        send(&api, "POST", "/__admin/clock/advance", json!({ "by": by })).await;
        assert_eq!((status(&sam(name)).await, status(&kim).await), (expected, expected), "{by} later, for every actor");
    }
    assert_eq!(status("sam@example.com").await, 200);
}

async fn rate_limited(name: &str) {
    let api = Api::new();
    for _ in 0..2 {
        let limited = hand_off(&api, "h-1", &sam(name)).await;
        assert_eq!((limited.status.as_u16(), limited.header("retry-after")), (429, "1"));
        assert_eq!(limited.description(), "Too many requests.");
    }
    let answer = hand_off(&api, "h-1", &sam(name)).await;
    assert_eq!((answer.status.as_u16(), answer.headers.contains_key("retry-after")), (200, false));
}

async fn register_verify_success(name: &str) {
    let (api, email) = (Api::new(), sam(name));
    for expected in ["register", "register"] {
        assert_eq!(word(&api, "h-1", &email).await, expected);
    }
    patch(&api, &email, json!({ "registered": true })).await;
    for expected in ["verify_email", "verify_email"] {
        assert_eq!(word(&api, "h-1", &email).await, expected);
    }
    patch(&api, &email, json!({ "email_verified": true })).await;
    assert_eq!(word(&api, "h-1", &email).await, "success");
}

async fn reset(name: &str) {
    let live = Live::start().await;
    let error = live.hand_off("h-1", &sam(name)).await.unwrap_err();
    let mut cause: Option<&dyn Error> = Some(&error);
    let mut kinds = Vec::new();
    while let Some(one) = cause {
        kinds.extend(one.downcast_ref::<std::io::Error>().map(std::io::Error::kind));
        cause = one.source();
    }
    assert!(kinds.contains(&ErrorKind::ConnectionReset), "{error:?}");
    live.assert_retry_finds_the_session(&sam(name)).await;
}

async fn slow_body(name: &str) {
    let live = Live::start().await;
    let started = Instant::now();
    let mut answer = live.hand_off("h-1", &sam(name)).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "the head comes at once");
    let mut pieces = Vec::new();
    while let Some(piece) = answer.chunk().await.unwrap() {
        pieces.push(piece);
    }
    assert!(started.elapsed() >= Duration::from_millis(2900), "{:?}", started.elapsed());
    assert!(pieces.len() > 3, "in {} pieces", pieces.len());
    let body: Value = serde_json::from_slice(&pieces.concat()).unwrap();
    assert_eq!(body["status"], "success");
}

async fn slow_lognormal(name: &str) {
    tokio::time::pause();
    let mut runs = Vec::new();
    for _ in 0..2 {
        let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
        let mut delays = Vec::new();
        for _ in 0..41 {
            let started = Instant::now();
            assert_eq!(word(&api, "h-1", &sam(name)).await, "success");
            delays.push(started.elapsed());
        }
        runs.push(delays);
    }
    assert_eq!(runs[0], runs[1], "the delays follow from the seed");
    runs[0].sort();
    let (median, longest) = (runs[0][20], runs[0][40]);
    assert!((Duration::from_millis(400)..Duration::from_millis(1600)).contains(&median), "{median:?}");
    assert!(longest > median * 2, "{longest:?}");
}

async fn subscribe_then_session(name: &str) {
    let (api, email) = (Api::new(), sam(name));
    for _ in 0..2 {
        assert_eq!(word(&api, "h-1", &email).await, "require_subscription");
    }
    let opened = patch(&api, &email, json!({ "subscribed": true })).await["opened_sessions"].clone();
    assert_eq!(opened.as_array().unwrap().len(), 1, "without a retry");
    let retried = hand_off(&api, "h-1", &email).await.json();
    assert_eq!((&retried["status"], &retried["agent_session_id"]), (&json!("success"), &opened[0]));
}

async fn token_revoked(name: &str) {
    let api = Api::new();
    assert_eq!(word(&api, "h-1", &sam(name)).await, "success");
    for _ in 0..2 {
        let revoked = hand_off(&api, "h-1", &sam(name)).await;
        assert_eq!((revoked.status.as_u16(), &*revoked.description()), (401, "The access token was revoked."));
        assert!(revoked.header("www-authenticate").starts_with(r#"Bearer error="invalid_token""#));
    }
}

async fn verify_then_success(name: &str) {
    let (api, email) = (Api::new(), sam(name));
    for _ in 0..2 {
        assert_eq!(word(&api, "h-1", &email).await, "verify_email");
    }
    patch(&api, &email, json!({ "email_verified": true })).await;
    assert_eq!(word(&api, "h-1", &email).await, "success");
}
