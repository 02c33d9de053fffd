//! `/__admin/actors`: what is known of the users on whose behalf handoffs come.

use super::{
    Pretty,
    paging::{Paging, page_size},
};
use crate::{
    domain::{
        actor::{ActorChange, ActorState},
        contract::email_problem,
    },
    http::{
        admin::extract::{Fields, Id, Params, World},
        problem::{Problem, not_an_email},
    },
};
use serde::Serialize;
use serde_json::json;
use std::sync::Arc;

/// `GET /__admin/actors`: actors with a state, newest first, then those that only have a session.
pub(super) async fn list_actors(
    World(sandbox): World,
    Params(Paging { after, limit }): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let limit = page_size(limit);
    let actors = sandbox.all_actors().await?;
    let start = match &after {
        None => 0,
        Some(after) => {
            let keys: Vec<_> = after.iter().map(ActorState::key).collect();
            let place = actors.iter().position(|actor| keys.iter().any(|key| *actor.email == **key));
            place.ok_or_else(|| unknown(&after.spaced, &actors))? + 1
        }
    };
    let rest = &actors[start..];
    let page = &rest[..limit.min(rest.len())];
    let next = if rest.len() > page.len() { page.last().map(|actor| &actor.email) } else { None };
    Ok(Pretty(json!({ "actors": page, "matching": rest.len(), "next": next })))
}

/// `GET /__admin/actors/{email}`.
pub(super) async fn show_actor(World(sandbox): World, Id(email): Id) -> Result<Pretty<impl Serialize>, Problem> {
    match sandbox.actor(&email).await? {
        Some(actor) => Ok(Pretty(actor)),
        None => Err(unknown(&email, &sandbox.all_actors().await?)),
    }
}

/// `PATCH /__admin/actors/{email}`: changes what is known, and opens the sessions that waited for a subscription (S3).
pub(super) async fn change_actor(
    World(sandbox): World,
    Id(email): Id,
    Fields(change): Fields<ActorChange>,
) -> Result<Pretty<impl Serialize>, Problem> {
    if let Some(problem) = email_problem(&email) {
        return Err(Problem::bad_request(format!("In the path: {}", not_an_email(&email, problem))));
    }
    let (actor, opened) = sandbox.change_actor(&email, change).await?;
    let opened: Vec<_> = opened.iter().map(|session| &session.id).collect();
    Ok(Pretty(json!({ "actor": actor, "opened_sessions": opened })))
}

fn unknown(email: &str, actors: &[Arc<ActorState>]) -> Problem {
    Problem::unknown_name("actor", email, actors.iter().map(|actor| &*actor.email))
}
