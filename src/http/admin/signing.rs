//! `/__admin/signing`: what people do with their invitations, so that a test can play any order by hand (G4, G10); the
//! envelopes in full, and the team.

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

/// An agent opens the invitation
///
/// Repeating it changes nothing (G10).
#[utoipa::path(
    post, path = "/__admin/signing/agents/{agentId}/open", tag = "signing",
    params(("agentId" = AgentId, Path, description = "The agent. 404 `Agent.NotFound` when no envelope has it."), World, Preferred),
    request_body = Option<EmptyBody>,
    responses(
        (status = 200, description = "Done, now or before.", body = Acted<'static>),
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

/// An agent accepts the role
///
/// The first agent that has opened and accepts becomes primary, and all others are released at the same moment (G4,
/// G5). An agent that comes too late gets 409 `Recipient.AlreadyClaimed`. A primary that accepts again changes
/// nothing.
#[utoipa::path(
    post, path = "/__admin/signing/agents/{agentId}/accept", tag = "signing",
    params(("agentId" = AgentId, Path, description = "The agent. 404 `Agent.NotFound` when no envelope has it."), World, Preferred),
    request_body = Option<EmptyBody>,
    responses(
        (status = 200, description = "Done, now or before.", body = Acted<'static>),
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

/// An agent declines
///
/// When the last agent declines, or the primary does, the recipient has declined. A required recipient that declines
/// voids the envelope, unless `reopen` invites the released agents again, or `on_decline` is `keep` (G10).
#[utoipa::path(
    post, path = "/__admin/signing/agents/{agentId}/decline", tag = "signing",
    params(("agentId" = AgentId, Path, description = "The agent. 404 `Agent.NotFound` when no envelope has it."), World, Preferred),
    request_body = Option<EmptyBody>,
    responses(
        (status = 200, description = "Done, now or before.", body = Acted<'static>),
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
    /// The one-time code, where the recipient requires phone verification.
    code: Option<String>,
}

/// The primary agent signs
///
/// Where the recipient requires phone verification, with the one-time code: `Agent.CodeRequired` without one,
/// `Agent.CodeWrong` with a wrong one. The code was sent when the agent accepted; find it among the messages.
#[utoipa::path(
    post, path = "/__admin/signing/agents/{agentId}/sign", tag = "signing",
    params(("agentId" = AgentId, Path, description = "The agent. 404 `Agent.NotFound` when no envelope has it."), World, Preferred),
    request_body(content = Option<Signature>, examples(
        ("plain" = (value = json!({}))),
        ("with a code" = (value = json!({"code": "123456"})))
    )),
    responses(
        (status = 200, description = "Done, now or before.", body = Acted<'static>),
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
    /// False when it was done before, and nothing changed (G10).
    effective: bool,
    envelope_status: EnvelopeStatus,
    #[schema(required, value_type = RecipientView<'e>)]
    recipient: Option<RecipientView<'e>>,
}

/// The answer to what an agent did: the recipient as it now is, whether or not the rules refused it.
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
