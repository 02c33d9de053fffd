//! What handlers ask for, and the order in which a request is judged: credential, media type, size, JSON, schema.
//!
//! The first fault is already the contract's error answer.

use super::{
    body,
    breach::{Breach, SurfaceError},
    credential::Caller,
    error::Problem,
};
use crate::{
    app::App,
    contract::{Accepted, Advice, Schema, SchemaError},
    sandbox::{DEFAULT, Sandbox},
    session::HandoffRequest,
};
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, HeaderValue, header, request::Parts},
};
use serde::{Deserialize, de::DeserializeOwned};
use std::sync::Arc;

/// A request that keeps the contract, as the type that its body stands for.
#[derive(Debug)]
pub(super) struct Checked<T> {
    pub(super) caller: Caller,
    pub(super) value: T,
    /// The body as it came.
    pub(super) body: Arc<[u8]>,
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
    match check_body(app, headers, body).await {
        Ok((Accepted { value, advices }, body)) => Ok(Checked { caller, value, body, advices }),
        Err((breach, body)) => {
            let mut error = E::from(breach);
            error.findings().client = Some(caller.client);
            error.findings().body = body;
            Err(error)
        }
    }
}

/// What is wrong with a body, and the body where it was read.
type Faulty = (Breach, Option<Arc<[u8]>>);

async fn check_body<T: Contracted>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Accepted<T>, Arc<[u8]>), Faulty> {
    if let Err(description) = judge_media_type(headers) {
        return Err((unread(Breach::MediaType(description), headers, body), None));
    }
    let limit = app.settings.max_body;
    let waits_for_leave = headers.contains_key(header::EXPECT);
    let body = body::read(body, limit, waits_for_leave).await.map_err(|error| (Breach::of(&error, limit), None))?;
    let schema = match T::schema(app) {
        Ok(schema) => schema,
        Err(error) => {
            tracing::error!(%error, "a schema cannot be used");
            return Err((Breach::Failed, Some(body)));
        }
    };
    match schema.check(&body) {
        Ok(accepted) => Ok((accepted, body)),
        Err(refusal) => Err((Breach::Refused(refusal), Some(body))),
    }
}

/// A request refused before its body was looked at. Whoever waits for leave to send it (`Expect`) never gets it.
pub(super) fn unread<E>(error: E, headers: &HeaderMap, body: Body) -> E {
    if !headers.contains_key(header::EXPECT) {
        body::drain(body);
    }
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
        return Err(format!("The Content-Type is {:?}; send Content-Type: application/json.", text(value)));
    }
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    match codings.find(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
        Some(coding) => {
            let coding = text(coding);
            Err(format!("The Content-Encoding {coding:?} is not understood; send the JSON as it is."))
        }
        None => Ok(()),
    }
}

/// The query of a control plane request, without `sandbox`; a parameter that nobody knows is refused.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = parts.uri.query().unwrap_or_default();
        let own: Vec<&str> = query.split('&').filter(|pair| pair.split('=').next() != Some("sandbox")).collect();
        match serde_urlencoded::from_str(&own.join("&")) {
            Ok(params) => Ok(Self(params)),
            Err(error) => Err(Problem::bad_request(format!("In the query: {}.", error.to_string().replace('`', "\"")))),
        }
    }
}

/// The sandbox that a control plane request is about: `?sandbox=NAME`, else the default one.
#[derive(Debug)]
pub(super) struct World(pub(super) Arc<Sandbox>);

impl FromRequestParts<Arc<App>> for World {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        #[derive(Deserialize)]
        struct Named {
            sandbox: Option<String>,
        }
        let named: Named = serde_urlencoded::from_str(parts.uri.query().unwrap_or_default())
            .map_err(|error| Problem::bad_request(format!("In the query: {error}.")))?;
        let name = named.sandbox.as_deref().unwrap_or(DEFAULT);
        app.sandboxes.get(name).map(Self).ok_or_else(|| Problem::not_found("sandbox", name))
    }
}

/// The JSON body of a control plane request; a field that nobody knows is refused. An empty body is an empty object.
#[derive(Debug)]
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Arc<App>> for Fields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let body = match body::read(request.into_body(), app.settings.max_body.max(MOST_FIELDS), false).await {
            Ok(body) if body.iter().all(u8::is_ascii_whitespace) => Arc::from(*b"{}"),
            // Else a list would be taken for the fields in their order.
            Ok(body) if !body.trim_ascii().starts_with(b"{") => {
                return Err(Problem::bad_request("In the body: it must be a JSON object."));
            }
            Ok(body) => body,
            Err(_) => return Err(Problem::bad_request("The body is too large, or did not come whole.")),
        };
        serde_json::from_slice(&body)
            .map(Self)
            .map_err(|error| Problem::bad_request(format!("In the body: {}.", error.to_string().replace('`', "\""))))
    }
}

/// What the control plane takes at least, whatever the limit of the contract's own bodies is.
const MOST_FIELDS: usize = 64 << 20;

/// The id in the path of a control plane request.
#[derive(Debug)]
pub(super) struct Id(pub(super) String);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<String>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Self(id)),
            Err(rejection) => Err(Problem::bad_request(format!("In the path: {}.", rejection.body_text()))),
        }
    }
}
