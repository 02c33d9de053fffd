//! A setting that is never shown.

use aws_lc_rs::{constant_time::verify_slices_are_equal, digest};
use serde::{Deserialize, Serialize, Serializer};
use std::{convert::Infallible, fmt, str::FromStr};

/// A secret. It is masked wherever it is printed or serialized.
#[derive(Clone, Deserialize)]
pub struct Secret(Box<str>);

impl Secret {
    /// Whether a text equals the secret. The time it takes reveals neither how much of the text matches nor the length
    /// of the secret.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        let hash = |bytes: &[u8]| digest::digest(&digest::SHA256, bytes);
        verify_slices_are_equal(hash(self.0.as_bytes()).as_ref(), hash(text).as_ref()).is_ok()
    }

    /// The value of an `Authorization` header with this secret.
    pub(crate) fn as_bearer(&self) -> String {
        format!("Bearer {}", self.0)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether it can be sent as a bearer token (RFC 6750, 2.1).
    pub(super) fn is_bearer_token(&self) -> bool {
        let body = self.0.trim_end_matches('=');
        !body.is_empty() && body.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte))
    }
}

impl FromStr for Secret {
    /// Never fails; checked later, because a parser's error would quote the value.
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}
