//! Clients in the settings: the files of their keys, and their scopes.

use crate::domain::oauth::{Scopes, is_client_id};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use std::{path::PathBuf, str::FromStr};

/// A public key for a client, in the form used on the command line: `CLIENT_ID=FILE`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClientKey {
    /// `client_` followed by 32 hexadecimal digits.
    pub client_id: String,
    /// A PEM, JWK or JWKS file.
    pub file: PathBuf,
}

/// A client in the settings file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ClientEntry {
    /// `client_` followed by 32 hexadecimal digits.
    #[serde(deserialize_with = "client_id")]
    pub client_id: String,
    /// Authenticates the client at the token endpoint. The server never shows it.
    #[serde(default, skip_serializing, deserialize_with = "client_secret")]
    pub client_secret: Option<String>,
    /// Files with its public keys.
    #[serde(default)]
    pub keys: Vec<PathBuf>,
    /// The scopes it may request, separated by spaces; `None` means all.
    #[serde(default, deserialize_with = "scope")]
    pub scope: Option<String>,
}

fn client_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    judge_client_id(&id).map_err(D::Error::custom)?;
    Ok(id)
}

fn client_secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let secret = Option::<String>::deserialize(deserializer)?;
    if secret.as_ref().is_some_and(String::is_empty) {
        return Err(D::Error::custom("it is empty; give a secret, or leave the key out"));
    }
    Ok(secret)
}

fn scope<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let scope = Option::<String>::deserialize(deserializer)?;
    if let Some(scope) = &scope {
        Scopes::read(scope).map_err(|error| D::Error::custom(error.description))?;
    }
    Ok(scope)
}

fn judge_client_id(id: &str) -> Result<(), String> {
    if is_client_id(id) {
        return Ok(());
    }
    let id = crate::base::position::brief(id);
    Err(format!("{id:?} is not a client id; write \"client_\" followed by 32 lower-case hexadecimal digits"))
}

impl FromStr for ClientKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((client_id, file)) if !client_id.is_empty() && !file.is_empty() => {
                judge_client_id(client_id)?;
                Ok(Self { client_id: client_id.to_owned(), file: file.into() })
            }
            _ => Err(format!("{text:?} is not a client key; write CLIENT_ID=FILE, such as client_…=app.pub.pem")),
        }
    }
}

impl TryFrom<String> for ClientKey {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ClientKey> for String {
    fn from(key: ClientKey) -> Self {
        format!("{}={}", key.client_id, key.file.display())
    }
}
