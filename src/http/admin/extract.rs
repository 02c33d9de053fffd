//! Extractors for control plane handlers.

use crate::{
    app::App,
    base::{
        budget::Budget,
        position::shorten,
        reading::{self, ReadError, Tree, quoted},
    },
    domain::contract::has_more_values_than,
    http::{
        admin::operations,
        body::{self, BUSY, BodyError, ReadBody},
        problem::{Problem, bytes},
    },
    sandbox::{DEFAULT, Sandbox},
};
use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
};
use serde::de::DeserializeOwned;
use std::sync::Arc;
use utoipa::{
    IntoParams,
    openapi::{
        ObjectBuilder,
        path::{Parameter, ParameterBuilder, ParameterIn},
        schema::Type,
    },
};

/// The query of a control plane request, without `sandbox`. Unknown and repeated parameters have already been refused.
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

/// Converts an error in the query; the message names the parameter.
#[expect(clippy::needless_pass_by_value, reason = "the error is consumed")]
pub(super) fn in_query(error: ReadError) -> Problem {
    Problem::bad_request(format!("In the query: {}", shorten(&error.in_query())))
}

/// Converts an error in the body; the message names the member.
#[expect(clippy::needless_pass_by_value, reason = "the error is consumed")]
pub(super) fn in_body(error: ReadError) -> Problem {
    Problem::bad_request(format!("In the body: {}", shorten(&(error.in_body() + &error.type_fix()))))
}

/// The sandbox that a control plane request addresses: `?sandbox=NAME`, or the default one.
#[derive(Debug)]
pub(super) struct World(pub(super) Arc<Sandbox>);

impl IntoParams for World {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let schema = ObjectBuilder::new().schema_type(Type::String).default(Some(DEFAULT.into()));
        let parameter = ParameterBuilder::new().name("sandbox").parameter_in(ParameterIn::Query).schema(Some(schema));
        vec![parameter.description(Some("The sandbox's name. 404 if it does not exist.")).build()]
    }
}

impl FromRequestParts<Arc<App>> for World {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let query = reading::query(parts.uri.query().unwrap_or_default()).map_err(in_query)?;
        let name = query.word("sandbox").map_or(DEFAULT, |name| &*name.spaced);
        app.sandboxes.get(name).map(Self).ok_or_else(|| unknown_sandbox(app, name))
    }
}

/// The problem for a sandbox name that does not exist.
pub(super) fn unknown_sandbox(app: &App, name: &str) -> Problem {
    let all = app.sandboxes.list();
    if name.is_empty() {
        let detail = "In the query: sandbox: it is empty; name a sandbox, or leave the parameter out";
        return Problem::new(StatusCode::NOT_FOUND, detail);
    }
    Problem::unknown_name("sandbox", name, all.iter().map(|sandbox| sandbox.name()))
}

/// The JSON body of a control plane request. Unknown members are refused. An empty body counts as an empty object.
#[derive(Debug)]
pub(super) struct Fields<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for Fields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        let example = operations::example_of(request.method(), request.uri().path());
        refuse_coding(request.headers())?;
        let body = read_body(request, app).await?;
        parse(body, MOST_VALUES, example, reading::json_object).await.map(Self)
    }
}

/// The JSON body of a snapshot to restore, the only request that may be large.
#[derive(Debug)]
pub(super) struct LargeFields<T>(pub(super) T);

impl<T: DeserializeOwned + Send + 'static> FromRequest<Arc<App>> for LargeFields<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &Arc<App>) -> Result<Self, Problem> {
        refuse_coding(request.headers())?;
        let limit = app.settings.max_admin_body.max(MOST_RESTORED);
        let limited = match limit {
            MOST_RESTORED => "the limit of a snapshot unless --max-admin-body is larger",
            _ => "the limit that --max-admin-body sets",
        };
        let body = read_within(request, limit, limited, &app.bodies.control).await?;
        let Some(_turn) = (match body.bytes.len() {
            size if size > LARGE => app.bodies.turn_of_large().map(Some),
            _ => Some(None),
        }) else {
            return Err(Problem::busy("Another large snapshot is being restored; retry in a second."));
        };
        parse(body, MOST_RESTORED_VALUES, None, read_snapshot).await.map(Self)
    }
}

