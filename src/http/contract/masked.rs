//! Heads of requests and answers as text for the journal, with credentials masked.

use crate::domain::journal::{is_secret_name, mask_credentials, mask_shapes};
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

/// An estimated capacity, so that the text is not reallocated while headers are added.
fn size_of_lines(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 3).sum()
}

/// Writes headers as `name: value` lines, with credentials masked.
fn push_lines(headers: &HeaderMap, into: &mut String) {
    for (name, value) in headers {
        into.push_str(name.as_str());
        into.push_str(": ");
        let text = value.to_str().map_or_else(|_| String::from_utf8_lossy(value.as_bytes()), Cow::Borrowed);
        if is_secret(name) {
            mask(into, &text);
        } else if text.contains('?') && text.contains('=') {
            // A URL, such as in `Referer`.
            push_target(&text, into);
        } else {
            into.push_str(&mask_credentials(&text));
        }
        into.push('\n');
    }
}

/// Whether a header holds a secret. Common headers are checked first, because that is cheap.
fn is_secret(name: &HeaderName) -> bool {
    const COMMON: [HeaderName; 12] = [
        header::HOST,
        header::USER_AGENT,
        header::ACCEPT,
        header::ACCEPT_ENCODING,
        header::ACCEPT_LANGUAGE,
        header::CONNECTION,
        header::CONTENT_TYPE,
        header::CONTENT_LENGTH,
        header::DATE,
        header::CACHE_CONTROL,
        header::ORIGIN,
        header::REFERER,
    ];
    !COMMON.contains(name) && name.as_str() != "x-request-id" && is_secret_name(name.as_str())
}

/// Replaces a credential by its length. The name of a well-known scheme stays.
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

/// Writes a URL with the token (RFC 6750, 2.3) and other secrets in its query masked.
fn push_target(target: &str, into: &mut String) {
    let Some((path, query)) = target.split_once('?') else { return into.push_str(&mask_credentials(target)) };
    into.push_str(&mask_credentials(path));
    into.push('?');
    for pair in query.split_inclusive(['&', ';', '#', '?']) {
        let bare = pair.trim_end_matches(['&', ';', '#', '?']);
        push_parameter(bare, into);
        into.push_str(&pair[bare.len()..]);
    }
}

/// Writes a parameter of a query or a form. Its value is masked if its name, or its decoded value's form, marks it as a
/// secret.
pub(super) fn push_parameter(pair: &str, into: &mut String) {
    match pair.split_once('=') {
        Some((name, value)) if is_secret_parameter(name) || hides_secret(value) => {
            into.push_str(name);
            into.push_str("=***");
        }
        _ => into.push_str(pair),
    }
}

fn is_secret_parameter(name: &str) -> bool {
    is_secret_name(&decoded(name))
}

/// Whether a value has the form of a secret. A JWT in plain text is masked when the journal is read.
fn hides_secret(value: &str) -> bool {
    if value.contains(['%', '+']) {
        matches!(mask_shapes(&decoded(value)), Cow::Owned(_))
    } else {
        matches!(mask_credentials(value), Cow::Owned(_))
    }
}

fn decoded(text: &str) -> Cow<'_, str> {
    form_urlencoded::parse(text.as_bytes()).next().map_or(Cow::Borrowed(text), |(text, _)| text)
}
