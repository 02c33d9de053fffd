//! Cost of waiting callers for a handoff: handoffs over a socket with 10, 200 and 1,000 open waits, as a ratio to
//! handoffs without waits in the same run; and the duration of a stop while callers wait.
//!
//! `cargo bench --bench waiters`

#![allow(clippy::unwrap_used, clippy::disallowed_methods, missing_docs, reason = "a benchmark that measures time")]
#![allow(clippy::print_stdout, reason = "a benchmark reports what it measured")]
#![allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "statistics")]

use docendorse_mock::{Mock, Settings, http::CREATE_AGENT_SESSION};
use std::time::{Duration, Instant};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// Handoffs per round. Rounds with and without waits alternate, so that a slow phase of the machine affects both.
const ROUND: usize = 1_000;
const ROUNDS: usize = 10;

async fn connect(mock: &Mock) -> TcpStream {
    let stream = TcpStream::connect(mock.url().trim_start_matches("http://")).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a handoff and reads its answer.
async fn hand_off(stream: &mut TcpStream, number: usize) -> Duration {
    let body = format!(
        r#"{{"handoff_id":"bench-{number}","intent":"send_e_sign_request","actor":{{"external_user_id":"usr_123","display_name":"Sam","email":"sam@example.com"}},"integration":{{"source":"chat","source_conversation_id":"conv_1","source_message_id":"msg_1"}},"context":{{"summary":"Sam wants to send an NDA."}}}}"#
    );
    let request = format!(
        "POST {CREATE_AGENT_SESSION} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer x\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let started = Instant::now();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::with_capacity(2_048);
    loop {
        stream.read_buf(&mut answer).await.unwrap();
        let text = std::str::from_utf8(&answer).unwrap();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() >= length.parse().unwrap() {
                assert!(head.starts_with("HTTP/1.1 200"), "{text}");
                return started.elapsed();
            }
        }
    }
}

fn at(sorted: &[Duration], part: f64) -> f64 {
    sorted[(sorted.len() as f64 * part) as usize].as_secs_f64() * 1e6
}

async fn round(mock: &Mock, next: &mut usize, times: &mut Vec<Duration>) {
    let mut stream = connect(mock).await;
    for _ in 0..ROUND {
        times.push(hand_off(&mut stream, *next).await);
        *next += 1;
    }
}

async fn measure(waits: usize) {
    let mock = Mock::start(Settings::default()).await.unwrap();
    let sandbox = mock.app().sandboxes.default_sandbox();
    let (mut next, mut without, mut with, mut warm_up) = (0, Vec::new(), Vec::new(), Vec::new());
    // Fills the journal, as after some time of use.
    round(&mock, &mut next, &mut warm_up).await;
    let mut open = Vec::new();
    for _ in 0..ROUNDS {
        round(&mock, &mut next, &mut without).await;
        for number in 0..waits {
            let mut stream = connect(&mock).await;
            let path =
                format!("/__admin/requests/wait?timeout=5m&match=%7B%22handoff_id%22%3A%22wanted-{number}%22%7D");
            let head = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
            stream.write_all(head.as_bytes()).await.unwrap();
            open.push(stream);
        }
        while sandbox.waiters.open() < waits {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        round(&mock, &mut next, &mut with).await;
        if with.len() < ROUND * ROUNDS {
            open.clear();
            while sandbox.waiters.open() > 0 {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        }
    }
    let started = Instant::now();
    mock.stop().await;
    let stop = started.elapsed();
    without.sort();
    with.sort();
    println!(
        "{waits:>5} waits: p50 {:>6.1} us, p99 {:>6.1} us; without {:>6.1} and {:>6.1}; ratio {:.2} and {:.2}; stop {:.1} ms",
        at(&with, 0.5),
        at(&with, 0.99),
        at(&without, 0.5),
        at(&without, 0.99),
        at(&with, 0.5) / at(&without, 0.5),
        at(&with, 0.99) / at(&without, 0.99),
        stop.as_secs_f64() * 1e3,
    );
}

fn main() {
    // `cargo test --benches` only checks that the benchmark starts.
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let runtime = tokio::runtime::Runtime::new().unwrap();
    for waits in [0, 10, 200, 1_000] {
        runtime.block_on(measure(waits));
    }
}
