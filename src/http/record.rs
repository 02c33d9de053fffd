//! Opens an exchange for each request of a contract surface, and closes it with the answer: into the journal, into the
//! log, and into the headers by which the answer leads to its exchange (S9).

use crate::{
    app::App,
    clock::Stopwatch,
    contract::{Advice, Violation},
    journal::{Exchange, RecordedAnswer, exchange_id},
    scenario::{Chosen, ChosenBy},
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    middleware::Next,
    response::Response,
};
use bytes::Bytes;
use jiff::Timestamp;
use std::{borrow::Cow, fmt::Write, sync::Arc};

/// The header that names an answer's exchange in the journal.
const X_MOCK_EXCHANGE: HeaderName = HeaderName::from_static("x-mock-exchange");
/// How many advices the exchange holds; left out when there are none.
const X_MOCK_ADVICES: HeaderName = HeaderName::from_static("x-mock-advices");
/// The id under which the request is logged.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What a handler has to say about an exchange. It travels on the answer, beside its body and never in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) client: Option<Arc<str>>,
    pub(super) body: Option<Bytes>,
    pub(super) violations: Vec<Violation>,
    pub(super) omitted_violations: usize,
    pub(super) advices: Vec<Advice>,
    pub(super) chosen: Option<Chosen>,
    pub(super) agent_session: Option<Box<str>>,
    pub(super) status: Option<&'static str>,
    pub(super) answer: Bytes,
}

impl Findings {
    /// An answer of the contract, with these findings on it. `status` is the one of the body.
    pub(super) fn answer(
        mut self: Box<Self>,
        http_status: StatusCode,
        status: &'static str,
        body: Vec<u8>,
    ) -> Response {
        let body = Bytes::from(body);
        self.answer = body.clone();
        self.status = Some(status);
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = http_status;
        response.headers_mut().insert(header::CONTENT_TYPE, APPLICATION_JSON);
        response.extensions_mut().insert(self);
        response
    }
}

/// Records what passes.
pub(super) async fn record(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let open = OpenExchange::new(Arc::clone(&app), &parts);
    let answer = next.run(Request::from_parts(parts, body)).await;
    open.close(answer)
}

/// An exchange that has no answer yet. Dropped without one, it is recorded as that: the caller hung up.
struct OpenExchange {
    app: Arc<App>,
    started: Stopwatch,
    at: Timestamp,
    head: Box<str>,
    request_id: HeaderValue,
    closed: bool,
}

impl OpenExchange {
    fn new(app: Arc<App>, parts: &Parts) -> Self {
        let sandbox = app.sandboxes.default_sandbox();
        let request_id = request_id(&parts.headers, || sandbox.ids.request());
        let at = sandbox.clock.now();
        Self { app, started: Stopwatch::start(), at, head: head(parts), request_id, closed: false }
    }

    fn close(mut self, mut answer: Response) -> Response {
        self.closed = true;
        let findings = answer.extensions_mut().remove::<Box<Findings>>().unwrap_or_default();
        if findings.status == Some("error")
            && self.is_handoff()
            && let Some(moved) = self.app.settings.error_http_status.and_then(|code| StatusCode::from_u16(code).ok())
        {
            *answer.status_mut() = moved;
        }
        if !findings.advices.is_empty() {
            answer.headers_mut().insert(X_MOCK_ADVICES, findings.advices.len().into());
        }
        answer.headers_mut().insert(X_REQUEST_ID, self.request_id.clone());
        let number = self.record(Some((&answer, findings)));
        if let Ok(value) = HeaderValue::try_from(exchange_id(number)) {
            answer.headers_mut().insert(X_MOCK_EXCHANGE, value);
        }
        answer
    }

    /// Whether the path is the handoff's own: the scope of the setting that moves error statuses (S7).
    fn is_handoff(&self) -> bool {
        let line = self.head.lines().next().unwrap_or_default();
        let target = line.split_once(' ').map_or("", |(_, target)| target);
        target.split('?').next() == Some(super::CREATE_AGENT_SESSION)
    }

