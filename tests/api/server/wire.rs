//! Behaviour that only a socket shows: partial, slow, oversized and hostile requests, and a stop within bounded time.

use crate::harness::{CREATE, body_of};
use docendorse_mock::{Mock, Settings};
use serde_json::Value;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn connect(mock: &Mock) -> TcpStream {
    TcpStream::connect(mock.url().trim_start_matches("http://")).await.unwrap()
}

fn head(framing: &str) -> String {
    format!(
        "POST {CREATE} HTTP/1.1\r\nhost: mock.test\r\nauthorization: Bearer x\r\n\
         content-type: application/json\r\n{framing}\r\n\r\n"
    )
}

/// Reads one answer: its status, and the `description` of its body.
async fn answer(stream: &mut TcpStream) -> (u16, String) {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let size = stream.read(&mut chunk).await.unwrap();
        bytes.extend_from_slice(&chunk[..size]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && let Some(length) = head.lines().find_map(|line| line.strip_prefix("content-length: "))
            && body.len() >= length.parse().unwrap()
        {
            let status = head.split(' ').nth(1).unwrap().parse().unwrap();
            let body: Value = serde_json::from_str(body).unwrap_or_default();
            return (status, body["description"].as_str().unwrap_or_default().to_owned());
        }
        assert!(size > 0, "closed after {text:?}");
    }
}

async fn start() -> Mock {
    Mock::start(Settings::default()).await.unwrap()
}

#[tokio::test]
async fn an_over_long_body_gets_its_answer_while_it_is_still_sent() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    let size = 8 << 20;
    stream.write_all(head(&format!("content-length: {size}")).as_bytes()).await.unwrap();
    // A client that writes everything before it reads: the server must read the rest, or the answer would be lost.
    for _ in 0..size / 65_536 {
        stream.write_all(&[b' '; 65_536]).await.unwrap();
    }
    let (status, description) = answer(&mut stream).await;
    assert_eq!(status, 413, "{description}");
    // The connection still works: the next request on it is answered.
    let body = body_of("h-1", "sam@example.com");
    stream.write_all(format!("{}{body}", head(&format!("content-length: {}", body.len()))).as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream).await.0, 200);
}

#[tokio::test]
async fn an_over_long_body_of_unknown_length_is_refused_at_the_limit() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    stream.write_all(head("transfer-encoding: chunked").as_bytes()).await.unwrap();
    for _ in 0..40 {
        stream.write_all(b"10000\r\n").await.unwrap();
        stream.write_all(&[b'['; 0x10000]).await.unwrap();
        stream.write_all(b"\r\n").await.unwrap();
    }
    assert_eq!(answer(&mut stream).await.0, 413);
}

#[tokio::test]
async fn a_caller_who_expects_100_continue_is_refused_at_once() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    let head = head("content-length: 100\r\nexpect: 100-continue").replace("authorization: Bearer x\r\n", "");
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream).await.0, 401, "the first line is the answer, not 100 Continue");
}

#[tokio::test]
async fn a_caller_who_announces_too_much_is_refused_at_once() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    stream.write_all(head("content-length: 2000000\r\nexpect: 100-continue").as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream).await.0, 413);
    assert_eq!(stream.read(&mut [0; 16]).await.unwrap(), 0, "the server closes instead of waiting for the body");
}

#[tokio::test]
async fn a_body_that_ends_early_is_an_exchange_of_its_own() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    stream.write_all(head("content-length: 100").as_bytes()).await.unwrap();
    stream.write_all(b"{\"handoff_id\"").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    let journal = &mock.app().sandboxes.default_sandbox().journal;
    let (entries, _) = journal.list(&docendorse_mock::domain::journal::Filter::default(), 10);
    assert_eq!(entries.len(), 1);
    assert!(entries[0].exchange.agent_session.is_none());
}

