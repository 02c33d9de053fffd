//! The filters for messages.

use crate::{
    base::{names::is_id, position::brief, reading::Readings, schema::MessageId, times},
    domain::{
        message::{Channel, Message, MessageKind},
        signing::{AgentId, EnvelopeId},
    },
    http::{admin::paging::Limit, problem::Problem},
    sandbox::Sandbox,
};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::Deserialize;
use std::sync::Arc;
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{
        ObjectBuilder, RefOr, Schema, SchemaFormat,
        schema::{AnyOfBuilder, KnownFormat, Type},
    },
};

/// Filters for messages. Messages must match every filter given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct MessageFilter {
    /// Only messages to this email, ignoring case, or to this phone number. Write a `+` as `%2B`.
    #[param(value_type = Option<String>)]
    to: Option<Readings>,
    /// Only messages sent through this channel.
    #[param(inline)]
    channel: Option<Channel>,
    /// Only messages of this kind.
    #[param(inline)]
    kind: Option<MessageKind>,
    /// Only messages about what has this id: an envelope, an agent, an agent session, or a waiting handoff (`ho_…`), or
    /// the `handoff_id` that the caller chose.
    #[param(value_type = Option<String>, example = json!("ho_4f30a4977471f0ecc2e1265b"))]
    about: Option<Readings>,
    /// Only messages sent at or after this time of the sandbox's clock (RFC 3339), or after the message with this id.
    /// Write the `+` of a UTC offset as `%2B`.
    #[param(value_type = Option<MessageSince>, inline, example = json!("msg_4f30a4977471f0ecc2e1265b"))]
    since: Option<Readings>,
    /// Only messages about this envelope.
    envelope_id: Option<EnvelopeId>,
    /// Only messages to this agent.
    agent_id: Option<AgentId>,
    // These belong to some operations only, which describe them. Others refuse them as unknown.
    #[param(ignore)]
    pub(super) after: Option<String>,
    #[param(ignore)]
    pub(super) limit: Option<Limit>,
    #[param(ignore)]
    pub(super) timeout: Option<String>,
}

/// A time, or the id of a message.
enum MessageSince {}

impl PartialSchema for MessageSince {
    fn schema() -> RefOr<Schema> {
        let time = SchemaFormat::KnownFormat(KnownFormat::DateTime);
        let time = ObjectBuilder::new().schema_type(Type::String).format(Some(time));
        AnyOfBuilder::new().item(time).item(MessageId::schema()).into()
    }
}

impl ToSchema for MessageSince {}

/// The filters of a request, with what they refer to in the sandbox.
#[derive(Debug)]
pub(super) struct Wanted {
    filter: MessageFilter,
    about: Option<AboutFilter>,
    since: Option<Timestamp>,
    position: u64,
}

#[derive(Debug)]
struct AboutFilter {
    id: Readings,
    envelope: Option<EnvelopeId>,
    agent: Option<AgentId>,
    /// The id under which the handoff of the session once waited.
    waited_as: Option<Arc<str>>,
}

impl Wanted {
    pub(super) async fn of(filter: MessageFilter, sandbox: &Sandbox) -> Result<Self, Problem> {
        let about = match filter.about.clone() {
            Some(id) => Some(AboutFilter::of(id, sandbox).await?),
            None => None,
        };
        let (mut since, mut position) = (None, 0);
        if let Some(given) = &filter.since {
            if is_id(&given.spaced, "msg_") {
                let found = sandbox.messages().sequence(&given.spaced).await?;
                position = found.ok_or_else(|| {
                    let problem = format!("In the query: since: there is no message {:?}", brief(&given.spaced));
                    Problem::new(StatusCode::NOT_FOUND, problem)
                })?;
            } else {
                since = Some(given.parse(times::read).map_err(|_| {
                    let (given, example) = (brief(&given.spaced), "msg_4f30a4977471f0ecc2e1265b");
                    let problem = format!(
                        "{given:?} is neither a time such as 2026-03-01T12:00:00Z nor a message such as {example}"
                    );
                    Problem::in_query("since", problem)
                })?);
            }
        }
        Ok(Self { filter, about, since, position })
    }

    /// Messages at later positions in insertion order are wanted.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Continues in a sandbox that has begun again.
    pub(super) fn forget_position(&mut self) {
        self.position = 0;
    }

    pub(super) fn admits(&self, message: &Message) -> bool {
        let MessageFilter { to, channel, kind, envelope_id, agent_id, .. } = &self.filter;
        kind.is_none_or(|kind| kind == message.kind)
            && channel.is_none_or(|channel| channel == message.channel)
            && self.since.is_none_or(|since| message.at >= since)
            && to.as_ref().is_none_or(|to| match message.channel {
                Channel::Email => to.is_ignoring_case(&message.to),
                Channel::Sms | Channel::Whatsapp => to.is(&message.to),
            })
            && envelope_id.is_none_or(|id| Some(id) == message.envelope_id())
            && agent_id.is_none_or(|id| Some(id) == message.agent_id())
            && self.about.as_ref().is_none_or(|about| about.admits(message))
    }
}

impl AboutFilter {
    async fn of(id: Readings, sandbox: &Sandbox) -> Result<Self, Problem> {
        let text = &*id.spaced;
        let session = if is_id(text, "as_") { sandbox.agent_sessions().get(text).await? } else { None };
        let (envelope, agent) = (text.parse().ok(), text.parse().ok());
        Ok(Self { envelope, agent, waited_as: session.and_then(|session| session.waited_as.clone()), id })
    }

    fn admits(&self, message: &Message) -> bool {
        let is = |text: &str| self.id.is(text);
        self.envelope.is_some_and(|id| Some(id) == message.envelope_id())
            || self.agent.is_some_and(|id| Some(id) == message.agent_id())
            || message.agent_session_id().is_some_and(|id| is(id))
            || message.handoff_id().is_some_and(is)
            || message.waiting_id().is_some_and(|id| is(id) || self.waited_as.as_ref() == Some(id))
    }
}
