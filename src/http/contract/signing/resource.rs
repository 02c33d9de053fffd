//! A path of the signing service with its methods. Each request is recorded, checked and handed to its handler; the
//! result is put into the contract's shape (G8).

use super::{api_key::ShownKey, call::Asked, error::ApiError};
use crate::{
    app::App,
    base::position::brief,
    domain::{
        contract::signing::SigningAnswer,
        scenario::{Chosen, ChosenBy},
    },
    http::{
        body,
        contract::{
            answer::{Answered, Findings},
            credential::Caller,
            record::{self, OpenExchange},
            request_error::{ContractError, RequestError},
        },
        problem::use_one_of,
    },
    sandbox::Sandbox,
};
use axum::{
    body::Body,
    extract::{FromRequestParts, Path, Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::Response,
    routing::{MethodFilter, MethodRouter, on},
};
use serde::{Serialize, Serializer, de::DeserializeOwned, ser::SerializeMap};
use std::{future::ready, sync::Arc};

/// A handler's complete, serialized success answer.
#[derive(Debug)]
pub(super) struct Payload(Vec<u8>);

impl Payload {
    /// Wraps a payload in the contract's shape.
    pub(super) fn of(payload: impl Serialize) -> Result<Self, ApiError> {
        // Strings, numbers and the caller's own JSON cannot fail to serialize; a failure would be a bug.
        SigningAnswer::success(payload).to_json().map(Self).map_err(|_| RequestError::Failed.into())
    }
}

impl Payload {
    /// One object under its name.
    pub(super) fn single(name: &'static str, thing: impl Serialize) -> Result<Self, ApiError> {
        Self::of(NamedPayload { name, thing, next: None })
    }

    /// One page of a list, and the id from which the next page continues.
    pub(super) fn listed(name: &'static str, things: impl Serialize, next: Option<Arc<str>>) -> Result<Self, ApiError> {
        Self::of(NamedPayload { name, thing: things, next })
    }
}

struct NamedPayload<T> {
    name: &'static str,
    thing: T,
    next: Option<Arc<str>>,
}

impl<T: Serialize> Serialize for NamedPayload<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.name, &self.thing)?;
        if let Some(next) = &self.next {
            map.serialize_entry("next", next)?;
        }
        map.end()
    }
}

/// A path, to which methods are added one by one.
#[derive(Default)]
pub(super) struct Resource {
    methods: MethodRouter<Arc<App>>,
    allowed: Vec<&'static str>,
}

macro_rules! methods {
    ($($method:ident: $filter:ident, $allowed:expr;)*) => {$(
        pub(super) fn $method<P, A, F, Fut>(self, handle: F) -> Self
        where
            P: DeserializeOwned + Send + 'static,
            A: Asked + 'static,
            F: Fn(Arc<Sandbox>, P, A) -> Fut + Clone + Send + Sync + 'static,
            Fut: Future<Output = Result<Payload, ApiError>> + Send + 'static,
        {
            self.with(MethodFilter::$filter, &$allowed, handle)
        }
    )*};
}

impl Resource {
    methods! {
        get: GET, ["GET", "HEAD"];
        post: POST, ["POST"];
        put: PUT, ["PUT"];
        patch: PATCH, ["PATCH"];
        delete: DELETE, ["DELETE"];
    }

    fn with<P, A, F, Fut>(mut self, filter: MethodFilter, allowed: &[&'static str], handle: F) -> Self
    where
        P: DeserializeOwned + Send + 'static,
        A: Asked + 'static,
        F: Fn(Arc<Sandbox>, P, A) -> Fut + Clone + Send + Sync + 'static,
        Fut: Future<Output = Result<Payload, ApiError>> + Send + 'static,
    {
        let recorded = move |State(app): State<Arc<App>>, request: Request| async move {
            let Opened { exchange, key, sandbox, parts, body } = match open(&app, request) {
                Ok(opened) => opened,
                Err(refusal) => return refusal,
            };
            let caller = key.judge(&app, &sandbox);
            exchange.answer(answer(&app, caller, parts, body, handle)).await
        };
        self.methods = self.methods.merge(on(filter, recorded));
        self.allowed.extend(allowed);
        self
    }

    /// Finishes the path: all other methods are refused.
    pub(super) fn done(self) -> MethodRouter<Arc<App>> {
        let allowed: Arc<str> = self.allowed.join(", ").into();
        let known: Arc<str> = use_one_of(&self.allowed).into();
        self.methods.fallback(move |State(app): State<Arc<App>>, request: Request| async move {
            let Opened { exchange, parts, body, .. } = match open(&app, request) {
                Ok(opened) => opened,
                Err(refusal) => return refusal,
            };
            body::drain(body);
            let (method, path) = (brief(parts.method.as_str()), brief(parts.uri.path()));
            let description = format!("{method} is not allowed at {path}; {known}.");
            let mut error = ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "Method.NotAllowed", description);
            if let Ok(allowed) = HeaderValue::from_str(&allowed) {
                error = error.with_header(header::ALLOW, allowed);
            }
            exchange.answer(ready(Err(error))).await
        })
    }
}

/// A request with an open exchange, and its API key.
struct Opened {
    exchange: OpenExchange,
    key: ShownKey,
    sandbox: Arc<Sandbox>,
    parts: Parts,
    body: Body,
}

/// Opens the exchange of a request in the sandbox of its key.
fn open(app: &Arc<App>, request: Request) -> Result<Opened, Response> {
    let incoming = record::admit::<ApiError>(app, request)?;
    let key = ShownKey::find(app, &incoming.parts.headers);
    let sandbox = key.sandbox(app);
    let (exchange, parts, body) = record::open(app, incoming, Arc::clone(&sandbox));
    Ok(Opened { exchange, key, sandbox, parts, body })
}

async fn answer<P, A, F, Fut>(
    app: &App,
    caller: Result<Caller, ApiError>,
    mut parts: Parts,
    body: Body,
    handle: F,
) -> Result<Answered, ApiError>
where
    P: DeserializeOwned + Send,
    A: Asked,
    F: Fn(Arc<Sandbox>, P, A) -> Fut,
    Fut: Future<Output = Result<Payload, ApiError>>,
{
    let (caller, asked, mut findings) = A::ask(app, &parts, caller, body).await?;
    let result = match Path::<P>::from_request_parts(&mut parts, &()).await {
        Ok(Path(path)) => handle(caller.sandbox, path, asked).await,
        Err(_) => Err(not_found(&parts)),
    };
    match result {
        Ok(Payload(body)) => {
            let why = "the signing rules allow it";
            findings.chosen = Some(Chosen { by: ChosenBy::Signing, why: why.into() });
            Ok(Answered::plain(StatusCode::OK, body, why.into(), findings))
        }
        Err(mut error) => {
            let existing = error.findings();
            *existing = Findings { chosen: existing.chosen.take(), ..findings };
            Err(error)
        }
    }
}

/// Answers paths without an endpoint in the signing service.
pub(super) async fn no_such_endpoint(State(app): State<Arc<App>>, request: Request) -> Response {
    let Opened { exchange, parts, body, .. } = match open(&app, request) {
        Ok(opened) => opened,
        Err(refusal) => return refusal,
    };
    body::drain(body);
    exchange.answer(ready(Err(not_found(&parts)))).await
}

fn not_found(parts: &Parts) -> ApiError {
    let (method, path) = (brief(parts.method.as_str()), brief(parts.uri.path()));
    let description = format!("There is no endpoint {method} {path}; /openapi.json lists the endpoints.");
    ApiError::new(StatusCode::NOT_FOUND, "Endpoint.NotFound", description)
}
