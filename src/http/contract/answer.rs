//! Answers of contract handlers, and the findings they pass along with the answer.

use crate::{
    base::budget::Account,
    domain::{
        contract::{Advice, Violation},
        oauth::JudgedAssertion,
        scenario::Chosen,
    },
    http::fault::ConnectionFault,
    sandbox::Sandbox,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use std::{borrow::Cow, sync::Arc, time::Duration};

/// Facts about an exchange for the journal; never part of the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) client: Option<Arc<str>>,
    pub(super) body: Option<Arc<[u8]>>,
    /// The body's share of the memory budget for bodies in progress.
    pub(super) lease: Option<Arc<Account>>,
    pub(super) violations: Vec<Violation>,
    pub(super) omitted_violations: usize,
    pub(super) advices: Vec<Advice>,
    pub(super) chosen: Option<Chosen>,
    /// The version of the scenario set that the request was matched against.
    pub(super) scenarios: Option<u64>,
    pub(super) agent_session: Option<Arc<str>>,
    /// The id of the access token that was issued or used.
    pub(super) token: Option<Arc<str>>,
    /// The assertion that was sent, with the result for each claim.
    pub(super) assertion: Option<Box<JudgedAssertion>>,
    /// True if the exchange must not be recorded, because a reset has cleared its sandbox.
    pub(super) is_unrecorded: bool,
    /// The sandbox that the request belongs to, if only the body identifies it.
    pub(super) sandbox: Option<Arc<Sandbox>>,
}

/// A contract answer, with the findings made on the way.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) http_status: StatusCode,
    /// The `status` member of the body, if it has one.
    pub(super) status: Option<&'static str>,
    /// Additional headers; they replace headers of the same name.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
    /// The body that the journal keeps if the real one holds a credential.
    pub(super) masked_body: Option<Vec<u8>>,
    /// A fault to apply to the connection.
    pub(super) fault: Option<ConnectionFault>,
    /// Time over which the body is sent in pieces.
    pub(super) dribble: Option<Duration>,
    /// Whether the log reports it as refused. The HTTP status does not always show that, because settings change it
    /// (S7, G8).
    pub(super) is_refused: bool,
    /// How long the answer is delayed, in real time.
    pub(super) delay: Duration,
    /// The reason for the answer, in a few words for the log.
    pub(super) reason: Cow<'static, str>,
    pub(super) findings: Findings,
}

impl Answered {
    /// An answer that is sent immediately and unchanged.
    pub(super) fn plain(http_status: StatusCode, body: Vec<u8>, reason: Cow<'static, str>, findings: Findings) -> Self {
        Self {
            http_status,
            status: None,
            headers: Vec::new(),
            body,
            masked_body: None,
            fault: None,
            dribble: None,
            is_refused: http_status.as_u16() >= 400,
            delay: Duration::ZERO,
            reason,
            findings,
        }
    }
}
