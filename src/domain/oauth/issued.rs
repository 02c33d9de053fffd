//! Stored records about issued access tokens.

use super::AccessToken;
use crate::base::document::Record;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

impl Record for AccessToken {
    const COLLECTION: &'static str = "tokens";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.jti)
    }

    fn size(&self) -> usize {
        let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        size_of::<Self>() + self.jti.len() + text(&self.sub) + text(&self.email) + self.scope.len()
    }
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Revocation {
    pub jti: Arc<str>,
    /// When the token would have expired, in seconds since 1970 by the sandbox's clock.
    pub exp: i64,
}

impl Record for Revocation {
    const COLLECTION: &'static str = "revoked_tokens";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.jti)
    }
}

/// How often all tokens of a sandbox were expired. There is at most one such record.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct MassExpiry {
    pub times: u32,
}

impl MassExpiry {
    pub const ID: &'static str = "all";
}

impl Record for MassExpiry {
    const COLLECTION: &'static str = "mass_expiries";

    fn id(&self) -> Arc<str> {
        Self::ID.into()
    }
}
