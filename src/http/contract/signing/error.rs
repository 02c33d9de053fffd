//! Errors of the signing service in its own shape, each with a stable name (G8).

use crate::{
    base::position::brief,
    config::{InspaktHttpStatus, Switches},
    domain::{
        contract::signing::{ErrorAnswer, SigningAnswer},
        scenario::{Chosen, ChosenBy},
    },
    http::contract::{
        answer::{Answered, Findings},
        request_error::{ContractError, RequestError},
    },
    sandbox::{SigningError, SigningErrorKind},
    store::StoreError,
};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use serde_json::{Map, Value, json};

/// An answer with `success: false`.
#[derive(Debug)]
pub(super) struct ApiError(Box<ErrorParts>);

/// The content of the error. Boxed, because most results hold none.
#[derive(Debug)]
struct ErrorParts {
    /// The status by HTTP semantics.
    http_status: StatusCode,
    /// Whether it is sent with 200 nevertheless (G8).
    is_sent_as_ok: bool,
    /// The name of the error, one of the contract's.
    name: &'static str,
    description: String,
    context: Map<String, Value>,
    header: Option<(HeaderName, HeaderValue)>,
    findings: Findings,
}

impl ApiError {
    pub(super) fn new(http_status: StatusCode, name: &'static str, description: impl Into<String>) -> Self {
        Self(Box::new(ErrorParts {
            http_status,
            is_sent_as_ok: false,
            name,
            description: description.into(),
            context: Map::new(),
            header: None,
            findings: Findings::default(),
        }))
    }

    /// The error for a caller whose key is not accepted.
    pub(super) fn unauthorized(name: &'static str, description: impl Into<String>) -> Self {
        let challenge = HeaderValue::from_static(r#"ApiKey realm="docendorse-mock""#);
        Self::new(StatusCode::UNAUTHORIZED, name, description).with_header(header::WWW_AUTHENTICATE, challenge)
    }

    /// The error for an invalid query parameter.
    pub(super) fn query(parameter: &str, description: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "Request.InvalidQuery", description);
        error.0.context.insert("parameter".to_owned(), brief(parameter).into());
        error
    }

    /// Attaches findings for the journal.
    pub(super) fn with_findings(mut self, findings: Findings) -> Self {
        self.0.findings = findings;
        self
    }

    pub(super) fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.header = Some((name, value));
        self
    }
}

impl From<RequestError> for ApiError {
    fn from(request_error: RequestError) -> Self {
        let name = match &request_error {
            RequestError::TransferCoding(_) => "Request.UnsupportedTransferCoding",
            RequestError::Address(_) => "Request.InvalidHost",
            RequestError::MediaType(_) => "Request.UnsupportedMediaType",
            RequestError::TooLarge(_) | RequestError::TooManyValues(_) => "Request.TooLarge",
            RequestError::Busy => "Service.Unavailable",
            RequestError::TimedOut => "Request.TimedOut",
            RequestError::Broken => "Request.Incomplete",
            RequestError::Refused(_) => "Request.Invalid",
            RequestError::CrossSite(_) => "Request.CrossSite",
            RequestError::Failed => "Service.Failed",
        };
        let mut error = Self::new(request_error.http_status(), name, request_error.description());
        if let RequestError::Refused(refusal) = &request_error {
            let violations = refusal.violations.iter();
            let violations: Value =
                violations.map(|found| json!({ "pointer": found.pointer, "message": found.to_string() })).collect();
            error.0.context.insert("violations".to_owned(), violations);
        }
        error.0.header = request_error.header();
        error.0.findings = request_error.findings();
        error
    }
}

impl From<SigningError> for ApiError {
    fn from(error: SigningError) -> Self {
        let http_status = match error.fault() {
            SigningErrorKind::NotFound => StatusCode::NOT_FOUND,
            SigningErrorKind::Unfit => StatusCode::UNPROCESSABLE_ENTITY,
            SigningErrorKind::Conflict => StatusCode::CONFLICT,
            SigningErrorKind::Ours => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut answer = Self::new(http_status, error.name(), error.to_string());
        answer.0.context = error.context();
        let why = format!("the signing rules refuse it: {}", error.name()).into();
        answer.0.findings.chosen = Some(Chosen { by: ChosenBy::Signing, why });
        answer
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        SigningError::from(error).into()
    }
}

impl ContractError for ApiError {
    fn findings(&mut self) -> &mut Findings {
        &mut self.0.findings
    }

    fn adapt(&mut self, switches: &Switches) {
        self.0.is_sent_as_ok = switches.inspakt_http_status == InspaktHttpStatus::Ok;
    }
}

impl From<ApiError> for Answered {
    fn from(error: ApiError) -> Self {
        let ErrorParts { http_status, is_sent_as_ok, name, description, context, header, mut findings } = *error.0;
        findings.chosen.get_or_insert_with(|| Chosen {
            by: ChosenBy::Contract,
            why: "the request was refused before any signing rule was applied; the answer says why".into(),
        });
        let reason = format!("{name}: {description}").into();
        // Strings under fixed keys cannot fail to serialize.
        let body = SigningAnswer::error(ErrorAnswer { name, description, context }).to_json().unwrap_or_default();
        let mut answered = Self::plain(http_status, body, reason, findings);
        answered.headers.extend(header);
        if is_sent_as_ok {
            answered.http_status = StatusCode::OK;
        }
        answered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        app::App,
        config::{InspaktHttpStatus, Settings},
        http::contract::record::{admit, open},
    };
    use axum::{body::Body, extract::Request};

    #[tokio::test]
    async fn a_panic_at_the_signing_service_is_answered_in_its_shape() {
        for (inspakt_http_status, status) in [(InspaktHttpStatus::Ok, 200), (InspaktHttpStatus::Semantic, 500)] {
            let app = App::new(Settings { inspakt_http_status, ..Settings::default() }, "http://mock.test").unwrap();
            let incoming = admit::<ApiError>(&app, Request::new(Body::empty())).unwrap();
            let (exchange, ..) = open(&app, incoming, app.sandboxes.default_sandbox());
            let response = exchange.answer::<ApiError>(async { panic!("a defect") }).await;
            assert_eq!(response.status().as_u16(), status);
            let entry = app.sandboxes.default_sandbox().journal.get(1).unwrap();
            let body = String::from_utf8_lossy(&entry.exchange.answer.as_ref().unwrap().body).into_owned();
            assert!(body.contains(r#""success":false,"error":{"name":"Service.Failed""#), "{body}");
        }
    }
}
