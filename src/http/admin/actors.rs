//! `/__admin/actors`: the users on whose behalf handoffs are made.

use super::paging::{Paging, page_size};
use crate::{
    base::schema::AgentSessionId,
    domain::{
        actor::{ActorChange, ActorState},
        contract::email_problem,
    },
    http::{
        admin::extract::{Fields, Id, Params, World},
        pretty::Pretty,
        problem::{Problem, not_an_email},
    },
};
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

#[derive(Serialize, ToSchema)]
#[schema(as = Actors)]
pub(super) struct ActorPage {
    #[schema(max_items = 1000)]
    actors: Vec<Arc<ActorState>>,
    /// Number of entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required)]
    next: Option<Arc<str>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ActorChanged {
    actor: Arc<ActorState>,
    /// The agent sessions that were waiting for this change, in the order of their handoffs (S3).
    #[schema(value_type = Vec<AgentSessionId>)]
    opened_sessions: Vec<Arc<str>>,
}

/// List actors, newest first
///
/// An actor is added by its first handoff that succeeds or meets an obstacle, or by a change through the control plane.
/// Actors that exist only through their agent sessions are listed last, for as long as the sandbox keeps one of those
/// sessions.
#[utoipa::path(
    get, path = "/__admin/actors", tag = "actors",
    params(Paging, World),
    responses((status = 200, description = "A page of actors.", body = ActorPage))
)]
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
            let unknown = || Problem::unknown_after("actor", &after.spaced, actors.iter().map(|actor| &*actor.email));
            place.ok_or_else(unknown)? + 1
        }
    };
    let rest = &actors[start..];
    let page = &rest[..limit.min(rest.len())];
    let next = if rest.len() > page.len() { page.last().map(|actor| Arc::clone(&actor.email)) } else { None };
    Ok(Pretty(ActorPage { actors: page.to_vec(), matching: rest.len(), next }))
}

/// Get an actor
///
/// 404 if the actor is unknown. An unknown actor is treated as registered, verified and subscribed, unless a plus tag
/// in the email says otherwise.
#[utoipa::path(
    get, path = "/__admin/actors/{email}", tag = "actors",
    params(("email" = String, Path, format = Email, description = "The actor's email, case-insensitive."), World),
    responses((status = 200, description = "The actor.", body = ActorState))
)]
pub(super) async fn show_actor(World(sandbox): World, Id(email): Id) -> Result<Pretty<impl Serialize>, Problem> {
    match sandbox.actor(&email).await? {
        Some(actor) => Ok(Pretty(actor)),
        None => Err(unknown(&email, &sandbox.all_actors().await?)),
    }
}

/// Change an actor
///
/// Omitted members keep their value. A new actor starts in the state that the plus tags of its email select. As soon
/// as the actor is registered, verified and subscribed, handoffs that were answered `require_subscription` get their
/// sessions without a retry (S3).
#[utoipa::path(
    patch, path = "/__admin/actors/{email}", tag = "actors",
    params(("email" = String, Path, format = Email, description = "The actor's email, case-insensitive."), World),
    request_body(content = Option<ActorChange>, examples(
        ("verified" = (value = json!({"email_verified": true}))),
        ("subscribed" = (value = json!({"subscribed": true})))
    )),
    responses(
        (status = 200, description = "The actor, and the sessions that this change opened.", body = ActorChanged)
    )
)]
pub(super) async fn change_actor(
    World(sandbox): World,
    Id(email): Id,
    Fields(change): Fields<ActorChange>,
) -> Result<Pretty<impl Serialize>, Problem> {
    if let Some(problem) = email_problem(&email) {
        return Err(Problem::bad_request(format!("In the path: {}", not_an_email(&email, problem))));
    }
    let (actor, opened) = sandbox.change_actor(&email, change).await?;
    let opened_sessions = opened.iter().map(|session| Arc::clone(&session.id)).collect();
    Ok(Pretty(ActorChanged { actor, opened_sessions }))
}

fn unknown(email: &str, actors: &[Arc<ActorState>]) -> Problem {
    Problem::unknown_name("actor", email, actors.iter().map(|actor| &*actor.email))
}
