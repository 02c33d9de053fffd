//! The ready file: written by a server once it is ready, or if it fails to start.
//!
//! It is replaced atomically, so that readers always see a complete file.

use super::{Failure, probe};
use crate::base::{clock::Clock, io_error};
use serde_json::{Value, json};
use std::{
    fs::{File, OpenOptions},
    io::{self, Read, Write},
    path::Path,
    time::Duration,
};

/// Maximum size of a ready file, in bytes. Real ones are far smaller.
const LARGEST: u64 = 1 << 16;

/// How long the server in a ready file may take to answer before it counts as gone.
const PATIENCE: Duration = Duration::from_secs(1);

/// The content of a ready file.
#[derive(Debug)]
pub(super) enum ReadyFileContent {
    /// A server was ready at this URL.
    Ready(String),
    /// A server failed to start.
    Failed(StartFailure),
}

/// A failed start. The time distinguishes two failures with the same message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StartFailure {
    /// The server's message.
    pub(super) reason: String,
    at: String,
}

/// Reads a ready file. Never blocks on something that is not a regular file.
///
/// # Errors
/// Returns the reason with the path.
pub(super) fn read(path: &Path) -> Result<ReadyFileContent, String> {
    let wrong = |problem: String| format!("{}: {problem}", path.display());
    let facts =
        std::fs::metadata(path).map_err(|error| wrong(format!("cannot be read: {}", io_error::reason(&error))))?;
    if !facts.is_file() {
        return Err(wrong("it is not a regular file; give the server's --ready-file".to_owned()));
    }
    let mut text = Vec::new();
    let file = File::open(path).and_then(|file| file.take(LARGEST).read_to_end(&mut text));
    file.map_err(|error| wrong(format!("cannot be read: {}", io_error::reason(&error))))?;
    let facts: Value = serde_json::from_slice(&text).unwrap_or_default();
    let member = |name: &str| facts[name].as_str().map(str::to_owned);
    if let Some(url) = member("url") {
        Ok(ReadyFileContent::Ready(url.trim_end_matches('/').to_owned()))
    } else if let Some(reason) = member("error") {
        Ok(ReadyFileContent::Failed(StartFailure { reason, at: member("at").unwrap_or_default() }))
    } else {
        Err(wrong("it is not a ready file; give the server's --ready-file".to_owned()))
    }
}

/// Replaces a ready file, without leaving temporary files behind.
///
/// # Errors
/// If the folder cannot be written to, or the name belongs to something other than a regular file.
pub(super) fn write(path: &Path, facts: &Value) -> io::Result<()> {
    if std::fs::metadata(path).is_ok_and(|facts| !facts.is_file()) {
        return Err(io::Error::other("it exists and is not a regular file; choose another name"));
    }
    let temporary = path.with_file_name(format!(".docendorse-mock-ready.{}.tmp", std::process::id()));
    // Left over from a process with the same id that was killed.
    let _ = std::fs::remove_file(&temporary);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&temporary)
        .and_then(|mut file| file.write_all(format!("{facts:#}\n").as_bytes()))
        .and_then(|()| std::fs::rename(&temporary, path));
    if written.is_err() {
        let _ = std::fs::remove_file(&temporary);
    }
    written
}

/// Removes the record of an earlier failed start, which could be mistaken for a failure of this start.
pub(super) fn clear_failure(path: &Path) {
    if let Ok(ReadyFileContent::Failed(_)) = read(path) {
        let _ = std::fs::remove_file(path);
    }
}

/// Records why a server did not start, for `ready --wait`. The file of a running server is not replaced. To find out
/// whether it runs, the server is asked, because process ids are reused and mean nothing in another container.
pub(super) fn record_failure(path: &Path, failure: &Failure) {
    if let Ok(ReadyFileContent::Ready(url)) = read(path)
        && probe::probe_now(&url, PATIENCE).may_be_ours()
    {
        return;
    }
    let facts = json!({
        "error": failure.message,
        "exit_code": failure.exit as u8,
        "at": Clock::system_now().to_string(),
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    // The server reports the failure itself; the file is only for waiting scripts.
    let _ = write(path, &facts);
}
