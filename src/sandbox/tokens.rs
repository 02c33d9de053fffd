//! The access tokens of a sandbox: which were issued last, and which no longer pass.
//!
//! A token is checked without a look at the list of those issued: it says itself what it is good for. Only what was
//! taken back is kept for as long as it could pass.

use crate::{
    base::budget::{Account, Budget, Share},
    domain::oauth::{AccessToken, Jtis, REMEMBERED, ReplayError},
};
use hashbrown::HashMap;
use jiff::Timestamp;
use serde::Serialize;
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

/// How many issued tokens are listed; the oldest are dropped from the list, and pass all the same.
pub(super) const LISTED: usize = 1_000;

/// How many tokens can be revoked one by one at the same time.
pub(super) const REVOKED: usize = 10_000;

/// The access tokens of a sandbox.
#[derive(Debug, Default)]
pub struct Tokens {
    taken_back: RwLock<TakenBack>,
    desk: Mutex<Desk>,
}

#[derive(Debug, Default)]
struct TakenBack {
    /// How often all tokens were expired; never less than before, so that no two times are taken for one.
    epoch: u64,
    /// Tokens of an earlier epoch do not pass.
    passing_from: u64,
    /// Revoked ones, with the second from which on they would not pass anyway.
    revoked: HashMap<Arc<str>, i64>,
}

#[derive(Debug, Default)]
struct Desk {
    jtis: Jtis,
    issued: VecDeque<Arc<AccessToken>>,
    bytes: Account,
}

impl Desk {
    fn drop_oldest(&mut self) -> Option<Arc<AccessToken>> {
        let oldest = self.issued.pop_front()?;
        self.bytes.sub(oldest.size());
        Some(oldest)
    }
}

/// Why an access token of ours does not pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFault {
    /// Its time has been over for so many seconds, by the sandbox's clock.
    Expired(i64),
    /// All tokens of the sandbox were expired after it was issued.
    AllExpired,
    /// It was revoked.
    Revoked,
}

/// So many tokens are revoked that no other can be remembered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany;

impl Tokens {
    /// Judges a token whose signature is good.
    ///
    /// # Errors
    /// Why it does not pass.
    pub fn judge(&self, token: &AccessToken, now: Timestamp) -> Result<(), TokenFault> {
        if let Some(since) = token.expired_for(now) {
            return Err(TokenFault::Expired(since));
        }
        let taken_back = self.taken_back.read().unwrap_or_else(PoisonError::into_inner);
        if token.epoch < taken_back.passing_from {
            return Err(TokenFault::AllExpired);
        }
        if !taken_back.revoked.is_empty() && taken_back.revoked.contains_key(&token.jti) {
            return Err(TokenFault::Revoked);
        }
        Ok(())
    }

    /// Lets a token pass no more.
    ///
    /// # Errors
    /// When too many are revoked that could still pass; all can be expired instead.
    pub fn revoke(&self, token: &AccessToken, now: Timestamp) -> Result<(), TooMany> {
        let mut taken_back = self.taken_back.write().unwrap_or_else(PoisonError::into_inner);
        if taken_back.revoked.len() >= REVOKED {
            taken_back.revoked.retain(|_, end| *end > now.as_second());
        }
        if taken_back.revoked.len() >= REVOKED {
            return Err(TooMany);
        }
        taken_back.revoked.insert(Arc::clone(&token.jti), token.exp);
        Ok(())
    }

    /// Lets no token pass that was issued before.
    pub fn expire_all(&self) {
        let mut taken_back = self.taken_back.write().unwrap_or_else(PoisonError::into_inner);
        taken_back.epoch += 1;
        taken_back.passing_from = taken_back.epoch;
        taken_back.revoked.clear();
    }

    /// How often all tokens were expired.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.taken_back.read().unwrap_or_else(PoisonError::into_inner).epoch
    }

    /// The issued tokens that are listed, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<AccessToken>> {
        self.desk().issued.iter().rev().cloned().collect()
    }

    /// The listed token of an id.
    #[must_use]
    pub fn get(&self, jti: &str) -> Option<Arc<AccessToken>> {
        self.desk().issued.iter().rev().find(|token| *token.jti == *jti).cloned()
    }

    /// How many assertions are remembered, and how many can be.
    #[must_use]
    pub fn jtis(&self) -> (usize, usize) {
        (self.desk().jtis.len(), REMEMBERED)
    }

    /// Lets an assertion's `jti` pass once.
    pub(super) fn remember_jti(&self, client: &str, jti: &str, end: i64, now: Timestamp) -> Result<(), ReplayError> {
        self.desk().jtis.remember(client, jti, end, now.as_second())
    }

    pub(super) fn list_issued(&self, token: Arc<AccessToken>) {
        let mut desk = self.desk();
        desk.bytes.add(token.size());
        desk.issued.push_back(token);
        let dropped = if desk.issued.len() > LISTED { desk.drop_oldest() } else { None };
        drop(desk);
        // Freed here, outside the lock.
        drop(dropped);
    }

    /// The tokens of a sandbox after a reset: nothing revoked, nothing remembered. Tokens that were issued before pass
    /// until they expire.
    pub(super) fn successor(&self) -> Self {
        // The epoch goes on, so that expiring all tokens then reaches those issued before.
        let taken_back = TakenBack { epoch: self.epoch(), ..TakenBack::default() };
        let desk = Desk { bytes: self.desk().bytes.another(), ..Desk::default() };
        Self { taken_back: RwLock::new(taken_back), desk: Mutex::new(desk) }
    }

    /// The same tokens, of which those that are listed count against a budget.
    pub(super) fn counted_in(self, budget: &Arc<Budget>) -> Self {
        self.desk().bytes = Account::new(budget);
        self
    }

    /// About how many bytes the listed tokens take up.
    pub(super) fn bytes(&self) -> usize {
        self.desk().bytes.bytes()
    }

    /// Drops the oldest tokens from the list until a share of them is left, and says how many those were.
    pub(super) fn shrink(&self, share: Share) -> u64 {
        let mut desk = self.desk();
        let (before, stays) = (desk.issued.len(), share.of(desk.bytes.bytes()));
        while desk.bytes.bytes() > stays && desk.drop_oldest().is_some() {}
        (before - desk.issued.len()) as u64
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        // Nothing that holds this lock can leave the desk half changed.
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
