//! Connections that misbehave on purpose: faults that a scenario applies to a finished answer.
//!
//! A handler puts a fault on its response and returns it like any other. Faults that HTTP can express, such as an empty
//! or a slow answer, are applied to the response immediately. All others are only marked in the response's extensions
//! and carried out by the server: the mark makes the service fail, hyper gives up the connection without writing, and
//! this module takes over the socket. A router that does not run behind our server (in process, or mounted elsewhere)
//! returns the response unchanged.
//!
//! This module does not know why a fault occurs. The journal keeps the answer that was intended.

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

/// How long the caller's bytes are still read on a connection that is closed on purpose.
///
/// The kernel resets a connection that is closed with unread bytes, which would not be a clean end.
const LINGER: Duration = Duration::from_secs(2);

/// Maximum number of pieces in which a body dribbles.
const PIECES: u64 = 10;

/// What happens to a connection instead of its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConnectionFault {
    /// The connection is closed cleanly (FIN) before any byte of the answer.
    CloseBeforeAnswer,
    /// The complete head, which announces the full length, and half of the body (rounded down) are sent; then the
    /// connection is closed cleanly. An answer without a body is cut within its head.
    CloseMidway,
    /// The connection is reset (RST) before any byte of the answer.
    Reset,
    /// The answer is a 200 without a body. Its other headers stay, including the content type.
    EmptyAnswer,
    /// Nothing is sent for this long, or until the server stops; then the connection is closed cleanly. A caller that
    /// disconnects does not end the wait, because it cannot be told apart from one that only closed its half.
    Hang(Duration),
}

impl ConnectionFault {
    /// Puts the fault on a response, which the handler returns like any other.
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

/// A correct answer whose head is sent immediately, and whose body is sent in up to ten pieces at even intervals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dribble {
    /// Time until the last piece of the body is sent.
    pub over: Duration,
}

impl Dribble {
    /// Slows down a response. A body that is empty or of unknown length is not changed.
    #[must_use]
    pub fn apply(self, response: Response) -> Response {
        let length = response.body().size_hint().exact().unwrap_or_default();
        if length == 0 || self.over.is_zero() {
            return response;
        }
        let size = length.div_ceil(PIECES);
        let count = u32::try_from(length.div_ceil(size)).unwrap_or(1);
        // An interval must not have zero length.
        let every = (self.over / count).max(Duration::from_nanos(1));
        let size = usize::try_from(size).unwrap_or(usize::MAX);
        response.map(|body| Body::new(Pieces { body, chunk: Bytes::new(), size, every, pace: None }))
    }
}

/// A body that waits before each of its pieces.
struct Pieces {
    body: Body,
    /// Bytes taken from the body but not passed on yet.
    chunk: Bytes,
    size: usize,
    every: Duration,
    /// Created when the body is first polled, so that only the time for sending counts.
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
            // Without this, the first tick would come immediately.
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

/// Why a service gave no answer: the connection must be broken instead.
#[derive(Debug, thiserror::Error)]
#[error("breaking the connection on purpose: {fault:?}")]
pub(crate) struct Broken {
    fault: ConnectionFault,
    /// The part of the answer that is still sent.
    sent: Vec<u8>,
}

/// Passes ordinary answers through, and fails for answers with a fault.
pub(crate) async fn raise(answer: impl Future<Output = Result<Response, Infallible>>) -> Result<Response, Broken> {
    let Ok(mut response) = answer.await;
    match response.extensions_mut().remove::<ConnectionFault>() {
        None | Some(ConnectionFault::EmptyAnswer) => Ok(response),
        Some(fault @ ConnectionFault::CloseMidway) => Err(Broken { fault, sent: half(response).await }),
        Some(fault) => Err(Broken { fault, sent: Vec::new() }),
    }
}

impl Broken {
    /// Finds the error of [`raise`] within the error with which hyper gave up a connection.
    pub(crate) fn find(error: &hyper::Error) -> Option<&Self> {
        error.source()?.downcast_ref()
    }

    /// Breaks the connection after hyper has given it up. `stop` ends a fault that waits.
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
            tracing::debug!(%error, fault = ?self.fault, "the caller disconnected before the fault was applied");
        }
    }
}

/// Reads and discards what the caller sends until the connection is reset.
async fn until_reset(stream: &mut TcpStream) {
    if tokio::io::copy(stream, &mut tokio::io::sink()).await.is_ok() {
        // The caller closed its half and waits for the answer, or closed the whole connection.
        pending::<()>().await;
    }
}

/// Reads and discards what the caller sends until the end.
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

/// The head of an answer as hyper would have written it.
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
