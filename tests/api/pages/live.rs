//! How open pages are kept current: the stream of their changes, its limit and its heartbeat.

use super::state;
use crate::{
    harness::{Api, BASE_URL, body_of},
    signing::play::{person, signer},
};
use axum::{
    Router,
    body::Body,
    http::{Request, Response},
};
use docendorse_mock::{app::MOST_PAGE_STREAMS, http, sandbox::AgentSource};
use futures_util::future::join_all;
use http_body_util::BodyExt;
use std::time::Duration;
use tower::ServiceExt;

const CHANGE: &str = "event: change\ndata: {}\n\n";

/// The stream of a page, or whatever else is at the path.
async fn ask(router: &Router, path: &str) -> Response<Body> {
    let request = Request::get(path).header("accept", "text/event-stream");
    router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

async fn piece(stream: &mut Response<Body>) -> String {
    let frame = stream.body_mut().frame().await.unwrap().unwrap();
    String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn open_pages_are_bounded_apart_from_event_streams() {
    let api = Api::new();
    let router = http::router(&api.app);
    let mut open = join_all((0..MOST_PAGE_STREAMS).map(|_| ask(&router, "/sign/none/changes"))).await;
    assert!(open.iter().all(|answer| answer.status() == 200));
    let refused = ask(&router, "/sign/none/changes").await;
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["content-type"], "application/problem+json");
    assert_eq!(ask(&router, "/__admin/events").await.status(), 200, "other streams have a limit of their own");
    open.pop();
    assert_eq!(ask(&router, "/sign/none/changes").await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn a_left_page_is_noticed_within_seconds() {
    let api = Api::new();
    let router = http::router(&api.app);
    let mut stream = ask(&router, "/sign/none/changes").await;
    assert!(piece(&mut stream).await.ends_with(CHANGE), "it begins with a change");
    let start = tokio::time::Instant::now();
    assert_eq!(piece(&mut stream).await, ": heartbeat\n\n");
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn a_change_to_a_draft_reaches_its_page() {
    let api = Api::new();
    let router = http::router(&api.app);
    let answer = api.hand_off(body_of("h-1", "sam@example.com")).await.json();
    let path = answer["handoff_uri"].as_str().unwrap().strip_prefix(BASE_URL).unwrap().to_owned();
    let mut stream = ask(&router, &format!("{path}/changes")).await;
    assert!(piece(&mut stream).await.ends_with(CHANGE));
    let envelope = state(&api, &path).await["envelope"]["id"].as_str().unwrap().to_owned();
    let bob = AgentSource { info: Some(person("bob")), ..AgentSource::default() };
    api.app.sandboxes.default_sandbox().add_recipient(&envelope, signer("buyer"), &[bob]).await.unwrap();
    let start = tokio::time::Instant::now();
    while piece(&mut stream).await != CHANGE {}
    assert!(start.elapsed() <= Duration::from_secs(1));
}
