//! The control plane refuses unknown parameters, unknown members, and bodies of operations that take none.

use crate::harness::{Answer, Api, body_of, documents};
use axum::{body::Body, http::Request};
use serde_json::{Value, json};

pub async fn send(api: &Api, method: &str, path: &str, body: &str) -> Answer {
    api.send(Request::builder().method(method).uri(path).body(Body::from(body.to_owned())).unwrap()).await
}

fn detail(answer: &Answer) -> String {
    assert_eq!(answer.status, 400, "{}", answer.text);
    answer.json()["detail"].as_str().unwrap().to_owned()
}

/// Every documented operation of the control plane: method, path with its parameters filled in, and description.
pub fn operations() -> Vec<(String, String, Value, Vec<String>)> {
    let document = documents().control();
    let resolve = |value: &Value| match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap().clone(),
        None => value.clone(),
    };
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        if !path.starts_with("/__admin") {
            continue;
        }
        let filled = path.split('/').map(|part| if part.starts_with('{') { "x" } else { part }).collect::<Vec<_>>();
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| *name != "parameters") {
            let parameters = [&item["parameters"], &operation["parameters"]];
            let parameters = parameters.into_iter().filter_map(Value::as_array).flatten().map(resolve);
            let parameters = parameters.filter(|parameter| parameter["in"] == "query");
            let names = parameters.map(|parameter| parameter["name"].as_str().unwrap().to_owned()).collect();
            operations.push((method.to_uppercase(), filled.join("/"), operation.clone(), names));
        }
    }
    assert!(operations.len() > 60);
    operations
}

#[tokio::test]
async fn every_operation_refuses_unknown_parameters() {
    let api = Api::new();
    for (method, path, _, parameters) in operations() {
        let answer = send(&api, &method, &format!("{path}?sandbx=suite-b"), "").await;
        let detail = detail(&answer);
        assert!(detail.contains("unknown parameter \"sandbx\""), "{method} {path}: {detail}");
        let has_sandbox = parameters.iter().any(|name| name == "sandbox");
        assert_eq!(detail.contains("did you mean \"sandbox\"?"), has_sandbox, "{method} {path}: {detail}");
    }
}

