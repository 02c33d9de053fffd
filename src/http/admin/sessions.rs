//! `/__admin/sessions`: the agent sessions of the sandbox.

use super::{Pretty, paging::page_size};
use crate::{
    base::reading::Readings,
    domain::session::{AgentSession, Intent},
    http::{
        admin::extract::{Id, Params, World},
        problem::Problem,
    },
};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Which sessions are wanted. Every condition given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SessionQuery {
    handoff_id: Option<Readings>,
    email: Option<Readings>,
    external_user_id: Option<Readings>,
    client: Option<Readings>,
    intent: Option<Intent>,
    /// The id of the last session of the page before.
    after: Option<String>,
    limit: Option<usize>,
}

impl SessionQuery {
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

/// `GET /__admin/sessions`: newest first.
pub(super) async fn list_sessions(
    World(sandbox): World,
    Params(wanted): Params<SessionQuery>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let sessions = &sandbox.agent_sessions;
    let limit = page_size(wanted.limit)?;
    if let Some(after) = &wanted.after
        && sessions.get(after).await?.is_none()
    {
        return Err(Problem::not_found("agent session", after));
    }
    let (page, total) = sessions.list(wanted.after.as_deref(), limit, |session| wanted.admits(session)).await?;
    let next = if total > page.len() { page.last().map(|session| session.id.clone()) } else { None };
    Ok(Pretty(json!({ "sessions": page, "matching": total, "next": next })))
}

/// `GET /__admin/sessions/{id}`.
pub(super) async fn show_session(World(sandbox): World, Id(id): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let session = sandbox.agent_sessions.get(&id).await?;
    session.map(Pretty).ok_or_else(|| Problem::not_found("agent session", &id))
}

/// `DELETE /__admin/sessions/{id}`: its `handoff_id` is free again.
pub(super) async fn delete_session(World(sandbox): World, Id(id): Id) -> Result<StatusCode, Problem> {
    if sandbox.agent_sessions.delete(&id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("agent session", &id))
    }
}
