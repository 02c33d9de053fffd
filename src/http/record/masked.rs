//! Heads of requests and answers as text for the journal, with what would let a reader act as the caller masked.

use axum::http::{HeaderMap, HeaderName, header, request::Parts};
use std::{borrow::Cow, fmt::Write};

pub(super) fn head(parts: &Parts) -> Box<str> {
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let method = parts.method.as_str();
    let mut head = String::with_capacity(method.len() + target.len() + 2 + size_of_lines(&parts.headers));
    head.push_str(method);
    head.push(' ');
    push_target(target, &mut head);
    head.push('\n');
    push_lines(&parts.headers, &mut head);
    head.into_boxed_str()
}

pub(super) fn lines(headers: &HeaderMap) -> Box<str> {
    let mut lines = String::with_capacity(size_of_lines(headers));
    push_lines(headers, &mut lines);
    lines.into_boxed_str()
}

/// Room enough for the lines of some headers, so that none of them has to be moved again.
fn size_of_lines(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 3).sum()
}

/// Headers as `name: value` lines, with what would let a reader act as the caller left out.
fn push_lines(headers: &HeaderMap, into: &mut String) {
    for (name, value) in headers {
        into.push_str(name.as_str());
        into.push_str(": ");
        let text = value.to_str().map_or_else(|_| String::from_utf8_lossy(value.as_bytes()), Cow::Borrowed);
        if is_secret(name) {
            mask(into, &text);
        } else {
            into.push_str(&text);
        }
        into.push('\n');
    }
}

fn is_secret(name: &HeaderName) -> bool {
    [header::AUTHORIZATION, header::COOKIE, header::PROXY_AUTHORIZATION, header::SET_COOKIE].contains(name)
        || ["x-inspakt-api-key", "x-api-key"].contains(&name.as_str())
}

/// Leaves a credential out and tells how long it is; of a scheme that is well known, the name stays.
fn mask(into: &mut String, credential: &str) {
    const SCHEMES: [&str; 3] = ["bearer", "basic", "digest"];
    let secret = match credential.split_once(' ') {
        Some((scheme, rest)) if SCHEMES.contains(&scheme.to_ascii_lowercase().as_str()) => {
            into.push_str(scheme);
            into.push(' ');
            rest
        }
        _ => credential,
    };
    // Writing to a string cannot fail.
    let _ = write!(into, "*** ({} characters)", secret.chars().count());
}

/// A path and query, without the token (RFC 6750, 2.3) and the secrets that a query may hold, though none should.
fn push_target(target: &str, into: &mut String) {
    let Some((path, query)) = target.split_once('?') else { return into.push_str(target) };
    into.push_str(path);
    for (index, pair) in query.split('&').enumerate() {
        into.push(if index == 0 { '?' } else { '&' });
        push_parameter(pair, into);
    }
}

/// A parameter of a query or a form, without its value where the name says that it is a secret.
pub(in crate::http) fn push_parameter(pair: &str, into: &mut String) {
    match pair.split_once('=') {
        Some((name, _)) if is_secret_parameter(name) => {
            into.push_str(name);
            into.push_str("=***");
        }
        _ => into.push_str(pair),
    }
}

fn is_secret_parameter(name: &str) -> bool {
    let plain = form_urlencoded::parse(name.as_bytes()).next().map_or(Cow::Borrowed(name), |(name, _)| name);
    let plain = plain.to_ascii_lowercase();
    plain.ends_with("token") || ["secret", "password", "assertion"].iter().any(|word| plain.contains(word))
}
