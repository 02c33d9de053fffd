//! `POST /oauth2/v2/token` (T1 to T5): answers a form with an access token or with one precise error in the shape of
//! RFC 6749.

pub(super) mod error;

use self::error::TokenFailure;
use super::{
    answer::{Answered, Findings},
    check::foreign_charset,
    credential::{find_token, sandbox_of},
    departure::apply_scenario,
    masked::push_parameter,
    record,
    request_error::RequestError,
};
use crate::{
    app::App,
    base::{position::brief, urls::BaseUrl},
    domain::oauth::{ErrorCode, TokenError, TokenRequest},
    http::body::{self, ReadBody},
    sandbox::{GrantFailure, Granted, Issued, Sandbox},
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use serde::Serialize;
use std::{future::ready, sync::Arc};

/// Issues an access token.
pub(super) async fn create_token(State(app): State<Arc<App>>, request: Request) -> Response {
    let incoming = match record::admit::<TokenFailure>(&app, request) {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    let sandbox = sandbox_of(&app, &find_token(&app, &incoming.parts.headers).await);
    let (exchange, parts, body) = record::open(&app, incoming, Arc::clone(&sandbox));
    let (base_url, began) = (exchange.base_url(), exchange.began());
    exchange.answer(answer(&app, &parts.headers, body, &base_url, began, &sandbox)).await
}

/// Answers other methods with 405 (H4), in the token endpoint's shape.
pub(super) async fn method_not_allowed(State(app): State<Arc<App>>, request: Request) -> Response {
    let incoming = match record::admit::<TokenFailure>(&app, request) {
        Ok(incoming) => incoming,
        Err(refusal) => return refusal,
    };
    let sandbox = sandbox_of(&app, &find_token(&app, &incoming.parts.headers).await);
    let (exchange, parts, body) = record::open(&app, incoming, sandbox);
    body::drain(body);
    let problem = format!("{} is not allowed here; use POST.", brief(parts.method.as_str()));
    let failure = TokenFailure::refused(StatusCode::METHOD_NOT_ALLOWED, &problem);
    exchange.answer(ready(Err(failure.with_header(header::ALLOW, HeaderValue::from_static("POST"))))).await
}

async fn answer(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    base_url: &BaseUrl,
    began: u64,
    fallback: &Arc<Sandbox>,
) -> Result<Answered, TokenFailure> {
    let ReadBody { bytes: form, lease } = read_form(app, headers, body).await?;
    let mut findings = Findings { body: Some(masked_form(&form)), lease, ..Findings::default() };
    let request = match authorization(headers).and_then(|shown| TokenRequest::read(&form, shown)) {
        Ok(request) => request,
        Err(error) => return Err(TokenFailure::from(error).with_findings(findings)),
    };
    let granted = app.sandboxes.grant(&request, base_url, began, fallback).await;
    let Granted { sandbox, client, assertion, advices, result, chosen, scenarios, scripted } = match granted {
        Ok(granted) => granted,
        Err(GrantFailure::ResetMeanwhile) => {
            let problem = "The sandbox was reset while the request was being received; send it again.";
            return Err(TokenFailure::unavailable(problem).with_findings(Findings { is_unrecorded: true, ..findings }));
        }
        Err(GrantFailure::Store(error)) => {
            tracing::error!(%error, "cannot issue a token");
            return Err(TokenFailure::unavailable("The store is unavailable.").with_findings(findings));
        }
    };
    findings.client = client;
    findings.chosen = chosen;
    findings.scenarios = scenarios;
    findings.advices = advices;
    findings.assertion = assertion.map(Box::new);
    findings.sandbox = Some(Arc::clone(&sandbox));
    let mut answered = match result {
        Ok(issued) => issued_token(&issued, findings),
        Err(error) => TokenFailure::from(error).with_findings(findings).into(),
    };
    if let Some((scripted, user)) = scripted {
        let claims = |answered: &Answered| {
            let assertion = answered.findings.assertion.as_ref();
            assertion.and_then(|assertion| serde_json::from_slice(&assertion.claims).ok()).unwrap_or_default()
        };
        if let Err(error) = apply_scenario(base_url, &sandbox, &scripted, &user, claims, &mut answered) {
            return Err(TokenFailure::from(error).with_findings(answered.findings));
        }
    }
    Ok(answered)
}

/// Reads the whole form.
async fn read_form(app: &App, headers: &HeaderMap, body: Body) -> Result<ReadBody, TokenFailure> {
    let waits_for_leave = headers.contains_key(header::EXPECT);
    if let Err(problem) = body::judge_transfer_coding(headers) {
        body::discard(body, headers);
        return Err(RequestError::TransferCoding(problem).into());
    }
    if let Err(problem) = judge_media_type(headers) {
        if !waits_for_leave {
            body::drain(body);
        }
        return Err(TokenFailure::refused(StatusCode::BAD_REQUEST, &problem));
    }
    let limit = app.settings.max_body;
    let read = body::read(body, limit, waits_for_leave, &app.bodies.contract).await;
    read.map_err(|error| RequestError::of(&error, limit).into())
}

/// Requires the form media type (RFC 6749, 4.5 and appendix B).
fn judge_media_type(headers: &HeaderMap) -> Result<(), String> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let Some(media_type) = types.next() else {
        return Err(format!("The Content-Type header is missing; send {FORM}."));
    };
    let text = String::from_utf8_lossy(media_type.as_bytes());
    let essence = text.split(';').next().unwrap_or_default().trim();
    if types.next().is_some() {
        Err("There is more than one Content-Type header; send one.".to_owned())
    } else if !essence.eq_ignore_ascii_case(FORM) {
        Err(format!("The Content-Type is '{}'; send {FORM}.", brief(&text)))
    } else if let Some(charset) = foreign_charset(media_type.as_bytes()) {
        let charset = brief(&charset);
        Err(format!("The charset of the Content-Type is '{charset}', but the form is read as UTF-8; send {FORM}."))
    } else if headers
        .get(header::CONTENT_ENCODING)
        .is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
    {
        Err("The Content-Encoding is not supported; send the form uncompressed.".to_owned())
    } else {
        Ok(())
    }
}

/// The `Authorization` header, if it is present.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, TokenError> {
    let refuse = |problem| Err(TokenError::new(ErrorCode::InvalidClient, problem));
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = shown.next() else { return Ok(None) };
    if shown.next().is_some() {
        return refuse("There is more than one Authorization header; send one.");
    }
    match first.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => {
            refuse("The Authorization header holds characters that a credential cannot contain; send Basic and base64.")
        }
    }
}

