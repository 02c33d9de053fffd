//! `/__admin/messages`: the messages that the real service would have sent.

mod filter;
mod mail;

use self::filter::{MessageFilter, Wanted};
pub(super) use self::mail::{
    __path_show_message_html, __path_show_message_source, show_message_html, show_message_source,
};
use super::{
    answers::Busy,
    paging::{Limit, page_after, page_size},
    requests::{All, Deleted},
    waits::{deleted, patience, wait_place},
};
use crate::{
    app::App,
    base::schema::{GivenSpan, MessageId},
    domain::message::MessageView,
    http::{
        admin::extract::{Id, Params, World},
        base_url::Base,
        pretty::Pretty,
        problem::Problem,
    },
    sandbox::Sandbox,
    store::{RecordPage, StoreError},
};
use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use std::{pin::pin, sync::Arc};
use tokio::time::sleep;
use utoipa::{IntoParams, ToSchema};

/// The page of a list of messages.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessagePaging {
    /// Only messages older than this one; pass the `next` of the previous page. 404 if there is no such message.
    #[param(rename = "after")]
    _after: Option<String>,
    /// Maximum number of entries to return.
    #[param(rename = "limit", inline, default = 100)]
    _limit: Option<Limit>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Messages)]
pub(super) struct MessagePage {
    #[schema(max_items = 1000)]
    messages: Vec<MessageView>,
    /// Number of matching entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required)]
    next: Option<Arc<str>>,
    /// Number of messages dropped to make room for newer ones since the last reset.
    dropped: u64,
}

/// List messages, newest first
///
/// A sandbox keeps the last 10,000 messages. Messages must match every filter given. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/__admin/messages", tag = "messages",
    params(MessageFilter, MessagePaging, World),
    responses((status = 200, description = "A page of messages.", body = MessagePage))
)]
pub(super) async fn list_messages(
    World(sandbox): World,
    Base(base): Base,
    Params(filter): Params<MessageFilter>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let (limit, after) = (page_size(filter.limit), filter.after.clone());
    let wanted = Wanted::of(filter, &sandbox).await?;
    let (messages, after) = (sandbox.messages(), after.as_deref());
    let page = messages.page_since(wanted.position(), after, limit, |message| wanted.admits(message)).await?;
    let RecordPage { records, matching, next } = page_after("message", after, page)?;
    let dropped = messages.fill().await?.dropped;
    let messages = records.iter().map(|message| sandbox.message_view(message, &base)).collect();
    Ok(Pretty(MessagePage { messages, matching, next, dropped }))
}

/// Get the newest message
///
/// Returns the newest message that matches every filter given; 404 if there is none.
#[utoipa::path(
    get, path = "/__admin/messages/latest", tag = "messages",
    params(MessageFilter, World),
    responses((status = 200, description = "The newest matching message.", body = MessageView))
)]
pub(super) async fn show_latest_message(
    World(sandbox): World,
    Base(base): Base,
    Params(filter): Params<MessageFilter>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let wanted = Wanted::of(filter, &sandbox).await?;
    let (found, _) = sandbox.messages().newest(wanted.position(), |message| wanted.admits(message)).await?;
    if let Some(message) = found {
        return Ok(Pretty(sandbox.message_view(&message, &base)));
    }
    let (held, fix) = (held(&sandbox).await?, "wait for one with /__admin/messages/wait");
    Err(Problem::new(StatusCode::NOT_FOUND, format!("No message matches; {held}; change the filters, or {fix}")))
}

/// How long to wait for a message.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct MessageTimeout {
    /// How long to wait, in real time: at most five minutes, `10s` by default.
    #[param(rename = "timeout", value_type = Option<GivenSpan>)]
    _timeout: Option<String>,
}

