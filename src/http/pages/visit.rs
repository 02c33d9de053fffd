//! A visit to a page: the sandbox, the form of the answer, and whether somebody looks at it.

use super::{failure::Failure, layout};
use crate::{
    app::App,
    base::{reading, urls::PageUrls},
    http::{accept, pretty::Pretty, problem::suggestion},
    sandbox::{DEFAULT, Sandbox},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts},
    response::{Html, IntoResponse, Response},
};
use maud::Markup;
use serde::Serialize;
use std::sync::Arc;

const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

/// Sent by the script that reloads an open page. Browsers send `Sec-Fetch-Dest` only to hosts that they trust.
const X_MOCK_RELOAD: HeaderName = HeaderName::from_static("x-mock-reload");

/// What a page shows, as HTML and as JSON.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) status: StatusCode,
    /// The language of its texts.
    pub(super) lang: &'static str,
    pub(super) title: String,
    pub(super) content: Markup,
    /// Its state, for clients that ask for JSON.
    pub(super) state: serde_json::Value,
    /// Where it is reloaded from when it changes.
    pub(super) live: Option<Live>,
}

impl Page {
    pub(super) fn new(title: impl Into<String>, content: Markup, state: &impl Serialize) -> Self {
        Self {
            status: StatusCode::OK,
            lang: "en",
            title: title.into(),
            content,
            state: serde_json::to_value(state).unwrap_or_default(),
            live: None,
        }
    }
}

/// URLs of a page that is kept current while it is open, relative to the visited one.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) page: String,
    /// The stream of its changes.
    pub(super) changes: String,
}

/// The result of a button.
#[derive(Debug)]
pub(super) enum Done {
    /// It worked: go to this URL, which is relative.
    SeeOther(String),
    /// The rules refused it: the page says why.
    Refused(Page),
}

/// How the visitor asks.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    /// The visitor asks for JSON and not for HTML.
    wants_json: bool,
    /// Leads from the visited URL to the root of the server.
    root: &'static str,
}

impl Manner {
    fn of(parts: &Parts) -> Self {
        // `/agent/as_1` is one step below the root of the pages, `/agent/as_1/send` is two.
        let root = if parts.uri.path().split('/').count() > 3 { "../.." } else { ".." };
        Self { wants_json: wants_json(&parts.headers), root }
    }

    fn document(&self, page: &Page) -> Html<String> {
        Html(layout::document(page, PageUrls::relative(self.root, None)).into_string())
    }

    pub(super) fn answer(&self, result: Result<Page, Failure>) -> Response {
        match result {
            Ok(page) if self.wants_json => (page.status, Pretty(page.state)).into_response(),
            Ok(page) => (page.status, self.document(&page)).into_response(),
            Err(failure) if self.wants_json => failure.problem().into_response(),
            Err(failure) => {
                let page = failure.page();
                (page.status, self.document(&page)).into_response()
            }
        }
    }
}

/// A visit to a page of a sandbox.
#[derive(Debug)]
pub(super) struct Visit {
    pub(super) app: Arc<App>,
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) manner: Manner,
    /// Whether a person looks at the page: not when a browser fetches it ahead or a script reloads it.
    pub(super) is_look: bool,
}

impl Visit {
    /// URLs of pages, relative to the visited one.
    pub(super) fn urls(&self) -> PageUrls<'_> {
        PageUrls::relative(self.manner.root, Some(self.sandbox.name()).filter(|name| *name != DEFAULT))
    }

    pub(super) fn answer(&self, result: Result<Page, Failure>) -> Response {
        self.manner.answer(result)
    }

    pub(super) fn answer_done(&self, result: Result<Done, Failure>) -> Response {
        match result {
            Ok(Done::SeeOther(url)) => match HeaderValue::from_str(&url) {
                Ok(url) => (StatusCode::SEE_OTHER, [(header::LOCATION, url)]).into_response(),
                Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
            },
            Ok(Done::Refused(page)) => self.manner.answer(Ok(page)),
            Err(failure) => self.manner.answer(Err(failure)),
        }
    }
}

impl FromRequestParts<Arc<App>> for Visit {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Response> {
        let manner = Manner::of(parts);
        let query = match reading::query(parts.uri.query().unwrap_or_default()) {
            Ok(query) => query,
            Err(error) => return Err(manner.answer(Err(Failure::Query(error.to_string())))),
        };
        let name = query.word("sandbox").map_or(DEFAULT, |name| &*name.spaced);
        let Some(sandbox) = app.sandboxes.get(name) else {
            let all = app.sandboxes.list();
            let names: Vec<&str> = all.iter().map(|sandbox| sandbox.name()).collect();
            let hint = match suggestion(name, &names) {
                none if none.is_empty() => "; it was deleted, or it was idle for too long".to_owned(),
                hint => hint,
            };
            return Err(manner.answer(Err(Failure::NoSuchSandbox { name: name.to_owned(), hint })));
        };
        let is = |name: &HeaderName, value: &str| parts.headers.get(name).is_none_or(|given| given == value);
        let is_look = parts.method == Method::GET
            && is(&SEC_FETCH_DEST, "document")
            && !parts.headers.contains_key(SEC_PURPOSE)
            && !parts.headers.contains_key(X_MOCK_RELOAD);
        Ok(Self { app: Arc::clone(app), sandbox, manner, is_look })
    }
}

impl FromRequestParts<Arc<App>> for Manner {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &Arc<App>) -> Result<Self, Self::Rejection> {
        Ok(Self::of(parts))
    }
}

/// Whether a client names JSON and does not name HTML.
fn wants_json(headers: &HeaderMap) -> bool {
    accept::names(headers, "application/json") && !accept::names(headers, "text/html")
}
