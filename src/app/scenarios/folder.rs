//! Finds and reads scenario files on disk within limits.
//!
//! Only regular files are opened, so that a FIFO or a device in the folder cannot block the reader.

use super::LoadError;
use crate::domain::scenario::MOST_BYTES;
use std::{
    fs::{File, Metadata},
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Maximum size of a scenario file, in bytes.
const LARGEST_FILE: u64 = MOST_BYTES as u64;

/// Maximum number of entries of any kind in a folder.
const MOST_ENTRIES: usize = 10_000;

/// The scenario files of a folder, ordered by name, and warnings about ignored entries.
#[derive(Debug, Default)]
pub struct FolderContent {
    /// Regular files with a scenario file extension.
    pub files: Vec<FoundFile>,
    /// Warnings for the user, one line each.
    pub warnings: Vec<String>,
}

/// A scenario file that has not been read yet.
#[derive(Debug)]
pub struct FoundFile {
    /// The folder joined with the file's name.
    pub path: PathBuf,
    /// Metadata of the file itself, after following symbolic links.
    pub facts: Metadata,
}

/// Whether the name is that of a scenario file: `.yaml`, `.yml` or `.json` in any case, without a leading dot. Lock
/// files of editors and `._` files of macOS start with a dot.
#[must_use]
pub fn is_scenario_name(path: &Path) -> bool {
    let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    !is_hidden && (is_yaml(path) || has_extension(path, "json"))
}

/// Whether the name ends in `.yaml` or `.yml`, in any case.
#[must_use]
pub fn is_yaml(path: &Path) -> bool {
    has_extension(path, "yaml") || has_extension(path, "yml")
}

fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

/// Formats a path for messages. Control characters, which a terminal would interpret, are replaced.
#[must_use]
pub fn shown(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "\u{fffd}")
}

/// Finds the scenario files of a folder, without searching its subfolders.
///
/// # Errors
/// If the folder or an entry cannot be examined, a file is too large, or there are too many entries.
pub fn find(folder: &Path) -> Result<FolderContent, LoadError> {
    let mut found = FolderContent::default();
    let entries = std::fs::read_dir(folder).map_err(|error| match error.kind() {
        io::ErrorKind::NotADirectory => LoadError::NotAFolder(folder.to_owned()),
        _ => unreadable(folder)(error),
    })?;
    for (count, entry) in entries.enumerate() {
        if count == MOST_ENTRIES {
            return Err(LoadError::TooManyEntries { folder: folder.to_owned(), most: MOST_ENTRIES });
        }
        let path = entry.map_err(unreadable(folder))?.path();
        if !is_scenario_name(&path) {
            continue;
        }
        let facts = std::fs::metadata(&path).map_err(|error| match std::fs::read_link(&path) {
            Ok(target) if error.kind() == io::ErrorKind::NotFound => {
                LoadError::BrokenLink { path: path.clone(), target }
            }
            _ => unreadable(&path)(error),
        })?;
        if !facts.is_file() {
            let kind = if facts.is_dir() { "a folder" } else { "not a regular file" };
            found.warnings.push(format!("{}: ignored, because it is {kind}", shown(&path)));
        } else if facts.len() > LARGEST_FILE {
            return Err(LoadError::TooLarge { path, most: LARGEST_FILE });
        } else {
            found.files.push(FoundFile { path, facts });
        }
    }
    found.files.sort_by(|one, other| one.path.cmp(&other.path));
    found.warnings.sort();
    Ok(found)
}

/// Reads a scenario file. Checks its kind and size again, because it may have changed since it was found.
///
/// # Errors
/// If it cannot be read, is no longer a regular file, or is too large.
pub fn read_bytes(path: &Path) -> Result<Vec<u8>, LoadError> {
    let is_regular = |facts: Metadata| {
        if facts.is_file() { Ok(()) } else { Err(io::Error::other("it is no longer a regular file")) }
    };
    let mut bytes = Vec::new();
    std::fs::metadata(path)
        .and_then(is_regular)
        .and_then(|()| File::open(path)?.take(LARGEST_FILE + 1).read_to_end(&mut bytes))
        .map_err(unreadable(path))?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(LoadError::TooLarge { path: path.to_owned(), most: LARGEST_FILE });
    }
    Ok(bytes)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> LoadError {
    let path = path.to_owned();
    move |error| LoadError::Unreadable { path, error }
}
