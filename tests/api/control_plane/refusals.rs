//! Input that is refused when it is written, so that it cannot fail later when it is used.

use crate::{
    harness::{Api, CREATE, body_of},
    people::stage::{Stage, parties},
    sandboxes::lifecycle::send,
};
use axum::{body::Body, http::Request};
use docendorse_mock::{Mock, Settings};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn refusal(api: &Api, scenario: &Value) -> String {
    let answer = send(api, "PUT", "/__admin/scenarios/s", scenario.clone()).await;
    assert_eq!(answer.status, 400, "{scenario}: {}", answer.text);
    answer.json()["detail"].as_str().unwrap_or(&answer.text).to_owned()
}

fn with(answer: &Value) -> Value {
    json!({ "name": "s", "answers": [answer] })
}

#[tokio::test]
async fn a_header_that_cannot_be_sent_is_refused() {
    let api = Api::new();
    for (headers, problem) in [
        (json!({ "X-A": "a\r\nX-B: b" }), "has characters other than plain text"),
        (json!({ "X-A": "a\u{0}" }), "has characters other than plain text"),
        (json!({ "X-A": "a\u{7f}" }), "the character U+007F is not allowed in a file"),
        (json!({ "X-A": "é" }), "has characters other than plain text"),
        (json!({ "X-A": " a" }), "drop leading and trailing space"),
        (json!({ "X-A": "a\t" }), "drop leading and trailing space"),
        (json!({ "X A": "a" }), "cannot be the name of a header"),
        (json!({ "X-A:": "a" }), "cannot be the name of a header"),
        (json!({ "": "a" }), "cannot be the name of a header"),
        (json!({ "Content-length": "3" }), "the server sets the header "),
        (json!({ "Transfer-Encoding": "gzip" }), "the server sets the header "),
        (json!({ "Connection": "close" }), "the server sets the header "),
        (json!({ "Keep-Alive": "timeout=1" }), "the server sets the header "),
        (json!({ "Trailer": "X" }), "the server sets the header "),
        (json!({ "Upgrade": "h2c" }), "the server sets the header "),
    ] {
        let told = refusal(&api, &with(&json!({ "headers": headers }))).await;
        assert!(told.contains(problem) && told.starts_with("The body:1:"), "{headers}: {told}");
    }
}

#[tokio::test]
async fn a_content_type_that_cannot_be_sent_is_refused() {
    let api = Api::new();
    for (content_type, problem) in [
        ("text/html\r\nX-A: b".to_owned(), "has characters other than plain text"),
        ("text/html\u{0}".to_owned(), "has characters other than plain text"),
        ("text/é".to_owned(), "has characters other than plain text"),
        ("text/html ".to_owned(), "drop leading and trailing space"),
        ("a".repeat(1_001), "at most 1000 are allowed"),
    ] {
        let told = refusal(&api, &with(&json!({ "raw": { "content_type": content_type, "body": "x" } }))).await;
        assert!(told.contains(problem), "{content_type:?}: {told}");
    }
    for status in [100, 101, 199, 204, 205, 304, 600] {
        refusal(&api, &with(&json!({ "http_status": status }))).await;
    }
}

#[tokio::test]
async fn a_template_that_renders_a_bad_header_is_an_error() {
    for answer in [
        json!({ "headers": { "X-A": "{{ request.context.summary }}" } }),
        json!({ "headers": { "X-A": " {{ id }}" } }),
        json!({ "raw": { "content_type": "{{ request.context.summary }}", "body": "x" } }),
        json!({ "raw": { "content_type": "{{ 'a' * 2000 }}", "body": "x" } }),
    ] {
        let api = Api::new();
        assert_eq!(send(&api, "PUT", "/__admin/scenarios/s", with(&answer)).await.status, 200, "{answer}");
        let mut body: Value = serde_json::from_str(&body_of("h-1", "sam@example.com")).unwrap();
        body["context"]["summary"] = json!("one\nX-B: two");
        let told = api.hand_off(body.to_string()).await;
        assert_eq!(told.status, 500, "{answer}: {}", told.text);
        let description = told.json()["description"].as_str().unwrap().to_owned();
        assert!(description.starts_with("The scenario \"s\" gave no answer: "), "{description}");
        assert!(told.headers.get("x-b").is_none());
    }
}

