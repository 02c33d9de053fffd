//! The log line of an exchange.

use crate::{
    journal::{Exchange, mask_jwts},
    position::{brief, shorten},
};

/// One line a request: refused ones at `info`, all others at `debug`. The HTTP status alone does not tell: errors of the
/// signing service are answered with 200.
pub(super) fn log(exchange: &Exchange, refused: bool, reason: &str) {
    if !(tracing::enabled!(tracing::Level::DEBUG) || refused && tracing::enabled!(tracing::Level::INFO)) {
        return;
    }
    let http_status = exchange.answer.as_ref().map_or(0, |answer| answer.status);
    let request = mask_jwts(exchange.head.lines().next().unwrap_or_default());
    let request = &*brief(&request);
    let reason = mask_jwts(reason);
    let reason = shorten(&reason);
    let nothing = if exchange.answer.is_some() { "none" } else { "no answer" };
    let (request_id, status) = (&*exchange.request_id, exchange.status.unwrap_or(nothing));
    let duration_us = u64::try_from(exchange.duration.as_micros()).unwrap_or(u64::MAX);
    if refused {
        tracing::info!(request_id, request, http_status, status, duration_us, "refused: {reason}");
    } else {
        tracing::debug!(request_id, request, http_status, status, duration_us, "answered: {reason}");
    }
}
