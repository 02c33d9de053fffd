//! HTTP: which path leads to which handler. Handlers translate; the sandbox decides.

mod admin;
mod base;
mod body;
mod breach;
mod credential;
mod depart;
mod error;
mod extract;
pub mod fault;
mod guard;
mod handoff;
mod openapi;
mod probes;
mod record;
pub mod server;
mod signing;
mod token;

pub use crate::base::urls::CREATE_AGENT_SESSION;

use crate::{app::App, base::urls::CREATE_TOKEN};
use axum::{
    Router,
    middleware::map_response,
    routing::{get, post},
};
use std::sync::Arc;

/// Every route of the server.
///
/// The handlers of contract surfaces, and of unknown paths, record their answers in the journal, and refuse what web
/// pages of other sites send. The control plane records nothing and has a stricter guard. Probes and published documents
/// are open to everybody.
pub fn router(app: &Arc<App>) -> Router {
    Router::new()
        .route(CREATE_AGENT_SESSION, post(handoff::create_agent_session).fallback(error::method_not_allowed))
        .route(CREATE_TOKEN, post(token::create_token).fallback(token::method_not_allowed))
        .merge(public())
        .merge(signing::router())
        .merge(admin::router(app))
        .fallback(error::no_such_endpoint)
        .with_state(Arc::clone(app))
}

/// What everybody may read: probes and published documents.
fn public() -> Router<Arc<App>> {
    Router::new()
        .route("/oauth2/v2/.well-known/oauth-authorization-server", get(token::show_metadata))
        .route("/oauth2/v2/.well-known/openid-configuration", get(token::show_metadata))
        .route("/.well-known/oauth-authorization-server/oauth2/v2", get(token::show_metadata))
        .route("/oauth2/v2/.well-known/jwks.json", get(token::show_jwks))
        .route("/livez", get(probes::live))
        .route("/readyz", get(probes::ready))
        .route("/openapi.json", get(openapi::contract))
        .layer(map_response(guard::no_sniff))
}
