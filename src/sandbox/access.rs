//! From an access token to its sandbox, and whether the sandbox accepts it (H2).

use super::{FoundClient, RegisterError, Sandbox, Sandboxes, TokenFault};
use crate::{
    domain::oauth::{AccessToken, Client},
    store::StoreError,
};
use std::sync::Arc;

/// Result of looking up a bearer token.
#[derive(Debug)]
pub enum FoundToken {
    /// This server issued it. Whether it is still valid is judged separately.
    Ours(Arc<Sandbox>, Arc<AccessToken>),
    /// This server issued it, but what it belonged to is gone, for this reason.
    Gone(&'static str),
    /// It looks like a token of this server, but was changed.
    Broken(String),
    /// This server did not issue it.
    Foreign,
}

impl Sandboxes {
    /// Looks up a bearer token. The lookup counts as use of its sandbox.
    pub async fn token(&self, text: &str) -> Result<FoundToken, StoreError> {
        if !self.issuing.issuer.claims(text) {
            return Ok(FoundToken::Foreign);
        }
        let token = match self.issuing.read(text) {
            Ok(token) => token,
            Err(problem) => return Ok(FoundToken::Broken(problem)),
        };
        // By its client, and not by its name: a sandbox of the same name may have come since.
        Ok(match self.client(&token.client_id).await? {
            FoundClient::Registered(sandbox, client) if token.is_of(&client) => FoundToken::Ours(sandbox, token),
            FoundClient::Registered(..) => {
                FoundToken::Gone("its client was deleted, and another one was registered under the same id")
            }
            FoundClient::Gone(why) => FoundToken::Gone(why),
            FoundClient::Unknown => FoundToken::Gone("its client is not registered, or was deleted"),
        })
    }

    /// Registers a client in a sandbox; its registration number is set here.
    ///
    /// # Errors
    /// When its id is taken, or there is no room.
    pub async fn register(&self, sandbox: &Arc<Sandbox>, client: Client) -> Result<Arc<Client>, RegisterError> {
        let registration = self.claim_id(sandbox, &client.id)?;
        let client = Arc::new(Client { registration, ..client });
        sandbox.clients().put(Arc::clone(&client)).await.inspect_err(|_| self.release_id(sandbox, &client.id))?;
        if !self.has_claim(sandbox, &client.id) {
            sandbox.clients().remove(&client.id).await?;
            return Err(RegisterError::Gone);
        }
        Ok(client)
    }

    /// Deletes a client. Its tokens are refused from then on, even if its id is registered again. Returns whether it
    /// was there.
    pub async fn unregister(&self, sandbox: &Sandbox, id: &str) -> Result<bool, StoreError> {
        let removed = sandbox.clients().remove(id).await?;
        if removed {
            // Not before, so that nobody registers the id in between and takes this one's tokens over.
            self.forget_id(sandbox, id, "it was deleted");
        } else {
            self.release_id(sandbox, id);
        }
        Ok(removed)
    }
}

impl Sandbox {
    /// Judges a token of this sandbox at this sandbox's present, and returns the reason why it is refused; `None` when
    /// it is valid.
    pub async fn judge_token(&self, token: &AccessToken) -> Result<Option<TokenFault>, StoreError> {
        self.tokens.judge(token, self.clock.now()).await
    }
}