#[tokio::test]
async fn reading_stops_at_the_first_member_too_many() {
    let api = Api::new();
    let members = |last: &str| -> Value {
        let members = (0..1_001).map(|number| (format!("m{number}"), json!("{{ id }}")));
        members.chain([(last.to_owned(), json!("{{ nobody }}"))]).collect::<serde_json::Map<_, _>>().into()
    };
    for set in [members("z"), json!({ "a": members("z") }), json!({ "a": [members("z")] })] {
        let told = refusal(&api, &with(&json!({ "set": set }))).await;
        assert!(told.contains("\"set\" has more than 1000 members and items"), "{told}");
    }
}

#[tokio::test]
async fn an_actor_is_known_by_an_email() {
    let api = Api::new();
    for key in ["sam", "sam@", "@example.com", "usr_1", "sam%20x@example.com", "a@b@c"] {
        let answer = send(&api, "PATCH", &format!("/__admin/actors/{key}"), json!({ "subscribed": false })).await;
        assert_eq!(answer.status, 400, "{key}: {}", answer.text);
        assert!(answer.text.contains("is not an email address"), "{}", answer.text);
    }
    let list = send(&api, "GET", "/__admin/actors", json!({})).await;
    assert_eq!(list.json()["matching"], 0, "{}", list.text);
}

