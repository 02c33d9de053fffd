//! `X-Inspakt-Api-Key` (G8): finds the caller's sandbox and checks their access.

use super::error::ApiError;
use crate::{
    app::App,
    config::Auth,
    domain::oauth::built_in,
    http::contract::credential::{Caller, OPEN_CLIENT},
    sandbox::{FoundSandbox, Sandbox},
};
use axum::http::{HeaderMap, HeaderName};
use std::sync::Arc;

const X_INSPAKT_API_KEY: HeaderName = HeaderName::from_static("x-inspakt-api-key");

/// The API key of a request, looked up once.
#[derive(Debug)]
pub(super) enum ShownKey {
    /// There is no usable key; holds the error message.
    Missing(&'static str),
    /// The result of looking up the key.
    Key(FoundSandbox),
}

impl ShownKey {
    /// Looks up the key of a request.
    pub(super) fn find(app: &App, headers: &HeaderMap) -> Self {
        let mut keys = headers.get_all(X_INSPAKT_API_KEY).iter();
        let Some(key) = keys.next() else {
            return Self::Missing("The X-Inspakt-Api-Key header is missing; send X-Inspakt-Api-Key: API_KEY.");
        };
        if keys.next().is_some() {
            return Self::Missing("There is more than one X-Inspakt-Api-Key header; send one.");
        }
        if key.as_bytes().trim_ascii().is_empty() {
            return Self::Missing("The X-Inspakt-Api-Key header is empty; send X-Inspakt-Api-Key: API_KEY.");
        }
        Self::Key(key.to_str().map_or(FoundSandbox::Unknown, |key| app.sandboxes.by_api_key(key.trim())))
    }

    /// The sandbox that the request belongs to: that of its key, or the default one. Whether the key is valid is
    /// checked later.
    pub(super) fn sandbox(&self, app: &App) -> Arc<Sandbox> {
        match self {
            Self::Key(FoundSandbox::Sandbox(sandbox)) => Arc::clone(sandbox),
            _ => app.sandboxes.default_sandbox(),
        }
    }

    /// Checks the key. `sandbox` is the one that [`ShownKey::sandbox`] found.
    pub(super) fn judge(self, app: &App, sandbox: &Arc<Sandbox>) -> Result<Caller, ApiError> {
        let found = match self {
            Self::Missing(description) => return Err(ApiError::unauthorized("ApiKey.Missing", description)),
            Self::Key(found) => found,
        };
        match (found, app.settings.auth) {
            (FoundSandbox::Sandbox(sandbox), _) => {
                // The client that was created together with the key.
                let client = sandbox.credentials().map_or(built_in::CLIENT_ID, |own| &own.client_id).into();
                Ok(Caller { sandbox, client, token: None })
            }
            (FoundSandbox::Gone(why), _) => {
                let description = format!("The API key belongs to a sandbox that no longer exists: {why}.");
                Err(ApiError::unauthorized("ApiKey.Unknown", description))
            }
            (FoundSandbox::Unknown, Auth::Open) => {
                Ok(Caller { sandbox: Arc::clone(sandbox), client: OPEN_CLIENT.into(), token: None })
            }
            (FoundSandbox::Unknown, Auth::Strict) => Err(ApiError::unauthorized(
                "ApiKey.Unknown",
                "The API key does not belong to a sandbox, and --auth strict accepts no other; create a sandbox with a key \
                 by POST /__admin/sandboxes.",
            )),
        }
    }
}
