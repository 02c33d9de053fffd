//! Errors of the handoff endpoint, in the contract's shape (S6).

use super::{
    answer::{Answered, Findings},
    departure::DepartureError,
    request_error::{ContractError, RequestError},
};
use crate::{
    base::position::shorten,
    config::{Switches, ValidationNextAction},
    domain::{
        contract::Answer,
        scenario::{Chosen, ChosenBy},
    },
    sandbox::HandOffFailure,
    store::StoreError,
};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use std::borrow::Cow;

/// A contract answer with `status: "error"` (S6).
#[derive(Debug)]
pub(super) struct HandoffError {
    /// The status by HTTP semantics. It determines the shape of the body.
    http_status: StatusCode,
    /// The HTTP status that is sent instead (S7).
    sent_as: Option<StatusCode>,
    description: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
    /// Whether a 400 has a `next_action` (S6). All other errors have one.
    validation_next_action: ValidationNextAction,
    findings: Box<Findings>,
}

impl HandoffError {
    pub(super) fn new(http_status: StatusCode, description: impl Into<Cow<'static, str>>) -> Self {
        let description = match description.into() {
            Cow::Borrowed(fixed) => Cow::Borrowed(fixed),
            // It may quote the request.
            Cow::Owned(made) => Cow::Owned(shorten(&made).into_owned()),
        };
        Self {
            http_status,
            sent_as: None,
            description,
            header: None,
            validation_next_action: ValidationNextAction::default(),
            findings: Box::default(),
        }
    }

    /// Attaches findings for the journal.
    pub(super) fn with_findings(self, findings: Findings) -> Self {
        Self { findings: Box::new(findings), ..self }
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: &str) -> Self {
        self.header = HeaderValue::from_str(value).ok().map(|value| (name, value));
        self
    }
}

impl From<RequestError> for HandoffError {
    fn from(error: RequestError) -> Self {
        let http_status = error.http_status();
        Self {
            header: error.header(),
            description: error.description(),
            findings: Box::new(error.findings()),
            ..Self::new(http_status, "")
        }
    }
}

impl ContractError for HandoffError {
    fn findings(&mut self) -> &mut Findings {
        &mut self.findings
    }

    fn adapt(&mut self, switches: &Switches) {
        self.validation_next_action = switches.validation_next_action;
        self.sent_as = Some(error_status(switches, self.http_status));
    }
}

/// The HTTP status with which an answer with `status: "error"` is sent (S7).
pub(super) fn error_status(switches: &Switches, http_status: StatusCode) -> StatusCode {
    let moved = switches.error_http_status.and_then(|moved| StatusCode::from_u16(moved).ok());
    moved.unwrap_or(http_status)
}

impl From<StoreError> for HandoffError {
    fn from(error: StoreError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("The request could not be processed: {error}."))
    }
}

impl From<HandOffFailure> for HandoffError {
    fn from(failure: HandOffFailure) -> Self {
        match failure {
            HandOffFailure::Store(error) => error.into(),
            HandOffFailure::TooCostly(error) => {
                Self::new(StatusCode::SERVICE_UNAVAILABLE, format!("No scenario could be chosen: {error}."))
            }
        }
    }
}

impl From<DepartureError> for HandoffError {
    fn from(error: DepartureError) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
    }
}

impl From<HandoffError> for Answered {
    fn from(error: HandoffError) -> Self {
        let HandoffError { http_status, sent_as, description, header, validation_next_action, mut findings, .. } =
            error;
        let answer = match (http_status, validation_next_action) {
            (StatusCode::BAD_REQUEST, ValidationNextAction::Omit) => Answer::invalid(&description),
            _ => Answer::error(&description),
        };
        let body = answer.to_json();
        if findings.chosen.is_none() {
            let why = Cow::Borrowed("the request was refused before any rule was applied; the answer says why");
            findings.chosen = Some(Chosen { by: ChosenBy::Contract, why });
        }
        Self {
            status: Some("error"),
            headers: header.into_iter().collect(),
            http_status: sent_as.unwrap_or(http_status),
            ..Self::plain(http_status, body, description, *findings)
        }
    }
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
    async fn a_panic_fails_one_request_and_is_recorded() {
        let app = App::new(Settings::default(), "http://mock.test").unwrap();
        let incoming = admit::<HandoffError>(&app, Request::new(Body::empty())).unwrap();
        let sandbox = app.sandboxes.default_sandbox();
        let (exchange, ..) = open(&app, incoming, sandbox.clone());
        let response = exchange.answer::<HandoffError>(async { panic!("a defect") }).await;
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        let entry = sandbox.journal.get(1).unwrap();
        let recorded = entry.exchange.answer.as_ref().unwrap();
        assert_eq!(recorded.status, 500);
        assert!(recorded.body.starts_with(br#"{"status":"error","next_action":"none""#));
    }
}
