//! Scenarios over HTTP: each shipped one walked as a client would, and the control plane that chooses and changes them.

use crate::{
    harness::{Answer, Api, CREATE, body_of},
    sandboxes::lifecycle::{self, create, send},
};
use axum::{body::Body, http::Request};
use docendorse_mock::{Mock, Settings, domain::scenario::shipped};
use serde_json::{Value, json};
use std::{error::Error, io::ErrorKind, time::Duration};
use tokio::time::{Instant, timeout};

/// A server behind a socket, with a client that opens a connection for each request.
struct Live {
    mock: Mock,
    client: reqwest::Client,
}

impl Live {
    async fn start() -> Self {
        Self::seeded(None).await
    }

    async fn seeded(seed: Option<u64>) -> Self {
        let mock = Mock::start(Settings { seed, ..Settings::default() }).await.unwrap();
        Self { mock, client: reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap() }
    }

    async fn hand_off(&self, handoff_id: &str, email: &str) -> reqwest::Result<reqwest::Response> {
        let request = self.client.post(format!("{}{CREATE}", self.mock.url())).bearer_auth("x");
        request.header("content-type", "application/json").body(body_of(handoff_id, email)).send().await
    }

    /// The answer's JSON to one handoff of the actor who asks for a shipped scenario.
    async fn json(&self, name: &str) -> Value {
        let answer = self.hand_off("h-1", &sam(name)).await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// The status and body, as far as they come.
    async fn outcome(&self, handoff_id: &str, email: &str) -> (u16, String) {
        let answer = self.hand_off(handoff_id, email).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    async fn put(&self, scenario: Value) {
        let path = format!("{}/__admin/scenarios/{}", self.mock.url(), scenario["name"].as_str().unwrap());
        let answer = self.client.put(path).json(&scenario).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// The ids of all sessions, as the control plane tells them.
    async fn sessions(&self) -> Vec<Value> {
        let answer = self.client.get(format!("{}/__admin/sessions", self.mock.url())).send().await.unwrap();
        let list: Value = answer.json().await.unwrap();
        list["sessions"].as_array().unwrap().iter().map(|session| session["id"].clone()).collect()
    }

    /// A retry of the handoff finds the session that the client never heard of (S8).
    async fn assert_retry_finds_the_session(&self, email: &str) {
        let hidden = self.sessions().await;
        assert_eq!(hidden.len(), 1, "the session exists, whatever the client saw");
        let (status, body) = self.outcome("h-1", email).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["status"], &body["agent_session_id"]), (200, &json!("success"), &hidden[0]));
        assert_eq!(self.sessions().await, hidden);
    }
}

/// The actor who asks for a shipped scenario.
fn sam(name: &str) -> String {
    format!("sam+{name}@example.com")
}

async fn hand_off(api: &Api, handoff_id: &str, email: &str) -> Answer {
    api.hand_off(body_of(handoff_id, email)).await
}

async fn word(api: &Api, handoff_id: &str, email: &str) -> Value {
    hand_off(api, handoff_id, email).await.json()["status"].clone()
}

async fn patch(api: &Api, email: &str, change: Value) -> Value {
    let changed = send(api, "PATCH", &format!("/__admin/actors/{email}"), change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    changed.json()
}

async fn put(api: &Api, scenario: Value) {
    let path = format!("/__admin/scenarios/{}", scenario["name"].as_str().unwrap());
    let answer = send(api, "PUT", &path, scenario).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["put"].is_string()), (200, &true), "{}", answer.text);
}

/// A scenario whose answers are the contract's error with these descriptions, one after the other.
fn errors(name: &str, descriptions: &[&str]) -> Value {
    let answers = descriptions.iter().map(|text| json!({ "outcome": "error", "description": text }));
    json!({ "name": name, "answers": answers.collect::<Vec<_>>() })
}

fn with(mut scenario: Value, key: &str, value: Value) -> Value {
    scenario[key] = value;
    scenario
}

/// The description of an error, or `success`.
async fn said(api: &Api, handoff_id: &str, email: &str) -> String {
    let answer = hand_off(api, handoff_id, email).await.json();
    answer.get("description").unwrap_or(&answer["status"]).as_str().unwrap().to_owned()
}

