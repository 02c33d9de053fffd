//! The media types that a client accepts.

use axum::http::{HeaderMap, header};

/// Whether an `Accept` header names this media type. Wildcards and weights are ignored.
pub(super) fn names(headers: &HeaderMap, media_type: &str) -> bool {
    let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
    let mut ranges = lines.flat_map(|line| line.split(','));
    ranges.any(|range| range.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(media_type))
}
