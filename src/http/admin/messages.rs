//! `/__admin/messages`: what the service would have sent to somebody, one-time codes above all.

use super::{
    Pretty,
    paging::{Limit, page_after, page_size},
    requests::All,
};
use crate::{
    base::reading::Readings,
    domain::{
        message::{Channel, Message, MessageView},
        signing::{AgentId, EnvelopeId},
    },
    http::{
        admin::extract::{Id, Params, World},
        problem::Problem,
    },
    store::RecordPage,
};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Which messages are wanted. Every condition given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MessageQuery {
    to: Option<Readings>,
    channel: Option<Channel>,
    envelope_id: Option<EnvelopeId>,
    agent_id: Option<AgentId>,
    /// The id of the last message of the page before.
    after: Option<String>,
    limit: Option<Limit>,
}

impl MessageQuery {
    fn admits(&self, message: &Message) -> bool {
        self.to.as_ref().is_none_or(|to| to.is(&message.to))
            && self.channel.is_none_or(|channel| channel == message.channel)
            && self.envelope_id.is_none_or(|id| id == message.about.envelope_id)
            && self.agent_id.is_none_or(|id| id == message.about.agent_id)
    }
}

/// `GET /__admin/messages`: newest first.
pub(super) async fn list_messages(
    World(sandbox): World,
    Params(wanted): Params<MessageQuery>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let limit = page_size(wanted.limit);
    let (messages, after) = (sandbox.messages(), wanted.after.as_deref());
    let page = messages.page(after, limit, |message| wanted.admits(message)).await?;
    let RecordPage { records, matching, next } = page_after("message", after, page)?;
    let views: Vec<_> = records.into_iter().map(MessageView).collect();
    let dropped = messages.fill().await?.dropped;
    Ok(Pretty(json!({ "messages": views, "matching": matching, "next": next, "dropped": dropped })))
}

/// `GET /__admin/messages/{id}`.
pub(super) async fn show_message(World(sandbox): World, Id(id): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let message = sandbox.messages().get(&id).await?;
    message.map(|message| Pretty(MessageView(message))).ok_or_else(|| Problem::not_found("message", &id))
}

/// `DELETE /__admin/messages`: deletes all of them.
pub(super) async fn delete_messages(
    World(sandbox): World,
    Params(All {}): Params<All>,
) -> Result<Pretty<impl Serialize>, Problem> {
    Ok(Pretty(json!({ "deleted": sandbox.delete_messages().await? })))
}
