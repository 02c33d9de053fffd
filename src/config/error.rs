//! Why settings cannot be used.

use super::FileError;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
    /// A value cannot be used, wherever it came from.
    #[error("{setting}: {problem}")]
    Value {
        /// The name of the setting.
        setting: &'static str,
        /// What is wrong with it, and the fix.
        problem: String,
    },
}