/// The status line and body of the answer to a request that ends the connection.
async fn exchange(mock: &Mock, request: &str) -> String {
    let mut stream = TcpStream::connect(mock.url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn transfer_codings_other_than_chunked_are_refused() {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let json = "authorization: Bearer x\r\nx-inspakt-api-key: x\r\ncontent-type: application/json\r\n";
    let form = "content-type: application/x-www-form-urlencoded\r\n";
    for (path, head, shape) in [
        (CREATE, json, r#""status":"error""#),
        ("/oauth2/v2/token", form, r#""error":"invalid_request""#),
        ("/api/v1/key/envelopes", json, r#""name":"Request.UnsupportedTransferCoding""#),
        ("/__admin/requests/count", json, r#""detail":"#),
    ] {
        for codings in [
            "transfer-encoding: gzip, chunked",
            "transfer-encoding: gzip\r\ntransfer-encoding: chunked",
            "transfer-encoding: chunked, chunked",
            "transfer-encoding: identity, chunked",
            "transfer-encoding: deflate;q=1, CHUNKED",
        ] {
            let request =
                format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{head}{codings}\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n");
            let answer = exchange(&mock, &request).await;
            let status = if path.starts_with("/api/v1/key") { " 200 " } else { " 501 " };
            assert!(answer.lines().next().unwrap_or_default().contains(status), "{path} {codings}: {answer}");
            let plain: String = answer.split_whitespace().collect();
            assert!(plain.contains(&shape.replace(' ', "")), "{path} {codings}: {answer}");
            assert!(answer.contains("is not supported"), "{path} {codings}: {answer}");
        }
        for codings in ["transfer-encoding: gzip", "transfer-encoding: chunked, gzip"] {
            let request = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\n{head}{codings}\r\n\r\n{{}}");
            assert!(exchange(&mock, &request).await.starts_with("HTTP/1.1 400 "), "{path} {codings}");
        }
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\n{head}transfer-encoding: Chunked\r\n\r\n2\r\n{{}}\r\n0\r\n\r\n"
        );
        assert!(!exchange(&mock, &request).await.contains("is not supported"), "{path}");
    }
}

#[tokio::test]
async fn yaml_that_is_read_as_another_value_is_refused() {
    let api = Api::new();
    for (line, problem) in [
        ("set: {zip: 01234}", "quote it"),
        ("set: {zip: 0o17}", "quote it"),
        ("set: {zip: 0x1F}", "quote it"),
        ("set: {zip: 1_000}", "quote it"),
        ("set: {phone: +15551234567}", "quote it"),
        ("set: {code: 1e3}", "1e3 is read as 1000.0; write 1000.0, or quote it"),
        ("set: {version: 1.10}", "1.10 is read as 1.1; write 1.1, or quote it"),
        ("set: {half: .5}", "quote it"),
        ("set: {one: 1.}", "quote it"),
        ("set: {inf: .inf}", "quote it"),
        ("set: {nan: .NaN}", "quote it"),
        ("set: {nothing: ~}", "~ is read as null; write null, or quote it"),
        ("set: {nothing: NULL}", "is read as null"),
        ("set: {sure: True}", "True is read as true"),
        ("set: {many: 1e999}", "quote it"),
        ("set: {many: 18446744073709551617}", "would be rounded"),
        ("set: {many: 0.12345678901234567890123}", "would be rounded"),
        ("set: {list: [1, [01]]}", "quote it"),
        ("set: {404: x}", "the key \"404\" is not a text in YAML; quote it"),
        ("set: {true: x}", "the key \"true\" is not a text"),
        ("set: {~: x}", "remove the key"),
        ("set: {[a]: x}", "expected a single value"),
        ("set: {zip: !!int \"012\"}", "a whole number"),
        ("set: {zip: !!binary aGk=}", "a tag"),
        ("headers: {X-Zip: 01234}", "quote it"),
        ("raw: {body: 0x10}", "quote it"),
        ("outcome: error\n    description: 1_000", "quote it"),
    ] {
        let yaml = format!("name: s\nanswers:\n  - {line}\n");
        let request = Request::put("/__admin/scenarios/s").body(Body::from(yaml)).unwrap();
        let answer = api.send(request).await;
        assert_eq!(answer.status, 400, "{line}: {}", answer.text);
        let told = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(told.contains(problem), "{line}: {told}");
        assert!(told.starts_with("The body:3:") || told.starts_with("The body:4:"), "{line}: {told}");
    }
}

#[tokio::test]
async fn yaml_with_an_unambiguous_notation_is_accepted() {
    let api = Api::new();
    for (line, expected) in [
        ("set: {zip: \"01234\"}", json!({ "zip": "01234" })),
        ("set: {zip: '0o17', tag: !!str 012}", json!({ "zip": "0o17", "tag": "012" })),
        (
            "set: {a: yes, b: no, c: on, d: off, e: y}",
            json!({ "a": "yes", "b": "no", "c": "on", "d": "off", "e": "y" }),
        ),
        (
            "set: {day: 2026-03-01, time: 1:30, ip: 10.0.0.1}",
            json!({ "day": "2026-03-01", "time": "1:30", "ip": "10.0.0.1" }),
        ),
        ("set: {a: 1, b: -2.5, c: 0, d: true, e: null}", json!({ "a": 1, "b": -2.5, "c": 0, "d": true, "e": null })),
        ("set: {n: 18446744073709551615, m: -9223372036854775808}", json!({ "n": u64::MAX, "m": i64::MIN })),
        ("{ set: {a: 1}, http_status: 200, probability: 1.0 }", json!({ "a": 1 })),
        ("set: {on: 1, no: 2}", json!({ "on": 1, "no": 2 })),
    ] {
        let yaml = format!("name: s\nanswers:\n  - {line}\n");
        let request = Request::put("/__admin/scenarios/s").body(Body::from(yaml)).unwrap();
        let answer = api.send(request).await;
        assert_eq!(answer.status, 200, "{line}: {}", answer.text);
        let shown = api.get("/__admin/scenarios/s").await.json();
        assert_eq!(shown["answers"][0]["set"], expected, "{line}");
    }
    let json = r#"{"name": "s", "answers": [{"set": {"a": 1e3, "b": 1.50}, "probability": 1e0}]}"#;
    let answer = api.send(Request::put("/__admin/scenarios/s").body(Body::from(json)).unwrap()).await;
    assert_eq!(answer.status, 200, "JSON allows any notation of a number: {}", answer.text);
}

#[tokio::test]
async fn errors_of_scenarios_quote_little() {
    let api = Api::new();
    let long = "q".repeat(5_000);
    let part = "q".repeat(900);
    for answer in [
        json!({ &long: 1 }),
        json!({ "outcome": long }),
        json!({ "delay": long }),
        json!({ "delay": format!("{}h", "9".repeat(900)) }),
        json!({ "headers": { &long: "a", long.to_uppercase(): "b" } }),
        json!({ "headers": { format!("{long} "): "a" } }),
        json!({ "set": { &long: 1 }, "remove": [long] }),
        json!({ "set": { "a": format!("{{{{ {long} }}}}") } }),
        json!({ "set": { "a": format!("{{{{ id | {long} }}}}") } }),
        json!({ "set": { "a": format!("{{{{ id is {long} }}}}") } }),
        json!({ "set": { "a": format!("{{% {long} %}}") } }),
        json!({ "set": { "a": format!("{{% if id %}}{{% end{long} %}}") } }),
        json!({ "set": { "a": format!("{{{{ ({long} }}}}") } }),
    ] {
        let told = refusal(&api, &with(&answer)).await;
        assert!(!told.contains(&"q".repeat(201)) && told.chars().count() < 1_500, "{told}");
    }
    for matcher in [
        json!({ &long: 1 }),
        json!({ "body": [{ "pointer": part, "exists": true }] }),
        json!({ "body": [{ "pointer": format!("/{part}~2"), "exists": true }] }),
        json!({ "body": [{ "pointer": format!("/{part}") }] }),
        json!({ "body": [{ "pointer": format!("/{part}"), "above": 1, "below": 2 }] }),
    ] {
        let scenario = json!({ "name": "s", "match": matcher, "answers": [{}] });
        let told = refusal(&api, &scenario).await;
        assert!(!told.contains(&"q".repeat(201)) && told.chars().count() < 1_500, "{told}");
    }
}

#[tokio::test]
async fn a_body_that_is_not_json_has_its_reason_and_place() {
    let api = Api::new();
    for (body, problem) in [
        (
            r#"{"name": "a\ud800b"}"#,
            ": it is not JSON at line 1, column 18: half of a surrogate pair; write the character itself, \
             or the escapes of both halves.",
        ),
        (r#"{"name": "\ud83d\n"}"#, "half of a surrogate pair"),
        (r#"{"name": "\udc00"}"#, "half of a surrogate pair"),
        (
            r#"{"name": "a\qb"}"#,
            "at line 1, column 13: not a JSON escape; double each backslash, or write a backslash, u and",
        ),
        (r#"{"name": "a\u12"}"#, "or write a backslash, u and four hexadecimal digits."),
        (r#"{"name": "a\u12g4"}"#, "or write a backslash, u and four hexadecimal digits."),
        ("{\"name\": \"a\"\n \"seed\": 1}", "at line 2, column 2: a comma or a closing bracket is missing; add it."),
        (r#"{"name" "a"}"#, "at line 1, column 9: a colon is missing after a key; add it."),
        (r#"{"name": "a",}"#, "at line 1, column 14: trailing comma; remove it."),
        (
            "{\"name\": \"a\u{1}\"}",
            "at line 1, column 12: a raw control character inside a text; write it as an escape, which is a \
             backslash and a letter such as n.",
        ),
        (r#"{"seed": 01}"#, "at line 1, column 11: not a JSON number; write one such as 10 or 0.5"),
        (r#"{"seed": tru}"#, "not a JSON word; write true, false or null, or put the text in double"),
        (r#"{"seed": .5}"#, "a value is missing or is not valid JSON; put texts in double quotes, and write"),
        (r#"{"seed": NaN}"#, "at line 1, column 10: a value is missing or is not valid JSON;"),
        (r#"{"seed": 'a'}"#, "at line 1, column 10: a value is missing or is not valid JSON;"),
        (r#"{"seed": }"#, "at line 1, column 10: a value is missing or is not valid JSON;"),
        (r#"{name: "a"}"#, "at line 1, column 2: a key without double quotes; add them."),
        (r#"{"name": "a"} x"#, "at line 1, column 15: text after the end of the value; remove it."),
        (
            &*format!("{}{}", r#"{"name":"#.repeat(130), "}".repeat(130)),
            "nested too deeply at line 1, column 1017; at most 127",
        ),
        (r#"{"name": "a"#, "it ends too early, at line 1, column 11; close every quote and bracket."),
    ] {
        let request = Request::post("/__admin/sandboxes").body(Body::from(body.to_owned())).unwrap();
        let answer = api.send(request).await;
        let told = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(answer.status == 400 && told.contains(problem), "{body}: {told}");
    }
}

#[tokio::test]
async fn a_wrong_value_is_refused_in_our_own_words() {
    let api = Api::new();
    let race = |after: &str| format!(r#"{{"agents":[{{"name":"A","opens":{{"after":{after}}}}}]}}"#);
    let drawn = r#"a span such as 500ms, or an object with "uniform" or "lognormal"."#;
    let time = r#"is not a time such as "2026-03-01T12:00:00Z"."#;
    let both = r#""uniform" and "lognormal" cannot be given together; remove one of them."#;
    let mut cases = vec![
        ("signing/simulations", race("{}"), format!("/agents/0/opens/after: an empty object is not {drawn}")),
        ("signing/simulations", race("[]"), format!("/agents/0/opens/after: a list is not {drawn}")),
        (
            "signing/simulations",
            race(r#"{"uniform":["1s","2s"],"lognormal":{"median":"1s","sigma":1}}"#),
            format!("/agents/0/opens/after: {both}"),
        ),
        (
            "signing/simulations",
            race(r#"{"lognormal":{"median":"1s","sigma":1},"uniform":["1s","2s"]}"#),
            r#"/agents/0/opens/after: "lognormal" and "uniform" cannot be given together; remove one of them."#
                .to_owned(),
        ),
    ];
    for value in ["5", "null", "[]", "{}", "true", "1.5", r#""x""#] {
        let came = match value {
            "[]" => "a list",
            "{}" => "an object",
            value => value,
        };
        cases.push(("clock/set", format!(r#"{{"to":{value}}}"#), format!("/to: {came} {time}")));
        cases.push((
            "sandboxes",
            format!(r#"{{"name":"a","clock":{{"frozen_at":{value}}}}}"#),
            format!("/clock/frozen_at: {came} {time}"),
        ));
    }
    for (path, body, problem) in cases {
        let request = Request::post(format!("/__admin/{path}")).body(Body::from(body.clone())).unwrap();
        let answer = api.send(request).await;
        assert_eq!(answer.status, 400, "{body}: {}", answer.text);
        assert_eq!(answer.json()["detail"], format!("In the body: {problem}"), "{body}");
    }
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused_in_our_own_words() {
    const THEIRS: [&str; 7] =
        ["variant", "identifier", "enum", "timestamp string", "four digit year", "expected ", "a list of 0"];
    let stage = Stage::new(json!({ "people": [{ "opens": "1m", "accepts": "1m", "signs": "1d" }] })).await;
    stage.hand_off("h-1", parties(&["Alice"])).await;
    stage.advance("1h").await;
    let snapshot = stage.get("/__admin/sandboxes/play/snapshot").await;
    let wrong = [json!(null), json!(5), json!("x"), json!([]), json!([5]), json!({}), json!(true), json!(1.5)];
    let mut refused = 0;
    for state in ["/envelopes/0/state", "/envelopes/0/recipients/0/state"] {
        let recipients = state.contains("recipients");
        let members = snapshot.pointer(state).unwrap_or_else(|| panic!("{snapshot}")).clone();
        let names = members.as_object().unwrap().keys().map(|name| format!("{state}/{name}"));
        for place in names.chain([state.to_owned()]) {
            for value in wrong.iter().filter(|value| !place.ends_with("/by") || **value != json!(5)) {
                let mut damaged = snapshot.clone();
                damaged.pointer_mut(&place).unwrap().clone_from(value);
                let answer = stage.ask("POST", "/__admin/sandboxes/restore?name=copy", damaged).await;
                assert_eq!(answer.status, 400, "{place} = {value}: {}", answer.text);
                let told = answer.json()["detail"].as_str().unwrap().to_owned();
                let is_absent = value.is_null() && !place.ends_with("/status") && !place.ends_with("/state");
                let place = match value {
                    Value::Object(_) if place == state => {
                        format!("{place}/{}", if recipients { "state" } else { "status" })
                    }
                    _ if is_absent => state.to_owned(),
                    _ => place.clone(),
                };
                assert!(told.starts_with(&format!("In the body: {place}: ")), "{place} = {value}: {told}");
                assert!(THEIRS.iter().all(|theirs| !told.contains(theirs)), "{place} = {value}: {told}");
                refused += 1;
            }
        }
    }
    assert!(refused > 30, "{refused}");
    for (state, damaged, expected) in [
        (
            "/envelopes/0/state",
            json!({ "status": "sent" }),
            "\"sent\" takes exactly the members \"status\", \"sent_at\"",
        ),
        (
            "/envelopes/0/state",
            json!({ "status": "draft", "at": "2026-03-01T12:00:00Z" }),
            "\"draft\" takes only the member \"status\"; remove the others",
        ),
        (
            "/envelopes/0/recipients/0/state",
            json!({ "state": "claimed", "at": "2026-03-01T12:00:00Z" }),
            "\"claimed\" takes exactly the members \"state\", \"activated_at\", \"by\", \"at\"",
        ),
        ("/envelopes/0/recipients/0/state/stat", json!("open"), "unknown member; did you mean \"state\"?"),
        ("/envelopes/0/state/status", json!("sentt"), "did you mean \"sent\"?"),
    ] {
        let mut copy = snapshot.clone();
        let (parent, name) = state.rsplit_once('/').unwrap();
        copy.pointer_mut(parent).unwrap()[name] = damaged;
        let answer = stage.ask("POST", "/__admin/sandboxes/restore?name=copy", copy).await;
        let told = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(told.starts_with(&format!("In the body: {state}: ")) && told.contains(expected), "{told}");
    }
}