/// Refuses a compressed body, which would otherwise be reported as invalid JSON.
pub(super) fn refuse_coding(headers: &HeaderMap) -> Result<(), Problem> {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    let Some(coding) = codings.find(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) else {
        return Ok(());
    };
    let coding = quoted(&String::from_utf8_lossy(coding.as_bytes()));
    let detail = format!("The Content-Encoding {coding} is not supported; send the body uncompressed");
    Err(Problem::new(StatusCode::BAD_REQUEST, detail))
}

/// Maximum number of JSON values in a body. A few bytes of text (`[0],`) become a tree of some hundred bytes.
const MOST_VALUES: usize = 100_000;

/// Maximum size of a snapshot to restore, unless `--max-admin-body` is larger.
pub(super) const MOST_RESTORED: usize = 64 << 20;

/// Maximum number of JSON values in a snapshot.
const MOST_RESTORED_VALUES: usize = 2_000_000;

/// Snapshots of this size or more are read one at a time.
const LARGE: usize = 4 << 20;

/// Bodies of this size or more are parsed on a blocking thread, so that other requests are not delayed.
const PARSED_APART: usize = 256 << 10;

/// Reads the body of a control plane request, up to the limit of `--max-admin-body`.
pub(super) async fn read_body(request: Request, app: &App) -> Result<ReadBody, Problem> {
    let limit = app.settings.max_admin_body;
    read_within(request, limit, "the limit that --max-admin-body sets", &app.bodies.control).await
}

async fn read_within(request: Request, limit: usize, limited: &str, budget: &Arc<Budget>) -> Result<ReadBody, Problem> {
    let waits_for_leave = request.headers().contains_key(header::EXPECT);
    if let Err(detail) = body::judge_transfer_coding(request.headers()) {
        let (parts, body) = request.into_parts();
        body::discard(body, &parts.headers);
        return Err(Problem::new(StatusCode::NOT_IMPLEMENTED, detail));
    }
    body::read(request.into_body(), limit, waits_for_leave, budget).await.map_err(|error| match error {
        BodyError::TooLarge => {
            Problem::new(StatusCode::PAYLOAD_TOO_LARGE, format!("The body is larger than {}, {limited}.", bytes(limit)))
        }
        BodyError::Busy => Problem::busy(BUSY),
        BodyError::TimedOut => {
            Problem::new(StatusCode::REQUEST_TIMEOUT, "The body did not arrive in time; send it without pauses.")
        }
        BodyError::Broken => Problem::bad_request(
            "The body ended before it was complete, or its framing is broken; send it again in full.",
        ),
    })
}

/// Reads a snapshot. A large one is deserialized directly, because a tree of values would need as much memory again.
fn read_snapshot<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ReadError> {
    let is_object = bytes.trim_ascii().starts_with(b"{");
    let large = if bytes.len() <= PARSED_APART || !is_object { None } else { serde_json::from_slice(bytes).ok() };
    large.map_or_else(|| reading::json_object(bytes), Ok)
}

async fn parse<T: Send + 'static>(
    body: ReadBody,
    most: usize,
    example: Option<&'static str>,
    read: fn(&[u8]) -> Result<T, ReadError>,
) -> Result<T, Problem> {
    let is_small = body.bytes.len() <= PARSED_APART;
    let parse = move || {
        let ReadBody { bytes: text, lease } = body;
        if has_more_values_than(most, &text) {
            let detail =
                format!("The body holds more than {most} JSON values, the limit of this endpoint; send fewer.");
            return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, detail));
        }
        let shows = |example: &&str, error: &ReadError| {
            let place = error.place();
            let member = place.rsplit('/').next().unwrap_or_default();
            error.is_missing_member() && example.contains(&format!("{member:?}:"))
        };
        // The body as a whole is not an object.
        let is_whole = |error: &ReadError| error.place().is_empty() && error.in_body().ends_with(" JSON object");
        let parsed = read(&text).map_err(|error| match example.filter(|example| shows(example, &error)) {
            Some(example) => {
                Problem::bad_request(format!("In the body: {}; send one such as {example}", error.in_body()))
            }
            None => match example.filter(|_| is_whole(&error)) {
                Some(example) => Problem::bad_request(format!("In the body: {}, such as {example}", error.in_body())),
                None => in_body(error),
            },
        });
        drop(lease);
        parsed
    };
    if is_small {
        return parse();
    }
    match tokio::task::spawn_blocking(parse).await {
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
            Err(_) => {
                Err(Problem::bad_request("In the path: the id is not percent-encoded UTF-8; write %C3%A9 for é."))
            }
        }
    }
}
