//! `/__admin/signing`: what people do with their invitations, so that a test can play any order by hand (G4, G10); the
//! envelopes in full, and the team.

mod envelopes;
mod refusal;
mod users;

pub(super) use envelopes::{expire_envelope, list_envelopes, show_envelope, void_envelope};
pub(super) use users::{create_user, delete_user, list_users, show_user};

use self::refusal::{recipient_at, refused};
use super::{Pretty, prefer::Preferred};
use crate::{
    domain::signing::Act,
    http::{
        admin::extract::{Fields, Id, World},
        problem::Problem,
    },
    sandbox::Sandbox,
};
use axum::response::Response;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct EmptyBody {}

/// `POST /__admin/signing/agents/{agentId}/open`.
pub(super) async fn open(
    World(sandbox): World,
    Id(agent): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    act(&sandbox, &agent, Act::Open, preferred).await
}

/// `POST /__admin/signing/agents/{agentId}/accept`.
pub(super) async fn accept(
    World(sandbox): World,
    Id(agent): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    act(&sandbox, &agent, Act::Accept, preferred).await
}

/// `POST /__admin/signing/agents/{agentId}/decline`.
pub(super) async fn decline(
    World(sandbox): World,
    Id(agent): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    act(&sandbox, &agent, Act::Decline, preferred).await
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Signature {
    code: Option<String>,
}

/// `POST /__admin/signing/agents/{agentId}/sign` with `{"code": "123456"}` where the recipient asks for one.
pub(super) async fn sign(
    World(sandbox): World,
    Id(agent): Id,
    preferred: Preferred,
    Fields(Signature { code }): Fields<Signature>,
) -> Result<Response, Problem> {
    act(&sandbox, &agent, Act::Sign { code: code.as_deref() }, preferred).await
}

/// The answer to what an agent did: the recipient as it now is, whether or not the rules refused it.
async fn act(sandbox: &Sandbox, agent: &str, act: Act<'_>, preferred: Preferred) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Done<R> {
        effective: bool,
        envelope_status: &'static str,
        recipient: Option<R>,
    }
    let done = match sandbox.act(agent, act).await {
        Ok(done) => done,
        Err(error) => return refused(error, preferred),
    };
    let recipient = recipient_at(&done.envelope, done.spot);
    Ok(preferred.answer(Pretty(Done {
        effective: done.effective,
        envelope_status: done.envelope.state.as_str(),
        recipient: recipient.map(|recipient| recipient.with_agents(!preferred.minimal)),
    })))
}
