//! The assertions already used, so that none is accepted twice (T2).

use crate::base::document::Record;
use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, sync::Arc};

/// An assertion that was accepted.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsedAssertion {
    /// Identifies the client and the `jti`: half a SHA-256 digest, so that the size does not depend on the `jti`.
    mark: Arc<str>,
    /// The second since 1970 after which it can no longer be valid.
    pub end: i64,
}

/// Assertions forgotten before they ended, to make room. There is at most one such record.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ForgottenAssertions {
    /// Any assertion that ends by this second may be one of them.
    pub until: i64,
}

/// Why an assertion is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("it was used before; use a new jti for each assertion")]
    Seen,
    /// It may have been used and forgotten, because too many others were used since.
    #[error(
        "it may have been used before, but too many other assertions were used since to tell; sign a new assertion with a later exp"
    )]
    Unsure,
}

impl UsedAssertion {
    #[must_use]
    pub fn new(client: &str, jti: &str, end: i64) -> Self {
        let mut sum = Context::new(&SHA256);
        sum.update(client.as_bytes());
        // Client ids contain no line feed, so different pairs never give the same text.
        sum.update(b"\n");
        sum.update(jti.as_bytes());
        let mut mark = String::with_capacity(32);
        for byte in &sum.finish().as_ref()[..16] {
            let _ = write!(mark, "{byte:02x}");
        }
        Self { mark: mark.into(), end }
    }

    #[must_use]
    pub fn mark(&self) -> &str {
        &self.mark
    }
}

impl Record for UsedAssertion {
    const COLLECTION: &'static str = "used_assertions";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.mark)
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.mark.len()
    }
}

impl ForgottenAssertions {
    pub const ID: &'static str = "all";
}

impl Record for ForgottenAssertions {
    const COLLECTION: &'static str = "forgotten_assertions";

    fn id(&self) -> Arc<str> {
        Self::ID.into()
    }
}
