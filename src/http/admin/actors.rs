//! `/__admin/actors`: what is known of the users on whose behalf handoffs come.

use super::{
    Pretty,
    paging::{Paging, page_size},
};
use crate::{
    actor::{ActorChange, ActorState},
    http::{
        error::Problem,
        extract::{Fields, Id, Params, World},
    },
};
use serde::Serialize;
use serde_json::json;

/// `GET /__admin/actors`: those of whom something is known, the newest first.
pub(super) async fn list_actors(
    World(sandbox): World,
    Params(Paging { after, limit }): Params<Paging>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let (limit, after) = (page_size(limit)?, after.as_deref().map(ActorState::key));
    if let Some(after) = &after
        && sandbox.actors.get(after).await?.is_none()
    {
        return Err(Problem::not_found("actor", after));
    }
    let (actors, matching) = sandbox.actors.list(after.as_deref(), limit, |_| true).await?;
    let next = if matching > actors.len() { actors.last().map(|actor| actor.email.clone()) } else { None };
    Ok(Pretty(json!({ "actors": actors, "matching": matching, "next": next })))
}

/// `GET /__admin/actors/{email}`.
pub(super) async fn show_actor(World(sandbox): World, Id(email): Id) -> Result<Pretty<impl Serialize>, Problem> {
    let actor = sandbox.actors.get(&ActorState::key(&email)).await?;
    actor.map(Pretty).ok_or_else(|| Problem::not_found("actor", &email))
}

/// `PATCH /__admin/actors/{email}`: changes what is known, and opens the sessions that waited for a subscription (S3).
pub(super) async fn change_actor(
    World(sandbox): World,
    Id(email): Id,
    Fields(change): Fields<ActorChange>,
) -> Result<Pretty<impl Serialize>, Problem> {
    let (actor, opened) = sandbox.change_actor(&email, change).await?;
    let opened: Vec<_> = opened.iter().map(|session| &session.id).collect();
    Ok(Pretty(json!({ "actor": actor, "opened_sessions": opened })))
}
