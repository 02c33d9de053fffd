//! HTTP: which path leads to which handler. Handlers translate; the sandbox decides.

mod admin;
mod body;
mod error;
mod extract;
mod handoff;
mod openapi;
mod probes;
mod record;

use crate::app::App;
use axum::{
    Router,
    middleware::from_fn_with_state,
    routing::{get, post},
};
use std::sync::Arc;
use tower_http::catch_panic::CatchPanicLayer;

/// The path of the handoff endpoint (H1).
pub const CREATE_AGENT_SESSION: &str = "/api/v1/agent-sessions/create";

/// Every route of the server.
///
/// Contract surfaces are recorded in the journal, unknown paths with them; probes, the control plane and our own
/// documents are not.
pub fn router(app: &Arc<App>) -> Router {
    let contract = Router::new()
        .route(CREATE_AGENT_SESSION, post(handoff::create_agent_session).fallback(error::method_not_allowed))
        .fallback(error::no_such_endpoint)
        .layer(CatchPanicLayer::custom(error::panicked))
        .layer(from_fn_with_state(Arc::clone(app), record::record))
        .with_state(Arc::clone(app));
    Router::new()
        .route("/livez", get(probes::live))
        .route("/readyz", get(probes::ready))
        .route("/openapi.json", get(openapi::contract))
        .nest("/__admin", admin::router(app))
        .with_state(Arc::clone(app))
        .fallback_service(contract)
}
