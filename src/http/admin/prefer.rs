//! `Prefer: return=minimal` (RFC 7240): answers without the agents of recipients, which can number in the thousands.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, HeaderName, HeaderValue, request::Parts},
    response::{IntoResponse, Response},
};
use std::convert::Infallible;
use utoipa::IntoParams;

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// The caller's preference for the size of the answer.
#[derive(Clone, Copy, Debug, IntoParams)]
#[into_params(parameter_in = Header)]
pub(super) struct Preferred {
    /// `return=minimal` (RFC 7240) leaves out the `agents` of recipients, which can number in the thousands. Other
    /// preferences are ignored.
    #[param(rename = "Prefer", value_type = Option<String>, example = json!("return=minimal"))]
    pub(super) minimal: bool,
}

impl Preferred {
    /// Builds an answer that states whether the preference was applied.
    pub(super) fn answer(self, body: impl IntoResponse) -> Response {
        let mut answer = body.into_response();
        if self.minimal {
            answer.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static("return=minimal"));
        }
        answer
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Preferred {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self { minimal: wants_minimal(&parts.headers) })
    }
}

/// If the preference is given twice, the first one counts.
fn wants_minimal(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(PREFER).iter().filter_map(|line| line.to_str().ok());
    let mut wanted = lines.flat_map(|line| line.split(',')).filter_map(|preference| {
        let (name, value) = preference.split(';').next()?.split_once('=')?;
        name.trim().eq_ignore_ascii_case("return").then(|| value.trim().trim_matches('"'))
    });
    wanted.next() == Some("minimal")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_read_as_in_its_rfc() {
        let wants = |lines: &[&'static str]| {
            let line = |line: &&'static str| (PREFER, HeaderValue::from_static(line));
            wants_minimal(&lines.iter().map(line).collect())
        };
        for minimal in [
            &["return=minimal"][..],
            &["respond-async, Return = \"minimal\"; foo=bar"],
            &["handling=lenient", "return=minimal"],
            &["return=minimal, return=representation"],
        ] {
            assert!(wants(minimal), "{minimal:?}");
        }
        for whole in
            [&[][..], &["return=representation"], &["return=representation, return=minimal"], &["return"], &["minimal"]]
        {
            assert!(!wants(whole), "{whole:?}");
        }
    }
}
