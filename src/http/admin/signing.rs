//! `/__admin/signing`: actions of agents, so that a test can play any order of events by hand (G4, G10); full
//! envelopes, and the team.

mod envelopes;
mod refusal;
mod users;

pub(super) use envelopes::*;
pub(super) use refusal::problem_schemas;
pub(super) use users::*;

use self::refusal::{recipient_at, refused};
use super::{
    answers::{NotFoundByName, Refused},
    prefer::Preferred,
};
use crate::{
    domain::signing::{Act, AgentId, EnvelopeStatus, RecipientView},
    http::{
        admin::extract::{Fields, Id, World},
        pretty::Pretty,
        problem::Problem,
    },
    sandbox::Sandbox,
};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Empty)]
pub(super) struct EmptyBody {}

/// Open an agent's invitation
///
/// Repeating it changes nothing (G10).
#[utoipa::path(
    post, path = "/__admin/signing/agents/{agentId}/open", tag = "signing",
    params(("agentId" = AgentId, Path, description = "The agent's id. 404 `Agent.NotFound` if it does not exist."), World, Preferred),
    request_body = Option<EmptyBody>,
    responses(
        (status = 200, description = "The invitation is open.", body = Acted<'static>),
        (status = 404, response = NotFoundByName),
        (status = 409, response = Refused)
    )
)]
pub(super) async fn open(
    World(sandbox): World,
    Id(agent): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    act(&sandbox, &agent, Act::Open, preferred).await
}

/// Accept as an agent
///
/// The first agent to open and accept becomes primary, and all others are released at the same moment (G4, G5). Later
/// agents get 409 `Recipient.AlreadyClaimed`. A primary that accepts again changes nothing.
#[utoipa::path(
    post, path = "/__admin/signing/agents/{agentId}/accept", tag = "signing",
    params(("agentId" = AgentId, Path, description = "The agent's id. 404 `Agent.NotFound` if it does not exist."), World, Preferred),
    request_body = Option<EmptyBody>,
    responses(
        (status = 200, description = "The agent is primary.", body = Acted<'static>),
        (status = 404, response = NotFoundByName),
        (status = 409, response = Refused)
    )
)]
pub(super) async fn accept(
    World(sandbox): World,
    Id(agent): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    act(&sandbox, &agent, Act::Accept, preferred).await
}

/// Decline as an agent
///
/// The recipient declines when its last agent or its primary declines. A required recipient that declines voids the
/// envelope, unless `reopen` invites the released agents again, or `on_decline` is `keep` (G10).
#[utoipa::path(
    post, path = "/__admin/signing/agents/{agentId}/decline", tag = "signing",
    params(("agentId" = AgentId, Path, description = "The agent's id. 404 `Agent.NotFound` if it does not exist."), World, Preferred),
    request_body = Option<EmptyBody>,
    responses(
        (status = 200, description = "The agent has declined.", body = Acted<'static>),
        (status = 404, response = NotFoundByName),
        (status = 409, response = Refused)
    )
)]
pub(super) async fn decline(
    World(sandbox): World,
    Id(agent): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    act(&sandbox, &agent, Act::Decline, preferred).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    /// The one-time code, if the recipient requires phone verification.
    code: Option<String>,
}

/// Sign as the primary agent
///
/// If the recipient requires phone verification, `code` must hold the one-time code: without it the answer is
/// `Agent.CodeRequired`, with a wrong one `Agent.CodeWrong`. The code was sent when the agent accepted; read it from
/// the messages.
#[utoipa::path(
    post, path = "/__admin/signing/agents/{agentId}/sign", tag = "signing",
    params(("agentId" = AgentId, Path, description = "The agent's id. 404 `Agent.NotFound` if it does not exist."), World, Preferred),
    request_body(content = Option<Signature>, examples(
        ("plain" = (value = json!({}))),
        ("with a code" = (value = json!({"code": "123456"})))
    )),
    responses(
        (status = 200, description = "The agent has signed.", body = Acted<'static>),
        (status = 404, response = NotFoundByName),
        (status = 409, response = Refused)
    )
)]
pub(super) async fn sign(
    World(sandbox): World,
    Id(agent): Id,
    preferred: Preferred,
    Fields(Signature { code }): Fields<Signature>,
) -> Result<Response, Problem> {
    act(&sandbox, &agent, Act::Sign { code: code.as_deref() }, preferred).await
}

#[derive(Serialize, ToSchema)]
pub(super) struct Acted<'e> {
    /// False if this had been done before, so nothing changed (G10).
    effective: bool,
    envelope_status: EnvelopeStatus,
    #[schema(required, value_type = RecipientView<'e>)]
    recipient: Option<RecipientView<'e>>,
}

/// The answer to an agent's action: the recipient in its current state, or the refusal with it.
async fn act(sandbox: &Sandbox, agent: &str, act: Act<'_>, preferred: Preferred) -> Result<Response, Problem> {
    let done = match sandbox.act(agent, act).await {
        Ok(done) => done,
        Err(error) => return refused(error, preferred),
    };
    Ok(preferred.answer(Pretty(Acted {
        effective: done.effective,
        envelope_status: done.envelope.state.status(),
        recipient: recipient_at(&done.envelope, done.spot, preferred),
    })))
}
