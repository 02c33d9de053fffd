//! Probes for operators; resets and faults do not affect them.

use crate::app::App;
use axum::{extract::State, http::StatusCode};
use std::sync::Arc;

/// `GET /livez`: the process answers.
pub(super) async fn live() -> &'static str {
    "live\n"
}

/// `GET /readyz`: the server takes work; 503 once it is stopping.
///
/// There is no answer before everything is loaded, because nothing listens until then.
pub(super) async fn ready(State(app): State<Arc<App>>) -> (StatusCode, &'static str) {
    if app.is_ready() { (StatusCode::OK, "ready\n") } else { (StatusCode::SERVICE_UNAVAILABLE, "stopping\n") }
}
