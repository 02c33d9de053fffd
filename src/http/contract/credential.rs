//! `Authorization` at the handoff endpoint (H2, RFC 6750): finds the caller's sandbox and client, and checks their
//! access.

use crate::{
    app::App,
    base::urls::CREATE_TOKEN,
    config::Auth,
    domain::oauth::{AccessToken, Scope},
    http::contract::error::HandoffError,
    sandbox::{FoundToken, Sandbox, TokenFault},
    store::StoreError,
};

use axum::http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use std::sync::Arc;

/// The client id used when a token does not identify a client.
pub(in crate::http) const OPEN_CLIENT: &str = "open";

/// The caller, as identified by the credential (H2).
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) client: Arc<str>,
    /// The access token, if this server issued it.
    pub(super) token: Option<Arc<AccessToken>>,
}

/// Looks up the credential of a request, once.
pub(super) async fn find_token(app: &App, headers: &HeaderMap) -> Result<FoundToken, StoreError> {
    let credential = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = credential.and_then(|text| text.split_once(' ')).map(|(_, token)| token.trim_matches(' '));
    match token {
        Some(token) => app.sandboxes.token(token).await,
        None => Ok(FoundToken::Foreign),
    }
}

/// The sandbox that a request belongs to: that of its credential, or the default one. Whether the credential is valid,
/// and whether it could be looked up, is checked later.
pub(super) fn sandbox_of(app: &App, found: &Result<FoundToken, StoreError>) -> Arc<Sandbox> {
    match found {
        Ok(FoundToken::Ours(sandbox, _)) => Arc::clone(sandbox),
        _ => app.sandboxes.default_sandbox(),
    }
}

/// Checks `Authorization`. `sandbox` is the one that [`sandbox_of`] found. A token that this server issued is checked
/// in full in both modes, because a client that holds one expects that.
pub(super) async fn judge_credential(
    app: &App,
    headers: &HeaderMap,
    found: Result<FoundToken, StoreError>,
    sandbox: &Arc<Sandbox>,
) -> Result<Caller, HandoffError> {
    judge_form(headers)?;
    match (found?, app.settings.auth) {
        (FoundToken::Ours(sandbox, token), _) => {
            judge_token(&sandbox, &token).await?;
            Ok(Caller { sandbox, client: Arc::clone(&token.client_id), token: Some(token) })
        }
        (FoundToken::Gone(why), _) => Err(invalid(
            format!("The access token belongs to a client or a sandbox that no longer exists: {why}."),
            "The client or the sandbox of the access token no longer exists",
        )),
        (FoundToken::Broken(problem), _) => {
            Err(invalid(format!("The access token {problem}."), "The access token was modified"))
        }
        (FoundToken::Foreign, Auth::Open) => {
            Ok(Caller { sandbox: Arc::clone(sandbox), client: OPEN_CLIENT.into(), token: None })
        }
        (FoundToken::Foreign, Auth::Strict) => Err(invalid(
            format!(
                "The access token was not issued by this server, and --auth strict accepts no other; get one from POST \
                 {CREATE_TOKEN} or with `docendorse-mock token`. Without --seed, tokens issued before a restart are \
                 unknown."
            ),
            "The access token is unknown",
        )),
    }
}

/// Checks that a request carries exactly one bearer token.
fn judge_form(headers: &HeaderMap) -> Result<(), HandoffError> {
    let malformed = |description: &str| invalid(description.to_owned(), "The credential is malformed");
    let mut credentials = headers.get_all(header::AUTHORIZATION).iter();
    let Some(credential) = credentials.next() else {
        // A caller without any credential gets no error code (RFC 6750, 3.1).
        let description = "The Authorization header is missing; send Authorization: Bearer ACCESS_TOKEN.";
        return Err(HandoffError::new(StatusCode::UNAUTHORIZED, description)
            .with_header(header::WWW_AUTHENTICATE, r#"Bearer realm="docendorse-mock""#));
    };
    if credentials.next().is_some() {
        return Err(malformed("There is more than one Authorization header; send one."));
    }
    let Some((scheme, token)) = credential.to_str().ok().map(|text| text.split_once(' ').unwrap_or((text, ""))) else {
        return Err(malformed(
            "The Authorization header holds characters that a token cannot contain; send Authorization: Bearer ACCESS_TOKEN in ASCII.",
        ));
    };
    if !scheme.eq_ignore_ascii_case("Bearer") {
        return Err(malformed(
            "The Authorization header does not use the Bearer scheme; send Authorization: Bearer ACCESS_TOKEN.",
        ));
    }
    let token = token.trim_matches(' ');
    if token.is_empty() {
        return Err(malformed("The bearer token is empty; send Authorization: Bearer ACCESS_TOKEN."));
    }
    if token.bytes().any(|byte| matches!(byte, b' ' | b'\t' | b',')) {
        return Err(malformed("The bearer token contains a space or a comma; send exactly one token."));
    }
    Ok(())
}

/// Checks a token with a valid signature: time, revocation, scope (T3).
async fn judge_token(sandbox: &Sandbox, token: &AccessToken) -> Result<(), HandoffError> {
    if let Some(fault) = sandbox.judge_token(token).await? {
        return Err(no_longer_passes(token, fault));
    }
    let is_strict = sandbox.switches().auth == Auth::Strict;
    let Some(wanted) = token.lacking_scope(is_strict).map(Scope::as_str) else { return Ok(()) };
    let challenge = format!(
        r#"Bearer realm="docendorse-mock", error="insufficient_scope", error_description="The access token lacks a scope", scope="{wanted}""#
    );
    let description = format!("The access token has the scope {:?}; this endpoint needs {wanted:?}.", token.scope);
    Err(HandoffError::new(StatusCode::FORBIDDEN, description).with_header(header::WWW_AUTHENTICATE, &challenge))
}

fn no_longer_passes(token: &AccessToken, fault: TokenFault) -> HandoffError {
    match fault {
        TokenFault::Expired(since) => {
            let at = Timestamp::from_second(token.exp).map_or_else(|_| token.exp.to_string(), |at| at.to_string());
            let description = format!(
                "The access token expired {since} s ago, at {at} by the sandbox's clock; get another one with a new \
                 assertion."
            );
            invalid(description, "The access token expired")
        }
        TokenFault::Revoked => {
            invalid("The access token was revoked; get another one.".to_owned(), "The access token was revoked")
        }
        TokenFault::AllExpired => invalid(
            "All access tokens of the sandbox were expired after this one was issued; get another one.".to_owned(),
            "The access token expired",
        ),
    }
}

fn invalid(description: String, reason: &str) -> HandoffError {
    let challenge = format!(r#"Bearer realm="docendorse-mock", error="invalid_token", error_description="{reason}""#);
    HandoffError::new(StatusCode::UNAUTHORIZED, description).with_header(header::WWW_AUTHENTICATE, &challenge)
}
