//! Numbers of a request body are matched by value, without rounding.

use crate::{
    harness::{Api, body_of},
    sandboxes::lifecycle::send,
};
use axum::{body::Body, http::Request};
use serde_json::{Value, json};

/// Sends a handoff with `facts.n` in this notation, and returns the HTTP status.
async fn hand_off(api: &Api, number: &str) -> u16 {
    let mut body: Value = serde_json::from_str(&body_of("h-1", "sam@example.com")).unwrap();
    body["facts"]["n"] = json!("NUMBER");
    body["facts"]["metadata"] = json!({ "title": "t" });
    api.hand_off(body.to_string().replace("\"NUMBER\"", number)).await.status.as_u16()
}

/// Whether a scenario with a predicate on `facts.n` answers a handoff.
async fn matches(predicate: &str, number: &str) -> bool {
    let api = Api::new();
    let yaml = format!(
        "name: s\nmatch: {{ body: [{{ pointer: /facts/n, {predicate} }}] }}\nanswers: [{{ http_status: 418, delay: 0s }}]\n"
    );
    let request = Request::put("/__admin/scenarios/s").body(Body::from(yaml)).unwrap();
    let put = api.send(request).await;
    assert_eq!(put.status, 200, "{predicate}: {}", put.text);
    hand_off(&api, number).await == 418
}

