//! Resolves an access token to its sandbox and checks that the sandbox accepts it (H2).

use super::{FoundClient, RegisterError, Sandbox, Sandboxes, TokenFault};
use crate::{
    domain::oauth::{AccessToken, Client},
    store::StoreError,
};
use std::sync::Arc;

/// Result of looking up a bearer token.
#[derive(Debug)]
pub enum FoundToken {
    /// Issued by this server. Its validity is checked separately.
    Ours(Arc<Sandbox>, Arc<AccessToken>),
    /// Issued by this server, but its client or sandbox no longer exists, for this reason.
    Gone(&'static str),
    /// Looks like a token of this server, but was altered.
    Broken(String),
    /// Not issued by this server.
    Foreign,
}

impl Sandboxes {
    /// Looks up a bearer token. The lookup counts as use of the sandbox.
    pub async fn token(&self, text: &str) -> Result<FoundToken, StoreError> {
        if !self.issuing.issuer.claims(text) {
            return Ok(FoundToken::Foreign);
        }
        let token = match self.issuing.read(text) {
            Ok(token) => token,
            Err(problem) => return Ok(FoundToken::Broken(problem)),
        };
        // Looked up by client, not by sandbox name: the name may have been reused since.
        Ok(match self.client(&token.client_id).await? {
            FoundClient::Registered(sandbox, client) if token.is_of(&client) => FoundToken::Ours(sandbox, token),
            FoundClient::Registered(..) => {
                FoundToken::Gone("its client was deleted, and another one was registered under the same id")
            }
            FoundClient::Gone(why) => FoundToken::Gone(why),
            FoundClient::Unknown => FoundToken::Gone("its client is not registered, or was deleted"),
        })
    }

    /// Registers a client in a sandbox and sets its registration number.
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
    /// existed.
    pub async fn unregister(&self, sandbox: &Sandbox, id: &str) -> Result<bool, StoreError> {
        let removed = sandbox.clients().remove(id).await?;
        if removed {
            // Last, so that no caller can register the id in between and take over this client's tokens.
            self.forget_id(sandbox, id, "it was deleted");
        } else {
            self.release_id(sandbox, id);
        }
        Ok(removed)
    }
}

impl Sandbox {
    /// Checks a token of this sandbox against the sandbox's current time; returns the fault, or `None` if the token is
    /// valid.
    pub async fn judge_token(&self, token: &AccessToken) -> Result<Option<TokenFault>, StoreError> {
        self.tokens.judge(token, self.clock.now()).await
    }
}
