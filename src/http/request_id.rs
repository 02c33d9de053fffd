//! The id under which a request is logged.

use axum::http::{HeaderMap, HeaderName, HeaderValue};

/// Carries the id, in requests and answers.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The caller's own request id if it can be logged, otherwise a new one.
pub(super) fn request_id(headers: &HeaderMap, fresh: impl FnOnce() -> uuid::Uuid) -> HeaderValue {
    let given = headers.get(X_REQUEST_ID).filter(|given| {
        let bytes = given.as_bytes();
        (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    if let Some(given) = given {
        return given.clone();
    }
    let mut text = uuid::Uuid::encode_buffer();
    let text = fresh().as_hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
}
