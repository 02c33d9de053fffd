//! The settings file: TOML, whose keys are the flags without their dashes.

use super::ServeOptions;
use crate::position::Position;
use bytesize::ByteSize;
use jiff::SignedDuration;
use serde::{Deserialize, Deserializer, de::Error};
use std::path::{Path, PathBuf};

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: std::io::Error,
    },
    /// The file says something that cannot be used.
    #[error("{}:{position}: {problem}", path.display())]
    Wrong {
        /// The file.
        path: PathBuf,
        /// Where in the file.
        position: Position,
        /// What is wrong, and the fix.
        problem: String,
    },
}

pub(super) fn read(path: &Path) -> Result<ServeOptions, FileError> {
    let text = std::fs::read_to_string(path).map_err(|error| FileError::Unreadable { path: path.to_owned(), error })?;
    let mut options: ServeOptions = toml::from_str(&text).map_err(|error| wrong(path, &text, &error))?;
    if let Some(code) = options.error_http_status.filter(|code| !(200..=599).contains(code)) {
        let at = text.find("error-http-status").unwrap_or_default();
        return Err(place(path, &text, at, format!("error-http-status: {code} is not from 200 to 599")));
    }
    // A path in a file is meant from where the file lies.
    if let (Some(ready_file), Some(folder)) = (&options.ready_file, path.parent()) {
        options.ready_file = Some(folder.join(ready_file));
    }
    Ok(options)
}

fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> FileError {
    let at = error.span().map_or(0, |span| span.start);
    // The message has lines of its own only where it quotes the file; the place is told already.
    let problem = error.message().lines().next().unwrap_or("cannot be read").replace('`', "\"");
    place(path, text, at, problem)
}

fn place(path: &Path, text: &str, at: usize, problem: String) -> FileError {
    FileError::Wrong { path: path.to_owned(), position: Position::of(text, at), problem }
}

/// A size in a file: a number of bytes, or a text as on the command line.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a size must be a number of bytes or a text such as \"1MiB\"")]
    enum Size {
        Bytes(u64),
        Text(String),
    }
    match Size::deserialize(deserializer)? {
        Size::Bytes(bytes) => Ok(Some(ByteSize(bytes))),
        Size::Text(text) => super::size(&text).map(Some).map_err(D::Error::custom),
    }
}

/// A span of time in a file, as on the command line.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
    super::duration(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}