/// The whole answer to a request whose sender closes its half of the connection.
async fn half_closed(mock: &Mock, request: &str) -> String {
    let mut stream = connect(mock).await;
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn handoff(handoff_id: &str, email: &str) -> String {
    let body = body_of(handoff_id, email);
    format!("{}{body}", head(&format!("content-length: {}", body.len())))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_closed_handoff_is_answered_every_time() {
    let mock = start().await;
    for number in 0..300 {
        let answer = half_closed(&mock, &handoff(&format!("h-{number}"), "sam@example.com")).await;
        assert!(answer.contains("\"status\":\"success\""), "{number}: {answer:?}");
    }
}

#[tokio::test]
async fn every_surface_answers_a_half_closed_request() {
    let mock = start().await;
    let form = "grant_type=none";
    let form_length = form.len();
    for (request, status) in [
        ("GET /livez HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 200),
        ("GET /__admin/health HTTP/1.1\r\nhost: localhost\r\n\r\n".to_owned(), 200),
        ("GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 404),
        ("GET /api/v1/key/envelopes HTTP/1.1\r\nhost: x\r\n\r\n".to_owned(), 0),
        (
            format!(
                "POST /oauth2/v2/token HTTP/1.1\r\nhost: x\r\ncontent-type: application/x-www-form-urlencoded\r\n\
                 content-length: {form_length}\r\n\r\n{form}"
            ),
            400,
        ),
        ("GET /livez HTTP/1.0\r\n\r\n".to_owned(), 200),
    ] {
        for _ in 0..20 {
            let answer = half_closed(&mock, &request).await;
            let wanted = if status == 0 { " ".to_owned() } else { format!(" {status} ") };
            assert!(answer.lines().next().is_some_and(|line| line.contains(&wanted)), "{request}: {answer:?}");
        }
    }
}

#[tokio::test]
async fn a_delayed_answer_comes_after_a_half_close() {
    let mock = start().await;
    for number in 0..20 {
        let mut stream = connect(&mock).await;
        let request = handoff(&format!("h-{number}"), "sam+slow@example.com");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        // The session exists before the answer, so the request is in progress.
        let sandbox = mock.app().sandboxes.default_sandbox();
        while sandbox.agent_sessions().fill().await.unwrap().kept <= number {
            tokio::task::yield_now().await;
        }
        tokio::time::pause();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        tokio::time::resume();
        assert!(answer.contains("\"status\":\"success\""), "{number}: {answer:?}");
        assert_eq!(sandbox.journal.get(u64::try_from(number).unwrap() + 1).unwrap().exchange.status, Some("success"));
    }
}

#[tokio::test]
async fn a_stream_goes_on_after_a_half_close() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    let request = "GET /__admin/events HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut seen = String::new();
    let mut chunk = [0; 4096];
    while !seen.contains(": heartbeat") {
        let size = stream.read(&mut chunk).await.unwrap();
        assert!(size > 0, "ended after {seen:?}");
        seen.push_str(&String::from_utf8_lossy(&chunk[..size]));
        if seen.contains("retry: 1000") && !seen.contains("heartbeat") {
            tokio::time::pause();
        }
    }
    tokio::time::resume();
    mock.stop().await;
    stream.read_to_string(&mut seen).await.unwrap();
    assert!(seen.ends_with("0\r\n\r\n"), "the stream ends cleanly");
}

#[tokio::test]
async fn a_target_that_is_not_encoded_gets_a_bare_400() {
    let mock = start().await;
    for target in ["/__admin/sessions?handoff_id=\"", "/__admin/sessions?handoff_id=a b", "/__admin/sessions/a b"] {
        let answer = half_closed(&mock, &format!("GET {target} HTTP/1.1\r\nhost: localhost\r\n\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{target}: {answer:?}");
        assert!(answer.ends_with("\r\n\r\n") && answer.contains("content-length: 0\r\n"), "{target}: {answer:?}");
    }
    let encoded = "GET /__admin/sessions?handoff_id=%22 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    assert!(half_closed(&mock, encoded).await.starts_with("HTTP/1.1 200 "));
}

#[tokio::test]
async fn a_body_that_is_half_closed_too_early_is_refused() {
    let mock = start().await;
    for framing in ["content-length: 100", "transfer-encoding: chunked"] {
        let body = if framing.starts_with('t') { "5\r\n{\"han" } else { "{\"handoff_id\"" };
        let answer = half_closed(&mock, &format!("{}{body}", head(framing))).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{framing}: {answer:?}");
        assert!(answer.contains("connection: close"), "{framing}: {answer:?}");
    }
    let journal = &mock.app().sandboxes.default_sandbox().journal;
    for number in [1, 2] {
        assert_eq!(journal.get(number).unwrap().exchange.answer.as_ref().unwrap().status, 400);
    }
    for half in ["POST /api/v1/agent-sessions/create HTT", "POST / HTTP/1.1\r\nhost: x\r\n", ""] {
        assert_eq!(half_closed(&mock, half).await, "", "a head that is cut off is not a request");
    }
    assert!(journal.get(3).is_none());
}

#[tokio::test]
async fn an_answer_to_a_disconnected_client_is_recorded() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    stream.write_all(handoff("h-1", "sam+slow@example.com").as_bytes()).await.unwrap();
    drop(stream);
    let sandbox = mock.app().sandboxes.default_sandbox();
    while sandbox.agent_sessions().fill().await.unwrap().kept == 0 {
        tokio::task::yield_now().await;
    }
    tokio::time::pause();
    while sandbox.journal.get(1).is_none_or(|entry| entry.exchange.pending) {
        // The clock is paused: this jumps to the next timer.
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    assert_eq!(sandbox.journal.get(1).unwrap().exchange.status, Some("success"));
}

#[tokio::test]
async fn a_mock_listens_on_both_loopback_addresses() {
    let mock = start().await;
    let port = mock.url().rsplit(':').next().unwrap().to_owned();
    assert_eq!(mock.url(), format!("http://127.0.0.1:{port}"));
    let client = reqwest::Client::new();
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let answer = client.get(format!("http://[::1]:{port}/livez")).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    }
    mock.stop().await;
    for host in ["127.0.0.1", "[::1]"] {
        assert!(TcpStream::connect(format!("{host}:{port}")).await.is_err(), "{host}");
    }
}

#[tokio::test]
async fn a_silent_caller_times_out_with_an_answer() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    stream.write_all(head("content-length: 100").as_bytes()).await.unwrap();
    stream.write_all(b"{").await.unwrap();
    // The paused clock jumps ahead only while every task waits, so no work in progress is cut short.
    tokio::task::yield_now().await;
    tokio::time::pause();
    let (status, description) = answer(&mut stream).await;
    assert_eq!(
        (status, &*description),
        (408, "The request body paused for 30 seconds, or took longer than 300 in all.")
    );
}

#[tokio::test]
async fn hostile_bodies_get_an_answer() {
    let mock = start().await;
    let deep = "[".repeat(1_000_000);
    let nested = format!("{}{}", "{\"context\":".repeat(60_000), "1");
    let long_key = format!("{{\"{}\": 1}}", "k".repeat(900_000));
    let many_faults = format!("{{\"files\":[{}1]}}", "1,".repeat(500_000));
    let many_keys: String = (0..60_000).map(|number| format!("\"handof_{number}\":1,")).collect();
    let many_keys = format!("{{{many_keys}\"z\":1}}");
    let long_duplicates = format!("{{\"{}\":{{{}\"a\":1}}}}", "k".repeat(500_000), "\"a\":1,".repeat(60_000));
    let too_many_values: Vec<Vec<u8>> = vec![deep.into(), many_faults.into()];
    let refused: Vec<Vec<u8>> = vec![
        nested.into(),
        long_key.into(),
        many_keys.into(),
        long_duplicates.into(),
        vec![0xFF; 1000],
        vec![0; 1000],
        b"\xEF\xBB\xBF{}".to_vec(),
        b"{\"handoff_id\":\"\\ud800\"}".to_vec(),
        b"{\"a\":1e999}".to_vec(),
        Vec::new(),
    ];
    let expected =
        too_many_values.into_iter().map(|body| (413, body)).chain(refused.into_iter().map(|body| (400, body)));
    for (expected, body) in expected {
        let mut stream = connect(&mock).await;
        stream.write_all(head(&format!("content-length: {}", body.len())).as_bytes()).await.unwrap();
        stream.write_all(&body).await.unwrap();
        let (status, description) = answer(&mut stream).await;
        assert_eq!(status, expected, "{description}");
        assert!((1..40_000).contains(&description.len()), "{} bytes", description.len());
    }
}

#[tokio::test]
async fn a_broken_request_line_closes_only_its_connection() {
    let mock = start().await;
    for garbage in
        ["\r\n\r\n\r\n", "GET\r\n\r\n", "\u{0}\u{1}\u{2}", "GET / HTTP/9.9\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
    {
        let mut stream = connect(&mock).await;
        stream.write_all(garbage.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut rest = Vec::new();
        let _ = stream.read_to_end(&mut rest).await;
    }
    let client = reqwest::Client::new();
    assert!(client.get(format!("{}/livez", mock.url())).send().await.unwrap().status().is_success());
}

#[tokio::test]
async fn a_real_client_runs_the_whole_contract() {
    let mock = start().await;
    let client = reqwest::Client::new();
    let create = format!("{}{CREATE}", mock.url());
    let body: Value = serde_json::from_str(&body_of("h-1", "sam@example.com")).unwrap();
    let answer = client.post(&create).bearer_auth("x").json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let answer: Value = answer.json().await.unwrap();
    assert!(answer["handoff_uri"].as_str().unwrap().starts_with(mock.url()), "{answer}");
    mock.stop().await;
    assert!(client.get(&create).send().await.is_err());
}

#[tokio::test]
async fn a_stop_lets_requests_in_progress_finish() {
    let mock = start().await;
    let client = reqwest::Client::new();
    let create = format!("{}{CREATE}", mock.url());
    let body: Value = serde_json::from_str(&body_of("h-1", "sam+slow@example.com")).unwrap();
    let request = tokio::spawn(client.post(&create).bearer_auth("x").json(&body).send());
    let sessions = mock.app().clone();
    // The session exists before the answer, so the request is in progress.
    while sessions.sandboxes.default_sandbox().agent_sessions().fill().await.unwrap().kept == 0 {
        tokio::task::yield_now().await;
    }
    mock.stop().await;
    assert_eq!(request.await.unwrap().unwrap().status(), 200);
}

#[tokio::test]
async fn a_stop_does_not_wait_forever() {
    let mock = start().await;
    let mut stream = connect(&mock).await;
    stream.write_all(head("content-length: 100").as_bytes()).await.unwrap();
    let client = reqwest::Client::new();
    assert!(client.get(format!("{}/livez", mock.url())).send().await.unwrap().status().is_success());
    drop(client);
    tokio::time::pause();
    let start = tokio::time::Instant::now();
    mock.stop().await;
    assert!(start.elapsed() <= docendorse_mock::http::server::DRAIN + Duration::from_secs(1));
    // The unfinished request was cut off, not abandoned.
    assert!(matches!(stream.read(&mut [0; 16]).await, Ok(0) | Err(_)));
}
