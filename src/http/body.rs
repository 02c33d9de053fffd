//! Reading a request body: never more of it than is allowed, never longer than is reasonable, and never more of all
//! bodies together than fits into a budget.

use crate::base::{
    budget::{Account, Budget},
    clock::Stopwatch,
    position::brief,
};
use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// The message for a caller whose body does not fit into the budget.
pub(super) const BUSY: &str = "Too many large request bodies are being received at the same time; retry in a second.";

/// How long a caller may fall silent in the middle of a body.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// How long a caller may take for a whole body.
pub(super) const WHOLE: Duration = Duration::from_mins(5);

/// How much of an unwanted body is still taken, so that its sender gets to read the answer.
const DRAINED_BYTES: usize = 64 << 20;

/// How long an unwanted body is still taken.
const DRAINED_FOR: Duration = Duration::from_secs(10);

/// How much of each body is taken without a look at the budget: usual requests cost nothing and are never turned away.
const FREE: usize = 16 << 10;

/// A body that was read whole.
#[derive(Debug)]
pub(super) struct ReadBody {
    pub(super) bytes: Arc<[u8]>,
    /// Its part of the budget, to be held for as long as the request is under way.
    pub(super) lease: Option<Arc<Account>>,
}

/// Why there is no body.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is over the limit (H4). What was left of it is being drained.
    TooLarge,
    /// The caller fell silent, or took too long.
    TimedOut,
    /// The body ended early, or its framing is broken.
    Broken,
    /// The other bodies under way leave no room for this one.
    Busy,
}

/// Reads a body whole, into memory of its own, so that keeping the body does not keep the buffer of the connection.
///
/// A caller who waits for permission to send (`Expect`) gets it here, unless the size announced is too large already.
/// Bytes count against the budget as they come, not as they are announced.
pub(super) async fn read(
    mut body: Body,
    limit: usize,
    waits_for_leave: bool,
    budget: &Arc<Budget>,
) -> Result<ReadBody, BodyError> {
    let too_large = |size: u64| usize::try_from(size).map_or(true, |size| size > limit);
    if too_large(body.size_hint().lower()) {
        if !waits_for_leave {
            drain(body);
        }
        return Err(BodyError::TooLarge);
    }
    let mut whole = BytesMut::new();
    let mut lease = None;
    let mut started = None;
    loop {
        // A body that came with its head needs no timer.
        let frame = if let Some(frame) = body.frame().now_or_never() {
            frame
        } else {
            let started: Stopwatch = *started.get_or_insert_with(Stopwatch::start);
            let left = WHOLE.saturating_sub(started.elapsed());
            timeout(SILENCE.min(left), body.frame()).await.map_err(|_| BodyError::TimedOut)?
        };
        let frame = match frame {
            None => return Ok(ReadBody { bytes: Arc::from(&*whole), lease: lease.map(Arc::new) }),
            Some(Err(_)) => return Err(BodyError::Broken),
            Some(Ok(frame)) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            drain(body);
            return Err(BodyError::TooLarge);
        }
        let beyond = (whole.len() + data.len()).saturating_sub(FREE).min(data.len());
        if beyond > 0 && !lease.get_or_insert_with(|| Account::new(budget)).try_add(beyond) {
            drop(whole);
            drain(body);
            return Err(BodyError::Busy);
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(ReadBody { bytes: Arc::from(&*data), lease: lease.map(Arc::new) });
        }
        whole.extend_from_slice(&data);
    }
}

/// Judges `Transfer-Encoding`: hyper undoes `chunked` alone, and a body in another coding would be misread. One whose
/// last coding is not `chunked` has no known end (RFC 9112, 6.3); hyper answers it with 400.
pub(super) fn judge_transfer_coding(headers: &HeaderMap) -> Result<(), String> {
    let codings: Vec<String> = headers
        .get_all(header::TRANSFER_ENCODING)
        .iter()
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .collect();
    let codings = codings.join(", ");
    if codings.is_empty() || codings.trim().eq_ignore_ascii_case("chunked") {
        return Ok(());
    }
    let codings = brief(&codings);
    Err(format!("The Transfer-Encoding {codings:?} is not supported; send the body chunked, or with a Content-Length."))
}

/// Drops the body of a request that was refused unread. A client that waits for permission to send it (`Expect`) never
/// gets it.
pub(super) fn let_go(body: Body, headers: &HeaderMap) {
    if !headers.contains_key(header::EXPECT) {
        drain(body);
    }
}

/// Drops an unwanted body: reads and discards a bounded rest of it, while the answer is already on its way.
///
/// A connection that is closed while its other end still writes is reset, and the answer may be lost with it.
pub(super) fn drain(mut body: Body) {
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(timeout(DRAINED_FOR, async move {
        let mut left = DRAINED_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let size = frame.data_ref().map_or(0, Bytes::len);
            match left.checked_sub(size) {
                Some(rest) => left = rest,
                None => return,
            }
        }
    }));
}
