//! Paths that no endpoint has (H4).

use super::{
    credential::{find_token, sandbox_of},
    error::HandoffError,
    record,
};
use crate::{
    app::App,
    base::{
        position::brief,
        urls::{CREATE_AGENT_SESSION, CREATE_TOKEN},
    },
    http::body,
};
use axum::{
    extract::{Request, State},
    http::StatusCode,
    response::Response,
};
use std::{future::ready, sync::Arc};

/// Answers in the shape of the handoff, whose callers are most likely to slip.
pub(in crate::http) async fn no_such_endpoint(State(app): State<Arc<App>>, request: Request) -> Response {
    let incoming = match record::admit::<HandoffError>(&app, request) {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    let sandbox = sandbox_of(&app, &find_token(&app, &incoming.parts.headers));
    let (exchange, parts, body) = record::open(&app, incoming, sandbox);
    body::drain(body);
    // Not the query, which may hold what is masked elsewhere.
    let (method, path) = (brief(parts.method.as_str()), brief(parts.uri.path()));
    let description = format!(
        "There is no endpoint {method} {path}; the handoff is POST {CREATE_AGENT_SESSION}, and tokens are had from POST \
         {CREATE_TOKEN}."
    );
    let error = HandoffError::new(StatusCode::NOT_FOUND, description).of_no_endpoint();
    exchange.answer(ready(Err(error))).await
}