#[tokio::test]
async fn equals_compares_numbers_by_value() {
    for (wanted, number, expected) in [
        ("9007199254740993", "9007199254740993", true),
        ("9007199254740993", "9007199254740992", false),
        ("9007199254740992", "9007199254740993", false),
        ("18446744073709551615", "18446744073709551615", true),
        ("18446744073709551615", "18446744073709551614", false),
        ("-9223372036854775808", "-9223372036854775807", false),
        ("9007199254740993", "9007199254740993.0", true),
        ("9007199254740993", "90071992547409930e-1", true),
        ("1", "1.0", true),
        ("1", "10e-1", true),
        ("1", "\"1\"", false),
        ("0", "-0", true),
        ("0", "-0.0e9", true),
        ("0.1", "0.1000000000000000055511151231257827", false),
        ("0", "1e-400", false),
        ("1", "1e400", false),
        ("[1, {a: 9007199254740993}]", r#"[1.0, {"a": 9007199254740993}]"#, true),
        ("[1, {a: 9007199254740993}]", r#"[1.0, {"a": 9007199254740992}]"#, false),
    ] {
        assert_eq!(matches(&format!("equals: {wanted}"), number).await, expected, "{wanted} {number}");
    }
}

#[tokio::test]
async fn above_and_below_compare_numbers_by_value() {
    let huge = format!("1e{}", "9".repeat(50_000));
    for (predicate, number, expected) in [
        ("above: 9007199254740992", "9007199254740993", true),
        ("above: 9007199254740993", "9007199254740993", false),
        ("below: 9007199254740993", "9007199254740992", true),
        ("below: 9007199254740993", "9007199254740992.9999", true),
        ("above: 0", "1e-400", true),
        ("above: 0", "-0", false),
        ("above: 1", "1e400", true),
        ("below: -1", "-1e400", true),
        ("above: 1", &huge, true),
        ("above: 1", "\"2\"", false),
    ] {
        assert_eq!(matches(predicate, number).await, expected, "{predicate} {}", number.len());
    }
}

#[tokio::test]
async fn journal_queries_compare_numbers_by_value() {
    let api = Api::new();
    for number in ["9007199254740993", "9007199254740992", "1e400", "1.50"] {
        hand_off(&api, number).await;
    }
    for (test, expected) in [
        (json!({ "equals": 9_007_199_254_740_993_u64 }), 1),
        (json!({ "above": 9_007_199_254_740_992_u64 }), 2),
        (json!({ "below": 9_007_199_254_740_993_u64 }), 2),
        (json!({ "equals": 1.5 }), 1),
        (json!({ "exists": true }), 4),
    ] {
        let mut predicate = test.clone();
        predicate["pointer"] = json!("/facts/n");
        let matcher = json!({ "body": [predicate] });
        let count = send(&api, "POST", "/__admin/requests/count", json!({ "match": matcher })).await;
        assert_eq!(count.json()["count"], expected, "{test}: {}", count.text);
        let found = send(&api, "POST", "/__admin/requests/find", json!({ "match": matcher })).await;
        assert_eq!(found.json()["requests"].as_array().unwrap().len(), expected, "{test}: {}", found.text);
    }
}

/// Numbers that fit neither 64 bits nor a double: the predicate, the number sent, and whether they match.
const BEYOND: [(&str, &str, bool); 12] = [
    (r#""equals": 18446744073709551617"#, "18446744073709551617", true),
    (r#""equals": 18446744073709551617"#, "18446744073709551616", false),
    (r#""equals": -9223372036854775809"#, "-9223372036854775810", false),
    (r#""equals": 1e400"#, "10e399", true),
    (r#""equals": 1e400"#, "1e401", false),
    (r#""equals": 0.10000000000000000001"#, "0.1", false),
    (r#""equals": [{"a": 123456789012345678901234567890}]"#, r#"[{"a": 123456789012345678901234567891}]"#, false),
    (r#""equals": {"a": [123456789012345678901234567890]}"#, r#"{"a": [123456789012345678901234567890.0]}"#, true),
    (r#""above": 18446744073709551616"#, "18446744073709551617", true),
    (r#""above": 18446744073709551617"#, "18446744073709551617", false),
    (r#""below": 1e-400"#, "0", true),
    (r#""below": -1e400"#, "-1e400", false),
];

fn matcher_of(test: &str) -> String {
    format!(r#"{{"body": [{{"pointer": "/facts/n", {test}}}]}}"#)
}

#[tokio::test]
async fn count_and_find_take_numbers_beyond_64_bits() {
    for (test, number, expected) in BEYOND {
        let api = Api::new();
        hand_off(&api, number).await;
        let ask = async |path: &str| {
            let body = format!(r#"{{"match": {}}}"#, matcher_of(test));
            let answer = api.send(Request::post(path).body(Body::from(body)).unwrap()).await;
            assert_eq!(answer.status, 200, "{test}: {}", answer.text);
            answer.json()
        };
        let expected = usize::from(expected);
        assert_eq!(ask("/__admin/requests/count").await["count"], expected, "{test} {number}");
        for (nested, counts) in [
            (format!(r#"{{"any": [{{"email": "nobody"}}, {}]}}"#, matcher_of(test)), expected),
            (format!(r#"{{"not": {{"any": [{}]}}}}"#, matcher_of(test)), 1 - expected),
        ] {
            let body = format!(r#"{{"match": {nested}}}"#);
            let answer = api.send(Request::post("/__admin/requests/count").body(Body::from(body)).unwrap()).await;
            assert_eq!(answer.json()["count"], counts, "{nested} {number}");
        }
        assert_eq!(ask("/__admin/requests/find").await["matching"], expected, "{test} {number}");
    }
}

#[tokio::test(start_paused = true)]
async fn wait_takes_numbers_beyond_64_bits() {
    for (test, number, expected) in BEYOND {
        let api = Api::new();
        hand_off(&api, number).await;
        let text: String = matcher_of(test).bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = api.get(&format!("/__admin/requests/wait?timeout=1s&match={text}")).await;
        assert_eq!(answer.status, if expected { 200 } else { 408 }, "{test} {number}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_large_query_compares_numbers_by_value() {
    let api = Api::new();
    hand_off(&api, "18446744073709551617").await;
    let any = r#"{"body": [{"pointer": "/facts/n", "equals": 18446744073709551616}]}"#;
    let body = format!(r#"{{"match": {{"any": [{any}]}}{}}}"#, " ".repeat(300 << 10));
    let answer = api.send(Request::post("/__admin/requests/count").body(Body::from(body)).unwrap()).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["count"]), (200, &json!(0)), "{}", answer.text);
}

#[tokio::test]
async fn a_number_that_a_member_cannot_hold_is_named() {
    let api = Api::new();
    for (body, detail) in [
        (r#"{"limit": 18446744073709551616}"#, "/limit: 18446744073709551616 is not from 1 to 1000"),
        (r#"{"limit": 1e400}"#, "/limit: 1e400 is out of range"),
        (r#"{"limit": 01}"#, "it is not JSON"),
        (r#"{"limit": 1e400, "x": "\ud800"}"#, "half of a surrogate pair"),
    ] {
        let answer = api.send(Request::post("/__admin/requests/find").body(Body::from(body)).unwrap()).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.text.contains(detail), "{body}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_new_sandbox_and_put_refuse_the_same_numbers() {
    let api = Api::new();
    for number in ["18446744073709551617", "0.10000000000000000001"] {
        let scenario =
            format!(r#"{{"name":"s","match":{{"body":[{{"pointer":"/n","equals":{number}}}]}},"answers":[{{}}]}}"#);
        let put = Request::put("/__admin/scenarios/s").body(Body::from(scenario.clone())).unwrap();
        let create = Request::post("/__admin/sandboxes").body(Body::from(format!(r#"{{"scenarios":[{scenario}]}}"#)));
        let answers = [api.send(put).await, api.send(create.unwrap()).await];
        for answer in answers {
            assert_eq!(answer.status, 400, "{number}: {}", answer.text);
        }
    }
}
