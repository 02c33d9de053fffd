//! `/__admin/events`: the events of the sandbox in one order, as pages or as a stream.

mod stream;

use self::stream::{is_wanted, last_seen, stream_events};
use super::paging::{Limit, check_session_filter, page_size};
use crate::{
    app::App,
    base::{
        position::brief,
        reading::Readings,
        schema::{AgentSessionId, EventId},
    },
    domain::{
        event::{Event, EventKind, EventName, EventView, NumberedEvent, event_id, event_number},
        signing::{AgentId, EnvelopeId},
    },
    http::{
        admin::extract::{Params, World},
        pretty::Pretty,
        problem::{Problem, not_one_of},
    },
};
use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Filters for events. Events must match every filter given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventQuery {
    /// Only events after this one: the `next` of the previous page, or the last event seen. For a page, 404 if the log
    /// has not reached it yet.
    #[param(value_type = Option<EventId>)]
    after: Option<String>,
    /// Only events of these kinds, separated by commas.
    #[param(value_type = Option<Vec<EventName>>, style = Form, explode = false, example = json!(["agent.accepted", "agent.released"]))]
    event: Option<String>,
    /// Only events of this envelope.
    envelope_id: Option<EnvelopeId>,
    /// Only events of this agent.
    agent_id: Option<AgentId>,
    /// Only events of the envelope that this agent session created.
    #[param(value_type = Option<AgentSessionId>)]
    agent_session_id: Option<Readings>,
    /// Maximum number of events to return. Not allowed for a stream.
    #[param(inline, default = 100)]
    limit: Option<Limit>,
}

/// The header with which a client resumes a stream.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct LastEventId {
    /// The last event seen. The stream resumes after it and ignores `after`.
    #[param(rename = "Last-Event-ID", pattern = "^(evt_[0-9]{1,19})?$", example = json!("evt_00000001"))]
    _last_event_id: Option<String>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Events)]
struct EventPage {
    #[schema(value_type = Vec<EventView<'static>>, max_items = 1000)]
    events: Vec<NumberedEvent>,
    /// The `after` of the next page; null if there are no more events yet.
    #[schema(required, value_type = Option<EventId>)]
    next: Option<String>,
    /// Number of events dropped to make room for newer ones since the last reset; always the oldest.
    dropped: u64,
}

/// Conditions that an event must meet.
#[derive(Debug)]
struct EventFilter {
    kinds: Option<Vec<EventKind>>,
    envelope: Option<EnvelopeId>,
    agent: Option<AgentId>,
    agent_session: Option<Readings>,
}

impl EventFilter {
    fn admits(&self, event: &Event) -> bool {
        let session = || event.origin.as_ref().map(|origin| &*origin.agent_session_id);
        self.kinds.as_ref().is_none_or(|kinds| kinds.contains(&event.kind))
            && self.envelope.is_none_or(|envelope| Some(envelope) == event.subject.envelope())
            && self.agent.is_none_or(|agent| Some(agent) == event.subject.agent())
            && self.agent_session.as_ref().is_none_or(|wanted| session().is_some_and(|id| wanted.is(id)))
    }
}

/// List or stream events, oldest first
///
/// Events must match every filter given. Unknown parameters are refused.
///
/// A client that accepts `text/event-stream` and does not also name `application/json` gets server-sent events: first
/// the events in the log after `after` or `Last-Event-ID`, then each new event as it happens. `id` is the event's id,
/// `event` its kind, and `data` the event as JSON. An event `gap` with `{"lost": 12}` reports how many events the log
/// dropped before the reader reached them, whether they match or not. An event `reset` reports that the log and its ids
/// have started over. After 15 seconds without an event, the server sends a comment. The stream ends when the server
/// stops or the sandbox is deleted, after all earlier events have been sent.
#[utoipa::path(
    get, path = "/__admin/events", tag = "events",
    params(EventQuery, LastEventId, World),
    responses(
        (status = 200, description = "A page of events, or a stream of them.", content(
            (EventPage = "application/json"),
            (String = "text/event-stream", example = json!("retry: 1000\n\nid: evt_00000007\nevent: agent.accepted\ndata: {\"id\":\"evt_00000007\",\"at\":\"2026-03-01T12:00:00Z\",\"event\":\"agent.accepted\",\"envelope_id\":\"env_0d8ef5f2b39d3a7e\",\"recipient_id\":\"rcp_0d8ef5f2b39d3a7e00000001\",\"agent_id\":\"agt_0d8ef5f2b39d3a7e00000001\"}\n\n"))
        )),
        (status = 503, description = "100 streams are open already.", body = Problem, content_type = "application/problem+json")
    )
)]
pub(super) async fn list_events(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    headers: HeaderMap,
    Params(wanted): Params<EventQuery>,
) -> Result<Response, Problem> {
    let after = wanted.after.as_deref().map_or(Ok(0), |id| number_of("In the query: after", id))?;
    let (limit, last_seen) = (wanted.limit, last_seen(&headers)?);
    check_session_filter(wanted.agent_session_id.as_ref())?;
    let filter = EventFilter {
        kinds: wanted.event.as_deref().map(kinds_of).transpose()?,
        envelope: wanted.envelope_id,
        agent: wanted.agent_id,
        agent_session: wanted.agent_session_id,
    };
    if is_wanted(&headers) {
        if limit.is_some() {
            return Err(Problem::in_query("limit", "it does not apply to a stream; leave it out"));
        }
        // A reconnecting client repeats its first request; the header says what it has seen since.
        return stream_events(app, sandbox, last_seen.unwrap_or(after), filter);
    }
    let page = sandbox.events().page(after, page_size(limit), |_, event| filter.admits(event)).await?;
    if after > page.last {
        let (after, first) = (event_id(after), event_id(1));
        let detail = format!("There is no event {after:?} yet; after a reset, ids start again at {first}");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    let next = if page.more { Some(event_id(page.seen)) } else { None };
    let events = page.entries.into_iter().map(NumberedEvent::from).collect();
    Ok(Pretty(EventPage { events, next, dropped: page.dropped }).into_response())
}

/// Parses an event id. `place` names the parameter or header in the error.
fn number_of(place: &str, id: &str) -> Result<u64, Problem> {
    event_number(id).ok_or_else(|| {
        let (id, example) = (brief(id), event_id(1));
        Problem::bad_request(format!("{place}: {id:?} is not the id of an event; write one such as {example}"))
    })
}

fn kinds_of(list: &str) -> Result<Vec<EventKind>, Problem> {
    let kind = |word: &str| {
        EventKind::named(word).ok_or_else(|| {
            let known = EventKind::all().map(EventKind::as_str).collect::<Vec<_>>();
            Problem::in_query("event", not_one_of(word, &known))
        })
    };
    list.split(',').map(str::trim).map(kind).collect()
}
