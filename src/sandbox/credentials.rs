//! The credentials that select a sandbox.

use super::{Issuing, issuing::second};
use crate::{
    base::{ids::Ids, schema::ClientId, urls::BaseUrl},
    domain::oauth::{AccessToken, Scopes},
};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// How long a sandbox's token is valid, in seconds: a hundred years, so that moving the clock in a test does not expire
/// it.
const LONG: i64 = 100 * 365 * 86_400;

/// The credentials of a sandbox. A request with any of them belongs to that sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Credentials {
    /// An access token for `Authorization: Bearer …` at the handoff endpoint (H2), not bound to a user.
    #[schema(pattern = "^ey[A-Za-z0-9_.-]+$")]
    pub bearer_token: String,
    /// For the token endpoint (T4). Uses the published test key until others are added.
    #[schema(value_type = ClientId)]
    pub client_id: String,
    /// For the token endpoint (T4).
    #[schema(pattern = "^cs_[0-9a-f]{40}$")]
    pub client_secret: String,
    /// For `X-Inspakt-Api-Key` (G8).
    #[schema(pattern = "^key_[0-9a-f]{40}$")]
    pub api_key: String,
    /// Signs the webhooks of the sandbox (W2).
    #[schema(pattern = "^whsec_[0-9a-f]{40}$")]
    pub webhook_secret: String,
}

impl Credentials {
    /// Prefix of every API key. No other credential starts with it.
    pub(super) const API_KEY: &str = "key_";

    /// Creates new credentials. They are derived from the server's ids, not from the sandbox's: two sandboxes with the
    /// same seed give the same answers but need different credentials.
    #[must_use]
    pub(super) fn draw(ids: &Ids, sandbox: &str, now: Timestamp, issuing: &Issuing, base_url: &BaseUrl) -> Self {
        let client_id = ids.secret("client_", 32);
        let bearer_token = issuing.sign(&AccessToken {
            iss: base_url.issuer().into(),
            aud: Arc::clone(&issuing.audience),
            jti: ids.secret("at_", 24).into(),
            client_id: client_id.as_str().into(),
            registration: 0,
            sub: None,
            email: None,
            scope: Scopes::all().to_string().into(),
            iat: second(now),
            exp: second(now).saturating_add(LONG),
            sandbox: sandbox.into(),
            epoch: 0,
        });
        Self {
            bearer_token,
            client_id,
            client_secret: ids.secret("cs_", 40),
            api_key: ids.secret(Self::API_KEY, 40),
            webhook_secret: ids.secret("whsec_", 40),
        }
    }

    /// The credentials that select the sandbox in a request.
    pub(super) fn shown(&self) -> [&str; 2] {
        [&self.client_id, &self.api_key]
    }

    /// Environment variables to paste into a client's configuration.
    #[must_use]
    pub fn env(&self, base_url: &BaseUrl) -> String {
        let Self { bearer_token, client_id, client_secret, api_key, webhook_secret } = self;
        format!(
            "DOCENDORSE_BASE_URL={base_url}\nDOCENDORSE_ACCESS_TOKEN={bearer_token}\nDOCENDORSE_CLIENT_ID={client_id}\n\
             DOCENDORSE_CLIENT_SECRET={client_secret}\nDOCENDORSE_WEBHOOK_SECRET={webhook_secret}\n\
             INSPAKT_API_KEY={api_key}\n"
        )
    }
}
