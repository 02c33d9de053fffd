//! Issues tokens and recognizes the server's own; shared by all sandboxes.

use crate::domain::oauth::{AccessToken, TokenIssuer};
use hashbrown::HashMap;
use jiff::Timestamp;
use std::sync::{Arc, PoisonError, RwLock};

/// Number of verified tokens to cache, in two halves; the older half is discarded as a whole.
const VERIFIED: usize = 4_096;

#[derive(Debug)]
pub struct Issuing {
    pub issuer: TokenIssuer,
    /// The audience of assertions and tokens (T1).
    pub audience: Arc<str>,
    verified: RwLock<Verified>,
}

/// Tokens whose signature was verified. Everything else is checked each time.
#[derive(Debug, Default)]
struct Verified {
    young: HashMap<Box<str>, Arc<AccessToken>>,
    old: HashMap<Box<str>, Arc<AccessToken>>,
}

impl Issuing {
    #[must_use]
    pub fn new(issuer: TokenIssuer, audience: &str) -> Self {
        Self { issuer, audience: audience.into(), verified: RwLock::default() }
    }

    /// Reads a token that names this issuer, and verifies its signature unless that is cached.
    ///
    /// # Errors
    /// What is wrong with the token.
    pub fn read(&self, token: &str) -> Result<Arc<AccessToken>, String> {
        let verified = self.verified.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = verified.young.get(token).or_else(|| verified.old.get(token)) {
            return Ok(Arc::clone(known));
        }
        drop(verified);
        let read = Arc::new(self.issuer.verify(token)?);
        self.remember(token, Arc::clone(&read));
        Ok(read)
    }

    #[must_use]
    pub fn sign(&self, token: &AccessToken) -> String {
        self.issuer.sign(token)
    }

    fn remember(&self, token: &str, read: Arc<AccessToken>) {
        let mut verified = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        if verified.young.len() >= VERIFIED / 2 {
            verified.old = std::mem::take(&mut verified.young);
        }
        verified.young.insert(token.into(), read);
    }
}

/// Converts to seconds since 1970, rounded up so that nothing ends early.
pub(super) fn second(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}
