//! What lets a caller into a sandbox.

use crate::ids::Ids;
use serde::Serialize;

/// The credentials of a sandbox. Whichever a request shows picks the sandbox.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Credentials {
    /// For `Authorization: Bearer …` at the handoff endpoint (H2).
    pub bearer_token: String,
    /// For the token endpoint (T4).
    pub client_id: String,
    /// For the token endpoint (T4).
    pub client_secret: String,
    /// For `X-Inspakt-Api-Key` (G8).
    pub api_key: String,
    /// Signs the webhooks of the sandbox (W2).
    pub webhook_secret: String,
}

impl Credentials {
    /// New credentials. They follow from the server's ids and not from a sandbox's: two sandboxes with one seed give
    /// the same answers, but are two.
    #[must_use]
    pub(super) fn draw(ids: &Ids) -> Self {
        Self {
            bearer_token: ids.secret("tok_", 40),
            client_id: ids.secret("client_", 32),
            client_secret: ids.secret("cs_", 40),
            api_key: ids.secret("key_", 40),
            webhook_secret: ids.secret("whsec_", 40),
        }
    }

    /// Those that a request may show.
    pub(super) fn shown(&self) -> [&str; 3] {
        [&self.bearer_token, &self.client_id, &self.api_key]
    }

    /// Environment lines to paste into a client's configuration.
    #[must_use]
    pub fn env(&self, base_url: &str) -> String {
        let Self { bearer_token, client_id, client_secret, api_key, webhook_secret } = self;
        format!(
            "DOCENDORSE_BASE_URL={base_url}\nDOCENDORSE_ACCESS_TOKEN={bearer_token}\nDOCENDORSE_CLIENT_ID={client_id}\n\
             DOCENDORSE_CLIENT_SECRET={client_secret}\nDOCENDORSE_WEBHOOK_SECRET={webhook_secret}\n\
             INSPAKT_API_KEY={api_key}\n"
        )
    }
}
