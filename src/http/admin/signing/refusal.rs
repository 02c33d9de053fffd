//! Refusals by the signing service: an RFC 9457 problem with the stable name of the error, its context, and the current
//! state of the recipient or envelope.

use crate::{
    domain::signing::{Detail, Envelope, EnvelopeStatus, EnvelopeView, RecipientView, Refusal, Spot},
    http::{admin::prefer::Preferred, problem::Problem},
    sandbox::{SigningError, SigningErrorKind},
};
use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, schema::Type},
};

/// A problem (RFC 9457) with the name of the signing service's error, its context and the current state.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningProblem)]
struct SigningProblem<'e> {
    #[serde(flatten)]
    problem: Problem,
    #[schema(value_type = ErrorName)]
    name: &'static str,
    /// Data for programs, such as ids, under the contract's names.
    #[schema(value_type = Object)]
    context: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope_status: Option<EnvelopeStatus>,
    /// The recipient in its current state.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<RecipientView<'e>>,
    /// The envelope in its current state.
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<EnvelopeView<'e>>,
}

/// The stable name of an error of the signing service (G8). Programs should rely on it and not on `detail`.
enum ErrorName {}

impl ToSchema for ErrorName {}

impl PartialSchema for ErrorName {
    fn schema() -> RefOr<Schema> {
        // Drafts can only be deleted through the contract.
        let refusals = Refusal::ALL.map(Refusal::name).into_iter().filter(|name| *name != "Envelope.NotDeletable");
        let names = refusals.chain(["Envelope.NotFound", "Agent.NotFound", "User.NotFound", "User.Exists"]);
        let description =
            "The stable name of an error of the signing service (G8). Programs should rely on it and not on `detail`.";
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).description(Some(description)).into()
    }
}

/// The schemas of [`SigningProblem`], which no operation refers to directly.
pub(in crate::http::admin) fn problem_schemas() -> Map<String, Value> {
    let mut schemas = vec![(SigningProblem::name().into_owned(), SigningProblem::schema())];
    SigningProblem::schemas(&mut schemas);
    schemas.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect()
}

/// Converts a refusal into an answer. An unavailable store is not a refusal and becomes an ordinary problem.
pub(super) fn refused(error: SigningError, preferred: Preferred) -> Result<Response, Problem> {
    let code = match error.fault() {
        SigningErrorKind::NotFound => StatusCode::NOT_FOUND,
        SigningErrorKind::Unfit => StatusCode::BAD_REQUEST,
        SigningErrorKind::Conflict => StatusCode::CONFLICT,
        SigningErrorKind::Ours => StatusCode::SERVICE_UNAVAILABLE,
    };
    if let SigningError::Store(error) = error {
        return Err(error.into());
    }
    let (mut envelope_status, mut recipient, mut envelope) = (None, None, None);
    if let SigningError::Refused { envelope: refused, spot, .. } = &error {
        recipient = recipient_at(refused, *spot, preferred);
        match recipient {
            Some(_) => envelope_status = Some(refused.state.status()),
            None => envelope = Some(in_full(refused, preferred)),
        }
    }
    let problem = Problem::new(code, error.to_string());
    let (name, context) = (error.name(), error.context());
    let refused = SigningProblem { problem, name, context, envelope_status, recipient, envelope };
    Ok(preferred.answer(Problem::extended(code, &refused)))
}

/// An envelope with everything that the control plane shows; without agents if the caller prefers a minimal answer.
pub(super) fn in_full(envelope: &Envelope, preferred: Preferred) -> EnvelopeView<'_> {
    EnvelopeView::of(envelope, Detail { in_full: true, agents: !preferred.minimal })
}

/// The recipient at a position of an envelope; without agents if the caller prefers a minimal answer.
pub(super) fn recipient_at(envelope: &Envelope, spot: Option<Spot>, preferred: Preferred) -> Option<RecipientView<'_>> {
    let recipient = envelope.recipient_at(spot?.recipient)?;
    Some(RecipientView::of(envelope, recipient, Detail { in_full: true, agents: !preferred.minimal }))
}
