//! The address under which the caller reached the server, which the URLs in the answer start with.
//!
//! In a container with a mapped port, the server cannot know its own address. So unless `--base-url` is set, URLs
//! follow the request: the host of its target or of `Host`, and with `--trust-forwarded` the headers that a proxy adds.

use crate::{
    app::App,
    base::urls::{BaseUrl, Scheme},
    config::split_authority,
    http::{guard::quoted, problem::Problem},
};

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, Uri, header, request::Parts},
};
use std::sync::Arc;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// The request names no address that a URL can start with: the reason and the fix.
#[derive(Debug)]
pub(super) struct InvalidAddress(pub(super) String);

/// The base URL for the answer to a control plane request.
#[derive(Debug)]
pub(super) struct Base(pub(super) BaseUrl);

impl FromRequestParts<Arc<App>> for Base {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Problem> {
        let base_url = base_url(app, &parts.headers, &parts.uri);
        base_url.map(Self).map_err(|InvalidAddress(description)| Problem::bad_request(description))
    }
}

/// The base URL for the answer to a request. A request without a host, which HTTP/1.0 allows, gets the bound address.
pub(super) fn base_url(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<BaseUrl, InvalidAddress> {
    if app.settings.base_url.is_some() {
        return Ok(app.base_url.clone());
    }
    let proxy = if app.settings.trust_forwarded { Forwarded::read(headers)? } else { Forwarded::default() };
    let named = match (&proxy.host, uri.authority()) {
        (Some(host), _) => NamedHost { what: "forwarded host", text: host.as_bytes() },
        // The target takes precedence over the header (RFC 9112, 3.2.2).
        (None, Some(authority)) => {
            NamedHost { what: "host of the request target", text: authority.as_str().as_bytes() }
        }
        (None, None) => match only(headers, &header::HOST)? {
            Some(host) => NamedHost { what: "Host header", text: host.as_bytes() },
            None if proxy == Forwarded::default() => return Ok(app.base_url.clone()),
            None => NamedHost {
                what: "address",
                text: app.base_url.split_once("://").map_or("", |(_, own)| own).as_bytes(),
            },
        },
    };
    let scheme = proxy.scheme.unwrap_or_default();
    // The common case needs no checks and builds no URL.
    if scheme == Scheme::Http && proxy.port.is_none() && app.base_url.is_http(named.text) {
        return Ok(app.base_url.clone());
    }
    let (host, port) = named.parse()?;
    Ok(BaseUrl::of_host(scheme, host, proxy.port.or(port)))
}

/// A host with an optional port, and the place it was read from.
struct NamedHost<'r> {
    what: &'static str,
    text: &'r [u8],
}

impl<'r> NamedHost<'r> {
    /// The host as written, and the port.
    fn parse(&self) -> Result<(&'r str, Option<u16>), InvalidAddress> {
        std::str::from_utf8(self.text).ok().and_then(split_authority).ok_or_else(|| {
            InvalidAddress(format!(
                "The {} {} is not a host with an optional port; send one such as localhost:4747 or [::1]:4747.",
                self.what,
                quoted(self.text)
            ))
        })
    }
}

/// What proxies say about the original request. With several proxies, the first entry counts.
#[derive(Debug, Default, PartialEq, Eq)]
struct Forwarded {
    scheme: Option<Scheme>,
    host: Option<String>,
    port: Option<u16>,
}

impl Forwarded {
    /// Reads `Forwarded` (RFC 7239), then the `X-Forwarded-` headers for values that it lacks.
    fn read(headers: &HeaderMap) -> Result<Self, InvalidAddress> {
        let standard = match headers.get(header::FORWARDED) {
            None => Vec::new(),
            Some(value) => value.to_str().ok().and_then(first_element).ok_or_else(|| {
                let value = quoted(value.as_bytes());
                InvalidAddress(format!(
                    "The Forwarded header {value} is not a list of pairs; write it as host=mock.test;proto=https."
                ))
            })?,
        };
        let parameter = |name: &str, other: &HeaderName| -> Option<String> {
            let found = standard.iter().find(|(found, _)| found.eq_ignore_ascii_case(name));
            let value = if let Some((_, value)) = found {
                value.clone()
            } else {
                let value = String::from_utf8_lossy(headers.get(other)?.as_bytes());
                value.split(',').next().unwrap_or_default().trim().to_owned()
            };
            // Some proxies send an empty header if they do not know the value.
            (!value.is_empty()).then_some(value)
        };
        let scheme = parameter("proto", &X_FORWARDED_PROTO).map(|proto| {
            Scheme::parse(&proto).ok_or_else(|| {
                let proto = quoted(proto.as_bytes());
                InvalidAddress(format!(
                    "The forwarded protocol {proto} is not known; let the proxy send http or https."
                ))
            })
        });
        // `Forwarded` has no parameter for the port; it is part of `host` (RFC 7239).
        let is_standard = standard.iter().any(|(name, _)| name.eq_ignore_ascii_case("host"));
        let port = if is_standard { None } else { parameter("port", &X_FORWARDED_PORT) };
        let port = port.map(|port| match port.parse::<u16>() {
            Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => Ok(number),
            _ => {
                let port = quoted(port.as_bytes());
                Err(InvalidAddress(format!(
                    "The forwarded port {port} is not a number from 1 to 65535; correct it in the proxy."
                )))
            }
        });
        Ok(Self { scheme: scheme.transpose()?, host: parameter("host", &X_FORWARDED_HOST), port: port.transpose()? })
    }
}

/// The parameters of the first element of a `Forwarded` header; `None` when it is malformed.
fn first_element(text: &str) -> Option<Vec<(&str, String)>> {
    let mut parameters = Vec::new();
    let mut rest = text.trim();
    loop {
        if rest.is_empty() || rest.starts_with(',') {
            return Some(parameters);
        }
        let (name, after) = rest.split_once('=')?;
        let name = name.trim();
        if name.is_empty() || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)) {
            return None;
        }
        let (value, after) = if let Some(quoted) = after.strip_prefix('"') {
            unquote(quoted)?
        } else {
            let (value, after) = after.split_at(after.find([';', ',']).unwrap_or(after.len()));
            (value.trim().to_owned(), after)
        };
        parameters.push((name, value));
        rest = after.trim_start();
        match rest.strip_prefix(';') {
            Some(next) => rest = next.trim_start(),
            None if rest.is_empty() || rest.starts_with(',') => {}
            None => return None,
        }
    }
}

/// Returns the text up to the closing quotation mark, and the rest after it.
fn unquote(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, char)) = chars.next() {
        match char {
            '"' => return Some((value, text.get(at + 1..)?)),
            '\\' => value.push(chars.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Result<Option<&'h HeaderValue>, InvalidAddress> {
    let mut values = headers.get_all(name).iter();
    let value = values.next();
    if values.next().is_some() {
        return Err(InvalidAddress(format!("There is more than one {name} header; send one.")));
    }
    Ok(value)
}
