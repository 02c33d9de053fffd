//! Connections that misbehave on purpose: what a scenario may do to an answer once it is found.
//!
//! A handler puts a fault on its response and returns it as any other. What HTTP itself can say, an empty or a slow
//! answer, is done to the response there and then. All else is only marked, in the response's extensions, and carried
//! out by the server: the mark fails the service, hyper gives up the connection without writing, and this module
//! handles the socket. A router without our server behind it (in process, or mounted elsewhere) gives the response
//! whole.
//!
//! Knows nothing of why; what the journal keeps is the answer as it was meant.

use crate::base::clock::Clock;
use axum::{
    body::Body,
    http::{HeaderValue, StatusCode, header, response::Parts},
    response::Response,
};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use jiff::fmt::rfc2822::DateTimePrinter;
use std::{
    convert::Infallible,
    error::Error,
    future::pending,
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    time::{Interval, interval, timeout},
};

/// How long a connection that is closed on purpose still takes what the caller sends.
///
/// The kernel resets a connection that is closed over unread bytes, and a clean end would not be one.
const LINGER: Duration = Duration::from_secs(2);

/// In how many pieces a body dribbles at most.
const PIECES: u64 = 10;

/// What goes wrong with a connection instead of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionFault {
    /// The connection is closed cleanly (FIN) before any byte of the answer.
    CloseBeforeAnswer,
    /// The head, which announces the whole length, and half of the body (rounded down) are sent; then the connection is
    /// closed cleanly. An answer without a body is cut in its head.
    CloseMidway,
    /// The connection is reset (RST) before any byte of the answer.
    Reset,
    /// The answer is a 200 without a body. Its other headers stay, the content type among them.
    EmptyAnswer,
    /// Nothing is sent for this long, or until the server stops; then the connection is closed cleanly. A caller that
    /// goes away does not end it: it looks the same as one that only closed its half of the connection.
    Hang(Duration),
}

impl ConnectionFault {
    /// Puts the fault on a response, which a handler returns as any other.
    #[must_use]
    pub fn apply(self, mut response: Response) -> Response {
        if self == Self::EmptyAnswer {
            *response.status_mut() = StatusCode::OK;
            *response.body_mut() = Body::empty();
            response.headers_mut().remove(header::TRANSFER_ENCODING);
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        response.extensions_mut().insert(self);
        response
    }
}

/// The answer whole and correct, its head at once and its body in up to ten pieces spread evenly over a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dribble {
    /// How long the body takes; its last piece comes at the end of it.
    pub over: Duration,
}

impl Dribble {
    /// Slows a response down. One whose body is empty, or of unknown length, passes as it is.
    #[must_use]
    pub fn apply(self, response: Response) -> Response {
        let length = response.body().size_hint().exact().unwrap_or_default();
        if length == 0 || self.over.is_zero() {
            return response;
        }
        let size = length.div_ceil(PIECES);
        let count = u32::try_from(length.div_ceil(size)).unwrap_or(1);
        // An interval must not have length zero.
        let every = (self.over / count).max(Duration::from_nanos(1));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        response.map(|body| Body::new(Pieces { body, chunk: Bytes::new(), size, every, pace: None }))
    }
}

/// A body that waits before each of its pieces.
struct Pieces {
    body: Body,
    /// What was taken from the body and not passed on yet.
    chunk: Bytes,
    size: usize,
    every: Duration,
    /// Starts with the first look at the body: the time belongs to sending, not to what comes before.
    pace: Option<Interval>,
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, chunk, size, every, pace } = self.get_mut();
        while chunk.is_empty() {
            match ready!(Pin::new(&mut *body).poll_frame(cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => *chunk = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        let pace = pace.get_or_insert_with(|| {
            let mut pace = interval(*every);
            // Left alone, the first tick comes at once.
            pace.reset();
            pace
        });
        ready!(pace.poll_tick(cx));
        Poll::Ready(Some(Ok(Frame::data(chunk.split_to(chunk.len().min(*size))))))
    }

    fn is_end_stream(&self) -> bool {
        self.chunk.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let held = u64::try_from(self.chunk.len()).unwrap_or(u64::MAX);
        self.body.size_hint().exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(rest + held))
    }
}

