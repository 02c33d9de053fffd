//! A reset with requests in progress: they are answered, but leave no trace.

use crate::{
    harness::{Answer, Api, body_of, handoff_request},
    token::client::{Client, form},
};
use axum::{
    body::{Body, Bytes},
    http::Request,
};
use docendorse_mock::{
    Mock, MockError, Settings,
    domain::oauth::{JWT_BEARER, built_in},
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::{
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

/// A request whose last byte has not been sent.
struct HalfSent {
    last: oneshot::Sender<Bytes>,
    answer: JoinHandle<Answer>,
}

impl HalfSent {
    async fn begin(api: &Arc<Api>, request: impl FnOnce(Body) -> Request<Body>, body: &str) -> Self {
        let (first, rest) = body.split_at(body.len() - 1);
        let (last, sent) = oneshot::channel();
        let pieces = stream::iter([Bytes::from(first.to_owned())]).chain(stream::once(async { sent.await.unwrap() }));
        let _ = rest;
        let request = request(Body::from_stream(pieces.map(Ok::<_, Infallible>)));
        let api = Arc::clone(api);
        let answer = tokio::spawn(async move { api.send(request).await });
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        assert!(!answer.is_finished());
        Self { last, answer }
    }

    async fn finish(self, body: &str) -> Answer {
        self.last.send(Bytes::from(body[body.len() - 1..].to_owned())).unwrap();
        self.answer.await.unwrap()
    }
}

async fn count(api: &Api, what: &str, sandbox: &str) -> usize {
    let list = api.get(&format!("/__admin/{what}?sandbox={sandbox}")).await.json();
    list[what].as_array().unwrap_or_else(|| panic!("{list}")).len()
}

/// Checks everything in which a request could leave a trace.
async fn assert_untouched(api: &Api, sandbox: &str) {
    for what in ["requests", "sessions", "events", "messages", "actors", "tokens"] {
        assert_eq!(count(api, what, sandbox).await, 0, "{what} of {sandbox}");
    }
    let agenda = api.get(&format!("/__admin/agenda?sandbox={sandbox}")).await.json();
    assert_eq!(agenda["agenda"], json!([]), "{agenda}");
    let envelopes = api.get(&format!("/__admin/signing/envelopes?sandbox={sandbox}")).await.json();
    assert_eq!(envelopes["envelopes"], json!([]));
}

async fn reset(api: &Api, sandbox: &str) {
    assert_eq!(api.call("POST", &format!("/__admin/reset?sandbox={sandbox}")).await.status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_handoff_leaves_nothing_after_a_reset() {
    let api = Arc::new(Api::new());
    let late = Arc::clone(&api);
    let late = tokio::spawn(async move { late.hand_off(body_of("h-1", "sam+slow@example.com")).await });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(count(&api, "sessions", "default").await, 1);
    reset(&api, "default").await;
    let answer = late.await.unwrap();
    assert_eq!(answer.json()["status"], "success", "it is answered nevertheless");
    assert!(!answer.headers.contains_key("x-mock-exchange"), "it has no exchange");
    assert_untouched(&api, "default").await;
    let next = api.hand_off(body_of("h-2", "sam@example.com")).await;
    assert_eq!(next.header("x-mock-exchange"), "ex_00000001");
}

#[tokio::test]
async fn a_half_sent_handoff_leaves_nothing_after_a_reset() {
    for email in ["sam@example.com", "sam+require_subscription@example.com", "sam+register@example.com"] {
        let api = Arc::new(Api::new());
        let body = body_of("h-1", email);
        let half = HalfSent::begin(&api, handoff_request, &body).await;
        reset(&api, "default").await;
        assert_eq!(half.finish(&body).await.status, 200);
        assert_untouched(&api, "default").await;
        // Its id is free, and the next session has the first id.
        let first =
            Api::with(Settings { seed: Some(api.app.sandboxes.default_sandbox().ids.seed()), ..Settings::default() });
        let other = body_of("h-1", "kim@example.com");
        assert_eq!(api.hand_off(other.clone()).await.json(), first.hand_off(other).await.json());
    }
}

#[tokio::test]
async fn a_half_sent_envelope_leaves_nothing_after_a_reset() {
    let api = Arc::new(Api::new());
    let body = json!({ "name": "NDA" }).to_string();
    let create = |body| {
        Request::post("/api/v1/key/envelopes")
            .header("x-inspakt-api-key", "any")
            .header("content-type", "application/json")
            .body(body)
            .unwrap()
    };
    let half = HalfSent::begin(&api, create, &body).await;
    reset(&api, "default").await;
    assert_eq!(half.finish(&body).await.status, 200);
    assert_untouched(&api, "default").await;
}

#[tokio::test]
async fn a_half_sent_token_request_is_refused_after_a_reset() {
    for is_default in [true, false] {
        let api = Arc::new(Api::new());
        let mut client = Client::frozen(&api).await;
        let mut times = json!({});
        if is_default {
            let now = Timestamp::now().as_second();
            times = json!({ "iat": now, "exp": now + 300 });
            client = Client { id: built_in::CLIENT_ID.to_owned(), sandbox: "default".to_owned(), ..client };
        }
        let (sandbox, assertion) = (&client.sandbox, client.assertion("once", &times));
        let body = form(&[("grant_type", JWT_BEARER), ("assertion", &assertion)]);
        let ask = |body| {
            Request::post("/oauth2/v2/token")
                .header("content-type", "application/x-www-form-urlencoded")
                .body(body)
                .unwrap()
        };
        let half = HalfSent::begin(&api, ask, &body).await;
        reset(&api, sandbox).await;
        let refused = half.finish(&body).await;
        assert_eq!(refused.status, 503, "{sandbox}: {}", refused.text);
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(
            refused.json()["error_description"],
            "The sandbox was reset while the request was being received; send it again."
        );
        assert!(!refused.headers.contains_key("x-mock-exchange"));
        assert_untouched(&api, sandbox).await;
        assert_eq!(count(&api, "requests", "default").await, 0, "nor is it recorded elsewhere");
        let again = api.send(ask(Body::from(body.clone()))).await;
        assert_eq!(again.status, 200, "its jti was not used up: {}", again.text);
    }
}

#[tokio::test]
async fn the_memory_of_late_requests_is_freed() {
    let api = Arc::new(Api::new());
    let empty = api.app.memory().used;
    for _ in 0..10 {
        let body = body_of("h-1", "sam@example.com");
        let half = HalfSent::begin(&api, handoff_request, &body).await;
        reset(&api, "default").await;
        half.finish(&body).await;
    }
    reset(&api, "default").await;
    assert_eq!(api.app.memory().used, empty);
}

#[tokio::test]
async fn credentials_and_clients_outlive_many_resets() {
    let api = Api::new();
    let made = api
        .send(Request::post("/__admin/sandboxes").body(json!({ "name": "suite-a" }).to_string().into()).unwrap())
        .await
        .json();
    let token = made["credentials"]["bearer_token"].as_str().unwrap();
    for _ in 0..3 {
        reset(&api, "suite-a").await;
        let mut request = handoff_request(body_of("h-1", "sam@example.com"));
        request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        assert_eq!(api.send(request).await.json()["status"], "success");
        assert_eq!(count(&api, "sessions", "suite-a").await, 1);
    }
    assert_eq!(count(&api, "sessions", "default").await, 0);
    let shown = api.get("/__admin/sandboxes/suite-a").await.json();
    assert_eq!((&shown["credentials"], &shown["seed"]), (&made["credentials"], &made["seed"]));
}

/// Handoffs and resets on several threads: journal and sessions always contain the same handoffs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn journal_and_sessions_agree_after_resets_under_load() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let client = reqwest::Client::new();
    for round in 0..20 {
        let mut handoffs = JoinSet::new();
        for number in 0..20 {
            let url = format!("{}/api/v1/agent-sessions/create", mock.url());
            let body = body_of(&format!("h-{round}-{number}"), "sam@example.com");
            let request = client.post(url).bearer_auth("x").header("content-type", "application/json").body(body);
            handoffs.spawn(async move { request.send().await.unwrap().status().as_u16() });
        }
        let sandbox = mock.sandbox();
        sandbox.reset().await.unwrap();
        assert!(handoffs.join_all().await.iter().all(|status| *status == 200));
        let mut recorded: Vec<String> = sandbox
            .exchanges()
            .iter()
            .filter_map(|entry| Some(entry.exchange.agent_session.as_ref()?.to_string()))
            .collect();
        let mut opened: Vec<String> =
            sandbox.sessions().await.unwrap().iter().map(|session| session.id.to_string()).collect();
        recorded.sort();
        opened.sort();
        assert_eq!(recorded, opened);
        let events: Value = serde_json::to_value(sandbox.events().await.unwrap()).unwrap();
        let created = events.as_array().unwrap().iter().filter(|event| event["event"] == "envelope.created").count();
        assert_eq!(created, opened.len());
    }
    mock.stop().await;
}

#[tokio::test]
async fn a_handle_to_a_deleted_sandbox_ends_its_waits() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let handle = mock.create_sandbox("suite-a").await.unwrap();
    let client = reqwest::Client::new();
    let url = format!("{}/__admin/sandboxes/suite-a", mock.url());
    assert_eq!(client.post(format!("{url}/reset")).send().await.unwrap().status(), 200);
    assert_eq!(client.delete(&url).send().await.unwrap().status(), 204);
    let query = json!({});
    let wait = || handle.wait_for_exchanges(1, &query, Duration::from_secs(60));
    assert!(matches!(wait().await, Err(MockError::Gone)));
    // It does not continue in another sandbox of the same name either.
    let other = mock.create_sandbox("suite-a").await.unwrap();
    assert!(matches!(wait().await, Err(MockError::Gone)));
    assert!(matches!(handle.reset().await, Err(MockError::Gone)));
    assert!(other.reset().await.is_ok());
    mock.stop().await;
}

#[tokio::test]
async fn memory_cleared_by_a_reset_is_not_counted() {
    let api = Arc::new(Api::new());
    let body = body_of("h-late", "sam@example.com");
    let mut halves = Vec::new();
    for _ in 0..3 {
        let held = api.app.sandboxes.default_sandbox();
        api.hand_off(body_of("h-1", "sam@example.com")).await;
        assert!(api.app.memory().used > 0);
        halves.push((held, HalfSent::begin(&api, handoff_request, &body).await));
        reset(&api, "default").await;
    }
    let empty = Api::new().app.memory().used;
    assert!(api.app.memory().used - empty < 8 * body.len(), "apart from the bodies that are being received");
    for (_, half) in halves {
        half.finish(&body).await;
    }
}

#[tokio::test]
async fn a_wait_ends_even_if_another_sandbox_takes_the_name() {
    let api = Arc::new(Api::new());
    let create = || Request::post("/__admin/sandboxes").body(Body::from(r#"{"name":"a"}"#)).unwrap();
    assert_eq!(api.send(create()).await.status, 201);
    let waiting = Arc::clone(&api);
    let wait = tokio::spawn(async move { waiting.get("/__admin/requests/wait?sandbox=a&timeout=60s").await });
    while api.app.sandboxes.get("a").unwrap().waiters.open() == 0 {
        tokio::task::yield_now().await;
    }
    assert!(api.app.sandboxes.delete("a"));
    assert_eq!(api.send(create()).await.status, 201);
    assert_eq!(wait.await.unwrap().status, 404);
}
