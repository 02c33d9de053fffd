//! Opens an exchange for each request of a contract surface, and closes it with the answer: into the journal, into the
//! log, and into the headers by which the answer leads to its exchange (S9).

mod close;
mod masked;

pub(super) use masked::push_parameter;

use super::{
    base::base_url,
    body,
    breach::{Breach, SurfaceError},
    credential::{find_token, sandbox_of},
    fault::{Dribble, Fault},
    guard::{self, Refusal},
    signing::ShownKey,
};
use crate::{
    app::App,
    base::{budget::Account, clock::Stopwatch, urls::BaseUrl},
    config::InspaktHttpStatus,
    domain::{
        contract::{Advice, Violation},
        journal::{Endpoint, Entry, RecordedAnswer, exchange_id},
        oauth::JudgedAssertion,
        scenario::Chosen,
    },
    sandbox::{FoundToken, Sandbox},
};
use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header, request::Parts},
    response::Response,
};
use futures_util::FutureExt;
use jiff::Timestamp;
use masked::{head, lines};
use std::{borrow::Cow, panic::AssertUnwindSafe, sync::Arc, time::Duration};

/// The header that names an answer's exchange in the journal.
const X_MOCK_EXCHANGE: HeaderName = HeaderName::from_static("x-mock-exchange");
/// How many advices the exchange holds; left out when there are none.
const X_MOCK_ADVICES: HeaderName = HeaderName::from_static("x-mock-advices");
/// The id under which the request is logged.
pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Why an exchange has no answer.
const CUT_OFF: &str = "the connection ended before there was an answer";

const APPLICATION_JSON: HeaderValue = HeaderValue::from_static("application/json");

/// What is known of an exchange beside its request and its answer. It is told in the journal, never in the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) client: Option<Arc<str>>,
    pub(super) body: Option<Arc<[u8]>>,
    /// The body's part of the budget for bodies under way.
    pub(super) lease: Option<Arc<Account>>,
    pub(super) violations: Vec<Violation>,
    pub(super) omitted_violations: usize,
    pub(super) advices: Vec<Advice>,
    pub(super) chosen: Option<Chosen>,
    /// The version of the scenario set that the request was compared with.
    pub(super) scenarios: Option<u64>,
    pub(super) agent_session: Option<Arc<str>>,
    /// The access token that was issued or shown, by its id.
    pub(super) token: Option<Arc<str>>,
    /// The assertion that came, and what became of each claim.
    pub(super) assertion: Option<Box<JudgedAssertion>>,
    /// The sandbox that the request belongs to, where only its body tells.
    pub(super) sandbox: Option<Arc<Sandbox>>,
}

/// An answer of the contract, with what was found on the way to it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) http_status: StatusCode,
    /// The `status` of the body, where answers have one.
    pub(super) status: Option<&'static str>,
    /// Headers beside the usual ones, or in their stead.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
    /// What the journal keeps in the stead of a body that would let its reader act as the caller.
    pub(super) masked_body: Option<Vec<u8>>,
    /// What happens to the answer on its way.
    pub(super) fault: Option<Fault>,
    /// The body is sent in pieces over so much time.
    pub(super) dribble: Option<Duration>,
    /// A scenario names the HTTP status; then no setting moves it.
    pub(super) is_scripted: bool,
    /// How long it is held back, in real time.
    pub(super) delay: Duration,
    /// Why it is what it is, in a few words for the log.
    pub(super) reason: Cow<'static, str>,
    pub(super) findings: Findings,
}

impl Answered {
    /// An answer that goes out at once and as it is.
    pub(super) fn plain(http_status: StatusCode, body: Vec<u8>, reason: Cow<'static, str>, findings: Findings) -> Self {
        Self {
            http_status,
            status: None,
            headers: Vec::new(),
            body,
            masked_body: None,
            fault: None,
            dribble: None,
            is_scripted: false,
            delay: Duration::ZERO,
            reason,
            findings,
        }
    }
}