/// Why a service gave no answer: the connection is to be broken instead.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to be broken: {fault:?}")]
pub(crate) struct Broken {
    fault: ConnectionFault,
    /// What of the answer is still to be sent.
    sent: Vec<u8>,
}

/// Lets an ordinary answer pass, and fails for one that has a fault on it.
pub(crate) async fn raise(answer: impl Future<Output = Result<Response, Infallible>>) -> Result<Response, Broken> {
    let Ok(mut response) = answer.await;
    match response.extensions_mut().remove::<ConnectionFault>() {
        None | Some(ConnectionFault::EmptyAnswer) => Ok(response),
        Some(fault @ ConnectionFault::CloseMidway) => Err(Broken { fault, sent: half(response).await }),
        Some(fault) => Err(Broken { fault, sent: Vec::new() }),
    }
}

impl Broken {
    /// Finds what [`raise`] failed with in the error with which hyper gave a connection up.
    pub(crate) fn find(error: &hyper::Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    /// Breaks the connection, which hyper has given up. `stop` ends what would wait.
    pub(crate) async fn carry_out(&self, mut stream: TcpStream, stop: impl Future<Output = ()>) {
        let misbehave = async {
            match self.fault {
                // Dropping the stream does the rest.
                ConnectionFault::Reset => return stream.set_zero_linger(),
                ConnectionFault::Hang(duration) => drop(timeout(duration, until_reset(&mut stream)).await),
                ConnectionFault::CloseMidway => stream.write_all(&self.sent).await?,
                ConnectionFault::CloseBeforeAnswer | ConnectionFault::EmptyAnswer => {}
            }
            stream.shutdown().await?;
            let _ = timeout(LINGER, until_gone(&mut stream)).await;
            Ok(())
        };
        let broken = tokio::select! {
            biased;
            broken = misbehave => broken,
            () = stop => Ok(()),
        };
        if let Err(error) = broken {
            tracing::debug!(%error, fault = ?self.fault, "the caller was gone before the fault");
        }
    }
}

/// Reads and discards what the caller sends, until the connection is reset.
async fn until_reset(stream: &mut TcpStream) {
    if tokio::io::copy(stream, &mut tokio::io::sink()).await.is_ok() {
        // The caller closed its half and waits for the answer, or has closed the connection.
        pending::<()>().await;
    }
}

/// Reads and discards what the caller sends, until there is no more to come.
async fn until_gone(stream: &mut TcpStream) {
    let _ = tokio::io::copy(stream, &mut tokio::io::sink()).await;
}

/// The bytes of an answer up to the middle of its body.
async fn half(response: Response) -> Vec<u8> {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let mut bytes = head(parts, body.len());
    if body.is_empty() {
        bytes.truncate(bytes.len() / 2);
    }
    bytes.extend_from_slice(&body.slice(..body.len() / 2));
    bytes
}

/// The head of an answer, as hyper would have put it.
fn head(mut parts: Parts, length: usize) -> Vec<u8> {
    parts.headers.remove(header::TRANSFER_ENCODING);
    parts.headers.insert(header::CONTENT_LENGTH, length.into());
    let date = DateTimePrinter::new().timestamp_to_rfc9110_string(&Clock::system().now()).map(HeaderValue::try_from);
    if let Ok(Ok(date)) = date {
        parts.headers.insert(header::DATE, date);
    }
    let reason = parts.status.canonical_reason().unwrap_or("<none>");
    let mut head = format!("{:?} {} {reason}\r\n", parts.version, parts.status.as_str()).into_bytes();
    for (name, value) in &parts.headers {
        for bytes in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            head.extend_from_slice(bytes);
        }
    }
    head.extend_from_slice(b"\r\n");
    head
}
