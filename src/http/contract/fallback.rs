//! Paths that no endpoint has (H4).

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

/// An error of a path that is not the handoff's: in its shape, but no setting of the handoff applies (S7).
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

/// Answers in the shape of the handoff, whose callers are most likely to slip.
pub(in crate::http) async fn no_such_endpoint(State(app): State<Arc<App>>, request: Request) -> Response {
    let incoming = match record::admit::<NoEndpoint>(&app, request) {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    let sandbox = sandbox_of(&app, &find_token(&app, &incoming.parts.headers).await);
    let (exchange, parts, body) = record::open(&app, incoming, sandbox);
    body::drain(body);
    // Not the query, which may hold what is masked elsewhere.
    let method = brief(parts.method.as_str());
    let path = match (parts.uri.path(), parts.uri.authority()) {
        // The target of CONNECT.
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