/// Wait for a message
///
/// Answers with the newest message that matches every filter given, as soon as there is one, which may be at once. To
/// wait for a newer message than one that you have, pass its id as `since`. At most 1,000 callers can wait at the same
/// time across all sandboxes, for exchanges or messages; further ones get 503. A wait ends early with 503 when the
/// server stops, and with 404 when its sandbox is deleted or dropped. After a reset of the sandbox, the wait continues
/// with the messages since the reset.
#[utoipa::path(
    get, path = "/__admin/messages/wait", tag = "messages",
    params(MessageFilter, MessageTimeout, World),
    responses(
        (status = 200, description = "The newest matching message.", body = MessageView),
        (status = 408, description = "The wait timed out without a matching message.", body = Problem, content_type = "application/problem+json"),
        (status = 503, response = Busy)
    )
)]
pub(super) async fn await_message(
    State(app): State<Arc<App>>,
    World(mut sandbox): World,
    Base(base): Base,
    Params(filter): Params<MessageFilter>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let patience = patience(filter.timeout.as_deref())?;
    let mut wanted = Wanted::of(filter, &sandbox).await?;
    let _place = wait_place(&app)?;
    let mut seen = wanted.position();
    let mut over = pin!(sleep(patience));
    loop {
        // Taken before the messages are read, so that none is missed in between.
        let current = Arc::clone(&sandbox);
        let arrived = current.message_arrived();
        let (found, last) = sandbox.messages().newest(seen, |message| wanted.admits(message)).await?;
        if let Some(message) = found {
            return Ok(Pretty(sandbox.message_view(&message, &base)));
        }
        seen = last;
        if !app.is_ready() {
            return Err(Problem::stopping());
        } else if sandbox.is_gone() {
            return Err(deleted(&sandbox));
        } else if sandbox.was_reset() {
            sandbox = app.sandboxes.successor(&sandbox).ok_or_else(|| deleted(&sandbox))?;
            wanted.forget_position();
            seen = 0;
            continue;
        }
        tokio::select! {
            biased;
            () = app.stopped() => return Err(Problem::stopping()),
            () = arrived => {}
            () = &mut over => {
                let detail = format!("The wait timed out without a matching message; {}", held(&sandbox).await?);
                return Err(Problem::new(StatusCode::REQUEST_TIMEOUT, detail));
            }
        }
    }
}

/// The messages that a sandbox holds, for a problem about one that it does not.
async fn held(sandbox: &Sandbox) -> Result<String, StoreError> {
    let messages = sandbox.messages();
    Ok(match (messages.fill().await?.kept, messages.newest(0, |_| true).await?.0) {
        (kept, Some(newest)) => {
            let (kind, to, plural) = (newest.kind.as_str(), &newest.to, if kept == 1 { "" } else { "s" });
            format!(
                "the sandbox {:?} holds {kept} message{plural}, the newest of kind {kind} to {to:?}",
                sandbox.name()
            )
        }
        (_, None) => format!("the sandbox {:?} holds no messages", sandbox.name()),
    })
}

/// Get a message
#[utoipa::path(
    get, path = "/__admin/messages/{id}", tag = "messages",
    params(("id" = MessageId, Path, description = "The message."), World),
    responses((status = 200, description = "The message.", body = MessageView))
)]
pub(super) async fn show_message(
    World(sandbox): World,
    Base(base): Base,
    Id(id): Id,
) -> Result<Pretty<impl Serialize>, Problem> {
    let message = sandbox.messages().get(&id).await?.ok_or_else(|| Problem::not_found("message", &id))?;
    Ok(Pretty(sandbox.message_view(&message, &base)))
}

/// Delete all messages
///
/// Filters are not accepted.
#[utoipa::path(
    delete, path = "/__admin/messages", tag = "messages",
    params(World),
    responses((status = 200, description = "The number of deleted messages.", body = Deleted))
)]
pub(super) async fn delete_messages(
    World(sandbox): World,
    Params(All {}): Params<All>,
) -> Result<Pretty<impl Serialize>, Problem> {
    Ok(Pretty(Deleted { deleted: sandbox.delete_messages().await? }))
}
