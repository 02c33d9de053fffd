//! `/api/v1/key/envelopes/{envelopeId}/recipients/{recipientId}/agents` (G2, G3).

use super::{
    call::{Given, Nothing},
    error::ApiError,
    recipients::sources,
    resource::Payload,
};
use crate::{
    domain::signing::{Agents, AgentsRequest, Envelope, RecipientChange},
    sandbox::Sandbox,
};
use std::sync::Arc;

/// `PUT`: replaces the agents of a draft's recipient.
pub(super) async fn set_agents(
    sandbox: Arc<Sandbox>,
    (envelope, recipient): (String, String),
    Given(request): Given<AgentsRequest>,
) -> Result<Payload, ApiError> {
    let agents = sources(request.agents);
    let envelope = sandbox.change_recipient(&envelope, &recipient, RecipientChange::default(), Some(&agents)).await?;
    listed(&envelope, &recipient)
}

/// `GET`: lists the agents of a recipient.
pub(super) async fn list_agents(
    sandbox: Arc<Sandbox>,
    (envelope, recipient): (String, String),
    _: Nothing,
) -> Result<Payload, ApiError> {
    let envelope = sandbox.envelope(&envelope).await?;
    listed(&envelope, &recipient)
}

fn listed(envelope: &Envelope, recipient: &str) -> Result<Payload, ApiError> {
    Payload::single("agents", Agents { envelope, recipient: Sandbox::recipient(envelope, recipient)?, in_full: false })
}
