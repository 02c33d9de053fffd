//! Clients: apps that may request tokens, with their ids, secrets, keys and scopes (T3, T4).

use super::{
    ErrorCode, TokenError,
    key::{KeyError, MOST_KEYS, PublicKey},
};
use crate::base::{document::Record, position::brief};
use aws_lc_rs::{
    constant_time::verify_slices_are_equal,
    digest::{SHA256, digest},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};
use std::{fmt, sync::Arc};
use utoipa::ToSchema;

/// A client: an app registered in a sandbox.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Client {
    /// `client_` followed by 32 hexadecimal digits.
    pub id: Arc<str>,
    /// Authenticates the client at the token endpoint, if present.
    pub secret: Option<SecretDigest>,
    /// The public keys that verify its assertions, oldest first.
    pub keys: Vec<PublicKey>,
    pub scopes: Scopes,
    /// When it was registered, by the sandbox's clock.
    pub created_at: Timestamp,
    /// Number of clients and sandboxes removed from the server before. Distinguishes the tokens of a removed client
    /// from those of a client registered later under the same id.
    pub registration: u64,
}

/// Whether a text has the form of a client id (T2).
#[must_use]
pub fn is_client_id(text: &str) -> bool {
    text.strip_prefix("client_").is_some_and(|digits| {
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

impl Client {
    /// Approximate size of the client with its keys, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        /// Size of a parsed 4096-bit key and its text.
        const KEY: usize = 2048;
        size_of::<Self>() + self.id.len() + self.keys.iter().map(|key| KEY + key.kid().len()).sum::<usize>()
    }

    /// Adds keys: all of them, or none in case of an error.
    ///
    /// # Errors
    /// When a key is already present, under the same or another name, or when there would be too many.
    pub fn add_keys(&mut self, keys: Vec<PublicKey>) -> Result<(), KeyError> {
        let before = self.keys.len();
        for key in keys {
            let twin = self.keys.iter().find(|known| known.is_named(key.kid()) || known.is_named(key.thumbprint()));
            let problem = match twin {
                Some(twin) if twin.thumbprint() == key.thumbprint() => {
                    format!(
                        "the client already has this key with the kid {:?}; use that one, or retire it first",
                        twin.kid()
                    )
                }
                Some(_) => format!("the client has another key with the kid {:?}; retire it first", key.kid()),
                None if self.keys.len() >= MOST_KEYS => {
                    format!("a client has at most {MOST_KEYS} keys; retire one first")
                }
                None => {
                    self.keys.push(key);
                    continue;
                }
            };
            self.keys.truncate(before);
            return Err(KeyError::new(problem));
        }
        Ok(())
    }

    /// Removes the key with this `kid` and returns whether it existed.
    pub fn retire_key(&mut self, kid: &str) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| !key.is_named(kid));
        self.keys.len() < before
    }

    /// Whether this is the client's secret (T4).
    #[must_use]
    pub fn has_secret(&self, shown: &str) -> bool {
        self.secret.as_ref().is_some_and(|secret| secret.is(shown))
    }
}

impl Record for Client {
    const COLLECTION: &'static str = "clients";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn size(&self) -> usize {
        self.bytes()
    }
}

/// A secret, stored only as a digest.
#[derive(Clone)]
pub struct SecretDigest(Box<[u8]>);

impl SecretDigest {
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self(digest(&SHA256, text.as_bytes()).as_ref().into())
    }

    /// Whether a text is this secret. Takes the same time for every wrong text.
    fn is(&self, shown: &str) -> bool {
        verify_slices_are_equal(&self.0, digest(&SHA256, shown.as_bytes()).as_ref()).is_ok()
    }
}

impl fmt::Debug for SecretDigest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

impl Serialize for SecretDigest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&BASE64_URL_SAFE_NO_PAD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for SecretDigest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        BASE64_URL_SAFE_NO_PAD.decode(text).map(|digest| Self(digest.into())).map_err(D::Error::custom)
    }
}

