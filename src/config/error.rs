//! Errors in the settings.

use super::FileError;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    File(#[from] FileError),
    /// An invalid value, from any source.
    #[error("{setting}: {problem}")]
    Value {
        setting: &'static str,
        /// What is wrong, and the fix.
        problem: String,
    },
}
