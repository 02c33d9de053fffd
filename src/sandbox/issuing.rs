//! What the server issues tokens with, and how it recognizes its own; the same for all sandboxes.

use crate::domain::oauth::{AccessToken, TokenIssuer};
use hashbrown::HashMap;
use jiff::Timestamp;
use std::sync::{Arc, PoisonError, RwLock};

/// How many verified tokens are remembered, in two halves of which the older one is forgotten at once.
const VERIFIED: usize = 4_096;

#[derive(Debug)]
pub struct Issuing {
    pub issuer: TokenIssuer,
    /// The audience of assertions and tokens (T1).
    pub audience: Arc<str>,
    verified: RwLock<Verified>,
}

/// Tokens whose signature was good. Everything else is checked each time.
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

    /// Reads a token that the issuer claims, and verifies its signature the first time it comes.
    ///
    /// # Errors
    /// What is wrong with it.
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

/// Seconds since 1970; a time between two seconds counts as the later one, so that nothing ends before its time.
pub(super) fn second(at: Timestamp) -> i64 {
    at.as_second() + i64::from(at.subsec_nanosecond() > 0)
}
