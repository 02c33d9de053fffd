//! What handlers ask for, and the order in which a request is judged: credential, media type, size, JSON, schema.
//!
//! The first fault is already the contract's error answer.

use super::{
    body::{self, BodyError, ReadBody},
    breach::{BUSY, Breach, SurfaceError},
    credential::Caller,
    error::Problem,
};
use crate::{
    app::App,
    base::{
        budget::{Account, Budget},
        position::{brief, shorten},
        reading::{self, ReadError, Tree},
    },
    config::EmailRule,
    domain::{
        contract::{Accepted, Advice, Schema, SchemaError, has_more_values_than},
        session::HandoffRequest,
    },
    sandbox::{DEFAULT, Sandbox},
};
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// A request that keeps the contract, as the type that its body stands for.
#[derive(Debug)]
pub(super) struct Checked<T> {
    pub(super) caller: Caller,
    pub(super) value: T,
    /// The body as it came.
    pub(super) body: Arc<[u8]>,
    /// The body's part of the budget for bodies under way.
    pub(super) lease: Option<Arc<Account>>,
    pub(super) advices: Vec<Advice>,
}

/// A body type with a schema of its own.
pub(super) trait Contracted: DeserializeOwned {
    fn schema(app: &App) -> Result<&Schema, &SchemaError>;
}

impl Contracted for HandoffRequest {
    fn schema(app: &App) -> Result<&Schema, &SchemaError> {
        Ok(&app.handoff_request)
    }
}

/// Judges a request, in the order in which faults count. The first one is the answer. Who asks was judged before.
pub(super) async fn check<T: Contracted, E: SurfaceError>(
    app: &App,
    headers: &HeaderMap,
    caller: Result<Caller, E>,
    body: Body,
) -> Result<Checked<T>, E> {
    let caller = match caller {
        Ok(caller) => caller,
        Err(error) => return Err(unread(error, headers, body)),
    };
    let ascii_emails = caller.sandbox.switches().email == EmailRule::Ascii;
    match check_body(app, headers, body, ascii_emails).await {
        Ok((Accepted { value, advices }, ReadBody { bytes: body, lease })) => {
            Ok(Checked { caller, value, body, lease, advices })
        }
        Err((breach, body)) => {
            let mut error = E::from(breach);
            let findings = error.findings();
            findings.client = Some(caller.client);
            if let Some(ReadBody { bytes, lease }) = body {
                findings.body = Some(bytes);
                findings.lease = lease;
            }
            Err(error)
        }
    }
}

/// What is wrong with a body, and the body where it was read.
type Faulty = (Breach, Option<ReadBody>);

async fn check_body<T: Contracted>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    ascii_emails: bool,
) -> Result<(Accepted<T>, ReadBody), Faulty> {
    if let Err(description) = body::judge_transfer_coding(headers) {
        return Err((unread(Breach::TransferCoding(description), headers, body), None));
    }
    if let Err(description) = judge_media_type(headers) {
        return Err((unread(Breach::MediaType(description), headers, body), None));
    }
    let limit = app.settings.max_body;
    let waits_for_leave = headers.contains_key(header::EXPECT);
    let body = body::read(body, limit, waits_for_leave, &app.bodies.contract)
        .await
        .map_err(|error| (Breach::of(&error, limit), None))?;
    let most = MOST_VALUES.max(limit / 10);
    if has_more_values_than(most, &body.bytes) {
        return Err((Breach::TooManyValues(most), Some(body)));
    }
    let schema = match T::schema(app) {
        Ok(schema) => schema,
        Err(error) => {
            tracing::error!(%error, "a schema cannot be used");
            return Err((Breach::Failed, Some(body)));
        }
    };
    match schema.check_with(&body.bytes, ascii_emails) {
        Ok(accepted) => Ok((accepted, body)),
        Err(refusal) => Err((Breach::Refused(refusal), Some(body))),
    }
}

/// A request refused before its body was read.
pub(super) fn unread<E>(error: E, headers: &HeaderMap, body: Body) -> E {
    body::let_go(body, headers);
    error
}

/// Judges `Content-Type` and `Content-Encoding` (H3).
fn judge_media_type(headers: &HeaderMap) -> Result<(), String> {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(value) = types.next() else {
        return Err("The Content-Type header is missing; send Content-Type: application/json.".to_owned());
    };
    if types.next().is_some() {
        return Err("There is more than one Content-Type header; send one.".to_owned());
    }
    let essence = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    if !essence.eq_ignore_ascii_case(b"application/json") {
        return Err(format!("The Content-Type is {:?}; send Content-Type: application/json.", brief(&text(value))));
    }
    if let Some(charset) = foreign_charset(value.as_bytes()) {
        return Err(format!(
            "The charset of the Content-Type is {charset:?}, but JSON is UTF-8 (RFC 8259); send Content-Type: \
             application/json."
        ));
    }
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    match codings.find(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Some(coding) => {
            let coding = text(coding);
            let coding = brief(&coding);
            Err(format!("The Content-Encoding {coding:?} is not understood; send the JSON as it is."))
        }
        None => Ok(()),
    }
}

