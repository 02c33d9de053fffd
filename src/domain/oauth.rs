//! The JWT bearer grant (RFC 7523) and what it needs: clients and their keys, assertions, access tokens.
//!
//! Pure: turns a request's parameters into a grant or one precise error. Independent of HTTP; times and seeds are
//! passed in.

mod assertion;
pub mod built_in;
mod claims;
mod client;
mod error;
mod fate;
mod issued;
mod issuer;
mod jwk;
mod jws;
mod key;
pub mod mint;
mod permission;
mod replay;
mod request;
mod times;

pub use assertion::{Assertion, AssertionJudgement, Grant, Ground, Issuer, refuse_claim};
pub use client::{Client, Scope, ScopeError, Scopes, SecretDigest, is_client_id};
pub use error::{ErrorCode, TokenError};
pub use fate::{Fate, JudgedAssertion, Verdict};
pub use issued::{MassExpiry, Revocation};
pub use issuer::{AccessToken, TokenIssuer, is_signed_by};
pub use jws::{Jws, signing_input, with_signature};
pub use key::{KeyError, MOST_KEYS, PublicKey};
pub use mint::SigningKey;
pub use replay::{ForgottenAssertions, ReplayError, UsedAssertion};
pub use request::{JWT_BEARER, Shown, TokenRequest};
pub use times::{LONGEST_LIFE, When};
