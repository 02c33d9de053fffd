//! The access tokens of a sandbox: the most recently issued ones, and those revoked.
//!
//! A token contains its own claims, so it is checked without the list of issued tokens. Only revocations are stored,
//! for as long as the token would be valid.

use crate::{
    domain::oauth::{AccessToken, MassExpiry, Revocation},
    store::{Commit, RecordPage, Repository, Shelf, StoreError},
};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;

/// Maximum number of listed tokens. The oldest ones leave the list but stay valid.
pub const LISTED: usize = 1_000;

/// Maximum number of individually revoked tokens.
pub(super) const REVOKED: usize = 10_000;

#[derive(Debug)]
pub struct Tokens {
    shelf: Arc<Shelf>,
    /// The first epoch. It grows with each reset, so that expiring all tokens also covers those issued before the
    /// reset.
    first_epoch: u64,
    issued: Repository<AccessToken>,
    revoked: Repository<Revocation>,
    expiries: Repository<MassExpiry>,
}

/// Why an access token of this server is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenFault {
    /// Expired this many seconds ago, by the sandbox's clock.
    Expired(i64),
    /// Issued before all tokens of the sandbox were expired.
    AllExpired,
    Revoked,
}

#[derive(Debug, thiserror::Error)]
pub enum RevokeError {
    /// The list of revoked tokens is full, and none of them has expired.
    #[error("too many unexpired tokens are revoked; expire all tokens instead")]
    TooMany,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Tokens {
    /// An empty list for a sandbox that began with reset number `born`.
    pub(super) fn new(shelf: &Arc<Shelf>, born: u64) -> Self {
        Self {
            shelf: Arc::clone(shelf),
            first_epoch: born << u32::BITS,
            issued: Repository::new(shelf),
            revoked: Repository::new(shelf),
            expiries: Repository::new(shelf),
        }
    }

    /// Checks a token whose signature is valid; returns the fault, or `None` if the token is valid.
    pub async fn judge(&self, token: &AccessToken, now: Timestamp) -> Result<Option<TokenFault>, StoreError> {
        if let Some(since) = token.expired_for(now) {
            return Ok(Some(TokenFault::Expired(since)));
        }
        let times = self.times_expired().await?;
        // Higher epochs come from an earlier run of the server with the same seed.
        if times > 0 && token.epoch != self.first_epoch + u64::from(times) {
            return Ok(Some(TokenFault::AllExpired));
        }
        let revoked = self.revoked.get(&token.jti).await?;
        Ok(revoked.map(|_| TokenFault::Revoked))
    }

    /// Revokes a token.
    ///
    /// # Errors
    /// [`RevokeError::TooMany`] when the list of revoked tokens is full and none of them has expired. The caller can
    /// expire all tokens instead.
    pub async fn revoke(&self, token: &AccessToken, now: Timestamp) -> Result<(), RevokeError> {
        if self.revoked.fill().await?.kept >= REVOKED {
            let over = self.revoked.all(|revoked| revoked.exp <= now.as_second()).await?;
            if over.is_empty() {
                return Err(RevokeError::TooMany);
            }
            let mut commit = Commit::new();
            for revocation in over {
                commit.delete::<Revocation>(Arc::clone(&revocation.jti), None);
            }
            self.shelf.commit(commit).await?;
        }
        let revocation = Revocation { jti: Arc::clone(&token.jti), exp: token.exp };
        match self.revoked.insert(Arc::new(revocation)).await {
            Ok(()) | Err(StoreError::Taken) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Expires all tokens issued so far.
    pub async fn expire_all(&self) -> Result<(), StoreError> {
        loop {
            let mut commit = Commit::new();
            match self.expiries.get_versioned(MassExpiry::ID).await? {
                Some((expiry, version)) => {
                    commit.replace(Arc::new(MassExpiry { times: expiry.times.saturating_add(1) }), version)
                }
                None => commit.insert(Arc::new(MassExpiry { times: 1 })),
            };
            for revocation in self.revoked.all(|_| true).await? {
                commit.delete::<Revocation>(Arc::clone(&revocation.jti), None);
            }
            match self.shelf.commit(commit).await {
                Ok(_) => return Ok(()),
                Err(StoreError::Taken | StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The epoch for newly issued tokens; see [`Tokens::expire_all`].
    pub(super) async fn epoch(&self) -> Result<u64, StoreError> {
        Ok(self.first_epoch + u64::from(self.times_expired().await?))
    }

    async fn times_expired(&self) -> Result<u32, StoreError> {
        Ok(self.expiries.get(MassExpiry::ID).await?.map_or(0, |expiry| expiry.times))
    }

    /// The listed tokens, newest first.
    pub async fn list(&self) -> Result<Vec<Arc<AccessToken>>, StoreError> {
        self.issued.all(|_| true).await
    }

    /// A page of the listed tokens, newest first; `None` if none of them has the id `after`.
    pub async fn page(&self, after: Option<&str>, limit: usize) -> Result<Option<RecordPage<AccessToken>>, StoreError> {
        self.issued.page(after, limit, |_| true).await
    }

    /// Returns the listed token with this id.
    pub async fn get(&self, jti: &str) -> Result<Option<Arc<AccessToken>>, StoreError> {
        self.issued.get(jti).await
    }

    /// Lists a token; returns false if another token has its id.
    pub(super) async fn list_issued(&self, token: &Arc<AccessToken>) -> Result<bool, StoreError> {
        match self.issued.insert(Arc::clone(token)).await {
            Ok(()) => Ok(true),
            Err(StoreError::Taken) => Ok(false),
            Err(error) => Err(error),
        }
    }
}
