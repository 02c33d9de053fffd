//! Opens an exchange for each contract request, and closes it with the answer. The exchange goes to the journal and to
//! the log, and headers of the answer name it (S9).
//!
//! The order is: [`admit`] checks the sender, the surface finds the sandbox, [`open`] opens the exchange in it, and
//! [`OpenExchange::answer`] closes it.

mod close;

use super::{
    answer::{Answered, Findings},
    masked::{head, lines},
    request_error::{ContractError, RequestError},
};
use crate::{
    app::App,
    base::{clock::Stopwatch, urls::BaseUrl},
    domain::{
        contract::Advice,
        journal::{Entry, RecordedAnswer, exchange_id},
    },
    http::{
        base_url::base_url,
        body,
        fault::Dribble,
        guard,
        problem::sentence,
        request_id::{X_REQUEST_ID, request_id},
    },
    sandbox::Sandbox,
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderName, HeaderValue, header, request::Parts},
    response::Response,
};
use futures_util::FutureExt;
use jiff::Timestamp;
use std::{panic::AssertUnwindSafe, sync::Arc};

/// Names the answer's exchange in the journal.
const X_MOCK_EXCHANGE: HeaderName = HeaderName::from_static("x-mock-exchange");
/// Number of advice entries on the exchange; left out if there are none.
const X_MOCK_ADVICES: HeaderName = HeaderName::from_static("x-mock-advices");

/// Recorded in place of an answer.
const CUT_OFF: &str = "the connection ended before there was an answer";

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request that passed the guard.
pub(super) struct Incoming {
    pub(super) parts: Parts,
    body: Body,
    started: Stopwatch,
    /// The value of [`Sandboxes::resets`](crate::sandbox::Sandboxes::resets) when the request arrived.
    began: u64,
}

/// Admits a request unless a web page of another site sent it.
///
/// # Errors
/// Returns the refusal as the answer, in the shape of the surface. A refused request leaves no trace in a sandbox and
/// uses up no id; otherwise a web page could flood the journal and change the ids of a run.
pub(super) fn admit<E: ContractError>(app: &App, request: Request) -> Result<Incoming, Response> {
    let (parts, body) = request.into_parts();
    match guard::judge_sender(app, &parts) {
        Ok(()) => Ok(Incoming { parts, body, started: Stopwatch::start(), began: app.sandboxes.resets() }),
        Err(refusal) => {
            body::discard(body, &parts.headers);
            Err(refuse(&parts, E::from(RequestError::CrossSite(sentence(refusal.description()))).into()))
        }
    }
}

/// Answers a request that the guard refuses. Settings do not change its HTTP status.
fn refuse(parts: &Parts, answered: Answered) -> Response {
    let head = head(parts);
    let request = guard::quoted(head.lines().next().unwrap_or_default().as_bytes());
    tracing::info!(request, http_status = answered.http_status.as_u16(), "refused: {}", answered.reason);
    let mut response = Response::new(Body::from(answered.body));
    *response.status_mut() = answered.http_status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, APPLICATION_JSON);
    headers.extend(answered.headers);
    guard::set_no_sniff(headers);
    response
}

/// Opens the exchange of a request in its sandbox, and returns the request's parts to the handler.
pub(super) fn open(app: &Arc<App>, incoming: Incoming, sandbox: Arc<Sandbox>) -> (OpenExchange, Parts, Body) {
    let Incoming { parts, body, started, began } = incoming;
    let (base_url, fault) = match base_url(app, &parts.headers, &parts.uri) {
        Ok(base_url) => (base_url, None),
        Err(invalid) => (app.base_url.clone(), Some(invalid.into())),
    };
    let body = if fault.is_none() {
        body
    } else {
        // No handler will read it.
        body::discard(body, &parts.headers);
        Body::empty()
    };
    let exchange = OpenExchange {
        app: Arc::clone(app),
        started,
        began,
        at: sandbox.clock.now(),
        head: head(&parts),
        request_id: request_id(&parts.headers, || sandbox.ids.request()),
        sandbox,
        findings: Findings::default(),
        closed: false,
        pending: None,
        base_url,
        fault,
        ignores_sandbox: parts.uri.query().is_some_and(names_sandbox),
    };
    (exchange, parts, body)
}

