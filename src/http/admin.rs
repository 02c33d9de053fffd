//! The control plane, `/__admin`.
//!
//! Its requests are never recorded in the journal. Its errors are RFC 9457 problems.

mod actors;
mod answers;
mod clients;
mod clock;
pub(super) mod document;
mod events;
mod extract;
mod find;
mod links;
mod messages;
mod operations;
mod paging;
mod prefer;
mod requests;
mod sandboxes;
mod scenarios;
mod server;
mod sessions;
mod signing;
mod simulations;
mod tokens;
mod waits;

use super::{
    declared::operations as declare,
    guard, openapi,
    problem::{Problem, panicked, use_one_of},
    request_id::{X_REQUEST_ID, request_id},
};
use crate::{app::App, base::position::brief, domain::journal::mask_jwts};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{any, get},
};
use std::sync::Arc;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

declare! {
    /// Every operation of the control plane, in the order of its document.
    ControlPlane:
    server::show_index,
    server::show_health,
    server::show_version,
    server::show_settings,
    server::reset,
    sessions::list_sessions,
    sessions::show_session,
    sessions::delete_session,
    requests::list_requests,
    requests::delete_requests,
    requests::show_request,
    requests::delete_request,
    find::count_requests,
    find::find_requests,
    find::await_requests,
    actors::list_actors,
    actors::show_actor,
    actors::change_actor,
    clients::list_clients,
    clients::create_client,
    clients::show_client,
    clients::delete_client,
    clients::add_keys,
    clients::retire_key,
    tokens::list_tokens,
    tokens::create_token,
    tokens::expire_tokens,
    tokens::show_token,
    tokens::revoke_token,
    clock::show_clock,
    clock::freeze_clock,
    clock::resume_clock,
    clock::set_clock,
    clock::advance_clock,
    clock::list_agenda,
    signing::open,
    signing::accept,
    signing::decline,
    signing::sign,
    signing::list_envelopes,
    signing::show_envelope,
    signing::void_envelope,
    signing::expire_envelope,
    signing::list_users,
    signing::create_user,
    signing::show_user,
    signing::delete_user,
    events::list_events,
    messages::list_messages,
    messages::delete_messages,
    messages::show_latest_message,
    messages::await_message,
    messages::show_message,
    messages::show_message_html,
    messages::show_message_source,
    scenarios::list_scenarios,
    scenarios::reset_scenarios,
    scenarios::show_scenario,
    scenarios::put_scenario,
    scenarios::delete_scenario,
    scenarios::pin_scenario,
    scenarios::unpin_scenario,
    scenarios::queue_scenario,
    scenarios::show_scenario_state,
    scenarios::set_scenario_state,
    scenarios::forget_scenario_state,
    sandboxes::list_sandboxes,
    sandboxes::create_sandbox,
    sandboxes::show_sandbox,
    sandboxes::delete_sandbox,
    sandboxes::reset_sandbox,
    sandboxes::snapshot_sandbox,
    sandboxes::restore_sandbox,
    openapi::show_control_document,
    scenarios::show_scenario_schema,
    simulations::simulate_race,
}

pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    ControlPlane::routes()
        // The index is served with and without a trailing slash.
        .route("/__admin", get(server::show_index))
        .method_not_allowed_fallback(method_not_allowed)
        // A catch-all, so that a mistyped path does not end up in the contract's journal.
        .route("/__admin/{*rest}", any(no_such_endpoint))
        .layer(
            ServiceBuilder::new()
                .layer(guard::no_sniff())
                // Runs before the request id is taken: a refused request must not use up one of the sandbox's ids.
                .layer(from_fn_with_state(Arc::clone(app), guard::protect))
                .layer(from_fn_with_state(Arc::clone(app), stamp))
                .layer(CatchPanicLayer::custom(panicked))
                .layer(from_fn_with_state(Arc::clone(app), operations::judge)),
        )
}

/// Adds a request id to every answer.
pub(super) async fn stamp(State(app): State<Arc<App>>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let id = request_id(&headers, || app.sandboxes.default_sandbox().ids.request());
    let path = mask_jwts(request.uri().path());
    let (method, path) = (brief(request.method().as_str()), brief(&path));
    tracing::debug!(request_id = ?id, %method, %path, "control plane");
    let mut answer = next.run(request).await;
    app.make_room();
    answer.headers_mut().insert(X_REQUEST_ID, id);
    answer
}

async fn no_such_endpoint(uri: Uri) -> Problem {
    let fix = match operations::nearest_path(uri.path()) {
        Some(meant) => format!("did you mean {meant}?"),
        None => "GET /__admin/ lists the endpoints".to_owned(),
    };
    Problem::new(StatusCode::NOT_FOUND, format!("There is no endpoint {}; {fix}", brief(uri.path())))
}

async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    let known = use_one_of(&operations::methods_at(uri.path()));
    let (method, path) = (brief(method.as_str()), brief(uri.path()));
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{path} does not support {method}; {known}"))
}
