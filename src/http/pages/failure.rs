//! Pages that cannot be shown, each with the right status and the way to go on.

use super::{
    layout::{banner, card},
    visit::{Manner, Page},
};
use crate::{base::position::brief, http::problem::Problem, store::StoreError};
use axum::{
    http::{Method, StatusCode},
    response::{IntoResponse, Response},
};
use maud::html;
use serde_json::json;
use std::any::Any;

#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    /// The URL names a sandbox that does not exist, or no longer exists.
    #[error("there is no sandbox {:?}{hint}", brief(name))]
    NoSuchSandbox { name: String, hint: String },
    /// The query cannot be read, or has a parameter that the page does not take.
    #[error("in the query: {0}")]
    Query(String),
    /// No session, handoff or agent has this link.
    #[error(
        "this link does not belong to anything in this sandbox: it may be mistyped, from before a reset, or of another sandbox; \
         check the URL and its ?sandbox=, or hand off again"
    )]
    Unknown,
    /// The agent session has expired.
    #[error("this agent session has expired; start again from the product that sent you here")]
    Expired,
    #[error("this page does not take {0}; go back and use its buttons")]
    Method(Method),
    /// The form cannot be read.
    #[error("the form cannot be read: {0}")]
    Form(String),
    #[error("the mock could not do its work: {0}")]
    Store(#[from] StoreError),
}

impl Failure {
    fn status(&self) -> StatusCode {
        match self {
            Self::NoSuchSandbox { .. } | Self::Unknown => StatusCode::NOT_FOUND,
            Self::Expired => StatusCode::GONE,
            Self::Method(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Form(_) | Self::Query(_) => StatusCode::BAD_REQUEST,
            Self::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    fn title(&self) -> &'static str {
        match self {
            Self::NoSuchSandbox { .. } => "No such sandbox",
            Self::Unknown => "Nothing here",
            Self::Expired => "This session has expired",
            Self::Method(_) => "Not possible",
            Self::Form(_) => "The form was not understood",
            Self::Query(_) => "The query was not understood",
            Self::Store(_) => "Something went wrong",
        }
    }

    pub(super) fn problem(&self) -> Problem {
        Problem::new(self.status(), self.to_string())
    }

    pub(super) fn page(&self) -> Page {
        let detail = crate::http::problem::sentence(&self.to_string());
        let content = html! {
            (card(&html! {
                h1 data-testid="title" { (self.title()) }
                (banner("warning", "problem", &html! { (detail) }))
            }))
        };
        let state = json!({ "page": "failure", "detail": detail });
        Page { status: self.status(), ..Page::new(self.title(), content, &state) }
    }
}

pub(super) async fn method_not_allowed(manner: Manner, method: Method) -> Response {
    manner.answer(Err(Failure::Method(method)))
}

pub(super) fn panicked(_: Box<dyn Any + Send>) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, "The mock failed; please report this as a bug.").into_response()
}
