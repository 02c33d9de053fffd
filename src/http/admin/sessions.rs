//! `/__admin/sessions`: the agent sessions of the sandbox.

use super::{
    Pretty,
    paging::{Limit, check_filter, page_after, page_size},
};
use crate::{
    base::reading::{Readings, quoted},
    domain::{
        contract::email_problem,
        oauth::is_client_id,
        session::{AgentSession, Intent},
    },
    http::{
        admin::extract::{Id, Params, World},
        contract::OPEN_CLIENT,
        problem::{Problem, not_an_email},
    },
    store::RecordPage,
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
    limit: Option<Limit>,
}

impl SessionQuery {
    /// Refuses what no session can have.
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

/// `GET /__admin/sessions`: newest first.
pub(super) async fn list_sessions(
    World(sandbox): World,
    Params(wanted): Params<SessionQuery>,
) -> Result<Pretty<impl Serialize>, Problem> {
    wanted.check()?;
    let (limit, after) = (page_size(wanted.limit), wanted.after.as_deref());
    let page = sandbox.agent_sessions().page(after, limit, |session| wanted.admits(session)).await?;
    let RecordPage { records, matching, next } = page_after("agent session", after, page)?;
    Ok(Pretty(json!({ "sessions": records, "matching": matching, "next": next })))
}

/// `GET /__admin/sessions/{id}`.
pub(super) async fn show_session(World(sandbox): World, Id(id): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let session = sandbox.agent_sessions().get(&id).await?;
    session.map(Pretty).ok_or_else(|| Problem::not_found("agent session", &id))
}

/// `DELETE /__admin/sessions/{id}`: its `handoff_id` is free again.
pub(super) async fn delete_session(World(sandbox): World, Id(id): Id) -> Result<StatusCode, Problem> {
    if sandbox.delete_session(&id).await? {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(Problem::not_found("agent session", &id))
    }
}
