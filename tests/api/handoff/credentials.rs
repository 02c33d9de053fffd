//! Credentials at the handoff endpoint (H2).

use crate::harness::{Api, body_of, handoff_request};
use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode},
};
use docendorse_mock::{Settings, config::Auth};

fn request(credentials: &[&str]) -> Request<Body> {
    let mut request = handoff_request(body_of("h-1", "sam@example.com"));
    request.headers_mut().remove("authorization");
    for credential in credentials {
        request.headers_mut().append("authorization", HeaderValue::from_bytes(credential.as_bytes()).unwrap());
    }
    request
}

#[tokio::test]
async fn any_bearer_token_passes_in_open_mode() {
    let api = Api::new();
    for credential in ["Bearer ACCESS_TOKEN", "bearer x", "BEARER   eyJ.a-b_c~d+e/f==", "Bearer !"] {
        assert_eq!(api.send(request(&[credential])).await.status, StatusCode::OK, "{credential}");
    }
}

#[tokio::test]
async fn a_missing_or_malformed_credential_draws_a_challenge() {
    let api = Api::new();
    let mut refusals = String::new();
    let bad: [&[&str]; 9] = [
        &[],
        &[""],
        &["Bearer"],
        &["Bearer "],
        &["Basic dXNlcjpwYXNz"],
        &["ACCESS_TOKEN"],
        &["Bearer two tokens"],
        &["Bearer one", "Bearer two"],
        &["Bearer t\u{f6}ken"],
    ];
    for credentials in bad {
        let answer = api.send(request(credentials)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{credentials:?}");
        let challenge = answer.header("www-authenticate");
        refusals += &format!("{credentials:?}\n  {}\n  {challenge}\n", answer.description());
    }
    insta::assert_snapshot!(refusals);
}

#[tokio::test]
async fn strict_mode_refuses_tokens_of_other_servers() {
    let api = Api::with(Settings { auth: Auth::Strict, ..Settings::default() });
    let answer = api.send(request(&["Bearer ACCESS_TOKEN"])).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(answer.header("www-authenticate").contains(r#"error="invalid_token""#));
    assert!(answer.description().contains("not issued by this server"));
}

#[tokio::test]
async fn the_credential_is_checked_before_the_body() {
    let api = Api::new();
    let mut request = request(&[]);
    *request.body_mut() = Body::from("no JSON at all");
    request.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    let answer = api.send(request).await;
    assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    assert!(api.exchange(&answer).await["request"]["body"].is_null(), "not read");
}

#[tokio::test]
async fn a_credential_is_masked_in_the_journal() {
    let api = Api::new();
    let mut first = request(&["Bearer very-secret-token"]);
    first.headers_mut().insert("cookie", HeaderValue::from_static("id=very-secret"));
    first.headers_mut().insert("x-inspakt-api-key", HeaderValue::from_static("very-secret"));
    let answer = api.send(first).await;
    let exchange = api.exchange(&answer).await;
    assert_eq!(exchange["request"]["headers"]["authorization"], "Bearer *** (17 characters)");
    assert!(!exchange.to_string().contains("very-secret"), "{exchange}");
    let mut request = request(&["very-secret token"]);
    *request.uri_mut() = "/api/v1/agent-sessions/create?access_token=very-secret&a=1".parse().unwrap();
    request.headers_mut().insert("x-api-key", HeaderValue::from_static("very-secret key"));
    let answer = api.send(request).await;
    let exchange = api.exchange(&answer).await;
    assert_eq!(exchange["request"]["path"], "/api/v1/agent-sessions/create?access_token=***&a=1");
    assert!(!exchange.to_string().contains("very-secret"), "{exchange}");
}
