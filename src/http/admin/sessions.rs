//! `/__admin/sessions`: the agent sessions of the sandbox.

use super::paging::{Limit, check_filter, page_after, page_size};
use crate::{
    base::{
        reading::{Readings, quoted},
        schema::AgentSessionId,
    },
    domain::{
        contract::email_problem,
        oauth::is_client_id,
        session::{AgentSession, Intent},
    },
    http::{
        admin::extract::{Id, Params, World},
        contract::OPEN_CLIENT,
        pretty::Pretty,
        problem::{Problem, not_an_email},
    },
    store::RecordPage,
};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Filters for agent sessions. Sessions must match every filter given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SessionQuery {
    /// Only sessions of this handoff (R2).
    #[param(value_type = Option<String>)]
    handoff_id: Option<Readings>,
    /// Only sessions of the actor with this email, case-insensitive (R4).
    #[param(value_type = Option<String>, format = Email)]
    email: Option<Readings>,
    /// Only sessions of this actor (R4).
    #[param(value_type = Option<String>)]
    external_user_id: Option<Readings>,
    /// Only sessions that this client created.
    #[param(value_type = Option<String>, pattern = "^(open|client_[0-9a-f]{32})$")]
    client: Option<Readings>,
    /// Only sessions with this intent (R3).
    intent: Option<Intent>,
    /// Only sessions after this one; pass the `next` of the previous page. 404 if there is no such session.
    after: Option<String>,
    /// Maximum number of entries to return.
    #[param(inline, default = 100)]
    limit: Option<Limit>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = AgentSessions)]
pub(super) struct SessionPage {
    #[schema(max_items = 1000)]
    sessions: Vec<Arc<AgentSession>>,
    /// Number of matching entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required, value_type = Option<AgentSessionId>)]
    next: Option<Arc<str>>,
}

impl SessionQuery {
    /// Refuses filter values that no session can have.
    fn check(&self) -> Result<(), Problem> {
        check_filter("email", self.email.as_ref(), |email| {
            email_problem(email).map(|problem| not_an_email(email, problem))
        })?;
        check_filter("client", self.client.as_ref(), |client| {
            let fix = "write \"open\", or an id such as client_0123456789abcdef0123456789abcdef";
            (client != OPEN_CLIENT && !is_client_id(client))
                .then(|| format!("{} is not a client; {fix}", quoted(client)))
        })
    }

    fn admits(&self, session: &AgentSession) -> bool {
        let is = |wanted: &Option<Readings>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted.is(value));
        let is_email = |wanted: &Readings| wanted.iter().any(|one| one.eq_ignore_ascii_case(&session.actor.email));
        is(&self.handoff_id, &session.handoff_id)
            && self.email.as_ref().is_none_or(is_email)
            && is(&self.external_user_id, &session.actor.external_user_id)
            && is(&self.client, &session.client)
            && self.intent.is_none_or(|intent| intent == session.intent)
    }
}

/// List agent sessions, newest first
///
/// Entries must match every filter given. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/__admin/sessions", tag = "sessions",
    params(SessionQuery, World),
    responses((status = 200, description = "A page of sessions.", body = SessionPage))
)]
pub(super) async fn list_sessions(
    World(sandbox): World,
    Params(wanted): Params<SessionQuery>,
) -> Result<Pretty<impl Serialize>, Problem> {
    wanted.check()?;
    let (limit, after) = (page_size(wanted.limit), wanted.after.as_deref());
    let page = sandbox.agent_sessions().page(after, limit, |session| wanted.admits(session)).await?;
    let RecordPage { records, matching, next } = page_after("agent session", after, page)?;
    Ok(Pretty(SessionPage { sessions: records, matching, next }))
}

/// Get an agent session
#[utoipa::path(
    get, path = "/__admin/sessions/{id}", tag = "sessions",
    params(("id" = AgentSessionId, Path, description = "The `agent_session_id` of a successful handoff (S2)."), World),
    responses((status = 200, description = "The session.", body = AgentSession))
)]
pub(super) async fn show_session(World(sandbox): World, Id(id): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let session = sandbox.agent_sessions().get(&id).await?;
    session.map(Pretty).ok_or_else(|| Problem::not_found("agent session", &id))
}

/// Delete an agent session
///
/// Its `handoff_id` can be used again (S8).
#[utoipa::path(
    delete, path = "/__admin/sessions/{id}", tag = "sessions",
    params(("id" = AgentSessionId, Path, description = "The `agent_session_id` of a successful handoff (S2)."), World),
    responses((status = 204, description = "The session is deleted."))
)]
pub(super) async fn delete_session(World(sandbox): World, Id(id): Id) -> Result<StatusCode, Problem> {
    if sandbox.delete_session(&id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("agent session", &id))
    }
}
