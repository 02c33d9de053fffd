//! Hosted pages: what the URLs in answers and mails lead to.
//!
//! Looking at a page changes nothing except what looking means: a session counts as opened, a signing link as viewed.
//! Changes are `POST`, answered with 303. Everything works without JavaScript; a small script only reloads a page that
//! is open when its state changes. Pages are not recorded in the journal: what people do there are events.

mod agent;
mod changes;
mod failure;
mod inbox;
mod layout;
mod sign;
mod steps;
mod visit;

use crate::{
    app::App,
    http::{admin, guard},
};
use axum::{
    Router,
    http::{HeaderValue, header},
    middleware::from_fn_with_state,
    response::IntoResponse,
    routing::{get, post},
};
use std::sync::Arc;
use tower::ServiceBuilder;
use tower_http::{catch_panic::CatchPanicLayer, set_header::SetResponseHeaderLayer};

/// Allows nothing but the page's own style and script, and forms that go back to this server.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' data:; \
                      frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    let fixed = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    Router::new()
        .route("/agent/{id}", get(agent::show))
        .route("/agent/{id}/send", post(agent::send))
        .route("/agent/{id}/changes", get(changes::of_session))
        .route("/subscribe/{id}", get(steps::show_subscribe).post(steps::subscribe))
        .route("/verify-email/{link}", get(steps::show_verify).post(steps::verify))
        .route("/register/{id}", get(steps::show_register).post(steps::register))
        .route("/sign/{link}", get(sign::show))
        .route("/sign/{link}/open", post(sign::open))
        .route("/sign/{link}/accept", post(sign::accept))
        .route("/sign/{link}/decline", post(sign::decline))
        .route("/sign/{link}/sign", post(sign::sign))
        .route("/sign/{link}/changes", get(changes::of_signing))
        .route("/__admin/inbox", get(inbox::show))
        .route("/__admin/inbox/changes", get(changes::of_inbox))
        .route("/__admin/inbox/{id}", get(inbox::show_message))
        .route("/__pages/style.css", get(style))
        .route("/__pages/live.js", get(script))
        .method_not_allowed_fallback(failure::method_not_allowed)
        .layer(
            ServiceBuilder::new()
                .layer(guard::no_sniff())
                .layer(from_fn_with_state(Arc::clone(app), guard::protect))
                .layer(from_fn_with_state(Arc::clone(app), admin::stamp))
                .layer(fixed(header::CONTENT_SECURITY_POLICY, POLICY))
                .layer(fixed(header::CACHE_CONTROL, "no-store"))
                .layer(fixed(header::VARY, "Accept"))
                // With `no-referrer`, browsers send `Origin: null` with forms, which the guard refuses.
                .layer(fixed(header::REFERRER_POLICY, "same-origin"))
                .layer(CatchPanicLayer::custom(failure::panicked)),
        )
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], include_str!("pages/assets/style.css"))
}

async fn script() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8")], include_str!("pages/assets/live.js"))
}
