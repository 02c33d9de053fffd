//! Refusals of the signing service: a problem (RFC 9457) with the stable name of the error, what a program may want to
//! know beside it, and the present state of what it is about.

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

/// A problem (RFC 9457) with the name of the signing service's error, and what it is about.
#[derive(Serialize, ToSchema)]
#[schema(as = SigningProblem)]
struct SigningProblem<'e> {
    #[serde(flatten)]
    problem: Problem,
    #[schema(value_type = ErrorName)]
    name: &'static str,
    /// What a program may need beside the name: ids, by their names in the contract.
    #[schema(value_type = Object)]
    context: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope_status: Option<EnvelopeStatus>,
    /// The recipient as it now is.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<RecipientView<'e>>,
    /// The envelope as it now is.
    #[serde(skip_serializing_if = "Option::is_none")]
    envelope: Option<EnvelopeView<'e>>,
}

/// The stable name of an error of the signing service (G8). Programs should rely on it, not on the detail.
enum ErrorName {}

impl ToSchema for ErrorName {}

impl PartialSchema for ErrorName {
    fn schema() -> RefOr<Schema> {
        // A draft is deleted through the contract alone.
        let refusals = Refusal::ALL.map(Refusal::name).into_iter().filter(|name| *name != "Envelope.NotDeletable");
        let names = refusals.chain(["Envelope.NotFound", "Agent.NotFound", "User.NotFound", "User.Exists"]);
        let description =
            "The stable name of an error of the signing service (G8). Programs should rely on it, not on the detail.";
        ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names)).description(Some(description)).into()
    }
}

/// The schemas of [`SigningProblem`], to which no operation refers itself.
pub(in crate::http::admin) fn problem_schemas() -> Map<String, Value> {
    let mut schemas = vec![(SigningProblem::name().into_owned(), SigningProblem::schema())];
    SigningProblem::schemas(&mut schemas);
    schemas.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect()
}

/// The answer to what the signing service refused; an unavailable store is not a refusal of the service.
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

/// An envelope with everything that the control plane shows, with agents unless the caller prefers less.
pub(super) fn in_full(envelope: &Envelope, preferred: Preferred) -> EnvelopeView<'_> {
    EnvelopeView::of(envelope, Detail { in_full: true, agents: !preferred.minimal })
}

/// The recipient at a spot of an envelope, likewise.
pub(super) fn recipient_at(envelope: &Envelope, spot: Option<Spot>, preferred: Preferred) -> Option<RecipientView<'_>> {
    let recipient = envelope.recipient_at(spot?.recipient)?;
    Some(RecipientView::of(envelope, recipient, Detail { in_full: true, agents: !preferred.minimal }))
}
