//! `/__admin/signing/envelopes`: full envelopes, and actions of senders outside the contract.

use super::{
    EmptyBody,
    refusal::{in_full, refused},
};
use crate::{
    base::{reading::Readings, schema::AgentSessionId},
    domain::signing::{Envelope, EnvelopeId, EnvelopeState, EnvelopeStatus, EnvelopeView},
    http::{
        admin::{
            answers::{NotFoundByName, Refused},
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
use utoipa::{IntoParams, ToSchema};

/// Filters for envelopes. Envelopes must match every filter given.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::admin) struct EnvelopeQuery {
    /// Only envelopes with this status (G6).
    #[param(value_type = Option<EnvelopeStatus>)]
    status: Option<String>,
    /// Only the envelope that this agent session created.
    #[param(value_type = Option<AgentSessionId>)]
    agent_session_id: Option<Readings>,
    /// Only envelopes created by handoffs with this id (R2).
    #[param(value_type = Option<String>)]
    handoff_id: Option<Readings>,
    /// Only envelopes after this one; pass the `next` of the previous page. 404 if there is no such envelope.
    #[param(value_type = Option<EnvelopeId>)]
    after: Option<String>,
    /// Maximum number of entries to return.
    #[param(inline, default = 100)]
    limit: Option<Limit>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = Envelopes)]
pub(in crate::http::admin) struct ListedEnvelopes<'e> {
    #[schema(max_items = 1000)]
    envelopes: Vec<EnvelopeView<'e>>,
    /// Number of matching entries from `after` on.
    matching: usize,
    /// The `after` of the next page; null on the last page.
    #[schema(required, value_type = Option<EnvelopeId>)]
    next: Option<Arc<str>>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = EnvelopeEnded)]
pub(in crate::http::admin) struct Ended<'e> {
    /// False if the envelope had ended before, so nothing changed (G10).
    effective: bool,
    envelope: EnvelopeView<'e>,
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

/// List envelopes, newest first
///
/// Entries must match every filter given. Unknown parameters are refused.
#[utoipa::path(
    get, path = "/__admin/signing/envelopes", tag = "signing",
    params(EnvelopeQuery, World, Preferred),
    responses((status = 200, description = "A page of envelopes.", body = ListedEnvelopes<'static>))
)]
pub(in crate::http::admin) async fn list_envelopes(
    World(sandbox): World,
    preferred: Preferred,
    Params(wanted): Params<EnvelopeQuery>,
) -> Result<Response, Problem> {
    let limit = page_size(wanted.limit);
    if let Some(status) = wanted.status.as_ref().filter(|status| !EnvelopeState::WORDS.contains(&status.as_str())) {
        return Err(Problem::in_query("status", not_one_of(status, &EnvelopeState::WORDS)));
    }
    check_session_filter(wanted.agent_session_id.as_ref())?;
    let after = wanted.after.as_deref();
    let page = sandbox.envelopes().page(after, limit, |envelope| wanted.admits(envelope)).await?;
    let RecordPage { records, matching, next } = page_after("envelope", after, page)?;
    let envelopes = records.iter().map(|envelope| in_full(envelope, preferred)).collect();
    Ok(preferred.answer(Pretty(ListedEnvelopes { envelopes, matching, next })))
}

/// Get an envelope in full
///
/// As the contract shows it, plus the states of its recipients and agents, and the session that created it.
#[utoipa::path(
    get, path = "/__admin/signing/envelopes/{id}", tag = "signing",
    params(("id" = EnvelopeId, Path, description = "The envelope's id. 404 `Envelope.NotFound` if it does not exist."), World, Preferred),
    responses(
        (status = 200, description = "The envelope.", body = EnvelopeView<'static>),
        (status = 404, response = NotFoundByName)
    )
)]
pub(in crate::http::admin) async fn show_envelope(
    World(sandbox): World,
    Id(id): Id,
    preferred: Preferred,
) -> Result<Response, Problem> {
    match sandbox.envelope(&id).await {
        Ok(envelope) => Ok(preferred.answer(Pretty(in_full(&envelope, preferred)))),
        Err(error) => refused(error, preferred),
    }
}

/// Void an envelope
///
/// Has the same effect as when its sender voids it through the contract (G6).
#[utoipa::path(
    post, path = "/__admin/signing/envelopes/{id}/void", tag = "signing",
    params(("id" = EnvelopeId, Path, description = "The envelope's id. 404 `Envelope.NotFound` if it does not exist."), World, Preferred),
    request_body = Option<EmptyBody>,
    responses(
        (status = 200, description = "The envelope has ended.", body = Ended<'static>),
        (status = 404, response = NotFoundByName),
        (status = 409, response = Refused)
    )
)]
pub(in crate::http::admin) async fn void_envelope(
    World(sandbox): World,
    Id(id): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    ended(sandbox.void_envelope(&id).await, preferred)
}

/// Expire an envelope early
///
/// Has the same effect as reaching its expiry time (G6). The clock does not move.
#[utoipa::path(
    post, path = "/__admin/signing/envelopes/{id}/expire", tag = "signing",
    params(("id" = EnvelopeId, Path, description = "The envelope's id. 404 `Envelope.NotFound` if it does not exist."), World, Preferred),
    request_body = Option<EmptyBody>,
    responses(
        (status = 200, description = "The envelope has ended.", body = Ended<'static>),
        (status = 404, response = NotFoundByName),
        (status = 409, response = Refused)
    )
)]
pub(in crate::http::admin) async fn expire_envelope(
    World(sandbox): World,
    Id(id): Id,
    preferred: Preferred,
    Fields(EmptyBody {}): Fields<EmptyBody>,
) -> Result<Response, Problem> {
    ended(sandbox.expire_envelope(&id).await, preferred)
}

fn ended(done: Result<Performed, SigningError>, preferred: Preferred) -> Result<Response, Problem> {
    match done {
        Ok(done) => {
            let envelope = in_full(&done.envelope, preferred);
            Ok(preferred.answer(Pretty(Ended { effective: done.effective, envelope })))
        }
        Err(error) => refused(error, preferred),
    }
}