/// Every walk through a shipped scenario, as a test of its own; a walk is called as its scenario.
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
    // Those of the token endpoint are walked where it is asked, and those of people who sign where they do.
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
    assert_eq!(answer.status(), 200, "the head is sound");
    let announced = answer.content_length().unwrap();
    assert!(announced > 50);
    assert!(answer.text().await.is_err(), "the body is not whole");
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
        assert_eq!(live.sessions().await.len(), 1, "every retry finds the session that there is");
        runs.push(statuses);
    }
    let lost = runs[0].iter().filter(|status| **status == 502).count();
    assert!((4..=24).contains(&lost), "a third or so of {:?}", runs[0]);
    assert_eq!(runs[0], runs[1], "which ones are hit follows from the seed");
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
    // The same for a shorter time: then the connection is closed, so that nobody waits for ever.
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
        assert_eq!((status(&sam(name)).await, status(&kim).await), (expected, expected), "{by} later, for everybody");
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

#[tokio::test]
async fn the_highest_priority_is_tried_first() {
    let api = Api::new();
    put(&api, errors("a", &["a"])).await;
    put(&api, errors("b", &["b"])).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "a", "among equals, by name");
    put(&api, with(errors("b", &["b"]), "priority", json!(1))).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "b");
    put(&api, with(errors("a", &["a"]), "priority", json!(2))).await;
    put(&api, with(errors("c", &["c"]), "priority", json!(-1))).await;
    assert_eq!(said(&api, "h-1", &sam("rate-limited")).await, "a", "before the shipped ones, too");
    let names = |list: &Value| -> Vec<String> {
        list["scenarios"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap().to_owned()).collect()
    };
    let names = names(&api.get("/__admin/scenarios").await.json());
    assert_eq!((&*names[0], &*names[1], &**names.last().unwrap()), ("a", "b", "c"));
    assert_eq!(names.len(), shipped().len() + 3);
}

#[tokio::test]
async fn a_scenario_chooses_who_shares_its_progress() {
    for (per, expected) in [
        ("actor", ["1", "2", "3", "1", "2"]),
        ("handoff", ["1", "1", "2", "2", "3"]),
        ("all", ["1", "2", "3", "3", "3"]),
    ] {
        let api = Api::new();
        put(&api, with(errors("s", &["1", "2", "3"]), "per", json!(per))).await;
        let mut seen = Vec::new();
        for (handoff_id, email) in [
            ("h-1", "sam@example.com"),
            ("h-2", "SAM@example.com"),
            ("h-1", "sam@EXAMPLE.com"),
            ("h-2", "kim@example.com"),
            ("h-1", "kim@example.com"),
        ] {
            seen.push(said(&api, handoff_id, email).await);
        }
        assert_eq!(seen, expected, "{per}");
    }
}

