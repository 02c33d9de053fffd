//! The documents with which OAuth clients find the token endpoint and verify its tokens (RFC 8414, RFC 7517).

use super::{request_error::RequestError, token::error::error_body};
use crate::{
    app::App,
    domain::oauth::{ErrorCode, JWT_BEARER, Scope, Scopes, TokenError},
    http::{base_url::base_url, pretty::Pretty},
};
use axum::{
    extract::State,
    http::{HeaderMap, Uri},
    response::{IntoResponse, Response},
};
use serde_json::json;
use std::sync::Arc;

/// The metadata of an authorization server without an authorization endpoint (RFC 8414, 2).
pub(super) async fn show_metadata(State(app): State<Arc<App>>, headers: HeaderMap, uri: Uri) -> Response {
    let base_url = match base_url(&app, &headers, &uri).map_err(RequestError::from) {
        Ok(base_url) => base_url,
        Err(error) => {
            let TokenError { code, description } = TokenError::new(ErrorCode::InvalidRequest, &error.description());
            return (error.http_status(), Pretty(error_body(code.as_str(), &description))).into_response();
        }
    };
    Pretty(json!({
        "issuer": base_url.issuer(),
        "token_endpoint": base_url.token_endpoint(),
        "jwks_uri": base_url.jwks(),
        "grant_types_supported": [JWT_BEARER],
        "response_types_supported": [],
        "scopes_supported": Scopes::all().iter().map(Scope::as_str).collect::<Vec<_>>(),
        "token_endpoint_auth_methods_supported": ["none", "client_secret_basic", "client_secret_post"],
    }))
    .into_response()
}

/// The key that verifies this server's access tokens.
pub(super) async fn show_jwks(State(app): State<Arc<App>>) -> Response {
    Pretty(app.sandboxes.issuing().issuer.jwks()).into_response()
}
