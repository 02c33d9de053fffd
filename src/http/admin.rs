//! The control plane, `/__admin`: the index, what is known of the server and of its sandbox, and how to start over.
//!
//! Never recorded in the journal; its errors have one shape, RFC 9457.

mod actors;
mod clients;
mod clock;
mod events;
mod extract;
mod find;
mod messages;
mod operations;
mod paging;
mod prefer;
mod requests;
mod sandboxes;
mod scenarios;
mod sessions;
mod signing;
mod simulations;
mod tokens;

use super::{
    base_url::Base,
    guard, openapi,
    pretty::Pretty,
    problem::{Problem, panicked, use_one_of},
    request_id::{X_REQUEST_ID, request_id},
};
use crate::{
    app::{App, BudgetUse},
    base::{log, position::brief},
    domain::journal::mask_jwts,
};
use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    middleware::{Next, from_fn_with_state},
    response::Response,
    routing::{any, delete, get, post, put},
};
use extract::World;
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;
use tower::ServiceBuilder;
use tower_http::catch_panic::CatchPanicLayer;

pub(super) fn router(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/__admin", get(show_index))
        .route("/__admin/", get(show_index))
        .route("/__admin/health", get(show_health))
        .route("/__admin/version", get(show_version))
        .route("/__admin/settings", get(show_settings))
        .route("/__admin/reset", post(reset))
        .route("/__admin/openapi.json", get(openapi::control))
        .route("/__admin/sessions", get(sessions::list_sessions))
        .route("/__admin/sessions/{id}", get(sessions::show_session).delete(sessions::delete_session))
        .route("/__admin/requests", get(requests::list_requests).delete(requests::delete_requests))
        .route("/__admin/requests/{id}", get(requests::show_request).delete(requests::delete_request))
        .route("/__admin/actors", get(actors::list_actors))
        .route("/__admin/actors/{email}", get(actors::show_actor).patch(actors::change_actor))
        .route("/__admin/clock", get(clock::show_clock))
        .route("/__admin/clock/freeze", post(clock::freeze_clock))
        .route("/__admin/clock/resume", post(clock::resume_clock))
        .route("/__admin/clock/set", post(clock::set_clock))
        .route("/__admin/clock/advance", post(clock::advance_clock))
        .route("/__admin/agenda", get(clock::list_agenda))
        .route("/__admin/events", get(events::list_events))
        .route("/__admin/messages", get(messages::list_messages).delete(messages::delete_messages))
        .route("/__admin/messages/{id}", get(messages::show_message))
        .route("/__admin/signing/agents/{id}/open", post(signing::open))
        .route("/__admin/signing/agents/{id}/accept", post(signing::accept))
        .route("/__admin/signing/agents/{id}/decline", post(signing::decline))
        .route("/__admin/signing/agents/{id}/sign", post(signing::sign))
        .route("/__admin/signing/envelopes", get(signing::list_envelopes))
        .route("/__admin/signing/envelopes/{id}", get(signing::show_envelope))
        .route("/__admin/signing/envelopes/{id}/void", post(signing::void_envelope))
        .route("/__admin/signing/envelopes/{id}/expire", post(signing::expire_envelope))
        .route("/__admin/signing/users", get(signing::list_users).post(signing::create_user))
        .route("/__admin/signing/users/{id}", get(signing::show_user).delete(signing::delete_user))
        .route("/__admin/signing/simulations", post(simulations::simulate_race))
        .route("/__admin/sandboxes", get(sandboxes::list_sandboxes).post(sandboxes::create_sandbox))
        .route("/__admin/sandboxes/restore", post(sandboxes::restore_sandbox))
        .route("/__admin/sandboxes/{name}", get(sandboxes::show_sandbox).delete(sandboxes::delete_sandbox))
        .route("/__admin/sandboxes/{name}/reset", post(sandboxes::reset_sandbox))
        .route("/__admin/clients", get(clients::list_clients).post(clients::create_client))
        .route("/__admin/clients/{id}", get(clients::show_client).delete(clients::delete_client))
        .route("/__admin/clients/{id}/keys", post(clients::add_keys))
        .route("/__admin/clients/{id}/keys/{kid}", delete(clients::retire_key))
        .route("/__admin/tokens", get(tokens::list_tokens).post(tokens::create_token).delete(tokens::expire_tokens))
        .route("/__admin/tokens/{id}", get(tokens::show_token).delete(tokens::revoke_token))
        .route("/__admin/requests/count", post(find::count_requests))
        .route("/__admin/requests/find", post(find::find_requests))
        .route("/__admin/requests/wait", get(find::await_requests))
        .route("/__admin/schemas/scenario.json", get(scenarios::show_schema))
        .route("/__admin/scenarios", get(scenarios::list_scenarios).delete(scenarios::reset_scenarios))
        .route(
            "/__admin/scenarios/{name}",
            get(scenarios::show_scenario).put(scenarios::put_scenario).delete(scenarios::delete_scenario),
        )
        .route("/__admin/scenarios/{name}/pin", put(scenarios::pin_scenario).delete(scenarios::unpin_scenario))
        .route("/__admin/scenarios/{name}/queue", post(scenarios::queue_scenario))
        .route(
            "/__admin/scenarios/{name}/state",
            get(scenarios::show_state).put(scenarios::set_state).delete(scenarios::forget_state),
        )
        .route("/__admin/sandboxes/{name}/snapshot", get(sandboxes::snapshot_sandbox))
        .method_not_allowed_fallback(method_not_allowed)
        // Everything below belongs to the control plane, so that no slip lands in the journal of the contract.
        .route("/__admin/{*rest}", any(no_such_endpoint))
        .layer(
            ServiceBuilder::new()
                .layer(guard::no_sniff())
                // Before the request id: a request that it refuses draws none from the sandbox.
                .layer(from_fn_with_state(Arc::clone(app), guard::protect))
                .layer(from_fn_with_state(Arc::clone(app), stamp))
                .layer(CatchPanicLayer::custom(panicked))
                .layer(from_fn_with_state(Arc::clone(app), operations::judge)),
        )
}

