//! Reads request bodies within limits on size and time, and within a memory budget for all bodies together.

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

/// Longest pause in the middle of a body.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// Longest time for a whole body.
pub(super) const WHOLE: Duration = Duration::from_mins(5);

/// How much of an unwanted body is still read, so that its sender can read the answer.
const DRAINED_BYTES: usize = 64 << 20;

/// How long an unwanted body is still read.
const DRAINED_FOR: Duration = Duration::from_secs(10);

/// Bytes of each body that are not counted against the budget, so that ordinary requests are never turned away.
const FREE: usize = 16 << 10;

/// A body that was read completely.
#[derive(Debug)]
pub(super) struct ReadBody {
    pub(super) bytes: Arc<[u8]>,
    /// Its share of the budget, held until the request is finished.
    pub(super) lease: Option<Arc<Account>>,
}

/// Why a body could not be read.
#[derive(Debug)]
pub(super) enum BodyError {
    /// The body is over the limit (H4). The rest of it is being drained.
    TooLarge,
    /// The caller stopped sending, or took too long.
    TimedOut,
    /// The body ended early, or its framing is broken.
    Broken,
    /// The other bodies in progress leave no room for this one.
    Busy,
}

/// Reads a whole body into separate memory, so that keeping the body does not keep the connection's buffer alive.
///
/// A caller that sent `Expect: 100-continue` gets permission here, unless the announced size is too large. Bytes count
/// against the budget when they arrive, not when they are announced.
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
        // A body that arrived together with its head needs no timer.
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

/// Checks `Transfer-Encoding`. hyper decodes only `chunked`, so a body in another coding would be misread. If the last
/// coding is not `chunked`, the body has no known end (RFC 9112, 6.3), and hyper answers 400.
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

/// Discards the body of a request that was refused before reading it. A client that waits for `100 Continue` never gets
/// it.
pub(super) fn discard(body: Body, headers: &HeaderMap) {
    if !headers.contains_key(header::EXPECT) {
        drain(body);
    }
}

/// Discards an unwanted body: reads a bounded amount of it while the answer is being sent.
///
/// Closing a connection while its peer still writes resets it, and the answer can be lost.
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