/// Opens the exchange of a request, and hands its parts back for an answer to be found.
pub(super) fn open(app: &Arc<App>, request: Request) -> (OpenExchange, Parts, Body) {
    let (parts, body) = request.into_parts();
    if let Err(refusal) = guard::judge_sender(app, &parts) {
        return (OpenExchange::refused(app, &parts, body, refusal), parts, Body::empty());
    }
    let began = app.sandboxes.resets();
    let shown = find_token(app, &parts.headers);
    let sandbox = sandbox_of(app, &shown);
    let exchange = OpenExchange::new(app, &parts, sandbox, shown, began);
    let body = exchange.let_go_if_faulty(&parts, body);
    (exchange, parts, body)
}

/// Opens the exchange of a request to the signing service, whose callers show an API key.
pub(super) fn open_with_key(app: &Arc<App>, request: Request) -> (OpenExchange, ShownKey, Parts, Body) {
    let (parts, body) = request.into_parts();
    if let Err(refusal) = guard::judge_sender(app, &parts) {
        return (OpenExchange::refused(app, &parts, body, refusal), ShownKey::Missing(""), parts, Body::empty());
    }
    let began = app.sandboxes.resets();
    let key = ShownKey::find(app, &parts.headers);
    let mut exchange = OpenExchange::new(app, &parts, key.sandbox(app), FoundToken::Foreign, began);
    exchange.is_signing = true;
    let body = exchange.let_go_if_faulty(&parts, body);
    (exchange, key, parts, body)
}

/// An exchange that has no answer yet. Dropped without one, it is recorded without one: the connection ended, as it does
/// when the server stops. A caller that goes away does not end it; its answer is recorded and cannot be delivered.
pub(super) struct OpenExchange {
    app: Arc<App>,
    sandbox: Arc<Sandbox>,
    shown: FoundToken,
    /// Whether the request is to the signing service, whose errors are answered with HTTP 200 (G8).
    is_signing: bool,
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
    /// Why the guard refuses the request. The exchange is not recorded then.
    refusal: Option<Refusal>,
    /// How the caller reaches the server.
    base_url: BaseUrl,
    /// Why the request is refused before any handler sees it.
    fault: Option<Breach>,
}

impl OpenExchange {
    /// A request that the guard refuses. It leaves no trace in the sandbox and draws no id from it, or a web page could
    /// flood the journal and change the ids of a run.
    fn refused(app: &Arc<App>, parts: &Parts, body: Body, refusal: Refusal) -> Self {
        body::let_go(body, &parts.headers);
        let sandbox = app.sandboxes.default_sandbox();
        Self {
            app: Arc::clone(app),
            is_signing: false,
            started: Stopwatch::start(),
            began: 0,
            at: sandbox.clock.now(),
            head: head(parts),
            request_id: request_id(&parts.headers, uuid::Uuid::nil),
            sandbox,
            shown: FoundToken::Foreign,
            findings: Findings::default(),
            closed: true,
            pending: None,
            refusal: Some(refusal),
            base_url: app.base_url.clone(),
            fault: None,
        }
    }

    fn new(app: &Arc<App>, parts: &Parts, sandbox: Arc<Sandbox>, shown: FoundToken, began: u64) -> Self {
        let (base_url, fault) = match base_url(app, &parts.headers, &parts.uri) {
            Ok(base_url) => (base_url, None),
            Err(invalid) => (app.base_url.clone(), Some(invalid.into())),
        };
        Self {
            app: Arc::clone(app),
            is_signing: false,
            started: Stopwatch::start(),
            began,
            at: sandbox.clock.now(),
            head: head(parts),
            request_id: request_id(&parts.headers, || sandbox.ids.request()),
            sandbox,
            shown,
            findings: Findings::default(),
            closed: false,
            pending: None,
            refusal: None,
            base_url,
            fault,
        }
    }

