//! What handlers of the contract answer with, and what they found on the way to it.

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

/// What is known of an exchange beside its request and its answer. It is shown in the journal, never in the answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Findings {
    pub(super) client: Option<Arc<str>>,
    pub(super) body: Option<Arc<[u8]>>,
    /// The body's part of the budget for bodies under way.
    pub(super) lease: Option<Arc<Account>>,
    pub(super) violations: Vec<Violation>,
    pub(super) omitted_violations: usize,
    pub(super) advices: Vec<Advice>,
    pub(super) chosen: Option<Chosen>,
    /// The version of the scenario set that the request was compared with.
    pub(super) scenarios: Option<u64>,
    pub(super) agent_session: Option<Arc<str>>,
    /// The access token that was issued or shown, by its id.
    pub(super) token: Option<Arc<str>>,
    /// The assertion that came, and the result for each claim.
    pub(super) assertion: Option<Box<JudgedAssertion>>,
    /// The exchange is not recorded: it belongs to what a reset has cleared.
    pub(super) is_unrecorded: bool,
    /// The sandbox that the request belongs to, where only its body tells.
    pub(super) sandbox: Option<Arc<Sandbox>>,
}

/// An answer of the contract, with what was found on the way to it.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) http_status: StatusCode,
    /// The `status` of the body, where answers have one.
    pub(super) status: Option<&'static str>,
    /// Headers beside the usual ones; one of the same name replaces it.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Vec<u8>,
    /// What the journal keeps instead of a body with a credential in it.
    pub(super) masked_body: Option<Vec<u8>>,
    /// What happens to the answer on its way.
    pub(super) fault: Option<ConnectionFault>,
    /// The body is sent in pieces over this much time.
    pub(super) dribble: Option<Duration>,
    /// Whether the log shows it as refused. The HTTP status does not always tell, because settings change it (S7, G8).
    pub(super) is_refused: bool,
    /// How long it is held back, in real time.
    pub(super) delay: Duration,
    /// Why it is what it is, in a few words for the log.
    pub(super) reason: Cow<'static, str>,
    pub(super) findings: Findings,
}

impl Answered {
    /// An answer that goes out at once and as it is.
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
