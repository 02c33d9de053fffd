//! Checks a request in order: credential, media type, size, JSON, schema.
//!
//! The first fault found becomes the contract's error answer.

use super::{
    credential::Caller,
    request_error::{ContractError, RequestError},
};
use crate::{
    app::App,
    base::{budget::Account, position::brief},
    config::EmailRule,
    domain::{
        contract::{Accepted, Advice, Schema, SchemaError, has_more_values_than},
        session::HandoffRequest,
    },
    http::body::{self, ReadBody},
};
use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, header},
};
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// Maximum number of JSON values in a body, unless `--max-body` allows a larger body. A few bytes of text (`[0],`)
/// become a tree of some hundred bytes.
const MOST_VALUES: usize = 100_000;

/// A request that keeps the contract, with its body as a typed value.
#[derive(Debug)]
pub(super) struct Checked<T> {
    pub(super) caller: Caller,
    pub(super) value: T,
    /// The body as received.
    pub(super) body: Arc<[u8]>,
    /// The body's share of the memory budget for bodies in progress.
    pub(super) lease: Option<Arc<Account>>,
    pub(super) advices: Vec<Advice>,
}

/// A body type that has its own schema.
pub(super) trait Contracted: DeserializeOwned {
    fn schema(app: &App) -> Result<&Schema, &SchemaError>;
}

impl Contracted for HandoffRequest {
    fn schema(app: &App) -> Result<&Schema, &SchemaError> {
        Ok(&app.handoff_request)
    }
}

/// Checks a request in the order above, and returns the first fault as the answer. The caller has already been checked.
pub(super) async fn check<T: Contracted, E: ContractError>(
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

/// A fault in a body, with the body if it was read.
type Faulty = (RequestError, Option<ReadBody>);

async fn check_body<T: Contracted>(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    ascii_emails: bool,
) -> Result<(Accepted<T>, ReadBody), Faulty> {
    if let Err(description) = body::judge_transfer_coding(headers) {
        return Err((unread(RequestError::TransferCoding(description), headers, body), None));
    }
    if let Err(description) = judge_media_type(headers) {
        return Err((unread(RequestError::MediaType(description), headers, body), None));
    }
    let limit = app.settings.max_body;
    let waits_for_leave = headers.contains_key(header::EXPECT);
    let body = body::read(body, limit, waits_for_leave, &app.bodies.contract)
        .await
        .map_err(|error| (RequestError::of(&error, limit), None))?;
    let most = MOST_VALUES.max(limit / 10);
    if has_more_values_than(most, &body.bytes) {
        return Err((RequestError::TooManyValues(most), Some(body)));
    }
    let schema = match T::schema(app) {
        Ok(schema) => schema,
        Err(error) => {
            tracing::error!(%error, "cannot use a schema");
            return Err((RequestError::Failed, Some(body)));
        }
    };
    match schema.check_with(&body.bytes, ascii_emails) {
        Ok(accepted) => Ok((accepted, body)),
        Err(refusal) => Err((RequestError::Refused(refusal), Some(body))),
    }
}

/// The error for a request that is refused before its body is read. Discards the body.
pub(super) fn unread<E>(error: E, headers: &HeaderMap, body: Body) -> E {
    body::discard(body, headers);
    error
}

/// Checks `Content-Type` and `Content-Encoding` (H3).
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
            Err(format!("The Content-Encoding {coding:?} is not supported; send the JSON uncompressed."))
        }
        None => Ok(()),
    }
}

/// The charset of a media type if it is not UTF-8.
pub(super) fn foreign_charset(media_type: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(media_type);
    let (mut parameters, mut in_quotes, mut escaped) = (vec![String::new()], false, false);
    // A quoted string can contain semicolons and backslash escapes (RFC 9110, 5.6.4).
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
