//! What is wrong with a request whatever it asks for. Each surface words it in its own shape.

use super::answer::{Answered, Findings};
use crate::{
    config::Switches,
    domain::contract::BodyRefusal,
    http::{
        base_url::InvalidAddress,
        body::{self, BUSY, BodyError},
        problem::bytes,
    },
};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use std::borrow::Cow;

/// Why a request fails before its handler sees it.
#[derive(Debug)]
pub(super) enum RequestError {
    /// The request names no address that a URL can begin with.
    Address(String),
    /// The media type of the body is not accepted (H3).
    MediaType(String),
    /// The body came in a transfer coding other than `chunked`.
    TransferCoding(String),
    /// The body is over the limit, in bytes (H4).
    TooLarge(usize),
    /// The body holds more JSON values than are accepted.
    TooManyValues(usize),
    /// The other bodies under way leave no room for this one.
    Busy,
    /// The body stopped half-way.
    TimedOut,
    /// The body broke off.
    Broken,
    /// The body breaks the contract, with every reason.
    Refused(BodyRefusal),
    /// A web page of another site sent the request.
    CrossSite(String),
    /// A defect of the server.
    Failed,
}

/// The errors of one surface.
pub(super) trait ContractError: From<RequestError> + Into<Answered> + Send {
    /// What is known beside the error.
    fn findings(&mut self) -> &mut Findings;

    /// Follows the settings of the sandbox that answers, before the error becomes its answer.
    fn adapt(&mut self, _: &Switches) {}
}

impl From<InvalidAddress> for RequestError {
    fn from(InvalidAddress(description): InvalidAddress) -> Self {
        Self::Address(description)
    }
}

impl RequestError {
    pub(super) fn of(error: &BodyError, limit: usize) -> Self {
        match error {
            BodyError::TooLarge => Self::TooLarge(limit),
            BodyError::TimedOut => Self::TimedOut,
            BodyError::Broken => Self::Broken,
            BodyError::Busy => Self::Busy,
        }
    }

    /// By HTTP's meaning.
    pub(super) fn http_status(&self) -> StatusCode {
        match self {
            Self::MediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::TransferCoding(_) => StatusCode::NOT_IMPLEMENTED,
            Self::TooLarge(_) | Self::TooManyValues(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut => StatusCode::REQUEST_TIMEOUT,
            Self::Address(_) | Self::Broken | Self::Refused(_) => StatusCode::BAD_REQUEST,
            Self::CrossSite(_) => StatusCode::FORBIDDEN,
            Self::Failed => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// What is wrong, and the fix.
    pub(super) fn description(&self) -> Cow<'static, str> {
        match self {
            Self::MediaType(description)
            | Self::TransferCoding(description)
            | Self::CrossSite(description)
            | Self::Address(description) => description.clone().into(),
            Self::TooLarge(limit) => {
                format!("The request body is larger than {}, the limit that --max-body sets.", bytes(*limit)).into()
            }
            Self::TooManyValues(most) => format!(
                "The request body holds more than {most} JSON values; send fewer, or raise --max-body, which the limit \
                 follows."
            )
            .into(),
            Self::Busy => BUSY.into(),
            Self::TimedOut => format!(
                "The request body stopped half-way for {} seconds, or took longer than {} in all.",
                body::SILENCE.as_secs(),
                body::WHOLE.as_secs()
            )
            .into(),
            Self::Broken => {
                "The request body ended before it was complete, or its framing is broken; send it again in full.".into()
            }
            Self::Refused(refusal) => refusal.description().into(),
            Self::Failed => "The mock failed; please report this as a bug.".into(),
        }
    }

    /// A header that HTTP requires with the error.
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::MediaType(_) => Some((header::ACCEPT, HeaderValue::from_static("application/json"))),
            Self::TimedOut | Self::Broken => Some((header::CONNECTION, HeaderValue::from_static("close"))),
            Self::Busy => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        }
    }

    /// What the journal shows of it.
    pub(super) fn findings(self) -> Findings {
        match self {
            Self::Refused(refusal) => Findings {
                violations: refusal.violations,
                omitted_violations: refusal.omitted,
                advices: refusal.advices,
                ..Findings::default()
            },
            _ => Findings::default(),
        }
    }
}
