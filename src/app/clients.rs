//! Registers the clients in the settings with the default sandbox, before the first request.

use crate::{
    base::io_error,
    config::{ClientEntry, Settings},
    domain::oauth::{Client, PublicKey, Scopes, SecretDigest, is_client_id},
    sandbox::{FoundClient, Sandboxes},
    store::{StoreError, Update},
};
use std::path::{Path, PathBuf};

#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("the client id {0:?} cannot be used; write \"client_\" followed by 32 lower-case hexadecimal digits")]
    Id(String),
    /// A key file cannot be read.
    #[error("{}: cannot be read: {}", path.display(), io_error::reason(error))]
    Unreadable { path: PathBuf, error: std::io::Error },
    /// A key file holds no usable key.
    #[error("{}: no usable key for {client_id}: {problem}", path.display())]
    Key {
        path: PathBuf,
        /// The client that the key is for.
        client_id: String,
        problem: String,
    },
    #[error("the client {client_id}: {problem}")]
    Entry { client_id: String, problem: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Registers all clients. The keys of a client may be listed in several places.
pub(super) async fn register(sandboxes: &Sandboxes, settings: &Settings) -> Result<(), ClientError> {
    sandboxes.begin().await?;
    for entry in &settings.clients {
        let ClientEntry { client_id, client_secret, keys, scope } = entry;
        let problem = |problem: String| ClientError::Entry { client_id: client_id.clone(), problem };
        let scopes = match scope {
            Some(scope) => Scopes::read(scope).map_err(|error| problem(error.description))?,
            None => Scopes::all(),
        };
        let mut client = new(sandboxes, client_id)?;
        client.scopes = scopes;
        client.secret = client_secret.as_deref().map(SecretDigest::of);
        // Registered before its keys, so that a repeated id is reported as such.
        sandboxes.register(&sandboxes.default_sandbox(), client).await.map_err(|error| problem(error.to_string()))?;
        for file in keys {
            add_keys(sandboxes, client_id, file).await?;
        }
    }
    for key in &settings.client_key {
        if let FoundClient::Unknown = sandboxes.client(&key.client_id).await? {
            let client = new(sandboxes, &key.client_id)?;
            let problem = |problem| ClientError::Entry { client_id: key.client_id.clone(), problem };
            sandboxes
                .register(&sandboxes.default_sandbox(), client)
                .await
                .map_err(|error| problem(error.to_string()))?;
        }
        add_keys(sandboxes, &key.client_id, &key.file).await?;
    }
    Ok(())
}

fn new(sandboxes: &Sandboxes, id: &str) -> Result<Client, ClientError> {
    if !is_client_id(id) {
        return Err(ClientError::Id(id.to_owned()));
    }
    let created_at = sandboxes.default_sandbox().clock.now();
    Ok(Client { id: id.into(), secret: None, keys: Vec::new(), scopes: Scopes::all(), created_at, registration: 0 })
}

async fn add_keys(sandboxes: &Sandboxes, client_id: &str, path: &Path) -> Result<(), ClientError> {
    let text =
        std::fs::read_to_string(path).map_err(|error| ClientError::Unreadable { path: path.to_owned(), error })?;
    let refused =
        |problem: String| ClientError::Key { path: path.to_owned(), client_id: client_id.to_owned(), problem };
    let keys = PublicKey::read(&text).map_err(|error| refused(error.to_string()))?;
    match sandboxes.default_sandbox().clients().change(client_id, |client| client.add_keys(keys.clone())).await? {
        Update::Refused(error, _) => Err(refused(error.to_string())),
        Update::Done(_) | Update::Missing => Ok(()),
    }
}
