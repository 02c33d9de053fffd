//! What goes wrong, in the shapes that callers expect: the contract's own, and the control plane's.

use super::{
    CREATE_AGENT_SESSION, CREATE_TOKEN, body,
    breach::{Breach, SurfaceError},
    record::{self, Answered, Findings},
};
use crate::{
    app::{App, WorkError},
    base::position::{brief, shorten},
    config::ValidationNextAction,
    domain::{
        contract::Answer,
        scenario::{Chosen, ChosenBy, TooCostly},
    },
    sandbox::HandOffFailure,
    store::StoreError,
};
use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use std::{any::Any, borrow::Cow, future::ready, sync::Arc};

/// A contract answer with `status: "error"` (S6).
#[derive(Debug)]
pub(super) struct HandoffError {
    /// By HTTP's meaning; a setting may move it on the way out (S7).
    pub(super) http_status: StatusCode,
    pub(super) description: Cow<'static, str>,
    pub(super) header: Option<(HeaderName, HeaderValue)>,
    /// Whether a 400 has a `next_action` (S6); every other error has one.
    pub(super) validation_next_action: ValidationNextAction,
    pub(super) findings: Box<Findings>,
}

impl HandoffError {
    pub(super) fn new(http_status: StatusCode, description: impl Into<Cow<'static, str>>) -> Self {
        let description = match description.into() {
            Cow::Borrowed(fixed) => Cow::Borrowed(fixed),
            // It may quote what came.
            Cow::Owned(made) => Cow::Owned(shorten(&made).into_owned()),
        };
        Self {
            http_status,
            description,
            header: None,
            validation_next_action: ValidationNextAction::default(),
            findings: Box::default(),
        }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.header = HeaderValue::from_str(value).ok().map(|value| (name, value));
        self
    }
}

impl From<Breach> for HandoffError {
    fn from(breach: Breach) -> Self {
        Self {
            http_status: breach.http_status(),
            description: breach.description(),
            header: breach.header(),
            validation_next_action: ValidationNextAction::default(),
            findings: Box::new(breach.findings()),
        }
    }
}

impl SurfaceError for HandoffError {
    fn findings(&mut self) -> &mut Findings {
        &mut self.findings
    }
}

impl From<StoreError> for HandoffError {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("The mock could not do its work: {error}."))
    }
}

impl From<HandOffFailure> for HandoffError {
    fn from(failure: HandOffFailure) -> Self {
        match failure {
            HandOffFailure::Store(error) => error.into(),
            HandOffFailure::TooCostly(error) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("The mock cannot choose a scenario: {error}."))
            }
        }
    }
}

impl From<HandoffError> for Answered {
    fn from(error: HandoffError) -> Self {
        let HandoffError { http_status, description, header, validation_next_action, mut findings } = error;
        let answer = match (http_status, validation_next_action) {
            (StatusCode::BAD_REQUEST, ValidationNextAction::Omit) => Answer::invalid(&description),
            _ => Answer::error(&description),
        };
        let body = answer.to_json();
        if findings.chosen.is_none() {
            let why = Cow::Borrowed("the request was refused before any rule was asked; the answer says why");
            findings.chosen = Some(Chosen { by: ChosenBy::Contract, why });
        }
        Self {
            status: Some("error"),
            headers: header.into_iter().collect(),
            ..Self::plain(http_status, body, description, *findings)
        }
    }
}

/// A known path under another method (H4).
pub(super) async fn method_not_allowed(State(app): State<Arc<App>>, request: Request) -> Response {
    let (exchange, parts, body) = record::open(&app, request);
    body::drain(body);
    let (method, path) = (brief(parts.method.as_str()), brief(parts.uri.path()));
    let description = format!("{method} is not allowed at {path}; use POST.");
    let error = HandoffError::new(StatusCode::METHOD_NOT_ALLOWED, description).with_header(header::ALLOW, "POST");
    exchange.answer(ready(Err(error))).await
}

/// A path that no endpoint has (H4).
pub(super) async fn no_such_endpoint(State(app): State<Arc<App>>, request: Request) -> Response {
    let (exchange, parts, body) = record::open(&app, request);
    body::drain(body);
    // Not the query, which may hold what is masked elsewhere.
    let (method, path) = (brief(parts.method.as_str()), brief(parts.uri.path()));
    let description = format!(
        "There is no endpoint {method} {path}; the handoff is POST {CREATE_AGENT_SESSION}, and tokens are had from POST \
         {CREATE_TOKEN}."
    );
    exchange.answer(ready(Err(HandoffError::new(StatusCode::NOT_FOUND, description)))).await
}

/// A defect of ours on the control plane, which costs one request and not the server.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The mock failed; please report this as a bug.").into_response()
}

/// An error of the control plane, in the shape of RFC 9457.
#[derive(Debug, Serialize)]
pub(super) struct Problem {
    #[serde(skip)]
    pub(super) code: StatusCode,
    /// Whether the answer says when to come again.
    #[serde(skip)]
    retry_after: bool,
    /// The meaning of the HTTP status.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// What is wrong here, and the fix.
    detail: String,
}

impl Problem {
    pub(super) fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        let title = code.canonical_reason().unwrap_or("Error");
        Self { code, title, status: code.as_u16(), detail: detail.into(), retry_after: false }
    }

    pub(super) fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("There is no {what} {:?}, or it was dropped or deleted.", brief(id)))
    }

    /// A caller who should come again in a moment.
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self { retry_after: true, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The answer to a problem that has more members than every problem has.
    pub(super) fn extended(code: StatusCode, problem: &impl Serialize) -> Response {
        let body = serde_json::to_vec_pretty(problem).unwrap_or_default();
        (code, [(header::CONTENT_TYPE, "application/problem+json")], Bytes::from(body)).into_response()
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl From<TooCostly> for Problem {
    fn from(error: TooCostly) -> Self {
        Self::bad_request(format!("match: {error}."))
    }
}

impl From<WorkError> for Problem {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Busy => Self::busy("Too many long requests are being computed; try again in a moment."),
            WorkError::TooLong(limit) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "The request was stopped after {} s, the longest that one may take; ask for less.",
                    limit.as_secs()
                ),
            ),
            WorkError::Stopping => Self::stopping(),
            WorkError::Failed => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The mock failed; please report this as a bug.")
            }
        }
    }
}

impl Problem {
    /// The server stops, and what the caller waits for will not come.
    pub(super) fn stopping() -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "The server is stopping.")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Self::extended(self.code, &self);
        if self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Settings, http::record::open};
    use axum::body::Body;

    #[tokio::test]
    async fn a_panic_costs_one_request_and_is_recorded() {
        let app = App::new(Settings::default(), "http://mock.test").unwrap();
        let (exchange, ..) = open(&app, Request::new(Body::empty()));
        let response = exchange.answer::<HandoffError>(async { panic!("a defect") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let sandbox = app.sandboxes.default_sandbox();
        let entry = sandbox.journal.get(1).unwrap();
        let recorded = entry.exchange.answer.as_ref().unwrap();
        assert_eq!(recorded.status, 500);
        assert!(recorded.body.starts_with(br#"{"status":"error","next_action":"none""#));
    }
}
