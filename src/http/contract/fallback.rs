//! Answers for paths without an endpoint (H4).

use super::{
    answer::{Answered, Findings},
    credential::{find_token, sandbox_of},
    error::HandoffError,
    record,
    request_error::{ContractError, RequestError},
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

/// An error for an unknown path. It has the handoff's shape, but the handoff's settings do not apply to it (S7).
struct NoEndpoint(HandoffError);

impl From<RequestError> for NoEndpoint {
    fn from(error: RequestError) -> Self {
        Self(error.into())
    }
}

impl From<NoEndpoint> for Answered {
    fn from(NoEndpoint(error): NoEndpoint) -> Self {
        error.into()
    }
}

impl ContractError for NoEndpoint {
    fn findings(&mut self) -> &mut Findings {
        self.0.findings()
    }
}

/// Answers in the handoff's shape, because a mistyped path most likely comes from one of its callers.
pub(in crate::http) async fn no_such_endpoint(State(app): State<Arc<App>>, request: Request) -> Response {
    let incoming = match record::admit::<NoEndpoint>(&app, request) {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    let sandbox = sandbox_of(&app, &find_token(&app, &incoming.parts.headers).await);
    let (exchange, parts, body) = record::open(&app, incoming, sandbox);
    body::drain(body);
    // The query is left out, because it may hold secrets.
    let method = brief(parts.method.as_str());
    let path = match (parts.uri.path(), parts.uri.authority()) {
        // CONNECT has an authority and no path.
        ("", Some(authority)) => brief(authority.as_str()),
        (path, _) => brief(path),
    };
    let description = format!(
        "There is no endpoint {method} {path}; the handoff is POST {CREATE_AGENT_SESSION}, and the token endpoint is \
         POST {CREATE_TOKEN}."
    );
    let error = HandoffError::new(StatusCode::NOT_FOUND, description);
    exchange.answer(ready(Err(NoEndpoint(error)))).await
}
