//! Why settings cannot be used.

use super::FileError;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error(transparent)]
    File(#[from] FileError),
    /// A value cannot be used, wherever it came from.
    #[error("{setting}: {problem}")]
    Value {
        setting: &'static str,
        /// What is wrong with it, and the fix.
        problem: String,
    },
}