#[tokio::test]
async fn queued_scenarios_win_over_pinned_ones_over_others() {
    let api = Api::new();
    let nobody = json!({ "email": "nobody@example.com" });
    put(&api, with(errors("pinned", &["pinned"]), "match", nobody.clone())).await;
    put(&api, with(errors("once", &["once"]), "match", nobody.clone())).await;
    put(&api, with(errors("twice", &["twice 1", "twice 2"]), "match", nobody)).await;
    let pin = api.call("PUT", "/__admin/scenarios/pinned/pin").await;
    assert_eq!((pin.status.as_u16(), pin.json()), (200, json!({ "pinned": "pinned" })));
    let queued = send(&api, "POST", "/__admin/scenarios/twice/queue", json!({ "count": 2 })).await;
    assert_eq!(queued.json(), json!({ "queued": "twice", "count": 2 }));
    assert_eq!(api.call("POST", "/__admin/scenarios/once/queue").await.json()["count"], 1);
    let list = api.get("/__admin/scenarios").await.json();
    assert_eq!((&list["pinned"], &list["queued"]), (&json!("pinned"), &json!(["twice", "twice", "once"])));
    for expected in ["twice 1", "twice 2", "once", "pinned", "pinned"] {
        assert_eq!(said(&api, "h-1", &sam("rate-limited")).await, expected);
    }
    assert_eq!(api.call("DELETE", "/__admin/scenarios/once/pin").await.status, 409, "it is another that is pinned");
    assert_eq!(api.call("DELETE", "/__admin/scenarios/none/pin").await.status, 404);
    assert_eq!(api.call("DELETE", "/__admin/scenarios/pinned/pin").await.status, 204);
    assert_eq!(api.call("DELETE", "/__admin/scenarios/pinned/pin").await.status, 409);
    assert_eq!(said(&api, "h-1", &sam("rate-limited")).await, "Too many requests.", "requests choose again");
    for (path, body, status) in [
        ("/__admin/scenarios/none/queue", json!({}), 404),
        ("/__admin/scenarios/once/queue", json!({ "count": 0 }), 400),
        ("/__admin/scenarios/once/queue", json!({ "count": 1001 }), 400),
        ("/__admin/scenarios/once/queue", json!({ "counts": 1 }), 400),
        ("/__admin/scenarios/once/queue", json!({ "count": 1000 }), 200),
        ("/__admin/scenarios/once/queue", json!({ "count": 1 }), 400),
    ] {
        let answer = send(&api, "POST", path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
    }
    assert_eq!(api.call("PUT", "/__admin/scenarios/none/pin").await.status, 404);
}

#[tokio::test]
async fn a_refused_request_takes_nothing_from_the_queue() {
    let api = Api::new();
    api.call("POST", "/__admin/scenarios/rate-limited/queue").await;
    assert_eq!(api.hand_off("{}").await.status, 400);
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "Too many requests.");
    assert_eq!(word(&api, "h-1", "sam@example.com").await, "success");
}

#[tokio::test]
async fn a_replaced_scenario_answers_where_it_is_pinned_or_queued() {
    let api = Api::new();
    put(&api, errors("s", &["old"])).await;
    api.call("PUT", "/__admin/scenarios/s/pin").await;
    api.call("POST", "/__admin/scenarios/s/queue").await;
    put(&api, errors("s", &["new"])).await;
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "new", "queued");
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "new", "pinned");
}

#[tokio::test]
async fn progress_is_shown_set_and_reset() {
    let api = Api::new();
    api.call("POST", "/__admin/clock/freeze").await;
    send(&api, "POST", "/__admin/clock/set", json!({ "to": "2100-01-01T00:00:00Z" })).await;
    put(&api, errors("s", &["0", "1", "2"])).await;
    assert_eq!(api.get("/__admin/scenarios/s/state").await.json(), json!({ "state": [] }));
    said(&api, "h-1", "Sam@example.com").await;
    said(&api, "h-1", "sam@example.com").await;
    let walk = |answer: u32, attempts: u32, total: u32| {
        json!({ "state": [{
            "scenario": "s", "subject": "sam@example.com", "answer": answer, "attempts": attempts,
            "since": "2100-01-01T00:00:00Z", "total": total,
        }] })
    };
    assert_eq!(api.get("/__admin/scenarios/s/state").await.json(), walk(1, 1, 2));
    let set = json!({ "subject": "SAM@example.com", "answer": 0 });
    assert_eq!(send(&api, "PUT", "/__admin/scenarios/s/state", set).await.json(), walk(0, 0, 0));
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "0");
    send(&api, "PUT", "/__admin/scenarios/s/state", json!({ "subject": "kim@example.com", "answer": 2 })).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "2", "who never asked");
    for (path, body, status) in [
        ("/__admin/scenarios/s/state", json!({ "subject": "sam@example.com", "answer": 3 }), 400),
        ("/__admin/scenarios/s/state", json!({ "subject": "sam@example.com" }), 400),
        ("/__admin/scenarios/s/state", json!({ "answer": 1 }), 400),
        ("/__admin/scenarios/none/state", json!({ "answer": 0 }), 404),
    ] {
        let answer = send(&api, "PUT", path, body.clone()).await;
        assert_eq!(answer.status, status, "{path} {body}: {}", answer.text);
    }
    let beyond = json!({ "subject": "sam@example.com", "answer": 3 });
    let told = send(&api, "PUT", "/__admin/scenarios/s/state", beyond).await.json();
    let problem = "In the body: /answer: 3 is not from 0 to 2; answers count from 0, so 0 is answer 1 of \"s\".";
    assert_eq!(told["detail"], problem);
    assert_eq!(api.call("DELETE", "/__admin/scenarios/s/state").await.status, 204);
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "0");
    assert_eq!(api.get("/__admin/scenarios/none/state").await.status, 404);
    assert_eq!(api.call("DELETE", "/__admin/scenarios/none/state").await.status, 404);
}

