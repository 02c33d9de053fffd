//! The order of the checks (route and method, credential, media type, size, JSON, schema), and the error of each.

use crate::harness::{Api, CREATE, body_of, handoff_request};
use axum::{
    body::Body,
    http::{HeaderValue, Request, StatusCode},
};
use docendorse_mock::Settings;
use serde_json::json;

#[tokio::test]
async fn an_unknown_path_is_not_found_in_the_contracts_shape() {
    let api = Api::new();
    for (method, path) in
        [("GET", "/"), ("POST", "/api/v1/agent-sessions"), ("POST", "/api/v1/agent-sessions/create/"), ("PUT", "/x")]
    {
        let answer = api.call(method, path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{method} {path}");
        assert!(answer.description().contains("the handoff is POST /api/v1/agent-sessions/create"));
        assert!(answer.headers.contains_key("x-mock-exchange"));
    }
}

#[tokio::test]
async fn another_method_is_not_allowed() {
    let api = Api::new();
    for method in ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        let answer = api.call(method, CREATE).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert_eq!(answer.header("allow"), "POST");
        assert_eq!(answer.description(), format!("{method} is not allowed at {CREATE}; use POST."));
    }
}

#[tokio::test]
async fn the_media_type_must_be_json() {
    let api = Api::new();
    let with = |value: Option<&str>| {
        let mut request = handoff_request(body_of("h-1", "sam@example.com"));
        request.headers_mut().remove("content-type");
        if let Some(value) = value {
            request.headers_mut().insert("content-type", HeaderValue::from_str(value).unwrap());
        }
        request
    };
    for good in ["application/json", "application/json; charset=utf-8", "Application/JSON ;charset=UTF-8"] {
        assert_eq!(api.send(with(Some(good))).await.status, StatusCode::OK, "{good}");
    }
    let mut refusals = String::new();
    for bad in [
        None,
        Some(""),
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonx"),
        Some("application/problem+json"),
    ] {
        let answer = api.send(with(bad)).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{bad:?}");
        assert_eq!(answer.header("accept"), "application/json");
        refusals += &format!("{bad:?}: {}\n", answer.description());
    }
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        // After a valid one: every value counts, not only the first.
        let mut twice = with(Some("application/json"));
        twice.headers_mut().append("content-encoding", HeaderValue::from_static("identity"));
        twice.headers_mut().append(name, HeaderValue::from_static(value));
        let answer = api.send(twice).await;
        assert_eq!(answer.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
        refusals += &format!("{name}: {value} as well: {}\n", answer.description());
    }
    insta::assert_snapshot!(refusals);
}

#[tokio::test]
async fn the_media_type_is_checked_before_size_and_size_before_json() {
    let api = Api::with(Settings { max_body: 10, ..Settings::default() });
    let mut request = handoff_request("certainly more than ten bytes");
    request.headers_mut().insert("content-type", HeaderValue::from_static("text/plain"));
    assert_eq!(api.send(request).await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert_eq!(api.hand_off("certainly more than ten bytes").await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(api.hand_off("no json").await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_up_to_the_limit_is_accepted_and_a_larger_one_is_not() {
    let body = body_of("h-1", "sam@example.com");
    let api = Api::with(Settings { max_body: body.len(), ..Settings::default() });
    assert_eq!(api.hand_off(body.clone()).await.status, StatusCode::OK);
    let answer = api.hand_off(format!("{body} ")).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    let expected = format!("The request body is larger than {} bytes, the limit that --max-body sets.", body.len());
    assert_eq!(answer.description(), expected);
}

#[tokio::test]
async fn all_violations_are_reported_at_once_and_in_order() {
    let api = Api::new();
    let body = json!({
        "files": [{ "type": "url", "name": "a", "url": "https://example.com/a" }, { "url": "a.pdf" }],
        "context": { "summary": "" },
        "actor": { "email": 5, "external_user_id": "ab" },
        "intent": "send_esign_request",
    });
    let answer = api.hand_off(body.to_string()).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    insta::assert_snapshot!(answer.description());
    let exchange = api.exchange(&answer).await;
    insta::assert_json_snapshot!(exchange["violations"]);
}

#[tokio::test]
async fn violations_beyond_a_hundred_are_counted() {
    let api = Api::new();
    let mut body: serde_json::Value = serde_json::from_str(&body_of("h-1", "sam@example.com")).unwrap();
    body["files"] = vec![1; 250].into();
    let answer = api.hand_off(body.to_string()).await;
    assert!(answer.description().starts_with("The request breaks the contract in 250 places: "));
    assert!(answer.description().ends_with("; and 150 more."));
    let exchange = api.exchange(&answer).await;
    assert_eq!(exchange["violations"].as_array().unwrap().len(), 100);
    assert_eq!(exchange["omitted_violations"], 150);
}

#[tokio::test]
async fn advices_never_refuse_or_change_the_body() {
    let api = Api::new();
    let body = r#"{
        "handoff_id": "h-1", "handoff_id": "h-2", "intent": "self_sign",
        "actor": { "external_user_id": "usr_1", "email": "sam@example.com", "displayName": "Sam" },
        "integration": { "source": "", "source_conversation_id": "c", "source_message_id": "m" },
        "context": { "summary": "s", "transcript": [{ "a": 1, "a": 2 }] },
        "file": [], "unrelated": true,
        "facts": { "metadata": { "title": "" } },
        "files": [{ "type": "base64", "name": "a", "url": "https://example.com/a" }]
    }"#;
    let answer = api.hand_off(body).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json().as_object().unwrap().len(), 4, "the answer has only the contract's members");
    let exchange = api.exchange(&answer).await;
    let advices = exchange["advices"].as_array().unwrap();
    assert_eq!(answer.header("x-mock-advices"), advices.len().to_string());
    let told: Vec<String> = advices
        .iter()
        .map(|advice| format!("{} [{}] {}", advice["pointer"], advice["code"], advice["message"]))
        .collect();
    insta::assert_snapshot!(told.join("\n"));
    let session = answer.json()["agent_session_id"].as_str().unwrap().to_owned();
    let session = api.get(&format!("/__admin/sessions/{session}")).await.json();
    assert_eq!(session["handoff_id"], "h-2", "the last of two keys counts");
}

#[tokio::test]
async fn a_request_id_is_kept_when_given_and_made_when_not() {
    let api = Api::new();
    let mut request = handoff_request(body_of("h-1", "sam@example.com"));
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("mine-1"));
    assert_eq!(api.send(request).await.header("x-request-id"), "mine-1");
    let mut request = handoff_request(body_of("h-2", "sam@example.com"));
    request.headers_mut().insert("x-request-id", HeaderValue::from_static("not one word"));
    assert_eq!(api.send(request).await.header("x-request-id").len(), 36);
    let probe = Request::get("/__admin/health").body(Body::empty()).unwrap();
    assert_eq!(api.send(probe).await.header("x-request-id").len(), 36);
}
