//! Issues access tokens: signed JWTs (RFC 9068) that the published key verifies and that are checked without a store.
//!
//! Tokens are signed with Ed25519. A signature takes a fraction of the time of RSA, so issuing a token costs little
//! more than checking its assertion. It is also deterministic, so the same seed gives the same tokens.

use super::{
    client::Client,
    jws::{self, Jws},
};
use aws_lc_rs::{
    digest::{SHA256, digest},
    error::KeyRejected,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The claims of an access token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// The issuer: `issuer` in the metadata.
    pub iss: Arc<str>,
    pub aud: Arc<str>,
    pub jti: Arc<str>,
    pub client_id: Arc<str>,
    /// The [registration](Client::registration) of the client.
    #[serde(default, skip_serializing_if = "is_first")]
    pub registration: u64,
    /// The user that it acts for (T6), by their id in the client's system. A sandbox's own token acts for no user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sub: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Arc<str>>,
    /// The scopes, separated by spaces.
    pub scope: Box<str>,
    /// When it was issued, in seconds since 1970 by the sandbox's clock.
    pub iat: i64,
    /// When it expires, in seconds since 1970 by the sandbox's clock.
    pub exp: i64,
    pub sandbox: Arc<str>,
    /// How often all tokens of the sandbox had been expired before.
    pub epoch: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde requires a reference")]
fn is_first(registration: &u64) -> bool {
    *registration == 0
}

impl AccessToken {
    #[must_use]
    pub fn has_scope(&self, scope: super::Scope) -> bool {
        self.scope.split(' ').any(|word| word == scope.as_str())
    }

    /// Whether it was issued to this client, and not to an earlier client with the same id.
    #[must_use]
    pub fn is_of(&self, client: &Client) -> bool {
        self.registration == client.registration && self.client_id == client.id
    }

    /// How many seconds ago it expired; `None` while it is valid.
    #[must_use]
    pub fn expired_for(&self, now: Timestamp) -> Option<i64> {
        // A sandbox's clock may be before 1970, and a token may be valid until the end of time.
        let over = now.as_second().saturating_sub(self.exp);
        (over >= 0).then_some(over)
    }
}

/// Signs access tokens and recognizes its own.
pub struct TokenIssuer {
    key_pair: Ed25519KeyPair,
    /// The header of every token, including the dot after it: only our tokens start with it.
    header: Box<str>,
    jwk: Value,
}

impl std::fmt::Debug for TokenIssuer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("TokenIssuer").field("jwk", &self.jwk).finish_non_exhaustive()
    }
}

impl TokenIssuer {
    /// Creates an issuer whose key is derived from 32 bytes.
    ///
    /// # Errors
    /// The signing library can return an error, but accepts any 32 bytes.
    pub fn new(seed: &[u8; 32]) -> Result<Self, KeyRejected> {
        let key_pair = Ed25519KeyPair::from_seed_unchecked(seed)?;
        let x = BASE64_URL_SAFE_NO_PAD.encode(key_pair.public_key());
        let members = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
        let kid = BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, members.as_bytes()));
        let header = format!(r#"{{"alg":"EdDSA","typ":"at+jwt","kid":"{kid}"}}"#);
        Ok(Self {
            header: format!("{}.", BASE64_URL_SAFE_NO_PAD.encode(header)).into(),
            jwk: json!({ "kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": kid, "x": x }),
            key_pair,
        })
    }

    /// The public key as a JWKS (RFC 7517, RFC 8037).
    #[must_use]
    pub fn jwks(&self) -> Value {
        json!({ "keys": [self.jwk] })
    }

    #[must_use]
    pub fn sign(&self, token: &AccessToken) -> String {
        let claims = serde_json::to_vec(token).unwrap_or_default();
        let mut signed = String::with_capacity(self.header.len() + claims.len() * 4 / 3 + 90);
        signed.push_str(&self.header);
        BASE64_URL_SAFE_NO_PAD.encode_string(&claims, &mut signed);
        let signature = self.key_pair.sign(signed.as_bytes());
        jws::with_signature(signed, signature.as_ref())
    }

    /// Whether a token claims to be signed by this issuer. Verifies nothing.
    #[must_use]
    pub fn claims(&self, token: &str) -> bool {
        token.starts_with(&*self.header)
    }

    /// Verifies the signature of a token that this issuer [claims](Self::claims), and reads its claims. Does not check
    /// time, scope and revocation.
    ///
    /// # Errors
    /// What is wrong with the token.
    pub fn verify(&self, token: &str) -> Result<AccessToken, String> {
        let broken = || "was altered: its signature does not match".to_owned();
        let (signed, signature) = token.rsplit_once('.').ok_or_else(broken)?;
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).map_err(|_| broken())?;
        UnparsedPublicKey::new(&ED25519, self.key_pair.public_key())
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| broken())?;
        let claims = signed.strip_prefix(&*self.header).ok_or_else(broken)?;
        let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).map_err(|_| broken())?;
        serde_json::from_slice(&claims).map_err(|_| "does not have the claims of an access token".to_owned())
    }
}