#[tokio::test]
async fn progress_is_set_by_the_subject_of_the_scenario() {
    for (per, subject, status) in [
        ("actor", json!("SAM@example.com"), 200),
        ("handoff", json!("H-1"), 200),
        ("handoff", json!(""), 400),
        ("all", json!(""), 200),
        ("all", json!("sam@example.com"), 400),
    ] {
        let api = Api::new();
        put(&api, with(errors("s", &["0", "1"]), "per", json!(per))).await;
        let body = json!({ "subject": subject, "answer": 1 });
        let set = send(&api, "PUT", "/__admin/scenarios/s/state", body).await;
        assert_eq!(set.status, status, "{per} {subject}: {}", set.text);
        let expected = if status == 200 { "1" } else { "0" };
        assert_eq!(said(&api, "H-1", "sam@example.com").await, expected, "{per} {subject}");
    }
}

#[tokio::test]
async fn a_scenario_put_in_yaml_or_json_is_shown_in_json() {
    let api = Api::new();
    let yaml = "# Busy.\nname: busy\nmatch: { email: kim@* }\nanswers:\n  - outcome: error\n    description: Busy.\n";
    let request = Request::put("/__admin/scenarios/busy").header("content-type", "application/yaml");
    let answer = api.send(request.body(Body::from(yaml)).unwrap()).await;
    assert_eq!((answer.status.as_u16(), answer.json()), (200, json!({ "put": "busy" })));
    let written = json!({
        "name": "busy", "match": { "email": "kim@*" }, "answers": [{ "outcome": "error", "description": "Busy." }],
    });
    assert_eq!(api.get("/__admin/scenarios/busy").await.json(), written);
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "Busy.");
    put(&api, with(written, "answers", json!([{ "outcome": "error", "description": "In JSON." }]))).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "In JSON.");
    assert_eq!(api.get("/__admin/scenarios/none").await.status, 404);
    for (name, _) in shipped() {
        let shown = api.get(&format!("/__admin/scenarios/{name}")).await;
        // The path of the shipped "reset" is that of the action for now.
        assert!(name == "reset" || shown.json()["name"] == name, "{}", shown.text);
    }
}

#[tokio::test]
async fn a_scenario_from_no_file_shows_none() {
    let api = Api::new();
    put(&api, errors("own", &["own"])).await;
    let list = api.get("/__admin/scenarios").await.json();
    let scenarios = list["scenarios"].as_array().unwrap();
    assert!(scenarios.len() > 30 && scenarios.iter().all(|one| one.get("file").is_none()), "{list}");
}

