//! Keeps web pages out: a page that a developer happens to visit must not be able to drive or read the server.
//!
//! A browser states which page sends a request (`Sec-Fetch-Site`, `Origin`) and which host the page addressed (`Host`).
//! A request without these headers does not come from a page, so curl and other clients pass.
//!
//! - [`protect`] is the layer for the control plane and pages. It runs all checks.
//! - [`judge_sender`] alone guards the contract, whose clients may address the server by any name. `record::admit`
//!   calls it, so that each contract surface refuses in its own error shape. Probes and published documents are not
//!   guarded.
//!
//! Answers never have CORS headers, so a page of another origin cannot read them.

use crate::{
    app::App,
    config::Host,
    http::{body, problem::Problem},
};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};
use std::sync::Arc;
use tower_http::set_header::SetResponseHeaderLayer;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const SEC_FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const SEC_PURPOSE: HeaderName = HeaderName::from_static("sec-purpose");

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");

/// Number of bytes of a header that an answer quotes.
const QUOTED: usize = 100;

/// Why a request is refused, and how to get it accepted.
#[derive(Debug)]
pub(super) enum SenderRefusal {
    /// `Host` does not name this server, so a page may have reached it by DNS rebinding.
    Host(String),
    /// A page of another origin sent the request.
    Page(String),
    /// The control plane's token is missing or wrong: the message and the challenge.
    Token(&'static str, &'static str),
}

impl SenderRefusal {
    pub(super) fn description(&self) -> &str {
        match self {
            Self::Host(description) | Self::Page(description) => description,
            Self::Token(description, _) => description,
        }
    }
}

impl IntoResponse for SenderRefusal {
    fn into_response(self) -> Response {
        let (code, challenge) = match &self {
            Self::Host(_) => (StatusCode::MISDIRECTED_REQUEST, None),
            Self::Page(_) => (StatusCode::FORBIDDEN, None),
            Self::Token(_, challenge) => (StatusCode::UNAUTHORIZED, Some(HeaderValue::from_static(challenge))),
        };
        let mut answer = Problem::new(code, self.description()).into_response();
        if let Some(challenge) = challenge {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}

/// The layer that guards the control plane and pages.
pub(super) async fn protect(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    match judge(&app, &parts) {
        Ok(()) => next.run(Request::from_parts(parts, body)).await,
        Err(refusal) => {
            let description = refusal.description().to_owned();
            let answer = refusal.into_response();
            tracing::info!(
                method = %parts.method, path = quoted(parts.uri.path().as_bytes()),
                http_status = answer.status().as_u16(),
                "refused: {description}"
            );
            body::discard(body, &parts.headers);
            answer
        }
    }
}

/// A layer that stops browsers from guessing a type other than the answer's `Content-Type`.
pub(super) fn no_sniff() -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF)
}

/// Sets the same header on an existing set of headers.
pub(super) fn set_no_sniff(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
}

fn judge(app: &App, parts: &Parts) -> Result<(), SenderRefusal> {
    judge_host(app, parts)?;
    judge_sender(app, parts)?;
    let path = parts.uri.path();
    if path == "/__admin" || path.starts_with("/__admin/") { judge_token(app, &parts.headers) } else { Ok(()) }
}

/// Checks that the request addresses a host that is this server's.
///
/// A request without a host passes, because browsers always send one.
fn judge_host(app: &App, parts: &Parts) -> Result<(), SenderRefusal> {
    let mut hosts = parts.headers.get_all(header::HOST).iter();
    let header = hosts.next();
    if hosts.next().is_some() {
        return Err(SenderRefusal::Host("there is more than one Host header; send one".to_owned()));
    }
    let target = parts.uri.authority().map(|authority| authority.as_str().as_bytes());
    for host in header.map(HeaderValue::as_bytes).into_iter().chain(target) {
        let Some((host, _)) = parse_host(host) else {
            let host = quoted(host);
            return Err(SenderRefusal::Host(format!(
                "the Host {host} is not a valid host with an optional port; send one such as localhost:4747"
            )));
        };
        if !(host.is_private() || is_listed(app, &host) || is_base_url(app, |(base, _)| *base == host)) {
            return Err(SenderRefusal::Host(format!(
                "the Host {:?} does not name this server, and a web page could have set it up to reach the server (DNS \
                 rebinding); if the name is yours, start the server with --allowed-hosts {host}",
                host.to_string()
            )));
        }
    }
    Ok(())
}

/// Checks that the request was not sent by a page of another origin.
///
/// Such a page can only do what a link does: open one of our pages or the dashboard as a top-level navigation.
pub(super) fn judge_sender(app: &App, parts: &Parts) -> Result<(), SenderRefusal> {
    let headers = &parts.headers;
    // The common case: the caller is not a browser.
    if !headers.contains_key(SEC_FETCH_SITE) && !headers.contains_key(header::ORIGIN) {
        return Ok(());
    }
    if is_our_own_page(app, parts) || is_navigation(parts) {
        return Ok(());
    }
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    let (sender, fix) = match origin.and_then(parse_origin) {
        Some((host, _)) => (
            format!("a web page at {}", quoted(origin.unwrap_or_default().as_bytes())),
            format!("if you trust the pages of that host, start the server with --allowed-hosts {host}"),
        ),
        None if origin == Some("null") => (
            "a web page without an origin (Origin: null), such as a local file or a sandboxed frame,".to_owned(),
            "serve the page from a host, or send the request from a program".to_owned(),
        ),
        None => (
            "a web page of another site".to_owned(),
            "send it from a program, or start the server with --allowed-hosts and the host of the page".to_owned(),
        ),
    };
    Err(SenderRefusal::Page(format!("{sender} may not send requests to this server; {fix}")))
}

