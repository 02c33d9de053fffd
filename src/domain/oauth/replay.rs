//! The assertions that were used, so that none passes twice (T2).

use crate::base::document::Record;
use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};
use std::{fmt::Write, sync::Arc};

/// An assertion that passed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct UsedAssertion {
    /// Stands for its client and its `jti`: half a SHA-256 sum, so that a long `jti` takes no more room than a short one.
    mark: Arc<str>,
    /// The second since 1970 after which it cannot pass any more.
    pub end: i64,
}

/// Assertions that were forgotten before they ended, to make room. There is one such record at most.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct ForgottenAssertions {
    /// An assertion that ends by this second may be one of them.
    pub until: i64,
}

/// Why an assertion must not pass.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("it was used before; each assertion needs one of its own")]
    Seen,
    /// It would have been forgotten since, as too many others were used.
    #[error(
        "too many others were used since, so it may have been used before; sign another assertion, with a later exp"
    )]
    Unsure,
}

impl UsedAssertion {
    #[must_use]
    pub fn new(client: &str, jti: &str, end: i64) -> Self {
        let mut sum = Context::new(&SHA256);
        sum.update(client.as_bytes());
        // No client id holds a line feed, so no two pairs give the same text.
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