/// An exchange without an answer. If it is dropped in this state, it is recorded as cut off; that happens when the
/// server stops. A caller that disconnects does not cut it off: the answer is recorded even though it cannot be
/// delivered.
pub(super) struct OpenExchange {
    app: Arc<App>,
    sandbox: Arc<Sandbox>,
    started: Stopwatch,
    began: u64,
    at: Timestamp,
    head: Box<str>,
    request_id: HeaderValue,
    /// The findings so far. They are recorded even if the exchange is cut off.
    findings: Findings,
    closed: bool,
    /// Its entry in the journal while the answer is delayed.
    pending: Option<Arc<Entry>>,
    /// The base URL by which the caller reached the server.
    base_url: BaseUrl,
    /// A fault found before any handler sees the request.
    fault: Option<RequestError>,
    /// Whether the query has a `sandbox` parameter, which the contract ignores.
    ignores_sandbox: bool,
}

/// Whether a query has the parameter `sandbox`.
fn names_sandbox(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("sandbox"))
}

impl OpenExchange {
    /// The base URL for URLs in the answer.
    pub(super) fn base_url(&self) -> BaseUrl {
        self.base_url.clone()
    }

    /// The value of [`Sandboxes::resets`](crate::sandbox::Sandboxes::resets) when the request arrived.
    pub(super) fn began(&self) -> u64 {
        self.began
    }

    /// Waits for the handler's answer, delays it if requested, and closes the exchange with it. A panic in the handler
    /// fails this request only, not the server.
    pub(super) async fn answer<E: ContractError>(
        mut self,
        answer: impl Future<Output = Result<Answered, E>>,
    ) -> Response {
        let result = match self.fault.take() {
            Some(fault) => Err(E::from(fault)),
            None => AssertUnwindSafe(answer).catch_unwind().await.unwrap_or_else(|_| Err(RequestError::Failed.into())),
        };
        let mut answered: Answered = result.unwrap_or_else(|mut error| {
            error.adapt(self.sandbox.switches());
            error.into()
        });
        self.findings = std::mem::take(&mut answered.findings);
        if self.ignores_sandbox {
            let message = "has the query parameter \"sandbox\", which is ignored: the credential of a request selects its \
                           sandbox";
            let advice = Advice { pointer: String::new(), code: "ignored_sandbox", message: message.to_owned() };
            self.findings.advices.push(advice);
        }
        if !answered.delay.is_zero() {
            self.record_pending();
            tokio::time::sleep(answered.delay).await;
        }
        self.close(answered)
    }

    fn close(mut self, answered: Answered) -> Response {
        self.closed = true;
        let body = answered.masked_body.as_deref().unwrap_or(&answered.body).into();
        let mut response = Response::new(Body::from(answered.body));
        *response.status_mut() = answered.http_status;
        let headers = response.headers_mut();
        headers.reserve(5 + answered.headers.len());
        headers.insert(header::CONTENT_TYPE, APPLICATION_JSON);
        headers.insert(X_REQUEST_ID, self.request_id.clone());
        for (name, value) in answered.headers {
            headers.insert(name, value);
        }
        if !self.findings.advices.is_empty() {
            headers.insert(X_MOCK_ADVICES, self.findings.advices.len().into());
        }
        let recorded = RecordedAnswer { status: answered.http_status.as_u16(), headers: lines(headers), body };
        // After a reset, its number belongs to another exchange.
        let is_recorded = !self.findings.is_unrecorded;
        let number =
            is_recorded.then(|| self.record(Some(recorded), answered.status, answered.is_refused, &answered.reason));
        if let Some(number) = number.filter(|_| !self.sandbox.was_reset())
            && let Ok(value) = HeaderValue::try_from(exchange_id(number))
        {
            response.headers_mut().insert(X_MOCK_EXCHANGE, value);
        }
        guard::set_no_sniff(response.headers_mut());
        match (answered.fault, answered.dribble) {
            (Some(fault), _) => fault.apply(response),
            (None, Some(over)) => Dribble { over }.apply(response),
            (None, None) => response,
        }
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        if !self.closed {
            self.record(None, None, true, CUT_OFF);
        }
    }
}
