//! `/__admin/actors`: what is known of the users on whose behalf handoffs come.

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
    /// How many there are, from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last one.
    #[schema(required)]
    next: Option<Arc<str>>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct ActorChanged {
    actor: Arc<ActorState>,
    /// The agent sessions that waited for this, in the order of their handoffs (S3).
    #[schema(value_type = Vec<AgentSessionId>)]
    opened_sessions: Vec<Arc<str>>,
}

/// Known actors, newest first
///
/// An actor becomes known when a handoff succeeds or meets an obstacle, or when the control plane changes it. An
/// actor known only by its agent sessions is listed last, and only while the sandbox keeps one of them.
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

/// What is known of an actor
///
/// 404 for an unknown actor. Such an actor counts as registered, verified and subscribed, unless a plus tag of the
/// email says otherwise.
#[utoipa::path(
    get, path = "/__admin/actors/{email}", tag = "actors",
    params(("email" = String, Path, format = Email, description = "The actor's email, in upper or lower case."), World),
    responses((status = 200, description = "What is known.", body = ActorState))
)]
pub(super) async fn show_actor(World(sandbox): World, Id(email): Id) -> Result<Pretty<impl Serialize>, Problem> {
    match sandbox.actor(&email).await? {
        Some(actor) => Ok(Pretty(actor)),
        None => Err(unknown(&email, &sandbox.all_actors().await?)),
    }
}

/// Change what is known of an actor
///
/// A member that is not given stays as it is. An actor that was not known starts as the plus tags of the email say.
/// Once the actor is registered, verified and subscribed, the handoffs that were answered `require_subscription`
/// get their sessions without a retry (S3).
#[utoipa::path(
    patch, path = "/__admin/actors/{email}", tag = "actors",
    params(("email" = String, Path, format = Email, description = "The actor's email, in upper or lower case."), World),
    request_body(content = Option<ActorChange>, examples(
        ("verified" = (value = json!({"email_verified": true}))),
        ("subscribed" = (value = json!({"subscribed": true})))
    )),
    responses(
        (status = 200, description = "What is known now, and the sessions that this opened.", body = ActorChanged)
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
