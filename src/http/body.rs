//! Reading a request body: never more of it than is allowed, never longer than is reasonable.

use crate::clock::Stopwatch;
use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body_util::BodyExt;
use hyper::body::Body as _;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;

/// How long a caller may fall silent in the middle of a body.
pub(super) const SILENCE: Duration = Duration::from_secs(30);

/// How long a caller may take for a whole body.
pub(super) const WHOLE: Duration = Duration::from_mins(5);

/// How much of an unwanted body is still taken, so that its sender gets to read the answer.
const DRAINED_BYTES: usize = 64 << 20;

/// How long an unwanted body is still taken.
const DRAINED_FOR: Duration = Duration::from_secs(10);

/// Why there is no body.
#[derive(Debug)]
pub(super) enum BodyError {
    /// It is over the limit (H4). What was left of it is being drained.
    TooLarge,
    /// The caller fell silent, or took too long.
    TimedOut,
    /// The caller hung up, or broke the framing.
    Broken,
}

/// Reads a body whole, into memory of its own: what the connection buffered is not held by whoever keeps the body.
///
/// A caller who waits for leave to send (`Expect`) gets it here, unless the size announced is too large already.
pub(super) async fn read(mut body: Body, limit: usize, waits_for_leave: bool) -> Result<Arc<[u8]>, BodyError> {
    let too_large = |size: u64| usize::try_from(size).map_or(true, |size| size > limit);
    if too_large(body.size_hint().lower()) {
        if !waits_for_leave {
            drain(body);
        }
        return Err(BodyError::TooLarge);
    }
    let mut whole = BytesMut::new();
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
            None => return Ok(Arc::from(&*whole)),
            Some(Err(_)) => return Err(BodyError::Broken),
            Some(Ok(frame)) => frame,
        };
        let Ok(data) = frame.into_data() else { continue };
        if whole.len() + data.len() > limit {
            drain(body);
            return Err(BodyError::TooLarge);
        }
        if whole.is_empty() && body.is_end_stream() {
            return Ok(Arc::from(&*data));
        }
        whole.extend_from_slice(&data);
    }
}

/// Lets a body go that nobody wants: takes and forgets a bounded rest of it, while the answer is already on its way.
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
