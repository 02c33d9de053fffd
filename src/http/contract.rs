//! The contract endpoints: handoff, tokens and the signing service. Every request is recorded in the journal.

mod answer;
mod check;
mod credential;
mod departure;
mod error;
mod fallback;
mod handoff;
mod masked;
mod metadata;
mod record;
mod request_error;
mod signing;
mod token;

pub(super) use credential::OPEN_CLIENT;

use crate::{
    app::App,
    base::urls::{CREATE_AGENT_SESSION, CREATE_TOKEN},
};
use axum::{
    Router,
    routing::{get, post},
};
use std::sync::Arc;

pub(super) use fallback::no_such_endpoint;

/// All recorded routes of the contract.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route(CREATE_AGENT_SESSION, post(handoff::create_agent_session).fallback(handoff::method_not_allowed))
        .route(CREATE_TOKEN, post(token::create_token).fallback(token::method_not_allowed))
        .merge(signing::router())
}

/// The documents for OAuth clients, which need no credential and are not recorded.
pub(super) fn documents() -> Router<Arc<App>> {
    Router::new()
        .route("/oauth2/v2/.well-known/oauth-authorization-server", get(metadata::show_metadata))
        .route("/oauth2/v2/.well-known/openid-configuration", get(metadata::show_metadata))
        .route("/.well-known/oauth-authorization-server/oauth2/v2", get(metadata::show_metadata))
        .route("/oauth2/v2/.well-known/jwks.json", get(metadata::show_jwks))
}