/// The charset of a media type, where it is not UTF-8.
pub(super) fn foreign_charset(media_type: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(media_type);
    let (mut parameters, mut in_quotes, mut escaped) = (vec![String::new()], false, false);
    // A quoted string may hold a semicolon, and a backslash before any character (RFC 9110, 5.6.4).
    for char in text.chars() {
        match char {
            _ if escaped => escaped = false,
            '\\' if in_quotes => {
                escaped = true;
                continue;
            }
            '"' => {
                in_quotes = !in_quotes;
                continue;
            }
            ';' if !in_quotes => {
                parameters.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(parameter) = parameters.last_mut() {
            parameter.push(char);
        }
    }
    parameters.iter().skip(1).find_map(|parameter| {
        let (name, charset) = parameter.split_once('=')?;
        let charset = charset.trim();
        let is_utf8 = charset.eq_ignore_ascii_case("utf-8") || charset.eq_ignore_ascii_case("utf8");
        (name.trim().eq_ignore_ascii_case("charset") && !is_utf8).then(|| charset.to_owned())
    })
}

/// The query of a control plane request, without `sandbox`. Unknown and repeated parameters were refused before.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut query = reading::query(parts.uri.query().unwrap_or_default()).map_err(in_query)?;
        if let Tree::Object(parameters) = &mut query {
            parameters.retain(|(name, _)| name != "sandbox");
        }
        query.read().map(Self).map_err(in_query)
    }
}

/// An error in a query, with the name of the parameter.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
pub(super) fn in_query(error: ReadError) -> Problem {
    Problem::bad_request(format!("In the query: {}.", shorten(&error.in_query())))
}

/// An error in a body, with the place of the member.
#[expect(clippy::needless_pass_by_value, reason = "it is the end of the error")]
pub(super) fn in_body(error: ReadError) -> Problem {
    Problem::bad_request(format!("In the body: {}.", shorten(&error.in_body())))
}

/// The sandbox that a control plane request is about: `?sandbox=NAME`, else the default one.
#[derive(Debug)]
pub(super) struct World(pub(super) Arc<Sandbox>);

impl FromRequestParts<Arc<App>> for World {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let query = reading::query(parts.uri.query().unwrap_or_default()).map_err(in_query)?;
        let name = query.word("sandbox").map_or(DEFAULT, |name| &*name.spaced);
        app.sandboxes.get(name).map(Self).ok_or_else(|| Problem::not_found("sandbox", name))
    }
}

/// The JSON body of a control plane request. Unknown members are refused. An empty body is an empty object.
#[derive(Debug)]
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for Fields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let body = read_body(request, app).await?;
        parse(body, MOST_VALUES).await.map(Self)
    }
}

/// The JSON body of the one request that may be large: a snapshot to restore.
#[derive(Debug)]
pub(super) struct LargeFields<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for LargeFields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let limit = app.settings.max_admin_body.max(MOST_RESTORED);
        let limited = match limit {
            MOST_RESTORED => "the limit of a snapshot",
            _ => "the limit that --max-admin-body sets",
        };
        let body = read_within(request, limit, limited, &app.bodies.control).await?;
        let Some(_turn) = (match body.bytes.len() {
            size if size > LARGE => app.bodies.turn_of_large().map(Some),
            _ => Some(None),
        }) else {
            return Err(Problem::busy("Another large snapshot is being restored; retry in a second."));
        };
        parse(body, MOST_RESTORED_VALUES).await.map(Self)
    }
}

/// How many JSON values a body may hold. A few bytes of text (`[0],`) make a tree of some hundred bytes.
const MOST_VALUES: usize = 100_000;

/// The largest snapshot that is taken, unless other bodies of the control plane may be even larger.
pub(super) const MOST_RESTORED: usize = 64 << 20;

/// How many JSON values a snapshot may hold.
const MOST_RESTORED_VALUES: usize = 2_000_000;

/// From this size on snapshots are read one at a time.
const LARGE: usize = 4 << 20;

/// From this size on a body is parsed beside the requests of others, not in their way.
const PARSED_APART: usize = 256 << 10;

/// The body of a control plane request, within the limit of `--max-admin-body`.
pub(super) async fn read_body(request: Request, app: &App) -> Result<ReadBody, Problem> {
    let limit = app.settings.max_admin_body;
    read_within(request, limit, "the limit that --max-admin-body sets", &app.bodies.control).await
}

async fn read_within(request: Request, limit: usize, limited: &str, budget: &Arc<Budget>) -> Result<ReadBody, Problem> {
    let waits_for_leave = request.headers().contains_key(header::EXPECT);
    if let Err(detail) = body::judge_transfer_coding(request.headers()) {
        let (parts, body) = request.into_parts();
        return Err(unread(Problem::new(StatusCode::NOT_IMPLEMENTED, detail), &parts.headers, body));
    }
    body::read(request.into_body(), limit, waits_for_leave, budget).await.map_err(|error| match error {
        BodyError::TooLarge => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than {limit} bytes, {limited}."))
        }
        BodyError::Busy => Problem::busy(BUSY),
        BodyError::TimedOut => Problem::new(StatusCode::REQUEST_TIMEOUT, "The body did not come in time."),
        BodyError::Broken => Problem::bad_request("The body ended before it was complete, or its framing is broken."),
    })
}

async fn parse<T: DeserializeOwned + Send + 'static>(body: ReadBody, most: usize) -> Result<T, Problem> {
    let is_small = body.bytes.len() <= PARSED_APART;
    let read = move || {
        let ReadBody { bytes, lease } = body;
        if has_more_values_than(most, &bytes) {
            let detail = format!("The body holds more than {most} JSON values, the limit of this endpoint.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        // What is large is read without a tree of it, which would need as much memory again.
        let is_object = bytes.trim_ascii().starts_with(b"{");
        let large = if is_small || !is_object { None } else { serde_json::from_slice(&bytes).ok() };
        let parsed = large.map_or_else(|| reading::json_object(&bytes).map_err(in_body), Ok);
        drop(lease);
        parsed
    };
    if is_small {
        return read();
    }
    match tokio::task::spawn_blocking(read).await {
        Ok(parsed) => parsed,
        Err(_) => Err(Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "The body could not be read.")),
    }
}

/// The id in the path of a control plane request.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(_) => Err(Problem::bad_request("In the path: the id is not percent-encoded UTF-8.")),
        }
    }
}