/// Gives each answer its request id.
async fn stamp(State(app): State<Arc<App>>, headers: HeaderMap, request: Request, next: Next) -> Response {
    let id = request_id(&headers, || app.sandboxes.default_sandbox().ids.request());
    let path = mask_jwts(request.uri().path());
    let (method, path) = (brief(request.method().as_str()), brief(&path));
    tracing::debug!(request_id = ?id, %method, %path, "control plane");
    let mut answer = next.run(request).await;
    app.make_room();
    answer.headers_mut().insert(X_REQUEST_ID, id);
    answer
}

/// `GET /__admin/`: every operation of the control plane.
async fn show_index(Base(base_url): Base) -> Pretty<impl Serialize> {
    #[derive(Serialize)]
    struct IndexEntry {
        method: &'static str,
        url: String,
        summary: &'static str,
    }
    let operations = operations::list();
    let operations = operations
        .map(|(method, path, summary)| IndexEntry { method, url: base_url.operation(path), summary })
        .collect::<Vec<_>>();
    Pretty(json!({
        "name": env!("CARGO_PKG_NAME"),
        "version": env!("CARGO_PKG_VERSION"),
        "operations": operations,
    }))
}

/// `GET /__admin/health`: how full the sandbox is, and how much it has given up.
async fn show_health(State(app): State<Arc<App>>, World(sandbox): World) -> Result<Pretty<impl Serialize>, Problem> {
    Ok(Pretty(json!({
        "status": if app.is_ready() { "healthy" } else { "stopping" },
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": app.uptime.elapsed().as_secs(),
        "sandbox": sandbox.name(),
        "seed": sandbox.ids.seed(),
        "sessions": sandbox.agent_sessions().fill().await?,
        "requests": sandbox.journal.fill(),
        "envelopes": sandbox.envelopes().fill().await?,
        "events": sandbox.events().usage().await?,
        "messages": sandbox.messages().fill().await?,
        "memory": BudgetHealth { of_server: app.memory(), dropped: sandbox.gave_up() },
        "dropped_log_lines": log::dropped_lines(),
    })))
}

/// How full the memory of the server is, and how much the sandbox gave up for it.
#[derive(Serialize)]
struct BudgetHealth {
    #[serde(flatten)]
    of_server: BudgetUse,
    dropped: u64,
}

/// `GET /__admin/version`.
async fn show_version() -> Pretty<impl Serialize> {
    Pretty(json!({ "name": env!("CARGO_PKG_NAME"), "version": env!("CARGO_PKG_VERSION") }))
}

/// `GET /__admin/settings`: every setting with its value, and what follows from it.
async fn show_settings(State(app): State<Arc<App>>, Base(base_url): Base) -> Pretty<impl Serialize> {
    let mut settings = app.settings.clone();
    settings.base_url = Some(base_url);
    settings.seed = Some(app.sandboxes.default_sandbox().ids.seed());
    Pretty(settings)
}

/// `POST /__admin/reset`: the sandbox as it started.
async fn reset(State(app): State<Arc<App>>, World(sandbox): World) -> Result<Pretty<impl Serialize>, Problem> {
    let name = sandbox.name().to_owned();
    drop(sandbox);
    sandboxes::reset(&app, &name).await?;
    Ok(Pretty(json!({ "reset": name })))
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
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, format!("{path} does not take {method}; {known}"))
}
