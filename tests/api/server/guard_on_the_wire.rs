//! The guard with raw requests on a socket, for cases that the router alone cannot show.

use crate::harness::{CREATE, body_of};
use docendorse_mock::{Mock, Settings};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn start() -> Mock {
    Mock::start(Settings::default()).await.unwrap()
}

/// Sends bytes on a new connection, and reads until the server closes it.
async fn exchange(mock: &Mock, request: impl AsRef<str>) -> String {
    let mut stream = TcpStream::connect(mock.url().trim_start_matches("http://")).await.unwrap();
    stream.write_all(request.as_ref().as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_else(|| panic!("no answer: {answer:?}"))
}

#[tokio::test]
async fn hosts_are_checked_as_they_are_sent() {
    let mock = start().await;
    let admin = "/__admin/health";
    for (expected, head) in [
        (200, format!("GET {admin} HTTP/1.1\r\nHost: localhost\r\n")),
        (200, format!("GET {admin} HTTP/1.1\r\nHOST:   LOCALHOST.:1  \r\n")),
        (200, format!("GET {admin} HTTP/1.0\r\n")),
        (200, format!("GET http://localhost{admin} HTTP/1.1\r\nHost: localhost\r\n")),
        (421, format!("GET {admin} HTTP/1.1\r\nHost: evil.example\r\n")),
        (421, format!("GET {admin} HTTP/1.0\r\nHost: evil.example\r\n")),
        (421, format!("GET {admin} HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n")),
        (421, format!("GET {admin} HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n")),
        (421, format!("GET {admin} HTTP/1.1\r\nHost: localhost, evil.example\r\n")),
        (421, format!("GET {admin} HTTP/1.1\r\nHost:\r\n")),
        (421, format!("GET {admin} HTTP/1.1\r\nHost: localhost@evil.example\r\n")),
        (421, format!("GET http://evil.example{admin} HTTP/1.1\r\nHost: localhost\r\n")),
        (421, format!("GET http://localhost{admin} HTTP/1.1\r\nHost: evil.example\r\n")),
        (421, format!("GET http://localhost@evil.example{admin} HTTP/1.1\r\nHost: localhost\r\n")),
        // The forwarded name comes from a proxy, not from the browser.
        (421, format!("GET {admin} HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: localhost\r\n")),
    ] {
        let answer = exchange(&mock, format!("{head}Connection: close\r\n\r\n")).await;
        assert_eq!(status(&answer), expected, "{head}{answer}");
    }
}

#[tokio::test]
async fn a_refused_body_does_not_become_the_next_request() {
    let mock = start().await;
    let smuggled = "POST /__admin/reset HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for path in ["/__admin/sandboxes", CREATE] {
        let answer = exchange(
            &mock,
            format!(
                "POST {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\nContent-Type: text/plain\r\n\
                 Content-Length: {}\r\n\r\n{smuggled}GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                smuggled.len()
            ),
        );
        let answer = answer.await;
        assert_eq!(answer.matches("HTTP/1.1 ").count(), 2, "{answer}");
        assert!(answer.starts_with("HTTP/1.1 403") && answer.ends_with("live\n"), "{answer}");
    }
}

#[tokio::test]
async fn a_refused_upload_gets_its_answer() {
    let mock = start().await;
    let size = 4 << 20;
    let mut stream = TcpStream::connect(mock.url().trim_start_matches("http://")).await.unwrap();
    let head = format!(
        "POST /__admin/sandboxes HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\nContent-Length: {size}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    for _ in 0..size / 65_536 {
        stream.write_all(&[b' '; 65_536]).await.unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert_eq!(status(&answer), 421);
}

#[tokio::test]
async fn upgrades_and_preflights_of_pages_are_refused() {
    let mock = start().await;
    for path in ["/__admin/events", CREATE, "/api/v1/key/envelopes", "/agent/as_1"] {
        for head in [
            format!("GET {path} HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
            format!("OPTIONS {path} HTTP/1.1\r\nAccess-Control-Request-Method: PUT\r\n"),
            format!("GET {path} HTTP/1.1\r\nAccept: text/event-stream\r\n"),
            format!("HEAD {path} HTTP/1.1\r\n"),
        ] {
            let head = format!("{head}Host: localhost\r\nOrigin: http://evil.example\r\nConnection: close\r\n\r\n");
            let answer = exchange(&mock, &head).await;
            assert_eq!(status(&answer), 403, "{head}{answer}");
            assert!(!answer.to_lowercase().contains("access-control-"), "{answer}");
        }
    }
}

#[tokio::test]
async fn programs_need_no_extra_header() {
    let mock = start().await;
    let body = body_of("h-1", "sam@example.com");
    for host in ["docendorse:4747", "host.docker.internal:32768", "[::1]:4747", "10.0.0.7", "localhost"] {
        let answer = exchange(
            &mock,
            format!(
                "POST {CREATE} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\
                 Authorization: Bearer x\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            ),
        );
        assert_eq!(status(&answer.await), 200, "{host}");
        let answer = exchange(
            &mock,
            format!(
                "POST /__admin/reset HTTP/1.1\r\nHost: {host}\r\nUser-Agent: curl/8.5.0\r\nConnection: close\r\n\r\n"
            ),
        );
        assert_eq!(status(&answer.await), 200, "{host}");
    }
}