/// A scope (T3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub enum Scope {
    /// Access to the user's identity.
    #[serde(rename = "openid")]
    OpenId,
    /// Permission to create agent sessions.
    #[serde(rename = "agent_sessions:create")]
    CreateAgentSessions,
}

impl Scope {
    const ALL: [Self; 2] = [Self::OpenId, Self::CreateAgentSessions];

    /// The contract's name of the scope.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OpenId => "openid",
            Self::CreateAgentSessions => "agent_sessions:create",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// The error for a text that is not a list of scopes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{description}")]
pub struct ScopeError {
    /// What is wrong, and the fix.
    pub description: String,
}

impl From<ScopeError> for TokenError {
    fn from(ScopeError { description }: ScopeError) -> Self {
        // The token endpoint answers in sentences.
        let sentence = format!("{}{}.", description[..1].to_uppercase(), &description[1..]);
        Self::new(ErrorCode::InvalidScope, &sentence)
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scopes(u8);

impl Scopes {
    #[must_use]
    pub fn all() -> Self {
        Self(Scope::ALL.into_iter().fold(0, |bits, scope| bits | scope.bit()))
    }

    /// Parses scopes in the format of RFC 6749, 3.3: words separated by single spaces.
    ///
    /// # Errors
    /// At the first word that is not a scope.
    pub fn read(text: &str) -> Result<Self, ScopeError> {
        let refuse = |description: String| Err(ScopeError { description });
        if text.is_empty() {
            return refuse("the scope is empty; ask for \"openid agent_sessions:create\"".to_owned());
        }
        text.split(' ').try_fold(Self::default(), |Self(bits), word| {
            if word.is_empty() {
                return refuse("the scope has an extra space; write exactly one space between two words".to_owned());
            }
            match Scope::ALL.into_iter().find(|scope| scope.as_str() == word) {
                Some(scope) => Ok(Self(bits | scope.bit())),
                None => refuse(format!(
                    "there is no scope {:?}; the scopes are \"openid\" and \"agent_sessions:create\"",
                    brief(word)
                )),
            }
        })
    }

    /// The scopes that are not in `others`.
    #[must_use]
    pub fn beyond(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub fn iter(self) -> impl Iterator<Item = Scope> {
        Scope::ALL.into_iter().filter(move |scope| self.0 & scope.bit() != 0)
    }
}

impl fmt::Display for Scopes {
    /// Formats the scopes as an answer does: words separated by spaces.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.iter().enumerate() {
            write!(formatter, "{}{}", if place == 0 { "" } else { " " }, scope.as_str())?;
        }
        Ok(())
    }
}

impl Serialize for Scopes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Scopes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.is_empty() { Ok(Self::default()) } else { Self::read(&text).map_err(D::Error::custom) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::oauth::{SigningKey, built_in};
    use serde_json::json;

    #[test]
    fn a_client_survives_serialization() {
        let mut client = built_in::client(built_in::CLIENT_ID, "secret", Timestamp::UNIX_EPOCH).unwrap();
        client.registration = 7;
        let text = serde_json::to_string(&client).unwrap();
        let read: Client = serde_json::from_str(&text).unwrap();
        assert!(read.has_secret("secret") && !read.has_secret("another"));
        assert_eq!(serde_json::to_string(&read).unwrap(), text);
        let key = SigningKey::from_pem(built_in::PRIVATE_KEY).unwrap();
        let jwt = key.sign(&json!({}), &json!({})).unwrap();
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert!(read.keys[0].verifies(message.as_bytes(), &signature));
        assert!(!read.keys[0].verifies(b"another", &signature));
        assert_eq!(read.keys[0].thumbprint(), client.keys[0].thumbprint());
        let none = Client { scopes: Scopes::default(), secret: None, ..client };
        let read: Client = serde_json::from_str(&serde_json::to_string(&none).unwrap()).unwrap();
        assert!(read.scopes.is_empty() && read.secret.is_none());
    }
}
