//! Errors of the token endpoint, in the shape of RFC 6749, 5.2 (T5).

use crate::{
    domain::{
        oauth::{ErrorCode, TokenError},
        scenario::{Chosen, ChosenBy},
    },
    http::contract::{
        answer::{Answered, Findings},
        departure::DepartureError,
        request_error::{ContractError, RequestError},
    },
};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Value, json};
use std::borrow::Cow;

/// An error answer of the token endpoint.
#[derive(Debug)]
pub(super) struct TokenFailure(Box<FailureParts>);

/// Boxed, because most results hold none.
#[derive(Debug)]
struct FailureParts {
    http_status: StatusCode,
    code: &'static str,
    description: String,
    header: Option<(HeaderName, HeaderValue)>,
    findings: Findings,
}

/// The `error` codes for an internal error and for a temporary failure. RFC 6749 defines none for this endpoint, so
/// these are taken from its section 4.1.2.1, which clients know.
const SERVER_ERROR: &str = "server_error";
const UNAVAILABLE: &str = "temporarily_unavailable";

impl TokenFailure {
    fn of(http_status: StatusCode, code: &'static str, description: &str) -> Self {
        // Replaces characters that a description must not contain.
        let TokenError { description, .. } = TokenError::new(ErrorCode::InvalidRequest, description);
        Self(Box::new(FailureParts { http_status, code, description, header: None, findings: Findings::default() }))
    }

    /// A request that is refused before the grant is checked, with an HTTP status other than 400.
    pub(super) fn refused(http_status: StatusCode, description: &str) -> Self {
        Self::of(http_status, ErrorCode::InvalidRequest.as_str(), description)
    }

    /// A request that cannot be answered now; the client should retry.
    pub(super) fn unavailable(description: &str) -> Self {
        Self::of(StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, description)
            .with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }

    /// Attaches findings for the journal.
    pub(super) fn with_findings(mut self, findings: Findings) -> Self {
        self.0.findings = findings;
        self
    }
}

impl From<TokenError> for TokenFailure {
    fn from(error: TokenError) -> Self {
        let http_status = StatusCode::from_u16(error.code.http_status()).unwrap_or(StatusCode::BAD_REQUEST);
        let failure = Self::of(http_status, error.code.as_str(), &error.description);
        if error.code == ErrorCode::InvalidClient {
            return failure
                .with_header(header::WWW_AUTHENTICATE, HeaderValue::from_static(r#"Basic realm="docendorse-mock""#));
        }
        failure
    }
}

impl From<RequestError> for TokenFailure {
    fn from(error: RequestError) -> Self {
        let code = match error {
            RequestError::Failed => SERVER_ERROR,
            RequestError::Busy => UNAVAILABLE,
            _ => ErrorCode::InvalidRequest.as_str(),
        };
        let mut failure = Self::of(error.http_status(), code, &error.description());
        failure.0.header = error.header();
        failure
    }
}

impl From<DepartureError> for TokenFailure {
    fn from(error: DepartureError) -> Self {
        Self::of(StatusCode::INTERNAL_SERVER_ERROR, SERVER_ERROR, &error.to_string())
    }
}

impl ContractError for TokenFailure {
    fn findings(&mut self) -> &mut Findings {
        &mut self.0.findings
    }
}

impl From<TokenFailure> for Answered {
    fn from(failure: TokenFailure) -> Self {
        let FailureParts { http_status, code, description, header, mut findings } = *failure.0;
        let why = Cow::Borrowed("the request was refused before any rule was applied; the answer says why");
        findings.chosen.get_or_insert(Chosen { by: ChosenBy::Contract, why });
        let body = error_body(code, &description).to_string().into_bytes();
        let reason = format!("{code}: {description}").into();
        let headers = super::no_store().into_iter().chain(header).collect();
        Self { headers, ..Self::plain(http_status, body, reason, findings) }
    }
}

/// The members of an error (RFC 6749, 5.2).
pub(in crate::http::contract) fn error_body(code: &str, description: &str) -> Value {
    json!({ "error": code, "error_description": description })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::App,
        config::Settings,
        http::contract::record::{admit, open},
    };
    use axum::{body::Body, extract::Request};

    #[tokio::test]
    async fn a_panic_is_answered_in_the_shape_of_the_endpoint() {
        let app = App::new(Settings::default(), "http://mock.test").unwrap();
        let incoming = admit::<TokenFailure>(&app, Request::new(Body::empty())).unwrap();
        let sandbox = app.sandboxes.default_sandbox();
        let (exchange, ..) = open(&app, incoming, sandbox.clone());
        let response = exchange.answer::<TokenFailure>(async { panic!("a defect") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let entry = sandbox.journal.get(1).unwrap();
        let body = &entry.exchange.answer.as_ref().unwrap().body;
        let body: Value = serde_json::from_slice(body).unwrap();
        assert_eq!(body["error"], "server_error");
    }
}