    fn record(&mut self, answered: Option<(&Response, Box<Findings>)>) -> u64 {
        let (answer, findings) = match answered {
            Some((answer, mut findings)) => {
                let body = std::mem::take(&mut findings.answer);
                let status = answer.status().as_u16();
                (Some(RecordedAnswer { status, headers: lines(answer.headers(), String::new()), body }), findings)
            }
            None => (None, Box::default()),
        };
        let why = || Cow::Borrowed("the caller hung up before there was an answer");
        let exchange = Exchange {
            at: self.at,
            client: findings.client,
            head: std::mem::take(&mut self.head),
            body: findings.body,
            answer,
            violations: findings.violations,
            omitted_violations: findings.omitted_violations,
            advices: findings.advices,
            chosen: findings.chosen.unwrap_or_else(|| Chosen { by: ChosenBy::Contract, why: why() }),
            agent_session: findings.agent_session,
            status: findings.status,
            duration: self.started.elapsed(),
            request_id: self.request_id.to_str().unwrap_or_default().into(),
        };
        log(&exchange);
        self.app.sandboxes.default_sandbox().journal.record(exchange)
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        if !self.closed {
            self.record(None);
        }
    }
}

/// One line a request: refused ones at `info`, all others at `debug`.
fn log(exchange: &Exchange) {
    let refused = exchange.answer.as_ref().is_none_or(|answer| answer.status >= 400);
    if !(tracing::enabled!(tracing::Level::DEBUG) || refused && tracing::enabled!(tracing::Level::INFO)) {
        return;
    }
    let http_status = exchange.answer.as_ref().map_or(0, |answer| answer.status);
    let request = exchange.head.lines().next().unwrap_or_default();
    let (request_id, status) = (&*exchange.request_id, exchange.status.unwrap_or("no answer"));
    let duration_us = u64::try_from(exchange.duration.as_micros()).unwrap_or(u64::MAX);
    if refused {
        tracing::info!(request_id, request, http_status, status, duration_us, "refused: {}", exchange.chosen.why);
    } else {
        tracing::debug!(request_id, request, http_status, status, duration_us, "answered: {}", exchange.chosen.why);
    }
}

/// The caller's own request id where it is one that can be logged, else one of ours.
pub(super) fn request_id(headers: &HeaderMap, fresh: impl FnOnce() -> uuid::Uuid) -> HeaderValue {
    let given = headers.get(X_REQUEST_ID).filter(|given| {
        let bytes = given.as_bytes();
        (1..=128).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
    });
    if let Some(given) = given {
        return given.clone();
    }
    let mut text = uuid::Uuid::encode_buffer();
    let text = fresh().as_hyphenated().encode_lower(&mut text);
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("none"))
}

fn head(parts: &Parts) -> Box<str> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let mut head = String::with_capacity(256);
    head.push_str(parts.method.as_str());
    head.push(' ');
    head.push_str(target);
    head.push('\n');
    lines(&parts.headers, head)
}

/// Headers as `name: value` lines, with what would let a reader act as the caller left out.
fn lines(headers: &HeaderMap, mut into: String) -> Box<str> {
    for (name, value) in headers {
        into.push_str(name.as_str());
        into.push_str(": ");
        let text = String::from_utf8_lossy(value.as_bytes());
        if is_secret(name) {
            mask(&mut into, &text);
        } else {
            into.push_str(&text);
        }
        into.push('\n');
    }
    into.into_boxed_str()
}

fn is_secret(name: &HeaderName) -> bool {
    const API_KEY: &str = "x-inspakt-api-key";
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::SET_COOKIE].contains(name)
        || name.as_str() == API_KEY
}

/// Keeps the scheme of a credential and tells how long the rest is.
fn mask(into: &mut String, credential: &str) {
    let (scheme, rest) = match credential.split_once(' ') {
        Some((scheme, rest)) if scheme.bytes().all(|byte| byte.is_ascii_alphabetic()) => (scheme, rest),
        _ => ("", credential),
    };
    let space = if scheme.is_empty() { "" } else { " " };
    // Writing to a string cannot fail.
    let _ = write!(into, "{scheme}{space}*** ({} characters)", rest.chars().count());
}
