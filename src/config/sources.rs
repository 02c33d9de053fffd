//! Sources of scenarios: the shipped set, folders, or both.

use clap::builder::{PathBufValueParser, TypedValueParser};
use serde::{Serialize, Serializer};
use std::{
    fmt,
    path::{Path, PathBuf},
};

/// The word for the shipped scenarios. A folder with that name is written `./shipped`.
const SHIPPED: &str = "shipped";

/// One source of scenarios.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScenarioSource {
    /// The scenarios that the binary contains.
    Shipped,
    /// The scenario files of a folder.
    Folder(PathBuf),
}

impl ScenarioSource {
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        match self {
            Self::Shipped => None,
            Self::Folder(folder) => Some(folder),
        }
    }
}

impl From<PathBuf> for ScenarioSource {
    fn from(path: PathBuf) -> Self {
        // Paths are compared by component, so `shipped/` is a folder.
        if path.as_os_str() == SHIPPED { Self::Shipped } else { Self::Folder(path) }
    }
}

impl fmt::Display for ScenarioSource {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shipped => formatter.write_str(SHIPPED),
            Self::Folder(folder) => folder.display().fmt(formatter),
        }
    }
}

impl Serialize for ScenarioSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Parses one source from the command line or the environment. Surrounding spaces are dropped, so that a list may be
/// written `shipped, mine`.
#[must_use]
pub fn scenario_source() -> impl TypedValueParser<Value = ScenarioSource> {
    PathBufValueParser::new().map(|path| {
        let trimmed = path.to_str().map(str::trim).filter(|text| !text.is_empty()).map(PathBuf::from);
        ScenarioSource::from(trimmed.unwrap_or(path))
    })
}

/// The given sources, or the shipped set if there are none.
#[must_use]
pub fn or_shipped(sources: Vec<ScenarioSource>) -> Vec<ScenarioSource> {
    if sources.is_empty() { vec![ScenarioSource::Shipped] } else { sources }
}
