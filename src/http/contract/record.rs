//! Opens an exchange for each request of a contract surface, and closes it with the answer: into the journal, into the
//! log, and into the headers by which the answer leads to its exchange (S9).
//!
//! [`admit`] lets a request in, its surface finds the sandbox, [`open`] begins the exchange in it, and
//! [`OpenExchange::answer`] ends it.

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

/// The header that names an answer's exchange in the journal.
const X_MOCK_EXCHANGE: HeaderName = HeaderName::from_static("x-mock-exchange");
/// How many advices the exchange holds; left out when there are none.
const X_MOCK_ADVICES: HeaderName = HeaderName::from_static("x-mock-advices");

/// Why an exchange has no answer.
const CUT_OFF: &str = "the connection ended before there was an answer";

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// A request that may come in.
pub(super) struct Incoming {
    pub(super) parts: Parts,
    body: Body,
    started: Stopwatch,
    /// [`Sandboxes::resets`](crate::sandbox::Sandboxes::resets) when it came.
    began: u64,
}

/// Lets a request in, unless a web page of another site sent it.
///
/// # Errors
/// With the refusal as the answer, in the shape of the surface. It leaves no trace in a sandbox and draws no id from it,
/// or a web page could flood the journal and change the ids of a run.
pub(super) fn admit<E: ContractError>(app: &App, request: Request) -> Result<Incoming, Response> {
    let (parts, body) = request.into_parts();
    match guard::judge_sender(app, &parts) {
        Ok(()) => Ok(Incoming { parts, body, started: Stopwatch::start(), began: app.sandboxes.resets() }),
        Err(refusal) => {
            body::let_go(body, &parts.headers);
            Err(refuse(&parts, E::from(RequestError::CrossSite(sentence(refusal.description()))).into()))
        }
    }
}

/// Answers a request that the guard refuses. No setting moves its HTTP status.
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

/// Opens the exchange of a request in its sandbox, and hands its parts back for an answer to be found.
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
        body::let_go(body, &parts.headers);
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

/// An exchange that has no answer yet. Dropped without one, it is recorded without one: the connection ended, as it does
/// when the server stops. A caller that goes away does not end it; its answer is recorded and cannot be delivered.
pub(super) struct OpenExchange {
    app: Arc<App>,
    sandbox: Arc<Sandbox>,
    started: Stopwatch,
    began: u64,
    at: Timestamp,
    head: Box<str>,
    request_id: HeaderValue,
    /// What is known by now; recorded also when the caller does not wait for it.
    findings: Findings,
    closed: bool,
    /// Its entry in the journal, while the answer is delayed.
    pending: Option<Arc<Entry>>,
    /// How the caller reaches the server.
    base_url: BaseUrl,
    /// Why the request is refused before any handler sees it.
    fault: Option<RequestError>,
    /// Whether the query names a sandbox, which has no meaning here.
    ignores_sandbox: bool,
}

/// Whether a query has the parameter `sandbox`.
fn names_sandbox(query: &str) -> bool {
    query.split('&').any(|pair| pair.split('=').next() == Some("sandbox"))
}

impl OpenExchange {
    /// How the caller reaches the server: how URLs in the answer begin.
    pub(super) fn base_url(&self) -> BaseUrl {
        self.base_url.clone()
    }

    /// [`Sandboxes::resets`](crate::sandbox::Sandboxes::resets) when the request came.
    pub(super) fn began(&self) -> u64 {
        self.began
    }

    /// Waits for the answer, holds it back as long as it wants, and closes the exchange with it. A panic on the way is
    /// a defect of ours; it costs this one request and not the server.
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
            let message = "came with the query parameter \"sandbox\", which is ignored: the credential of a request selects \
                           its sandbox";
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
        // After a reset its number belongs to another exchange.
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
