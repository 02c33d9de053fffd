//! Scenario files: the folder that the server was given, or the set that it carries in itself; and the watch on them.
//!
//! The folder is looked at now and then and not watched for events: some file systems, those of containers above all,
//! have none.

use super::App;
use crate::scenario::{Scenario, ScenarioError, ScenarioSet, shipped};
use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Between two looks at the folder.
const PAUSE: Duration = Duration::from_millis(500);

/// A file larger than this is no scenario.
const LARGEST: u64 = 1 << 20;

/// Why scenarios cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder or a file in it cannot be read.
    #[error("{}: cannot be read: {error}", path.display())]
    Unreadable {
        /// What cannot be read.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// A file is wrong.
    #[error("{0}")]
    Wrong(#[from] ScenarioError),
}

/// What a folder looked like: every file with its size and its time.
type Look = Vec<(PathBuf, u64, Option<SystemTime>)>;

/// Reads the scenarios of a folder, or the shipped ones.
///
/// # Errors
/// At the first file that is wrong, with its place.
pub fn load(folder: Option<&Path>) -> Result<ScenarioSet, LoadError> {
    let mut scenarios = Vec::new();
    match folder {
        None => {
            for (name, text) in shipped() {
                scenarios.push(Arc::new(Scenario::read(name, text)?));
            }
        }
        Some(folder) => {
            for (path, ..) in look(folder)? {
                let text = std::fs::read_to_string(&path)
                    .map_err(|error| LoadError::Unreadable { path: path.clone(), error })?;
                scenarios.push(Arc::new(Scenario::read(&path.display().to_string(), &text)?));
            }
        }
    }
    Ok(ScenarioSet::compile(scenarios)?)
}

fn look(folder: &Path) -> Result<Look, LoadError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |error| LoadError::Unreadable { path, error }
    };
    let mut look = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let is_scenario =
            path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|one| ending == *one));
        if !is_scenario {
            continue;
        }
        let facts = std::fs::metadata(&path).map_err(unreadable(&path))?;
        if facts.is_file() {
            if facts.len() > LARGEST {
                let error = io::Error::other(format!("larger than {LARGEST} bytes, the most that a scenario may be"));
                return Err(LoadError::Unreadable { path, error });
            }
            look.push((path, facts.len(), facts.modified().ok()));
        }
    }
    look.sort();
    Ok(look)
}

impl App {
    /// Takes the scenarios of the folder anew whenever they change, for as long as it is awaited. A folder that cannot
    /// be used leaves the last good set in place, and says so.
    pub async fn watch_scenarios(&self) {
        let Some(folder) = &self.settings.scenarios else { return };
        let mut seen = look(folder).unwrap_or_default();
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = look(folder).unwrap_or_default();
            if now != seen {
                seen = now;
                self.reload_scenarios();
            }
        }
    }

    /// Takes the scenarios of the folder anew; says what is wrong where they cannot be used.
    pub fn reload_scenarios(&self) -> Option<String> {
        match load(self.settings.scenarios.as_deref()) {
            Ok(set) => {
                tracing::info!(scenarios = set.iter().len(), "scenarios read anew");
                self.sandboxes.rebase(&Arc::new(set));
                None
            }
            Err(error) => {
                tracing::error!("the scenarios stay as they were, for they cannot be read anew: {error}");
                Some(error.to_string())
            }
        }
    }
}
