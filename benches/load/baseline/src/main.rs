//! Three minimal servers for the handoff endpoint: `baseline --mode bare|validate|store --listen ADDRESS`.

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
    serve::ListenerExt,
};
use jsonschema::Validator;
use papaya::HashMap;
use serde_json::{Value, json};
use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

const PATH: &str = "/api/v1/agent-sessions/create";
const SCHEMA: &str = include_str!("../../../../src/domain/contract/handoff-request.schema.json");
const CONSTANT: &str = r#"{"status":"success","next_action":"continue_handoff","agent_session_id":"as_000000000000000000000000","handoff_uri":"http://127.0.0.1/agent/as_000000000000000000000000"}"#;

enum Work {
    Bare,
    Validate(Validator),
    Store(Validator, HashMap<String, Value>),
}

struct App {
    work: Work,
    sessions: AtomicU64,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mode_flag, mode, listen_flag, address] = arguments.as_slice() else { return Err(usage()) };
    if mode_flag != "--mode" || listen_flag != "--listen" {
        return Err(usage());
    }
    let work = match mode.as_str() {
        "bare" => Work::Bare,
        "validate" => Work::Validate(validator()?),
        "store" => Work::Store(validator()?, HashMap::new()),
        _ => return Err(usage()),
    };
    let app = Arc::new(App { work, sessions: AtomicU64::new(0) });
    // One thread, because every server has one core in the comparison.
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
        let listener = tokio::net::TcpListener::bind(address).await?.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, Router::new().route(PATH, post(create)).with_state(app)).await?;
        Ok(())
    })
}

fn usage() -> Box<dyn Error> {
    "usage: baseline --mode bare|validate|store --listen HOST:PORT".into()
}

fn validator() -> Result<Validator, Box<dyn Error>> {
    let schema = serde_json::from_str(SCHEMA)?;
    Ok(jsonschema::options().should_validate_formats(true).build(&schema)?)
}

async fn create(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> Response {
    if !has_token(&headers) {
        return refuse(StatusCode::UNAUTHORIZED, "send Authorization: Bearer ACCESS_TOKEN");
    }
    let validator = match &app.work {
        Work::Bare => return answer(StatusCode::OK, CONSTANT),
        Work::Validate(validator) | Work::Store(validator, _) => validator,
    };
    let handoff: Value = match serde_json::from_slice(&body) {
        Ok(handoff) => handoff,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, &error.to_string()),
    };
    if let Err(error) = validator.validate(&handoff) {
        return refuse(StatusCode::BAD_REQUEST, &error.to_string());
    }
    let id = format!("as_{:024x}", app.sessions.fetch_add(1, Ordering::Relaxed));
    let text = format!(
        r#"{{"status":"success","next_action":"continue_handoff","agent_session_id":"{id}","handoff_uri":"http://127.0.0.1/agent/{id}"}}"#
    );
    if let Work::Store(_, sessions) = &app.work {
        sessions.pin().insert(id, handoff);
    }
    answer(StatusCode::OK, text)
}

fn has_token(headers: &HeaderMap) -> bool {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    token.is_some_and(|token| !token.trim().is_empty())
}

fn refuse(status: StatusCode, description: &str) -> Response {
    answer(status, json!({ "status": "error", "next_action": "none", "description": description }).to_string())
}

fn answer(status: StatusCode, body: impl Into<Bytes>) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.into()).into_response()
}
