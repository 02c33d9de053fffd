//! Refusals of the signing service: a problem (RFC 9457) with the stable name of the error, what a program may want to
//! know beside it, and the present state of what it is about.

use crate::{
    domain::signing::{Envelope, EnvelopeView, RecipientView, Spot},
    http::{admin::prefer::Preferred, problem::Problem},
    sandbox::{SigningError, SigningErrorKind},
};
use axum::{http::StatusCode, response::Response};
use serde::Serialize;
use serde_json::{Map, Value};

/// A problem with the members that the signing service adds.
#[derive(Serialize)]
struct Refused<T> {
    #[serde(flatten)]
    problem: Problem,
    name: &'static str,
    context: Map<String, Value>,
    #[serde(flatten)]
    about: Option<T>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum About<R, E> {
    Recipient { envelope_status: &'static str, recipient: R },
    Envelope { envelope: E },
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
    let agents = !preferred.minimal;
    let about = if let SigningError::Refused { envelope, spot, .. } = &error {
        Some(match recipient_at(envelope, *spot) {
            Some(recipient) => {
                About::Recipient { envelope_status: envelope.state.as_str(), recipient: recipient.with_agents(agents) }
            }
            None => About::Envelope { envelope: EnvelopeView { envelope, in_full: true }.with_agents(agents) },
        })
    } else {
        None
    };
    let problem = Problem::new(code, error.to_string());
    let refused = Refused { problem, name: error.name(), context: error.context(), about };
    Ok(preferred.answer(Problem::extended(code, &refused)))
}

/// The recipient at a spot of an envelope.
pub(super) fn recipient_at(envelope: &Envelope, spot: Option<Spot>) -> Option<RecipientView<'_>> {
    let recipient = envelope.recipient_at(spot?.recipient)?;
    Some(RecipientView { envelope, recipient, in_full: true })
}
