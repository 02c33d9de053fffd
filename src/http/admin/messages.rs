//! `/__admin/messages`: the messages that the real service would have sent, such as one-time codes.

use super::{
    paging::{Limit, page_after, page_size},
    requests::{All, Deleted},
};
use crate::{
    base::{reading::Readings, schema::MessageId},
    domain::{
        message::{Channel, Message, MessageView},
        signing::{AgentId, EnvelopeId},
    },
    http::{
        admin::extract::{Id, Params, World},
        pretty::Pretty,
        problem::Problem,
    },
    store::RecordPage,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Filters for messages. Messages must match every filter given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct MessageQuery {
    /// Only messages to this phone number. Write its `+` as `%2B`.
    #[param(value_type = Option<String>)]
    to: Option<Readings>,
    /// Only messages sent through this channel.
    channel: Option<Channel>,
    /// Only messages about this envelope.
    envelope_id: Option<EnvelopeId>,
    /// Only messages to this agent.
    agent_id: Option<AgentId>,
    /// Only messages after this one; pass the `next` of the previous page. 404 if there is no such message.
    after: Option<String>,
    /// Maximum number of entries to return.
    #[param(inline, default = 100)]
    limit: Option<Limit>,
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

impl MessageQuery {
    fn admits(&self, message: &Message) -> bool {
        self.to.as_ref().is_none_or(|to| to.is(&message.to))
            && self.channel.is_none_or(|channel| channel == message.channel)
            && self.envelope_id.is_none_or(|id| id == message.about.envelope_id)
            && self.agent_id.is_none_or(|id| id == message.about.agent_id)
    }
}

/// List messages, newest first
///
/// A sandbox keeps the last 10,000 messages. Messages must match every filter given. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/__admin/messages", tag = "messages",
    params(MessageQuery, World),
    responses((status = 200, description = "A page of messages.", body = MessagePage))
)]
pub(super) async fn list_messages(
    World(sandbox): World,
    Params(wanted): Params<MessageQuery>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let limit = page_size(wanted.limit);
    let (messages, after) = (sandbox.messages(), wanted.after.as_deref());
    let page = messages.page(after, limit, |message| wanted.admits(message)).await?;
    let RecordPage { records, matching, next } = page_after("message", after, page)?;
    let dropped = messages.fill().await?.dropped;
    let messages = records.iter().map(|message| MessageView::of(message)).collect();
    Ok(Pretty(MessagePage { messages, matching, next, dropped }))
}

/// Get a message
#[utoipa::path(
    get, path = "/__admin/messages/{id}", tag = "messages",
    params(("id" = MessageId, Path, description = "The message."), World),
    responses((status = 200, description = "The message.", body = MessageView))
)]
pub(super) async fn show_message(World(sandbox): World, Id(id): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let message = sandbox.messages().get(&id).await?;
    message.map(|message| Pretty(MessageView::of(&message))).ok_or_else(|| Problem::not_found("message", &id))
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
