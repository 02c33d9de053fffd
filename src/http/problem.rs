//! Errors of the control plane, in the shape of RFC 9457.

use crate::{
    app::WorkError,
    base::reading::{nearest, quoted, with_json_escapes},
    domain::scenario::TooCostly,
    store::StoreError,
};
use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use serde::Serialize;
use std::{any::Any, fmt::Display};
use utoipa::ToSchema;

/// The answer to a panic in the control plane, which fails this request only.
pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The mock failed; please report this as a bug.").into_response()
}

/// Formats the first line of a message as a sentence: upper case first, and a full stop unless it is a question.
/// Further lines show a place in a file and stay unchanged.
pub(super) fn sentence(message: &str) -> String {
    let (first, excerpt) = message.split_at(message.find('\n').unwrap_or(message.len()));
    let mut chars = first.chars();
    let start = chars.next().map_or_else(String::new, |char| char.to_uppercase().collect());
    let end = if first.ends_with(['.', '?']) { "" } else { "." };
    format!("{start}{}{end}{excerpt}", chars.as_str())
}

/// The end of a message about a value that is not one of several words, with the nearest of them.
pub(super) fn not_one_of(value: &str, known: &[&str]) -> String {
    format!("{} is not one of {}{}", quoted(value), known.join(", "), suggestion(value, known))
}

/// The end of a message about an unknown word: a suggestion, if a known word is near.
pub(super) fn suggestion(word: &str, known: &[&str]) -> String {
    nearest(word, known).map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"))
}

/// The message about an invalid email address, with the rule it breaks.
pub(super) fn not_an_email(text: &str, problem: &str) -> String {
    format!("{} is not an email address: {problem}; write one such as sam@example.com", quoted(text))
}

/// The methods to use instead of a refused one: `use GET or PUT`.
pub(super) fn use_one_of(methods: &[&str]) -> String {
    match methods {
        [] => "see the Allow header".to_owned(),
        [only] => format!("use {only}"),
        [others @ .., last] => format!("use {} or {last}", others.join(", ")),
    }
}

/// Formats a size for a message.
pub(super) fn bytes(count: usize) -> String {
    format!("{count} byte{}", if count == 1 { "" } else { "s" })
}

/// An error of the control plane (RFC 9457). Its type is `about:blank`, which is left out.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Problem {
    #[serde(skip)]
    pub(super) code: StatusCode,
    /// Whether the answer has a `Retry-After` header.
    #[serde(skip)]
    retry_after: bool,
    /// The reason phrase of the HTTP status.
    #[schema(min_length = 1)]
    title: &'static str,
    /// The HTTP status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong, and how to fix it. One or more sentences; the place in a file may follow on separate lines.
    #[schema(min_length = 1)]
    detail: String,
}

impl Problem {
    /// Creates a problem. The detail is formatted as a sentence, whatever its case and ending.
    pub(super) fn new(code: StatusCode, detail: impl Into<String>) -> Self {
        let title = code.canonical_reason().unwrap_or("Error");
        Self {
            code,
            title,
            status: code.as_u16(),
            detail: sentence(&with_json_escapes(&detail.into())),
            retry_after: false,
        }
    }

    pub(super) fn not_found(what: &str, id: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, format!("There is no {what} {}.", quoted(id)))
    }

    /// 404 for an unknown name, with a suggestion of the nearest existing one.
    pub(super) fn unknown_name<'n>(what: &str, name: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        let meant = suggestion(name, &known.into_iter().collect::<Vec<_>>());
        Self::new(StatusCode::NOT_FOUND, format!("There is no {what} {}{meant}", quoted(name)))
    }

    /// 404 for an unknown `after`, with a suggestion of the nearest existing id.
    pub(super) fn unknown_after<'n>(what: &str, id: &str, known: impl IntoIterator<Item = &'n str>) -> Self {
        let meant = suggestion(id, &known.into_iter().collect::<Vec<_>>());
        let problem = format!("In the query: after: there is no {what} {}{meant}", quoted(id));
        Self::new(StatusCode::NOT_FOUND, problem)
    }

    /// 400 for a query parameter with an invalid value.
    pub(super) fn in_query(parameter: &str, problem: impl Display) -> Self {
        Self::bad_request(format!("In the query: {parameter}: {problem}"))
    }

    /// 400 for a body member with an invalid value.
    pub(super) fn in_body(member: &str, problem: impl Display) -> Self {
        Self::bad_request(format!("In the body: /{member}: {problem}"))
    }

    /// 503 with `Retry-After`.
    pub(super) fn busy(detail: impl Into<String>) -> Self {
        Self { retry_after: true, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail) }
    }

    pub(super) fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// The answer to a problem with additional members.
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
        Self::bad_request(format!("In the matcher: {error}"))
    }
}

impl From<WorkError> for Problem {
    fn from(error: WorkError) -> Self {
        match error {
            WorkError::Busy => Self::busy("Too many long-running requests are in progress; try again in a moment."),
            WorkError::TooLong(limit) => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!("The request was stopped after the maximum of {} s; ask for less.", limit.as_secs()),
            ),
            WorkError::Stopping => Self::stopping(),
            WorkError::Failed => {
                Self::new(StatusCode::INTERNAL_SERVER_ERROR, "The mock failed; please report this as a bug.")
            }
        }
    }
}

impl Problem {
    /// 503 for a caller that waits while the server stops.
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
