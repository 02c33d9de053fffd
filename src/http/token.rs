//! `POST /oauth2/v2/token` (T1 to T5): from a form to an access token, or to one precise error in RFC 6749's shape; and
//! the documents by which clients find it and verify what it issues (RFC 8414, RFC 7517).

use super::{
    admin::Pretty,
    base::base_url,
    body::{self, BodyError, ReadBody},
    breach::{Breach, SurfaceError},
    depart::depart,
    error::HandoffError,
    extract::foreign_charset,
    record::{self, Answered, Findings},
};
use crate::{
    app::App,
    base::{position::brief, urls::BaseUrl},
    domain::{
        oauth::{ErrorCode, JWT_BEARER, Scopes, TokenError, TokenRequest},
        scenario::{Chosen, ChosenBy},
    },
    sandbox::{Granted, Issued, Sandbox},
};
use axum::{
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use serde_json::{Value, json};
use std::{borrow::Cow, sync::Arc};

/// What an authorization server says of itself that has no page to authorize on (RFC 8414, 2).
pub(super) async fn show_metadata(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Response {
    let base_url = match base_url(&app, &headers, &uri).map_err(Breach::from) {
        Ok(base_url) => base_url,
        Err(breach) => {
            let error = TokenError::new(ErrorCode::InvalidRequest, &breach.description());
            return (breach.http_status(), Pretty(error_body(&error))).into_response();
        }
    };
    Pretty(json!({
        "issuer": base_url.issuer(),
        "token_endpoint": base_url.token_endpoint(),
        "jwks_uri": base_url.jwks(),
        "grant_types_supported": [JWT_BEARER],
        "response_types_supported": [],
        "scopes_supported": Scopes::all().iter().map(crate::domain::oauth::Scope::as_str).collect::<Vec<_>>(),
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
    }))
    .into_response()
}

/// The key that verifies our access tokens.
pub(super) async fn show_jwks(State(app): State<Arc<App>>) -> Response {
    Pretty(app.sandboxes.issuing().issuer.jwks()).into_response()
}

/// Issues an access token.
pub(super) async fn create_token(State(app): State<Arc<App>>, request: Request) -> Response {
    let (exchange, parts, body) = record::open(&app, request);
    let (base_url, sandbox, began) = (exchange.base_url(), exchange.sandbox(), exchange.began());
    exchange.answer(answer(&app, &parts.headers, body, &base_url, began, &sandbox)).await
}

/// Another method (H4), in the shape of the token endpoint.
pub(super) async fn method_not_allowed(State(app): State<Arc<App>>, request: Request) -> Response {
    let (exchange, parts, body) = record::open(&app, request);
    body::drain(body);
    let problem = format!("{} is not allowed here; a token is asked for with POST.", brief(parts.method.as_str()));
    let mut answered = refused(&TokenError::new(ErrorCode::InvalidRequest, &problem), Findings::default());
    answered.http_status = StatusCode::METHOD_NOT_ALLOWED;
    answered.headers.push((header::ALLOW, HeaderValue::from_static("POST")));
    exchange.answer(std::future::ready(Ok::<_, TokenFailure>(answered))).await
}

async fn answer(
    app: &App,
    headers: &HeaderMap,
    body: Body,
    base_url: &BaseUrl,
    began: u64,
    fallback: &Arc<Sandbox>,
) -> Result<Answered, TokenFailure> {
    let ReadBody { bytes: form, lease } = match read_form(app, headers, body).await {
        Ok(form) => form,
        Err((http_status, error)) => {
            let mut answered = refused(&error, Findings::default());
            answered.http_status = http_status;
            if http_status == StatusCode::SERVICE_UNAVAILABLE {
                answered.headers.push(retry_at_once());
            }
            return Ok(answered);
        }
    };
    let mut findings = Findings { body: Some(masked_form(&form)), lease, ..Findings::default() };
    let request = match authorization(headers).and_then(|shown| TokenRequest::read(&form, shown)) {
        Ok(request) => request,
        Err(error) => return Ok(refused(&error, findings)),
    };
    let granted = app.sandboxes.grant(&request, base_url, began, fallback);
    let Ok(Granted { sandbox, client, assertion, advices, result, chosen, scenarios, scripted }) = granted else {
        let problem = "The sandbox was reset while the request was being received; send it again.";
        let mut answered = refused(&TokenError::new(ErrorCode::InvalidRequest, problem), findings);
        answered.http_status = StatusCode::SERVICE_UNAVAILABLE;
        answered.headers.push(retry_at_once());
        return Ok(answered);
    };
    findings.client = client;
    findings.chosen = chosen;
    findings.scenarios = scenarios;
    findings.advices = advices;
    findings.assertion = assertion.map(Box::new);
    findings.sandbox = Some(Arc::clone(&sandbox));
    let mut answered = match result {
        Ok(issued) => issued_token(&issued, findings),
        Err(error) => refused(&error, findings),
    };
    if let Some((scripted, user)) = scripted {
        let claims = |answered: &Answered| {
            let assertion = answered.findings.assertion.as_ref();
            assertion.and_then(|assertion| serde_json::from_slice(&assertion.claims).ok()).unwrap_or_default()
        };
        if let Err(error) = depart(base_url, &sandbox, &scripted, &user, claims, &mut answered) {
            return Err(HandoffError { findings: Box::new(answered.findings), ..error }.into());
        }
    }
    Ok(answered)
}

fn retry_at_once() -> (HeaderName, HeaderValue) {
    (header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// What keeps the token endpoint from an answer of its own.
struct TokenFailure(Box<Answered>);

impl From<Breach> for TokenFailure {
    fn from(breach: Breach) -> Self {
        // RFC 6749 has no error code for a defect of the server.
        if matches!(breach, Breach::Failed) {
            return HandoffError::from(breach).into();
        }
        let mut answered =
            refused(&TokenError::new(ErrorCode::InvalidRequest, &breach.description()), Findings::default());
        answered.http_status = breach.http_status();
        Self(Box::new(answered))
    }
}

impl From<HandoffError> for TokenFailure {
    fn from(error: HandoffError) -> Self {
        Self(Box::new(error.into()))
    }
}

impl From<TokenFailure> for Answered {
    fn from(failure: TokenFailure) -> Self {
        *failure.0
    }
}

impl SurfaceError for TokenFailure {
    fn findings(&mut self) -> &mut Findings {
        &mut self.0.findings
    }
}

/// Reads the form whole.
async fn read_form(app: &App, headers: &HeaderMap, body: Body) -> Result<ReadBody, (StatusCode, TokenError)> {
    let waits_for_leave = headers.contains_key(header::EXPECT);
    if let Err(problem) = body::judge_transfer_coding(headers) {
        body::let_go(body, headers);
        return Err((StatusCode::NOT_IMPLEMENTED, TokenError::new(ErrorCode::InvalidRequest, &problem)));
    }
    if let Err(problem) = judge_media_type(headers) {
        if !waits_for_leave {
            body::drain(body);
        }
        return Err((StatusCode::BAD_REQUEST, TokenError::new(ErrorCode::InvalidRequest, &problem)));
    }
    let limit = app.settings.max_body;
    body::read(body, limit, waits_for_leave, &app.bodies.contract).await.map_err(|error: BodyError| {
        let breach = Breach::of(&error, limit);
        (breach.http_status(), TokenError::new(ErrorCode::InvalidRequest, &breach.description()))
    })
}

/// A form, and nothing but a form (RFC 6749, 4.5 and appendix B).
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
        Err("The Content-Encoding is not understood; send the form as it is.".to_owned())
    } else {
        Ok(())
    }
}

/// What the client shows of itself in the header.
fn authorization(headers: &HeaderMap) -> Result<Option<&str>, TokenError> {
    let refuse = |problem| Err(TokenError::new(ErrorCode::InvalidClient, problem));
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let Some(first) = shown.next() else { return Ok(None) };
    if shown.next().is_some() {
        return refuse("There is more than one Authorization header; send one.");
    }
    match first.to_str() {
        Ok(text) => Ok(Some(text)),
        Err(_) => refuse("The Authorization header holds characters that no credential has."),
    }
}

/// The members of a good answer (T5).
#[derive(Serialize)]
struct TokenAnswer<'t> {
    access_token: &'t str,
    token_type: &'static str,
    expires_in: i64,
    scope: &'t str,
}

/// A token as the contract hands it out (T5).
fn issued_token(issued: &Issued, mut findings: Findings) -> Answered {
    let token = &issued.token;
    findings.token = Some(Arc::clone(&token.jti));
    let body = |access_token: &str| {
        let Issued { token, expires_in, .. } = issued;
        let answer = TokenAnswer { access_token, token_type: "Bearer", expires_in: *expires_in, scope: &token.scope };
        serde_json::to_vec(&answer).unwrap_or_default()
    };
    let reason = findings.chosen.as_ref().map_or("the assertion is good".into(), |chosen| chosen.why.clone());
    Answered {
        headers: no_store(),
        masked_body: Some(body(&format!("*** ({} characters)", issued.text.len()))),
        ..Answered::plain(StatusCode::OK, body(&issued.text), reason, findings)
    }
}

/// An error in the shape of RFC 6749, 5.2.
fn refused(error: &TokenError, mut findings: Findings) -> Answered {
    let mut headers = no_store();
    if error.code == ErrorCode::InvalidClient {
        headers.push((header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="docendorse-mock""#)));
    }
    let why = Cow::Borrowed("the request was refused before any rule was asked; the answer says why");
    findings.chosen.get_or_insert(Chosen { by: ChosenBy::Contract, why });
    let body = error_body(error);
    let http_status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
    let body = body.to_string().into_bytes();
    Answered { headers, ..Answered::plain(http_status, body, error.to_string().into(), findings) }
}

/// The members of an error (RFC 6749, 5.2).
fn error_body(error: &TokenError) -> Value {
    json!({ "error": error.code.as_str(), "error_description": error.description })
}

/// No answer of the token endpoint is to be kept by anybody on its way (RFC 6749, 5.1).
fn no_store() -> Vec<(HeaderName, HeaderValue)> {
    vec![
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::PRAGMA, HeaderValue::from_static("no-cache")),
    ]
}

/// A form without what would let its reader act as the client: secrets, and the signatures of assertions.
fn masked_form(form: &[u8]) -> Arc<[u8]> {
    let text = String::from_utf8_lossy(form);
    let mut masked = String::with_capacity(text.len());
    for (place, pair) in text.split('&').enumerate() {
        if place > 0 {
            masked.push('&');
        }
        match pair.split_once('=') {
            Some(("assertion", token)) if token.contains('.') => {
                masked.push_str(pair.rsplit_once('.').map_or(pair, |(signed, _)| signed));
                masked.push_str(".***");
            }
            // Without a dot, written out or in its code, there is no signature; what came instead is worth seeing.
            Some(("assertion", token)) if !token.contains('%') => masked.push_str(pair),
            _ => record::push_parameter(pair, &mut masked),
        }
    }
    masked.into_bytes().into()
}
