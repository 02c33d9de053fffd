//! Health probes. Resets and faults do not affect them.

use crate::app::App;
use axum::{extract::State, http::StatusCode};
use std::sync::Arc;

/// Check that the process is alive
#[utoipa::path(
    get, path = "/livez", tag = "probes",
    responses(
        (status = 200, description = "The process is alive.", body = String, content_type = "text/plain")
    )
)]
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// Check that the server accepts work
///
/// 503 while the server is stopping. The server does not listen until everything is loaded.
#[utoipa::path(
    get, path = "/readyz", tag = "probes",
    responses(
        (status = 200, description = "The server accepts work.", body = String, content_type = "text/plain"),
        (status = 503, description = "The server is stopping.", body = String, content_type = "text/plain")
    )
)]
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "stopping\n") }
}