/// Verifies the signature of an access token against a JWKS published by a server like this one.
///
/// # Errors
/// Why the signature was not verified.
pub fn is_signed_by(jwks: &Value, token: &Jws<'_>) -> Result<(), String> {
    let keys = jwks["keys"].as_array().map_or(std::slice::from_ref(jwks), Vec::as_slice);
    let kid = token.header.get("kid");
    let key = keys.iter().find(|key| key["crv"] == "Ed25519" && kid.is_none_or(|kid| key["kid"] == *kid));
    let key = key.and_then(|key| BASE64_URL_SAFE_NO_PAD.decode(key["x"].as_str()?).ok());
    let key = key.ok_or("none of the keys has its kid")?;
    UnparsedPublicKey::new(&ED25519, key)
        .verify(token.signed.as_bytes(), &token.signature)
        .map_err(|_| "it does not match the server's key".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> AccessToken {
        AccessToken {
            iss: "http://mock.test/oauth2/v2".into(),
            aud: "https://api.docendorse.com".into(),
            jti: "at_1".into(),
            client_id: "client_1".into(),
            registration: 0,
            sub: Some("usr_1".into()),
            email: None,
            scope: "openid agent_sessions:create".into(),
            iat: 100,
            exp: 3700,
            sandbox: "default".into(),
            epoch: 0,
        }
    }

    #[test]
    fn only_an_unchanged_token_is_verified() {
        let issuer = TokenIssuer::new(&[7; 32]).unwrap();
        let text = issuer.sign(&token());
        assert_eq!(text, issuer.sign(&token()));
        assert_eq!(issuer.verify(&text).unwrap(), token());
        let other = TokenIssuer::new(&[8; 32]).unwrap();
        assert!(issuer.claims(&text) && !other.claims(&text) && other.verify(&text).is_err());
        let forged = text.replacen('.', ".A", 2);
        assert!(issuer.verify(&forged).is_err());
        for cut in [0, 10, text.len() - 1] {
            assert!(issuer.verify(&text[..cut]).is_err());
        }
    }

    #[test]
    fn a_token_without_an_end_never_expires() {
        let token = AccessToken { exp: i64::MAX, ..token() };
        assert_eq!([Timestamp::MIN, Timestamp::MAX].map(|now| token.expired_for(now)), [None, None]);
    }

    #[test]
    fn a_token_has_its_scopes_and_lifetime() {
        let token = token();
        assert!(token.has_scope(super::super::Scope::OpenId));
        let at = |second| token.expired_for(Timestamp::from_second(second).unwrap());
        assert_eq!([at(3699), at(3700), at(3760)], [None, Some(0), Some(60)]);
    }
}
