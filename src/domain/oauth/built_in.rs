//! The client that every server knows, so that a first token needs no setup. Its private key is published, so it proves
//! an identity only to a mock.

use super::{
    client::{Client, Scopes, SecretDigest},
    key::{KeyError, PublicKey},
};
use jiff::Timestamp;

/// The client that the default sandbox always starts with.
pub const CLIENT_ID: &str = "client_0123456789abcdef0123456789abcdef";

pub const CLIENT_SECRET: &str = "cs_0123456789abcdef0123456789abcdef01234567";

/// The API key that always selects the default sandbox (G8).
pub const API_KEY: &str = "key_0123456789abcdef0123456789abcdef01234567";

/// Its private key, PKCS#8 as PEM. Every sandbox's own client starts with the same key.
pub const PRIVATE_KEY: &str = include_str!("../../../fixtures/keys/test-client.key.pem");

/// Its public key, SPKI as PEM.
pub const PUBLIC_KEY: &str = include_str!("../../../fixtures/keys/test-client.pub.pem");

/// A client with all scopes and the published key.
///
/// # Errors
/// When the published key cannot be read, which is a bug in this crate.
pub fn client(id: &str, secret: &str, now: Timestamp) -> Result<Client, KeyError> {
    Ok(Client {
        id: id.into(),
        secret: Some(SecretDigest::of(secret)),
        keys: vec![PublicKey::from_pem(PUBLIC_KEY)?],
        scopes: Scopes::all(),
        created_at: now,
        registration: 0,
    })
}