/// Whether the browser states that the page is ours, or the page's host is in the settings.
fn is_our_own_page(app: &App, parts: &Parts) -> bool {
    let headers = &parts.headers;
    let site = match single(headers, &SEC_FETCH_SITE) {
        Ok(site) => site,
        Err(SeveralValues) => return false,
    };
    let origin = match single(headers, &header::ORIGIN) {
        Ok(origin) => origin.map(|origin| origin.to_str().ok().and_then(parse_origin)),
        Err(SeveralValues) => return false,
    };
    if let Some(Some((host, port))) = &origin
        && (is_listed(app, host) || is_base_url(app, |(base, base_port)| base == host && base_port == port))
    {
        return true;
    }
    match (site, origin) {
        (Some(site), _) => site == "same-origin" || site == "none",
        (None, None) => true,
        (None, Some(origin)) => origin.is_some_and(|(host, port)| {
            let named = single(headers, &header::HOST).ok().flatten();
            let named = named.and_then(|named| parse_host(named.as_bytes()));
            // A Host without a port means the default port of the page's scheme.
            let default = headers.get(header::ORIGIN).map_or(80, |origin| default_port(origin.as_bytes()));
            named.is_some_and(|(named, named_port)| named == host && named_port.unwrap_or(default) == port)
        }),
    }
}

/// Whether the request is a top-level navigation to one of our pages. Frames and prefetches are not.
fn is_navigation(parts: &Parts) -> bool {
    let is =
        |name: &HeaderName, wanted: &str| matches!(single(&parts.headers, name), Ok(Some(value)) if value == wanted);
    let path = parts.uri.path();
    // Below /__admin, only the dashboard is a page; a link must not trigger other endpoints.
    let is_page = !path.starts_with("/__admin") || path == "/__admin" || path == "/__admin/";
    is_page
        && (parts.method == Method::GET || parts.method == Method::HEAD)
        && is(&SEC_FETCH_MODE, "navigate")
        && is(&SEC_FETCH_DEST, "document")
        && !parts.headers.contains_key(SEC_PURPOSE)
}

fn judge_token(app: &App, headers: &HeaderMap) -> Result<(), SenderRefusal> {
    const MISSING: &str =
        "the control plane needs its token; send Authorization: Bearer with the value of --admin-token";
    const WRONG: &str =
        "the token does not match --admin-token; send Authorization: Bearer with the value of --admin-token";
    const INVALID: &str = r#"Bearer realm="docendorse-mock control plane", error="invalid_token""#;
    const SCHEME: &str =
        "the Authorization header has no Bearer token; send Authorization: Bearer with the value of --admin-token";
    let Some(wanted) = &app.settings.admin_token else { return Ok(()) };
    let shown = single(headers, &header::AUTHORIZATION);
    let Ok(Some(shown)) = shown else {
        return Err(SenderRefusal::Token(MISSING, r#"Bearer realm="docendorse-mock control plane""#));
    };
    let token = shown.as_bytes().split_at_checked(7).filter(|(scheme, _)| scheme.eq_ignore_ascii_case(b"Bearer "));
    match token {
        Some((_, token)) if wanted.matches(token.trim_ascii()) => Ok(()),
        None => Err(SenderRefusal::Token(SCHEME, INVALID)),
        Some((_, token)) if token.trim_ascii().is_empty() => Err(SenderRefusal::Token(SCHEME, INVALID)),
        Some(_) => Err(SenderRefusal::Token(WRONG, INVALID)),
    }
}

struct SeveralValues;

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, SeveralValues> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() { Err(SeveralValues) } else { Ok(value) }
}

fn is_listed(app: &App, host: &Host) -> bool {
    app.settings.allowed_hosts.iter().any(|entry| entry.covers(host))
}

fn is_base_url(app: &App, is_it: impl FnOnce(&(Host, u16)) -> bool) -> bool {
    let base: Option<Uri> = app.base_url.parse().ok();
    let origin = base.and_then(|base| {
        let origin = format!("{}://{}", base.scheme_str()?, base.authority()?);
        parse_origin(&origin)
    });
    origin.is_some_and(|origin| is_it(&origin))
}

fn parse_host(text: &[u8]) -> Option<(Host, Option<u16>)> {
    Host::parse_with_port(std::str::from_utf8(text).ok()?)
}

/// Parses the origin of a web page: `http://host` or `https://host` with an optional port. `null` has no host.
fn parse_origin(text: &str) -> Option<(Host, u16)> {
    let authority = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://"))?;
    let (host, port) = Host::parse_with_port(authority)?;
    Some((host, port.unwrap_or_else(|| default_port(text.as_bytes()))))
}

fn default_port(origin: &[u8]) -> u16 {
    if origin.starts_with(b"https:") { 443 } else { 80 }
}

/// Quotes the start of a header value for a message.
pub(super) fn quoted(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let start: String = text.chars().take(QUOTED).collect();
    if start.len() < text.len() { format!("{start:?} (cut)") } else { format!("{start:?}") }
}
