//! Connection faults as the peer sees them: on a plain socket, and in a real HTTP client.

use axum::{Router, body::Body, extract::Path, http::header, response::Response, routing::any};
use docendorse_mock::http::{
    fault::{ConnectionFault, Dribble},
    server::{DRAIN, MOST_CONNECTIONS, serve_router},
};
use http_body_util::BodyExt;
use std::{error::Error, io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::{Notify, oneshot},
    task::{JoinHandle, JoinSet},
    time::Instant,
};

const BODY: &str = "abcdefghijklmnopqrstu";
const HALF: &str = "abcdefghij";
const LARGE: usize = 32 << 20;
const BRIEF: Duration = Duration::from_millis(20);
const HOUR: Duration = Duration::from_secs(3600);

/// A server whose path selects the fault of the answer.
struct Faulty {
    address: SocketAddr,
    /// Notified of each answer.
    answered: Arc<Notify>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

fn answer(path: &str) -> Response {
    let ordinary = Response::builder().header(header::CONTENT_TYPE, "text/plain").header("x-mark", "kept");
    let ordinary = ordinary.body(Body::from(BODY)).unwrap();
    match path {
        "close-before-answer" => ConnectionFault::CloseBeforeAnswer.apply(ordinary),
        "close-midway" => ConnectionFault::CloseMidway.apply(ordinary),
        "close-midway-large" => ConnectionFault::CloseMidway.apply(Response::new(Body::from(vec![b'x'; LARGE]))),
        "close-midway-empty" => ConnectionFault::CloseMidway.apply(Response::new(Body::empty())),
        "reset" => ConnectionFault::Reset.apply(ordinary),
        "empty-answer" => ConnectionFault::EmptyAnswer.apply(ordinary),
        "hang-briefly" => ConnectionFault::Hang(BRIEF).apply(ordinary),
        "hang" => ConnectionFault::Hang(HOUR).apply(ordinary),
        "dribble-briefly" => Dribble { over: BRIEF }.apply(ordinary),
        "dribble" => Dribble { over: HOUR }.apply(ordinary),
        _ => ordinary,
    }
}

impl Faulty {
    async fn start() -> Self {
        Self::with_most_connections(MOST_CONNECTIONS).await
    }

