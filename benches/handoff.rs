//! A complete handoff in process: routing, credential, body, validation, session, journal and answer, without a socket.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use axum::{Router, body::Body, http::Request, routing::post};
use criterion::{Criterion, criterion_group, criterion_main};
use docendorse_mock::{App, Settings, http};
use http_body_util::BodyExt;
use std::{cell::Cell, sync::Arc};
use tokio::runtime::Runtime;
use tower::ServiceExt;

fn request(body: String) -> Request<Body> {
    Request::post(http::CREATE_AGENT_SESSION)
        .header("host", "127.0.0.1:4747")
        .header("authorization", "Bearer ACCESS_TOKEN")
        .header("content-type", "application/json")
        .body(Body::from(body))
        .unwrap()
}

async fn ask(router: &Router, request: Request<Body>) -> u16 {
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    answer.into_body().collect().await.unwrap();
    status
}

fn handoff(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let router = http::router(&App::new(Settings::default(), "http://mock.test").unwrap());
    let full = std::fs::read_to_string("fixtures/requests/valid/full.json").unwrap();
    let (head, tail) = full.split_once("acme-7f3b2d2ca11qiqi").unwrap();
    let count = Cell::new(0_u64);
    let fresh = || {
        count.set(count.get() + 1);
        format!("{head}bench-{}{tail}", count.get())
    };

    let mut group = criterion.benchmark_group("handoff");
    group.bench_function("a new session", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(ask(&router, request(fresh()))), 200));
    });
    group.bench_function("replayed", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(ask(&router, request(full.clone()))), 200));
    });
    group.bench_function("refused", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(ask(&router, request("{}".to_owned()))), 400));
    });
    group.finish();

    // The lower bound: the same router with a handler that reads the body and returns a constant.
    let bare = Router::new()
        .route(http::CREATE_AGENT_SESSION, post(|body: bytes::Bytes| async move { body.len().to_string() }));
    let bare = Arc::new(bare);
    criterion.bench_function("limit/bare router", |bencher| {
        bencher.iter(|| assert_eq!(runtime.block_on(ask(&bare, request(fresh()))), 200));
    });
}

criterion_group!(benches, handoff);
criterion_main!(benches);
