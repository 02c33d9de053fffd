//! What is refused when it is written, so that it need not fail when it is used.

use crate::{
    harness::{Api, CREATE, body_of},
    sandboxes::send,
};
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
        (json!({ "X-A": "a\r\nX-B: b" }), "holds more than plain text"),
        (json!({ "X-A": "a\u{0}" }), "holds more than plain text"),
        (json!({ "X-A": "a\u{7f}" }), "holds more than plain text"),
        (json!({ "X-A": "é" }), "holds more than plain text"),
        (json!({ "X-A": " a" }), "drop the space around it"),
        (json!({ "X-A": "a\t" }), "drop the space around it"),
        (json!({ "X A": "a" }), "cannot be the name of a header"),
        (json!({ "X-A:": "a" }), "cannot be the name of a header"),
        (json!({ "": "a" }), "cannot be the name of a header"),
        (json!({ "Content-length": "3" }), "is the server's own"),
        (json!({ "Transfer-Encoding": "gzip" }), "is the server's own"),
        (json!({ "Connection": "close" }), "is the server's own"),
        (json!({ "Keep-Alive": "timeout=1" }), "is the server's own"),
        (json!({ "Trailer": "X" }), "is the server's own"),
        (json!({ "Upgrade": "h2c" }), "is the server's own"),
    ] {
        let told = refusal(&api, &with(&json!({ "headers": headers }))).await;
        assert!(told.contains(problem) && told.starts_with("the body:1:"), "{headers}: {told}");
    }
}

#[tokio::test]
async fn a_content_type_that_cannot_be_sent_is_refused() {
    let api = Api::new();
    for (content_type, problem) in [
        ("text/html\r\nX-A: b".to_owned(), "holds more than plain text"),
        ("text/html\u{0}".to_owned(), "holds more than plain text"),
        ("text/é".to_owned(), "holds more than plain text"),
        ("text/html ".to_owned(), "drop the space around it"),
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
        assert!(description.starts_with("The scenario \"s\" cannot be answered by"), "{description}");
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