    /// Lets the body go that no handler will read.
    fn let_go_if_faulty(&self, parts: &Parts, body: Body) -> Body {
        if self.fault.is_none() {
            return body;
        }
        body::let_go(body, &parts.headers);
        Body::empty()
    }

    /// How the caller reaches the server: how URLs in the answer begin.
    pub(super) fn base_url(&self) -> BaseUrl {
        self.base_url.clone()
    }

    /// The sandbox of the request's credential, else the default one.
    pub(super) fn sandbox(&self) -> Arc<Sandbox> {
        Arc::clone(&self.sandbox)
    }

    /// [`Sandboxes::resets`](crate::sandbox::Sandboxes::resets) when the request came.
    pub(super) fn began(&self) -> u64 {
        self.began
    }

    /// What the credential of the request turned out to be; to be taken once.
    pub(super) fn take_shown(&mut self) -> FoundToken {
        std::mem::replace(&mut self.shown, FoundToken::Foreign)
    }

    /// Waits for the answer, holds it back as long as it wants, and closes the exchange with it. A panic on the way is
    /// a defect of ours; it costs this one request and not the server.
    pub(super) async fn answer<E: SurfaceError>(
        mut self,
        answer: impl Future<Output = Result<Answered, E>>,
    ) -> Response {
        if let Some(refusal) = self.refusal.take() {
            return self.refuse(E::from(Breach::CrossSite(refusal.description().to_owned())).into());
        }
        if let Some(fault) = self.fault.take() {
            let mut answered: Answered = E::from(fault).into();
            self.findings = std::mem::take(&mut answered.findings);
            return self.close(answered);
        }
        let mut answered: Answered = match AssertUnwindSafe(answer).catch_unwind().await {
            Ok(Ok(answered)) => answered,
            Ok(Err(error)) => error.into(),
            Err(_) => E::from(Breach::Failed).into(),
        };
        self.findings = std::mem::take(&mut answered.findings);
        if !answered.delay.is_zero() {
            self.record_pending();
            tokio::time::sleep(answered.delay).await;
        }
        self.close(answered)
    }

    /// Answers a request that the guard refuses. No setting moves its HTTP status.
    fn refuse(self, answered: Answered) -> Response {
        let request = guard::quoted(self.head.lines().next().unwrap_or_default().as_bytes());
        tracing::info!(request, http_status = answered.http_status.as_u16(), "refused: {}", answered.reason);
        let mut response = Response::new(Body::from(answered.body));
        *response.status_mut() = answered.http_status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, APPLICATION_JSON);
        headers.extend(answered.headers);
        guard::set_no_sniff(headers);
        response
    }

    fn close(mut self, mut answered: Answered) -> Response {
        self.closed = true;
        if let Some(moved) = self.sandbox.switches().error_http_status
            && answered.status == Some("error")
            && !answered.is_scripted
            && self.is_handoff()
            && let Ok(moved) = StatusCode::from_u16(moved)
        {
            answered.http_status = moved;
        }
        let is_refused = answered.http_status.as_u16() >= 400;
        if self.is_signing && self.sandbox.switches().inspakt_http_status == InspaktHttpStatus::Ok {
            answered.http_status = StatusCode::OK;
        }
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
        let number = self.record(Some(recorded), answered.status, is_refused, &answered.reason);
        // After a reset the number belongs to another exchange.
        if !self.sandbox.was_reset()
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

    /// Whether the path is the handoff's own: the scope of the setting that moves error statuses (S7).
    fn is_handoff(&self) -> bool {
        let line = self.head.lines().next().unwrap_or_default();
        let target = line.split_once(' ').map_or("", |(_, target)| target);
        Endpoint::of(target) == Some(Endpoint::Handoff)
    }
}

impl Drop for OpenExchange {
    fn drop(&mut self) {
        if !self.closed {
            self.record(None, None, true, CUT_OFF);
        }
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