#[tokio::test]
async fn every_operation_refuses_a_parameter_given_twice() {
    let api = Api::new();
    for (method, path, _, parameters) in operations() {
        for name in parameters {
            let answer = send(&api, &method, &format!("{path}?{name}=1&{name}=1"), "").await;
            assert!(detail(&answer).contains("more than once"), "{method} {path} {name}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn every_operation_refuses_unknown_members() {
    let api = Api::new();
    for (method, path, operation, _) in operations() {
        for body in
            [r#"{"sandbx": "suite-b"}"#, r#"{"sandbx": 1, "sandbx": 2}"#, "sandbx=suite-b", "[]", "{", "\u{feff}{}"]
        {
            let answer = send(&api, &method, &path, body).await;
            let detail = detail(&answer);
            let takes_none = detail.contains("takes no body");
            assert_eq!(takes_none, operation["requestBody"].is_null(), "{method} {path} {body}: {detail}");
        }
    }
}

#[tokio::test]
async fn an_empty_object_is_not_a_body() {
    let api = Api::new();
    assert_eq!(send(&api, "POST", "/__admin/reset", " {} ").await.status, 200);
    assert_eq!(send(&api, "DELETE", "/__admin/requests", "{}").await.status, 200);
}

#[tokio::test]
async fn a_misspelt_reset_does_not_reset_the_default_sandbox() {
    let api = Api::new();
    api.hand_off(body_of("h-1", "kim@example.com")).await;
    let query = detail(&send(&api, "POST", "/__admin/reset?sandbx=suite-b", "").await);
    assert_eq!(
        query,
        "In the query of POST /__admin/reset: unknown parameter \"sandbx\"; did you mean \"sandbox\"? Known parameters \
         are sandbox."
    );
    let body = detail(&send(&api, "POST", "/__admin/reset", r#"{"sandbox": "suite-a"}"#).await);
    assert_eq!(body, "POST /__admin/reset takes no body; give \"sandbox\" in the query: ?sandbox=….");
    let form = detail(&send(&api, "POST", "/__admin/reset", "sandbox=suite-a").await);
    assert_eq!(form, body);
    let member = detail(&send(&api, "POST", "/__admin/clock/advance?by=10m", "").await);
    assert_eq!(member, "In the query of POST /__admin/clock/advance: \"by\" belongs in the body.");
    assert_eq!(api.get("/__admin/sessions").await.json()["matching"], 1);
}

#[tokio::test]
async fn a_member_given_twice_is_refused_at_every_level() {
    let api = Api::new();
    for (body, place) in [
        (r#"{"name": "a", "name": "b"}"#, "/name"),
        (r#"{"settings": {"auth": "open", "auth": "strict"}}"#, "/settings/auth"),
        (
            r#"{"scenarios": [{"name": "a", "answers": [{"outcome": "error", "outcome": "success"}]}]}"#,
            "/scenarios/0/answers/0/outcome",
        ),
    ] {
        let detail = detail(&send(&api, "POST", "/__admin/sandboxes", body).await);
        assert_eq!(detail, format!("In the body: {place}: the member is given more than once; give it once."));
    }
}

#[tokio::test]
async fn errors_name_the_place_and_quote_no_library() {
    let api = Api::new();
    for (method, path, body, said) in [
        (
            "POST",
            "/__admin/sandboxes",
            r#"{"seed": "x"}"#,
            "In the body: /seed: \"x\" is not a whole number of 0 or more.",
        ),
        ("POST", "/__admin/sandboxes", r#"{"seed": -1}"#, "In the body: /seed: -1 is not a whole number of 0 or more."),
        (
            "POST",
            "/__admin/sandboxes",
            r#"{"clock": {"frozen_at": "noon"}}"#,
            "In the body: /clock/frozen_at: \"noon\" is not a time such as \"2026-03-01T12:00:00Z\".",
        ),
        (
            "POST",
            "/__admin/sandboxes",
            r#"{"clock": {"frozen-at": "noon"}}"#,
            "In the body: /clock/frozen-at: unknown member; did you mean \"frozen_at\"? Known members are frozen_at.",
        ),
        (
            "POST",
            "/__admin/sandboxes",
            r#"{"settings": {"session-ttl": "1h"}}"#,
            "In the body: /settings/session-ttl: unknown setting of a sandbox; did you mean \"session_ttl\"?",
        ),
        (
            "POST",
            "/__admin/sandboxes",
            r#"{"settings": {"session_ttl": 5}}"#,
            "In the body: /settings/session_ttl: 5 has no unit; write 5ms, 5s or 5m",
        ),
        ("POST", "/__admin/clock/set", "{}", "In the body: /to: the member is missing; send one such as {\"to\":"),
        (
            "POST",
            "/__admin/signing/users",
            r#"{"name": "Al", "email": "a@x.com", "locale": "en"}"#,
            "In the body: /locale: \"en\" is not one of \"en-US\", \"tr-TR\".",
        ),
        (
            "POST",
            "/__admin/clock/set",
            "{\"to\": 1,}",
            "In the body: it is not JSON at line 1, column 10: trailing comma; remove it.",
        ),
        ("POST", "/__admin/clock/set", "[1]", "In the body: it is a list, but must be a JSON object, such as {\"to\":"),
        (
            "POST",
            "/__admin/clock/set",
            "to=1",
            "In the body: it is form data; send a JSON object, such as {\"to\":\"2026-03-01T12:00:00Z\"}.",
        ),
        (
            "GET",
            "/__admin/sessions?limit=many",
            "",
            "In the query: limit: \"many\" is not a whole number from 1 to 1000.",
        ),
        ("GET", "/__admin/sessions?intent=sing", "", "In the query: intent: \"sing\" is not one of "),
        (
            "GET",
            "/__admin/sessions?email=%FF",
            "",
            "In the query: email: \"%FF\" is not percent-encoded UTF-8; write %C3%A9 for é.",
        ),
        (
            "GET",
            "/__admin/requests/wait?match=%7B%22mail%22:1%7D",
            "",
            "In the query: match: /mail: unknown member; did you mean \"email\"?",
        ),
    ] {
        let answer = send(&api, method, path, body).await;
        let detail = detail(&answer);
        assert!(detail.starts_with(said), "{method} {path} {body}: {detail}");
    }
}

#[tokio::test]
async fn a_plus_sign_in_a_query_is_read_in_both_ways() {
    let api = Api::new();
    api.hand_off(body_of("order 7+8", "kim+vip@example.com")).await;
    let matching = async |query: &str| api.get(&format!("/__admin/sessions?{query}")).await.json()["matching"].clone();
    for query in [
        "email=kim+vip@example.com",
        "email=kim%2Bvip@example.com",
        "email=KIM+vip%40example.com",
        "handoff_id=order+7%2B8",
        "handoff_id=order%207+8",
    ] {
        assert_eq!(matching(query).await, json!(1), "{query}");
    }
    let space = send(&api, "GET", "/__admin/sessions?email=kim%20vip@example.com", "").await;
    assert!(detail(&space).contains("is not an email address"), "{}", space.text);
    let since = api.get("/__admin/requests?since=2020-01-01T00:00:00+02:00").await;
    assert_eq!((since.status.as_u16(), &since.json()["matching"]), (200, &json!(1)));
}
