//! Probes for operators; resets and faults do not affect them.

use crate::app::App;
use axum::{extract::State, http::StatusCode};
use std::sync::Arc;

/// The process answers
#[utoipa::path(
    get, path = "/livez", tag = "probes",
    responses(
        (status = 200, description = "The process is alive.", body = String, content_type = "text/plain")
    )
)]
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// The server takes work
///
/// 503 once it is stopping. Nothing listens before everything is loaded.
#[utoipa::path(
    get, path = "/readyz", tag = "probes",
    responses(
        (status = 200, description = "The server takes work.", body = String, content_type = "text/plain"),
        (status = 503, description = "It is stopping.", body = String, content_type = "text/plain")
    )
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "stopping\n") }
}
