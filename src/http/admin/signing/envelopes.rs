//! `/__admin/signing/envelopes`: envelopes in full, and what their senders do beside the contract.

use super::{EmptyBody, refusal::refused};
use crate::{
    base::reading::Readings,
    domain::signing::{Envelope, EnvelopeState, EnvelopeView},
    http::{
        admin::{
            extract::{Fields, Id, Params, World},
            paging::{Limit, check_session_filter, page_after, page_size},
            prefer::Preferred,
        },
        pretty::Pretty,
        problem::{Problem, not_one_of},
    },
    sandbox::{Performed, SigningError},
    store::RecordPage,
};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Which envelopes are wanted. Every condition given must hold.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::http::admin) struct EnvelopeQuery {
    status: Option<String>,
    agent_session_id: Option<Readings>,
    handoff_id: Option<Readings>,
    /// The id of the last envelope of the page before.
    after: Option<String>,
    limit: Option<Limit>,
}

impl EnvelopeQuery {
    fn admits(&self, envelope: &Envelope) -> bool {
        let origin = envelope.terms.origin.as_deref();
        let is = |wanted: &Option<Readings>, value: Option<&str>| {
            wanted.as_ref().is_none_or(|wanted| value.is_some_and(|value| wanted.is(value)))
        };
        self.status.as_ref().is_none_or(|status| status == envelope.state.as_str())
            && is(&self.agent_session_id, origin.map(|origin| &*origin.agent_session_id))
            && is(&self.handoff_id, origin.map(|origin| &*origin.handoff_id))
    }
}

/// `GET /__admin/signing/envelopes`: newest first.
pub(in crate::http::admin) async fn list_envelopes(
    World(sandbox): World,
    preferred: Preferred,
    Params(wanted): Params<EnvelopeQuery>,
) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct ListedEnvelopes<E> {
        envelopes: Vec<E>,
        matching: usize,
        next: Option<Arc<str>>,
    }
    let limit = page_size(wanted.limit);
    if let Some(status) = wanted.status.as_ref().filter(|status| !EnvelopeState::WORDS.contains(&status.as_str())) {
        return Err(Problem::in_query("status", not_one_of(status, &EnvelopeState::WORDS)));
    }
    check_session_filter(wanted.agent_session_id.as_ref())?;
    let after = wanted.after.as_deref();
    let page = sandbox.envelopes().page(after, limit, |envelope| wanted.admits(envelope)).await?;
    let RecordPage { records, matching, next } = page_after("envelope", after, page)?;
    let view = |envelope| EnvelopeView { envelope, in_full: true }.with_agents(!preferred.minimal);
    let envelopes = records.iter().map(|envelope| view(envelope)).collect();
    Ok(preferred.answer(Pretty(ListedEnvelopes { envelopes, matching, next })))
}

/// `GET /__admin/signing/envelopes/{id}`.
pub(in crate::http::admin) async fn show_envelope(
    World(sandbox): World,
    Id(id): Id,
    preferred: Preferred,
) -> Result<Response, Problem> {
    match sandbox.envelope(&id).await {
        Ok(envelope) => {
            let view = EnvelopeView { envelope: &envelope, in_full: true };
            Ok(preferred.answer(Pretty(view.with_agents(!preferred.minimal))))
        }
        Err(error) => refused(error, preferred),
    }
}

/// `POST /__admin/signing/envelopes/{id}/void`: as the contract's own void.
pub(in crate::http::admin) async fn void_envelope(
    World(sandbox): World,
    Id(id): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    ended(sandbox.void_envelope(&id).await, preferred)
}

/// `POST /__admin/signing/envelopes/{id}/expire`: as if its time were over.
pub(in crate::http::admin) async fn expire_envelope(
    World(sandbox): World,
    Id(id): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    ended(sandbox.expire_envelope(&id).await, preferred)
}

fn ended(done: Result<Performed, SigningError>, preferred: Preferred) -> Result<Response, Problem> {
    #[derive(Serialize)]
    struct Ended<E> {
        effective: bool,
        envelope: E,
    }
    match done {
        Ok(done) => {
            let view = EnvelopeView { envelope: &done.envelope, in_full: true };
            let envelope = view.with_agents(!preferred.minimal);
            Ok(preferred.answer(Pretty(Ended { effective: done.effective, envelope })))
        }
        Err(error) => refused(error, preferred),
    }
}
