//! `/__admin/events`: what happened in the sandbox, in one order; page by page, or as it happens.

mod stream;

use self::stream::{is_wanted, stream_events};
use super::{
    Pretty,
    paging::{Limit, check_session_filter, page_size},
};
use crate::{
    app::App,
    base::{position::brief, reading::Readings},
    domain::{
        event::{Event, EventKind, NumberedEvent, event_id, event_number},
        signing::{AgentId, EnvelopeId},
    },
    http::{
        admin::extract::{Params, World},
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

/// Which events are wanted. Every condition given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EventQuery {
    /// The id of the last event that is known already.
    after: Option<String>,
    limit: Option<Limit>,
    /// Kinds of event, with commas in between.
    event: Option<String>,
    envelope_id: Option<EnvelopeId>,
    agent_id: Option<AgentId>,
    agent_session_id: Option<Readings>,
}

/// The conditions that an event must meet.
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
            && self.envelope.is_none_or(|envelope| envelope == event.subject.envelope())
            && self.agent.is_none_or(|agent| Some(agent) == event.subject.agent())
            && self.agent_session.as_ref().is_none_or(|wanted| session().is_some_and(|id| wanted.is(id)))
    }
}

/// `GET /__admin/events`: oldest first, after the one that is known already. A client that accepts `text/event-stream`
/// gets each as it happens.
pub(super) async fn list_events(
    State(app): State<Arc<App>>,
    World(sandbox): World,
    headers: HeaderMap,
    Params(wanted): Params<EventQuery>,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct EventPage {
        events: Vec<NumberedEvent>,
        next: Option<String>,
        dropped: u64,
    }
    let after = wanted.after.as_deref().map_or(Ok(0), |id| number_of("In the query: after", id))?;
    let limit = wanted.limit;
    check_session_filter(wanted.agent_session_id.as_ref())?;
    let filter = EventFilter {
        kinds: wanted.event.as_deref().map(kinds_of).transpose()?,
        envelope: wanted.envelope_id,
        agent: wanted.agent_id,
        agent_session: wanted.agent_session_id,
    };
    if is_wanted(&headers) {
        if limit.is_some() {
            return Err(Problem::in_query("limit", "a stream has no end; leave it out"));
        }
        return stream_events(app, sandbox, &headers, after, filter);
    }
    let page = sandbox.events().page(after, page_size(limit), |_, event| filter.admits(event)).await?;
    if after > page.last {
        let (after, first) = (event_id(after), event_id(1));
        let detail = format!("There is no event {after:?} yet; after a reset ids begin again with {first}");
        return Err(Problem::new(StatusCode::NOT_FOUND, detail));
    }
    let next = if page.more { Some(event_id(page.seen)) } else { None };
    let events = page.entries.into_iter().map(NumberedEvent::from).collect();
    Ok(Pretty(EventPage { events, next, dropped: page.dropped }).into_response())
}

/// The number of an event that a caller names. `place` says where.
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
