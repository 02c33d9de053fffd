//! `/api/v1/key/envelopes/{envelopeId}/recipients` (G1, G3, G7).

use super::{
    call::{Given, Nothing},
    error::ApiError,
    resource::Payload,
};
use crate::{
    domain::signing::{
        AgentRequest, Detail, Envelope, Recipient, RecipientChangeRequest, RecipientRequest, RecipientView,
    },
    sandbox::{AgentSource, Sandbox},
};
use serde_json::json;
use std::sync::Arc;

/// `POST`: adds a recipient to a draft.
pub(super) async fn add_recipient(
    sandbox: Arc<Sandbox>,
    envelope: String,
    Given(new): Given<RecipientRequest>,
) -> Result<Payload, ApiError> {
    let (new, agents) = new.parts();
    let id = sandbox.add_recipient(&envelope, new, &sources(agents)).await?;
    Payload::of(json!({ "recipientId": id }))
}

/// `GET`: lists recipients in the order in which they were added, including removed ones.
pub(super) async fn list_recipients(sandbox: Arc<Sandbox>, envelope: String, _: Nothing) -> Result<Payload, ApiError> {
    let envelope = sandbox.envelope(&envelope).await?;
    let recipients: Vec<RecipientView<'_>> =
        envelope.recipients.iter().map(|recipient| view(&envelope, recipient)).collect();
    Payload::single("recipients", recipients)
}

/// `GET {recipientId}`: returns a recipient.
pub(super) async fn show_recipient(
    sandbox: Arc<Sandbox>,
    (envelope, id): (String, String),
    _: Nothing,
) -> Result<Payload, ApiError> {
    let envelope = sandbox.envelope(&envelope).await?;
    shown(&envelope, &id)
}

/// `PATCH {recipientId}`, and `PUT` with the same meaning: changes the given members.
pub(super) async fn change_recipient(
    sandbox: Arc<Sandbox>,
    (envelope, id): (String, String),
    Given(change): Given<RecipientChangeRequest>,
) -> Result<Payload, ApiError> {
    let (change, agents) = change.parts();
    let agents = agents.map(sources);
    let envelope = sandbox.change_recipient(&envelope, &id, change, agents.as_deref()).await?;
    shown(&envelope, &id)
}

/// `DELETE {recipientId}`: removes a recipient from a draft.
pub(super) async fn remove_recipient(
    sandbox: Arc<Sandbox>,
    (envelope, id): (String, String),
    _: Nothing,
) -> Result<Payload, ApiError> {
    let envelope = sandbox.remove_recipient(&envelope, &id).await?;
    shown(&envelope, &id)
}

fn shown(envelope: &Envelope, id: &str) -> Result<Payload, ApiError> {
    Payload::single("recipient", view(envelope, Sandbox::recipient(envelope, id)?))
}

/// The view of a recipient that the contract defines.
fn view<'e>(envelope: &'e Envelope, recipient: &'e Recipient) -> RecipientView<'e> {
    RecipientView::of(envelope, recipient, Detail::CONTRACT)
}

pub(super) fn sources(agents: Vec<AgentRequest>) -> Vec<AgentSource> {
    agents.into_iter().map(Into::into).collect()
}
