//! Faults that can occur in any contract request. Each surface reports them in its own shape.

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
    /// The request names no address that a URL can start with.
    Address(String),
    /// The media type of the body is not accepted (H3).
    MediaType(String),
    /// The body has a transfer coding other than `chunked`.
    TransferCoding(String),
    /// The body is larger than the limit, in bytes (H4).
    TooLarge(usize),
    /// The body holds more JSON values than the limit.
    TooManyValues(usize),
    /// The other bodies in progress leave no room for this one.
    Busy,
    /// The sender stopped in the middle of the body.
    TimedOut,
    /// The body ended early.
    Broken,
    /// The body breaks the contract; holds every violation.
    Refused(BodyRefusal),
    /// A web page of another site sent the request.
    CrossSite(String),
    /// An internal error of the server.
    Failed,
}

/// The error type of one surface.
pub(super) trait ContractError: From<RequestError> + Into<Answered> + Send {
    /// The findings attached to the error, for the journal.
    fn findings(&mut self) -> &mut Findings;

    /// Applies the settings of the answering sandbox before the error is turned into its answer.
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

    /// The status by HTTP semantics.
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

    /// What is wrong, and how to fix it.
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
                "The request body holds more than {most} JSON values; send fewer, or raise --max-body, which also raises \
                 this limit."
            )
            .into(),
            Self::Busy => BUSY.into(),
            Self::TimedOut => format!(
                "The request body paused for {} seconds, or took longer than {} in all.",
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

    /// The header that HTTP requires with this error, if any.
    pub(super) fn header(&self) -> Option<(HeaderName, HeaderValue)> {
        match self {
            Self::MediaType(_) => Some((header::ACCEPT, HeaderValue::from_static("application/json"))),
            Self::TimedOut | Self::Broken => Some((header::CONNECTION, HeaderValue::from_static("close"))),
            Self::Busy => Some((header::RETRY_AFTER, HeaderValue::from_static("1"))),
            _ => None,
        }
    }

    /// The findings that the journal shows.
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
