//! Issuing a token in process, compared with the two cryptographic operations that it needs; and a handoff with a
//! checked token, compared with open mode.

#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark fails by panicking")]

use axum::{Router, body::Body, http::Request};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use docendorse_mock::{
    App, Settings,
    base::clock::Clock,
    domain::oauth::{AccessToken, JWT_BEARER, Jws, PublicKey, SigningKey, TokenIssuer, built_in},
    http,
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use std::{cell::Cell, hint::black_box};
use tokio::runtime::Runtime;
use tower::ServiceExt;

/// The allocator of the shipped program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn assertion(key: &SigningKey, jti: u64) -> String {
    let now = Clock::system_now().as_second();
    let claims = json!({
        "iss": built_in::CLIENT_ID, "sub": "usr_hahua8h7", "aud": "https://api.docendorse.com", "iat": now,
        "exp": now + 300, "jti": format!("bench-{jti}"), "email": "sam@example.com", "given_name": "Sam",
        "family_name": "Doe", "scope": "openid agent_sessions:create",
    });
    key.sign(&json!({ "alg": "RS256", "typ": "JWT" }), &claims).unwrap()
}

fn token_request(key: &SigningKey, jti: u64) -> Request<Body> {
    let assertion = assertion(key, jti);
    let form = serde_urlencoded::to_string([("grant_type", JWT_BEARER), ("assertion", &assertion)]).unwrap();
    Request::post("/oauth2/v2/token")
        .header("host", "127.0.0.1:4747")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form))
        .unwrap()
}

async fn ask(router: &Router, request: Request<Body>) -> (u16, bytes::Bytes) {
    let answer = router.clone().oneshot(request).await.unwrap();
    let status = answer.status().as_u16();
    (status, answer.into_body().collect().await.unwrap().to_bytes())
}

fn oauth(criterion: &mut Criterion) {
    let runtime = Runtime::new().unwrap();
    let router = http::router(&App::new(Settings::default(), "http://mock.test").unwrap());
    let key = SigningKey::from_pem(built_in::PRIVATE_KEY).unwrap();
    let count = Cell::new(0_u64);
    let next = || {
        count.set(count.get() + 1);
        count.get()
    };

    let mut group = criterion.benchmark_group("token");
    group.bench_function("issued", |bencher| {
        bencher.iter_batched(
            || token_request(&key, next()),
            |request| assert_eq!(runtime.block_on(ask(&router, request)).0, 200),
            BatchSize::LargeInput,
        );
    });
    let text = assertion(&key, 0);
    let jws = Jws::read(&text).unwrap();
    let public = PublicKey::from_pem(built_in::PUBLIC_KEY).unwrap();
    let issuer = TokenIssuer::new(&[7; 32]).unwrap();
    let (_, body) = runtime.block_on(ask(&router, token_request(&key, next())));
    let token = serde_json::from_slice::<Value>(&body).unwrap()["access_token"].as_str().unwrap().to_owned();
    let claims: AccessToken = serde_json::from_value(Value::Object(Jws::read(&token).unwrap().claims)).unwrap();
    group.bench_function("limit/one RSA-2048 verification", |bencher| {
        bencher.iter(|| assert!(public.verifies(black_box(jws.signed.as_bytes()), &jws.signature)));
    });
    group.bench_function("limit/one Ed25519 signature", |bencher| bencher.iter(|| issuer.sign(black_box(&claims))));
    group.finish();

    let mut group = criterion.benchmark_group("handoff");
    let full = std::fs::read_to_string("fixtures/requests/valid/full.json").unwrap();
    let (head, tail) = full.split_once("acme-7f3b2d2ca11qiqi").unwrap();
    for (name, token) in [("in open mode", "ACCESS_TOKEN"), ("with a checked token", &token)] {
        let authorization = format!("Bearer {token}");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let request = Request::post(http::CREATE_AGENT_SESSION)
                    .header("host", "127.0.0.1:4747")
                    .header("authorization", &*authorization)
                    .header("content-type", "application/json")
                    .body(Body::from(format!("{head}bench-{}{tail}", next())))
                    .unwrap();
                assert_eq!(runtime.block_on(ask(&router, request)).0, 200);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, oauth);
criterion_main!(benches);
