//! The JWT bearer grant (RFC 7523) and what it needs: clients and their keys, assertions, access tokens.
//!
//! Pure: from a request's parameters to a grant or one precise refusal. Knows no HTTP and reads no clock.

mod error;

pub use error::{ErrorCode, TokenError};
