//! `/api/v1/key/envelopes` (G6).

use super::{
    call::{Given, Nothing, Reached},
    error::ApiError,
    page::EnvelopePage,
    resource::Payload,
};
use crate::{
    config::OnDecline,
    domain::signing::{Detail, Envelope, EnvelopeRequest, EnvelopeView},
    sandbox::{Performed, Sandbox, SigningError},
};
use serde_json::json;
use std::sync::Arc;

/// `POST`: creates a draft.
pub(super) async fn create_envelope(
    sandbox: Arc<Sandbox>,
    (): (),
    Reached(base_url, Given(new)): Reached<Given<EnvelopeRequest>>,
) -> Result<Payload, ApiError> {
    let keeps = sandbox.switches().on_decline == OnDecline::Keep;
    let envelope = sandbox.create_envelope(new.terms(sandbox.clock.now(), keeps), Some(base_url)).await?;
    Payload::of(json!({ "envelopeId": envelope.id }))
}

/// `GET`: lists envelopes, newest first.
pub(super) async fn list_envelopes(
    sandbox: Arc<Sandbox>,
    (): (),
    EnvelopePage { page, status }: EnvelopePage,
) -> Result<Payload, ApiError> {
    let wanted = |envelope: &Envelope| status.is_none_or(|status| envelope.state.as_str() == status);
    let (envelopes, next) = page.of(sandbox.envelopes(), wanted, SigningError::NoSuchEnvelope).await?;
    let envelopes: Vec<EnvelopeView<'_>> = envelopes.iter().map(|envelope| view(envelope)).collect();
    Payload::listed("envelopes", &envelopes, next)
}

/// `GET {envelopeId}`: returns an envelope.
pub(super) async fn show_envelope(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    let envelope = sandbox.envelope(&id).await?;
    Payload::single("envelope", view(&envelope))
}

/// `DELETE {envelopeId}`: deletes a draft.
pub(super) async fn delete_envelope(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    sandbox.delete_envelope(&id).await?;
    Payload::of(json!({ "envelopeId": id }))
}

/// `PUT {envelopeId}/send`: sends the envelope and invites the recipients whose turn it is.
pub(super) async fn send_envelope(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    let Performed { envelope, .. } = sandbox.send_envelope(&id).await?;
    Payload::single("envelope", view(&envelope))
}

/// `POST {envelopeId}/void`: voids the envelope.
pub(super) async fn void_envelope(sandbox: Arc<Sandbox>, id: String, _: Nothing) -> Result<Payload, ApiError> {
    let Performed { envelope, .. } = sandbox.void_envelope(&id).await?;
    Payload::single("envelope", view(&envelope))
}

/// The view of an envelope that the contract defines.
fn view(envelope: &Envelope) -> EnvelopeView<'_> {
    EnvelopeView::of(envelope, Detail::CONTRACT)
}
