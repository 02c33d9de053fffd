//! `/__admin/messages/{id}/html` and `raw`: captured emails as a mail program would show and receive them.

use crate::{
    base::{schema::MessageId, urls::BaseUrl},
    domain::message::{self, Message, MessageLink},
    http::{
        admin::extract::{Id, World},
        base_url::Base,
        problem::Problem,
    },
    sandbox::Sandbox,
};
use axum::{
    http::{HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use std::sync::Arc;

/// The HTML of a mail loads and runs nothing, and has no origin.
const POLICY: &str =
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/// Get the HTML of an email
///
/// The answer's `Content-Security-Policy` isolates it: no scripts, no requests, no origin. 404 for messages sent to a
/// phone, which have no HTML.
#[utoipa::path(
    get, path = "/__admin/messages/{id}/html", tag = "messages",
    params(("id" = MessageId, Path, description = "The message."), World),
    responses((status = 200, description = "The HTML.", body = String, content_type = "text/html"))
)]
pub(in crate::http::admin) async fn show_message_html(
    World(sandbox): World,
    Base(base): Base,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (message, links) = find(&sandbox, &base, &id).await?;
    let html = message::html(&message, &links).ok_or_else(|| not_an_email(&message, "HTML"))?;
    let headers = [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, POLICY)];
    Ok((headers, NO_STORE, html).into_response())
}

/// Get the source of an email
///
/// As a mail program receives it (RFC 5322), with a text part and an HTML part; `.eml` as a file. 404 for messages sent
/// to a phone, which have no source.
#[utoipa::path(
    get, path = "/__admin/messages/{id}/raw", tag = "messages",
    params(("id" = MessageId, Path, description = "The message."), World),
    responses((status = 200, description = "The source.", body = String, content_type = "message/rfc822"))
)]
pub(in crate::http::admin) async fn show_message_source(
    World(sandbox): World,
    Base(base): Base,
    Id(id): Id,
) -> Result<Response, Problem> {
    let (message, links) = find(&sandbox, &base, &id).await?;
    let source = message::raw(&message, &links).ok_or_else(|| not_an_email(&message, "source"))?;
    let file = format!("attachment; filename=\"{}.eml\"", message.id);
    let headers = [(header::CONTENT_TYPE, "message/rfc822".to_owned()), (header::CONTENT_DISPOSITION, file)];
    Ok((headers, NO_STORE, source).into_response())
}

const NO_STORE: [(HeaderName, &str); 1] = [(header::CACHE_CONTROL, "no-store")];

async fn find(sandbox: &Sandbox, base: &BaseUrl, id: &str) -> Result<(Arc<Message>, Vec<MessageLink>), Problem> {
    let message = sandbox.messages().get(id).await?.ok_or_else(|| Problem::not_found("message", id))?;
    let links = sandbox.message_links(&message, base);
    Ok((message, links))
}

/// The problem for a part that only emails have.
fn not_an_email(message: &Message, part: &str) -> Problem {
    let id = &message.id;
    let detail =
        format!("The message {id} was sent to a phone and has no {part}; GET /__admin/messages/{id} has its text");
    Problem::new(StatusCode::NOT_FOUND, detail)
}