    async fn with_most_connections(most: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let answered = Arc::new(Notify::new());
        let notify = Arc::clone(&answered);
        let router = Router::new().route(
            "/{fault}",
            any(async move |Path(path): Path<String>| {
                notify.notify_one();
                answer(&path)
            }),
        );
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(serve_router(vec![listener], router, most, async move {
            let _ = stopped.await;
        }));
        Self { address, answered, stop, task }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    async fn stop(self) {
        drop(self.stop);
        self.task.await.unwrap();
    }
}

async fn ask(stream: &mut TcpStream, path: &str) {
    let request = format!("POST /{path} HTTP/1.1\r\nhost: mock.test\r\ncontent-length: 2\r\n\r\n{{}}");
    stream.write_all(request.as_bytes()).await.unwrap();
}

/// Reads exactly the head of an answer.
async fn read_head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Gets an ordinary answer first, so that the connection has been used before.
async fn warm_up(stream: &mut TcpStream) {
    ask(stream, "ordinary").await;
    assert!(read_head(stream).await.starts_with("HTTP/1.1 200 OK\r\n"));
    let mut body = [0; BODY.len()];
    stream.read_exact(&mut body).await.unwrap();
    assert_eq!(body, BODY.as_bytes());
}

/// Reads up to the end of the connection, which must be clean: a reset would be an error.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Finds the first error of a type among the causes of a client's error.
fn cause<E: Error + 'static>(error: &reqwest::Error) -> Option<&E> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[tokio::test]
async fn closed_before_the_answer_is_a_clean_end_without_data() {
    let server = Faulty::start().await;
    for served_before in [false, true] {
        let mut stream = server.connect().await;
        if served_before {
            warm_up(&mut stream).await;
        }
        ask(&mut stream, "close-before-answer").await;
        assert_eq!(rest(&mut stream).await, "");
    }
    let error = reqwest::get(server.url("close-before-answer")).await.unwrap_err();
    assert!(error.is_request() && !error.is_timeout() && !error.is_connect(), "{error:?}");
    assert!(cause::<hyper::Error>(&error).unwrap().is_incomplete_message(), "{error:?}");
}

#[tokio::test]
async fn a_clean_end_is_clean_even_with_an_unread_body() {
    let server = Faulty::start().await;
    let mut stream = server.connect().await;
    let head = format!("POST /close-before-answer HTTP/1.1\r\nhost: mock.test\r\ncontent-length: {LARGE}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&vec![b' '; LARGE]).await.unwrap();
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn closed_midway_is_the_whole_head_and_half_a_body() {
    let server = Faulty::start().await;
    let mut ordinary = server.connect().await;
    ask(&mut ordinary, "ordinary").await;
    let ordinary = read_head(&mut ordinary).await;
    for served_before in [false, true] {
        let mut stream = server.connect().await;
        if served_before {
            warm_up(&mut stream).await;
        }
        ask(&mut stream, "close-midway").await;
        let head = read_head(&mut stream).await;
        assert_eq!(without_date(&head), without_date(&ordinary), "the head is that of an ordinary answer");
        assert!(head.contains("\r\ncontent-length: 21\r\n"), "{head}");
        assert_eq!(rest(&mut stream).await, HALF);
    }
    let response = reqwest::get(server.url("close-midway")).await.unwrap();
    assert_eq!((response.status().as_u16(), response.content_length()), (200, Some(21)));
    let error = response.bytes().await.unwrap_err();
    assert!(error.is_body() || error.is_decode(), "{error:?}");
    assert_eq!(cause::<std::io::Error>(&error).unwrap().kind(), ErrorKind::UnexpectedEof);
}

/// The lines of a head without the date, which must be present.
fn without_date(head: &str) -> Vec<&str> {
    let (date, mut others): (Vec<&str>, Vec<&str>) = head.lines().partition(|line| line.starts_with("date: "));
    assert!(date.len() == 1 && date[0].ends_with(" GMT") && date[0].len() == 35, "{head}");
    others.sort_unstable();
    others
}

#[tokio::test]
async fn closed_midway_sends_every_byte_up_to_the_middle() {
    let server = Faulty::start().await;
    let mut stream = server.connect().await;
    ask(&mut stream, "close-midway-large").await;
    assert!(read_head(&mut stream).await.contains(&format!("content-length: {LARGE}\r\n")));
    assert_eq!(rest(&mut stream).await.len(), LARGE / 2);
}

#[tokio::test]
async fn closed_midway_without_a_body_is_half_a_head() {
    let server = Faulty::start().await;
    let mut stream = server.connect().await;
    ask(&mut stream, "close-midway-empty").await;
    let half = rest(&mut stream).await;
    assert!(half.starts_with("HTTP/1.1 200 OK\r\n") && !half.contains("\r\n\r\n"), "{half:?}");
}

#[tokio::test]
async fn a_reset_fault_resets_the_connection() {
    let server = Faulty::start().await;
    for served_before in [false, true] {
        let mut stream = server.connect().await;
        if served_before {
            warm_up(&mut stream).await;
        }
        ask(&mut stream, "reset").await;
        let error = stream.read(&mut [0; 16]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    let error = reqwest::get(server.url("reset")).await.unwrap_err();
    assert!(error.is_request() && !error.is_connect(), "{error:?}");
    assert_eq!(cause::<std::io::Error>(&error).unwrap().kind(), ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn an_empty_answer_keeps_the_connection_open() {
    let server = Faulty::start().await;
    let mut stream = server.connect().await;
    warm_up(&mut stream).await;
    ask(&mut stream, "empty-answer").await;
    let head = read_head(&mut stream).await;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-length: 0\r\n") && head.contains("\r\nx-mark: kept\r\n"), "{head}");
    // The connection still works.
    warm_up(&mut stream).await;
    let response = reqwest::get(server.url("empty-answer")).await.unwrap();
    assert_eq!((response.status().as_u16(), &*response.bytes().await.unwrap()), (200, &b""[..]));
}

#[tokio::test]
async fn a_hanging_connection_is_silent_and_then_ends() {
    let server = Faulty::start().await;
    for served_before in [false, true] {
        let mut stream = server.connect().await;
        if served_before {
            warm_up(&mut stream).await;
        }
        let start = Instant::now();
        ask(&mut stream, "hang-briefly").await;
        assert_eq!(rest(&mut stream).await, "");
        assert!(start.elapsed() >= BRIEF);
    }
    let error = reqwest::get(server.url("hang-briefly")).await.unwrap_err();
    assert!(cause::<hyper::Error>(&error).unwrap().is_incomplete_message(), "{error:?}");
    let client = reqwest::Client::builder().timeout(BRIEF).build().unwrap();
    let error = client.get(server.url("hang")).send().await.unwrap_err();
    assert!(error.is_timeout(), "{error:?}");
}

/// A connection that has sent a request and closed its sending half.
async fn half_closed(server: &Faulty, path: &str) -> TcpStream {
    let mut stream = server.connect().await;
    ask(&mut stream, path).await;
    stream.shutdown().await.unwrap();
    stream
}

#[tokio::test]
async fn every_answer_and_fault_comes_after_a_half_close() {
    let server = Faulty::start().await;
    for _ in 0..50 {
        for (path, body) in [
            ("ordinary", BODY),
            ("empty-answer", ""),
            ("close-midway", HALF),
            ("close-before-answer", ""),
            ("dribble-briefly", BODY),
        ] {
            let answer = rest(&mut half_closed(&server, path).await).await;
            let (head, rest) = answer.split_once("\r\n\r\n").unwrap_or_default();
            assert_eq!((head.is_empty(), rest), (path == "close-before-answer", body), "{path}");
        }
        let mut stream = half_closed(&server, "reset").await;
        assert_eq!(stream.read(&mut [0; 16]).await.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[tokio::test]
async fn a_hang_lasts_its_time_after_a_half_close() {
    let server = Faulty::start().await;
    let mut stream = half_closed(&server, "hang").await;
    server.answered.notified().await;
    tokio::task::yield_now().await;
    tokio::time::pause();
    let start = Instant::now();
    assert_eq!(rest(&mut stream).await, "");
    assert!(start.elapsed() >= HOUR - Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn pipelined_requests_are_answered_after_a_half_close() {
    let server = Faulty::start().await;
    for _ in 0..50 {
        let mut stream = server.connect().await;
        let request = |path: &str| format!("POST /{path} HTTP/1.1\r\nhost: mock.test\r\ncontent-length: 2\r\n\r\n{{}}");
        let requests = ["ordinary", "dribble-briefly", "empty-answer", "ordinary"].map(request).concat();
        stream.write_all(requests.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let answers = rest(&mut stream).await;
        assert_eq!((answers.matches("HTTP/1.1 200 OK").count(), answers.matches(BODY).count()), (4, 3), "{answers}");
    }
}

#[tokio::test]
async fn connections_over_the_limit_wait_until_one_ends() {
    let server = Faulty::with_most_connections(2).await;
    let (mut first, mut second) = (server.connect().await, server.connect().await);
    warm_up(&mut first).await;
    warm_up(&mut second).await;
    let mut third = server.connect().await;
    ask(&mut third, "ordinary").await;
    for _ in 0..10 {
        warm_up(&mut second).await;
    }
    assert_eq!(third.try_read(&mut [0; 16]).unwrap_err().kind(), ErrorKind::WouldBlock);
    drop(first);
    assert!(read_head(&mut third).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test]
async fn a_stop_does_not_wait_for_hanging_connections() {
    let server = Faulty::start().await;
    let mut stream = server.connect().await;
    ask(&mut stream, "hang").await;
    server.answered.notified().await;
    tokio::time::pause();
    let start = Instant::now();
    server.stop().await;
    assert!(start.elapsed() < DRAIN);
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_body_dribbles_in_even_pieces() {
    for (length, pieces) in [(1, 1), (7, 7), (10, 10), (21, 7), (1000, 10)] {
        let whole = vec![b'x'; length];
        let over = Duration::from_secs(70);
        let response = Dribble { over }.apply(Response::new(Body::from(whole.clone())));
        let mut body = response.into_body();
        let (start, mut seen, mut count) = (Instant::now(), Vec::new(), 0);
        while let Some(frame) = body.frame().await {
            seen.extend_from_slice(&frame.unwrap().into_data().unwrap());
            count += 1;
            // The clock of a test has a resolution of a millisecond.
            let late = start.elapsed().abs_diff(over * count / pieces);
            assert!(late <= Duration::from_millis(1), "piece {count} of {pieces}: {late:?}");
        }
        assert_eq!((seen, count), (whole, pieces));
    }
    let untouched = Dribble { over: Duration::ZERO }.apply(Response::new(Body::from(BODY)));
    assert_eq!(untouched.into_body().collect().await.unwrap().to_bytes(), BODY);
}

#[tokio::test]
async fn a_dribbling_answer_shows_its_head_at_once() {
    let server = Faulty::start().await;
    let mut stream = server.connect().await;
    warm_up(&mut stream).await;
    ask(&mut stream, "dribble").await;
    // The rest comes in an hour, so a head that waited for it would not arrive.
    assert!(read_head(&mut stream).await.contains("\r\ncontent-length: 21\r\n"));
    let start = Instant::now();
    read_body_in_a_jump(&mut stream).await;
    assert!(start.elapsed() >= HOUR - Duration::from_secs(1));
    tokio::time::resume();
    // The connection still works.
    warm_up(&mut stream).await;
    let start = Instant::now();
    assert_eq!(reqwest::get(server.url("dribble-briefly")).await.unwrap().text().await.unwrap(), BODY);
    assert!(start.elapsed() >= BRIEF);
}

/// Reads a body. The paused clock jumps ahead whenever every task waits.
async fn read_body_in_a_jump(stream: &mut TcpStream) {
    tokio::time::pause();
    let mut body = [0; BODY.len()];
    stream.read_exact(&mut body).await.unwrap();
    assert_eq!(body, BODY.as_bytes());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn faults_do_not_affect_other_connections() {
    let server = Faulty::start().await;
    let address = server.address;
    let mut all = JoinSet::new();
    for _ in 0..8 {
        all.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            for _ in 0..20 {
                warm_up(&mut stream).await;
            }
        });
        for (path, end) in [("close-before-answer", ""), ("close-midway", HALF), ("hang-briefly", ""), ("reset", "")] {
            all.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                warm_up(&mut stream).await;
                ask(&mut stream, path).await;
                if path == "reset" {
                    assert_eq!(stream.read_u8().await.unwrap_err().kind(), ErrorKind::ConnectionReset);
                    return;
                }
                let rest = rest(&mut stream).await;
                assert_eq!(rest.split_once("\r\n\r\n").map_or(&*rest, |(_, body)| body), end, "{path}");
            });
        }
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    server.stop().await;
}