/// The members of a success answer (T5).
#[derive(Serialize)]
struct TokenAnswer<'t> {
    access_token: &'t str,
    token_type: &'static str,
    expires_in: i64,
    scope: &'t str,
}

/// The success answer for an issued token (T5).
fn issued_token(issued: &Issued, mut findings: Findings) -> Answered {
    let token = &issued.token;
    findings.token = Some(Arc::clone(&token.jti));
    let body = |access_token: &str| {
        let Issued { token, expires_in, .. } = issued;
        let answer = TokenAnswer { access_token, token_type: "Bearer", expires_in: *expires_in, scope: &token.scope };
        serde_json::to_vec(&answer).unwrap_or_default()
    };
    let reason = findings.chosen.as_ref().map_or("the assertion is valid".into(), |chosen| chosen.why.clone());
    Answered {
        headers: no_store(),
        masked_body: Some(body(&format!("*** ({} characters)", issued.text.len()))),
        ..Answered::plain(StatusCode::OK, body(&issued.text), reason, findings)
    }
}

/// Caches must not store answers of the token endpoint (RFC 6749, 5.1).
fn no_store() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

/// The form with secrets and the signatures of assertions masked, so that its reader cannot act as the client.
fn masked_form(form: &[u8]) -> Arc<[u8]> {
    let text = String::from_utf8_lossy(form);
    let mut masked = String::with_capacity(text.len());
    for (place, pair) in text.split('&').enumerate() {
        if place > 0 {
            masked.push('&');
        }
        match pair.split_once('=') {
            Some(("assertion", token)) => match signed_part(token) {
                Some(signed) => {
                    masked.push_str("assertion=");
                    masked.push_str(signed);
                    masked.push_str(".***");
                }
                // It may be a secret that was sent by mistake.
                None => masked.push_str("assertion=***"),
            },
            _ => push_parameter(pair, &mut masked),
        }
    }
    masked.into_bytes().into()
}

/// The signed part of a JWT: its header and claims, which the journal shows decoded beside the form. `None` if the text
/// is not a JWT.
fn signed_part(token: &str) -> Option<&str> {
    let (signed, _) = token.rsplit_once('.')?;
    let (header, claims) = signed.split_once('.')?;
    let is_object = |part: &str| {
        let json = BASE64_URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(&json).ok()
    };
    is_object(header).and(is_object(claims)).map(|_| signed)
}