#[tokio::test]
async fn an_unreadable_scenario_is_refused_and_changes_nothing() {
    let api = Api::new();
    put(&api, errors("s", &["old"])).await;
    let detail = async |body: &str| {
        let answer = api.send(Request::put("/__admin/scenarios/s").body(Body::from(body.to_owned())).unwrap()).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        answer.json()["detail"].as_str().unwrap().to_owned()
    };
    let problem = detail("name: s\nanswers:\n  - outcome: succes\n").await;
    assert!(problem.starts_with("The body:3:14: \"succes\" is not one of \"success\", "), "{problem}");
    assert!(problem.ends_with("\n  - outcome: succes\n             ^"), "{problem}");
    let problem = detail("{\"name\": \"s\",\n \"answer\": []}").await;
    assert!(problem.starts_with("The body:2:2: ") && problem.ends_with("\n \"answer\": []}\n ^"), "{problem}");
    let problem = detail("name: t\nanswers: [{}]\n").await;
    assert_eq!(problem, r#"The scenario has the name "t", but the path has "s"; write the same name in both."#);
    for nothing in ["", "- 1", "name: s\nanswers: []\n", "name: s\nanswers: [{headers: {X: '{{ nope }}'}}]\n"] {
        assert!(detail(nothing).await.contains("The body:"), "{nothing}");
    }
    let answer = api.send(Request::put("/__admin/scenarios/s").body(Body::from(vec![0xFF])).unwrap()).await;
    let problem = "The body:1:1: the file is not UTF-8; save it as UTF-8.\n\u{FFFD}\n^";
    assert_eq!((answer.status.as_u16(), &answer.json()["detail"]), (400, &json!(problem)));
    assert_eq!(said(&api, "h-1", "sam@example.com").await, "old");
    assert_eq!(api.get("/__admin/scenarios/t").await.status, 404);
}

#[tokio::test]
async fn a_template_that_cannot_be_filled_fails_that_answer() {
    let api = Api::new();
    put(&api, json!({ "name": "s", "answers": [{ "set": { "x": "{{ request.context.nope.deeper }}" } }] })).await;
    let answer = hand_off(&api, "h-1", "sam@example.com").await;
    assert_eq!(answer.status, 500, "{}", answer.text);
    assert!(answer.description().starts_with("The scenario \"s\" gave no answer: "), "{}", answer.text);
}

#[tokio::test]
async fn deleted_scenarios_are_gone_until_a_reset() {
    for (method, reset) in [("DELETE", "/__admin/scenarios"), ("POST", "/__admin/reset")] {
        let api = Api::new();
        put(&api, errors("own", &["own"])).await;
        put(&api, with(errors("rate-limited", &["mine"]), "match", json!({ "email": "kim@*" }))).await;
        api.call("PUT", "/__admin/scenarios/own/pin").await;
        api.call("POST", "/__admin/scenarios/own/queue").await;
        assert_eq!(said(&api, "h-1", "kim@example.com").await, "own");
        api.call("POST", "/__admin/scenarios/own/queue").await;
        assert_eq!(api.call("DELETE", "/__admin/scenarios/own").await.status, 204);
        assert_eq!(api.call("DELETE", "/__admin/scenarios/own").await.status, 404);
        let list = api.get("/__admin/scenarios").await.json();
        assert_eq!((&list["pinned"], &list["queued"]), (&json!(null), &json!([])));
        assert_eq!(said(&api, "h-1", "kim@example.com").await, "mine");
        assert_eq!(api.call("DELETE", "/__admin/scenarios/rate-limited").await.status, 204);
        assert_eq!(word(&api, "h-1", &sam("rate-limited")).await, "success", "nothing but the contract's answer");
        said(&api, "h-1", &sam("flaky-alternating")).await;
        api.call("PUT", "/__admin/scenarios/hang/pin").await;
        assert!(api.call(method, reset).await.status.is_success());
        assert_eq!(api.get("/__admin/scenarios/own").await.status, 404);
        assert_eq!(said(&api, "h-2", &sam("rate-limited")).await, "Too many requests.");
        assert_eq!(hand_off(&api, "h-2", &sam("flaky-alternating")).await.status, 503, "every walk begins again");
        assert_eq!(api.get("/__admin/scenarios").await.json()["pinned"], json!(null));
    }
}

#[tokio::test]
async fn sandboxes_do_not_see_each_others_scenarios() {
    let api = Api::new();
    let a = create(&api, json!({ "name": "a" })).await["credentials"]["bearer_token"].clone();
    let b = create(&api, json!({ "name": "b" })).await["credentials"]["bearer_token"].clone();
    let ask = async |token: &Value, email: &str| {
        let answer = lifecycle::hand_off(&api, token, email, email).await.json();
        answer.get("description").unwrap_or(&answer["status"]).as_str().unwrap().to_owned()
    };
    let own = with(errors("own", &["own"]), "match", json!({ "email": "kim@*" }));
    assert_eq!(send(&api, "PUT", "/__admin/scenarios/own?sandbox=a", own).await.status, 200);
    assert_eq!(ask(&a, "kim@example.com").await, "own");
    assert_eq!(ask(&b, "kim@example.com").await, "success");
    assert_eq!(api.get("/__admin/scenarios/own?sandbox=b").await.status, 404);
    assert_eq!(api.get("/__admin/scenarios/own").await.status, 404);
    assert_eq!(api.call("PUT", "/__admin/scenarios/own/pin?sandbox=a").await.status, 200);
    assert_eq!(api.call("POST", "/__admin/scenarios/expired-file-url/queue?sandbox=b").await.status, 200);
    assert_eq!(ask(&a, "sam@example.com").await, "own");
    assert_eq!(ask(&b, "sam@example.com").await, "Invalid file URL provided.");
    assert_eq!(ask(&b, "sam@example.com").await, "success");
    assert_eq!(word(&api, "h-1", "sam@example.com").await, "success");
    assert_eq!(api.call("DELETE", "/__admin/scenarios/rate-limited?sandbox=a").await.status, 204);
    assert_eq!(api.get("/__admin/scenarios/rate-limited?sandbox=b").await.status, 200);
    let state = api.get("/__admin/scenarios/expired-file-url/state?sandbox=b").await.json();
    assert_eq!(state["state"].as_array().unwrap().len(), 1);
    let state = api.get("/__admin/scenarios/expired-file-url/state?sandbox=a").await.json();
    assert_eq!(state["state"], json!([]));
    assert_eq!(api.get("/__admin/scenarios?sandbox=none").await.status, 404);
}

#[tokio::test]
async fn chance_follows_from_the_seed() {
    let run = async |seed: u64| {
        let api = Api::with(Settings { seed: Some(seed), ..Settings::default() });
        put(&api, json!({ "name": "s", "answers": [{ "outcome": "error", "description": "x", "http_status": 503, "probability": 0.5 }] }))
            .await;
        let mut hit = Vec::new();
        for _ in 0..32 {
            hit.push(hand_off(&api, "h-1", "sam@example.com").await.status == 503);
        }
        assert!(hit.contains(&true) && hit.contains(&false), "{hit:?}");
        hit
    };
    assert_eq!(run(7).await, run(7).await);
    assert_ne!(run(7).await, run(8).await);
}

#[tokio::test]
async fn an_exchange_names_its_scenario_and_answer() {
    let api = Api::new();
    let chosen = async |email: &str| {
        let answer = hand_off(&api, "h-1", email).await;
        api.exchange(&answer).await["chosen"].clone()
    };
    let by = |by: &str, why: &str| json!({ "by": by, "why": why });
    let email = sam("expired-file-url");
    let why = "the scenario \"expired-file-url\" matches: its answer";
    assert_eq!(chosen(&email).await, by("scenario", &format!("{why} 1")));
    assert_eq!(chosen(&email).await, by("scenario", &format!("{why} 2")));
    assert_eq!(chosen(&email).await, by("scenario", &format!("{why} 2; the handoff_id is known")));
    api.call("PUT", "/__admin/scenarios/token-revoked/pin").await;
    api.call("POST", "/__admin/scenarios/rate-limited/queue").await;
    assert_eq!(chosen("kim@example.com").await, by("queued", "the scenario \"rate-limited\" is queued: its answer 1"));
    assert_eq!(chosen("kim@example.com").await, by("pinned", "the scenario \"token-revoked\" is pinned: its answer 1"));
    api.call("DELETE", "/__admin/scenarios/token-revoked/pin").await;
    assert_eq!(chosen("sam+verify_email@example.com").await["by"], "magic_email");
}

#[tokio::test]
async fn an_answer_lost_in_a_reset_is_recorded_as_intended() {
    let live = Live::start().await;
    live.hand_off("h-1", &sam("reset")).await.unwrap_err();
    let list = live.client.get(format!("{}/__admin/requests", live.mock.url())).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    let exchange = &list["requests"][0];
    assert_eq!(exchange["chosen"]["by"], "scenario");
    assert_eq!((&exchange["answer"]["status"], &exchange["answer"]["http_status"]), (&json!("success"), &json!(200)));
    assert_eq!(exchange["agent_session_id"], live.sessions().await[0]);
}

#[tokio::test]
async fn the_schema_of_scenarios_is_served_for_editors() {
    let api = Api::new();
    let schema = api.get("/__admin/schemas/scenario.json").await;
    assert_eq!((schema.status.as_u16(), schema.header("content-type")), (200, "application/schema+json"));
    let schema = jsonschema::options().offline().build(&schema.json()).unwrap();
    for (name, _) in shipped().iter() {
        assert!(schema.is_valid(&api.get(&format!("/__admin/scenarios/{name}")).await.json()), "{name}");
    }
}

#[tokio::test]
async fn a_header_of_a_scenario_replaces_the_usual_one() {
    let live = Live::start().await;
    let answer = live.hand_off("h-1", &sam("contract-drift-wrong-content-type")).await.unwrap();
    let types: Vec<_> = answer.headers().get_all("content-type").iter().collect();
    assert_eq!(types, ["text/plain"]);
}

#[tokio::test]
async fn journeys_start_from_the_beginning_for_a_new_actor() {
    let api = Api::new();
    for (name, steps) in [
        ("verify-then-success", &[("verify_email", json!({ "email_verified": true }))][..]),
        ("subscribe-then-session", &[("require_subscription", json!({ "subscribed": true }))]),
        (
            "register-verify-success",
            &[("register", json!({ "registered": true })), ("verify_email", json!({ "email_verified": true }))],
        ),
    ] {
        let email = sam(name);
        for (expected, change) in steps {
            for attempt in 0..2 {
                assert_eq!(word(&api, name, &email).await, *expected, "{name} {attempt}");
            }
            patch(&api, &email, change.clone()).await;
        }
        assert_eq!(word(&api, name, &email).await, "success", "{name}");
    }
}

#[tokio::test]
async fn a_scenario_named_reset_can_be_addressed() {
    let api = Api::new();
    assert_eq!(api.get("/__admin/scenarios/reset").await.json()["name"], "reset");
    put(&api, errors("reset", &["mine"])).await;
    assert_eq!(api.call("DELETE", "/__admin/scenarios/reset").await.status, 204);
}

#[tokio::test]
async fn a_deleted_scenario_hides_nothing_that_comes_later() {
    let api = Api::new();
    put(&api, errors("own", &["first"])).await;
    assert_eq!(api.call("DELETE", "/__admin/scenarios/own").await.status, 204);
    put(&api, errors("own", &["second"])).await;
    assert_eq!(said(&api, "h-1", "kim@example.com").await, "second");
}

#[tokio::test]
async fn an_answer_that_cannot_be_rendered_is_recorded() {
    let api = Api::new();
    put(&api, json!({ "name": "s", "answers": [{ "set": { "x": "{{ request.context.nope.deeper }}" } }] })).await;
    let answer = hand_off(&api, "h-1", "sam@example.com").await;
    let exchange = api.exchange(&answer).await;
    assert_eq!((&exchange["client"], &exchange["chosen"]["by"]), (&json!("open"), &json!("scenario")));
    assert!(exchange["agent_session_id"].is_string() && exchange["request"]["body"].is_object());
}

#[tokio::test]
async fn a_long_subject_is_stored_in_short() {
    let api = Api::new();
    let mut scenario = errors("s", &["one", "two"]);
    scenario["per"] = json!("handoff");
    put(&api, scenario).await;
    let (long, other) = ("x".repeat(5_000), format!("{}y", "x".repeat(4_999)));
    assert_eq!(said(&api, &long, "kim@example.com").await, "one");
    assert_eq!(said(&api, &other, "kim@example.com").await, "one", "told apart all the same");
    assert_eq!(said(&api, &long, "kim@example.com").await, "two");
    assert!(api.get("/__admin/scenarios/s/state").await.text.len() < 2_000);
}
