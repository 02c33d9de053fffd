//! Scenario files: the folder that the server was given, or the set that it carries in itself; and the watch on them.
//!
//! The folder is looked at now and then and not watched for events: some file systems, those of containers above all,
//! have none.

use super::App;
use crate::scenario::{MOST_BYTES, MOST_SCENARIOS, Scenario, ScenarioError, ScenarioSet, shipped, too_large, utf8};
use std::{
    fs::Metadata,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

/// Between two looks at the folder.
const PAUSE: Duration = Duration::from_millis(500);

/// Up to this many bytes in all, files are compared by what is in them and not only by their size and time, which two
/// writes in quick succession may share.
const CHEAP: u64 = 4 << 20;

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

/// What a folder looked like.
type Look = Vec<FileLook>;

/// What a file looked like; the hash is of what is in it, unless the folder is large.
#[derive(PartialEq, Eq)]
struct FileLook {
    path: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
    hash: Option<u64>,
}

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
            // One file more than there may be, so that the refusal can show it.
            for (path, _) in files(folder)?.into_iter().take(MOST_SCENARIOS + 1) {
                let bytes = std::fs::read(&path).map_err(unreadable(&path))?;
                let file = path.display().to_string();
                scenarios.push(Arc::new(Scenario::read(&file, utf8(&file, &bytes)?)?));
            }
        }
    }
    Ok(ScenarioSet::of_one_source(scenarios)?)
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> LoadError {
    let path = path.to_owned();
    move |error| LoadError::Unreadable { path, error }
}

/// The scenario files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<(PathBuf, Metadata)>, LoadError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable(folder))? {
        let path = entry.map_err(unreadable(folder))?.path();
        let is_scenario =
            path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|one| ending == *one));
        if !is_scenario {
            continue;
        }
        let facts = std::fs::metadata(&path).map_err(unreadable(&path))?;
        if facts.is_file() {
            // Before it is read, so that a file of any size is refused at once.
            let bytes = usize::try_from(facts.len()).unwrap_or(usize::MAX);
            if bytes > MOST_BYTES {
                return Err(too_large(&path.display().to_string(), bytes).into());
            }
            files.push((path, facts));
        }
    }
    files.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(files)
}

fn look(folder: &Path) -> Result<Look, LoadError> {
    let files = files(folder)?;
    let cheap = files.iter().map(|(_, facts)| facts.len()).sum::<u64>() <= CHEAP;
    files
        .into_iter()
        .map(|(path, facts)| {
            let hash = if cheap {
                let mut hasher = DefaultHasher::new();
                std::fs::read(&path).map_err(unreadable(&path))?.hash(&mut hasher);
                Some(hasher.finish())
            } else {
                None
            };
            Ok(FileLook { path, size: facts.len(), modified: facts.modified().ok(), hash })
        })
        .collect()
}

/// Off the threads that serve: a folder may lie across a network. Nothing, for a folder that cannot be looked at.
async fn look_aside(folder: &Path) -> Option<Look> {
    let folder = folder.to_owned();
    tokio::task::spawn_blocking(move || look(&folder).ok()).await.ok().flatten()
}

impl App {
    /// Takes the scenarios of the folder anew whenever they change, for as long as it is awaited. A folder that cannot
    /// be used leaves the last good set in place, and says so.
    pub async fn watch_scenarios(&self) {
        let Some(folder) = &self.settings.scenarios else { return };
        let mut seen = look_aside(folder).await;
        // What changed between the start and this first look has no earlier look to differ from.
        let stale = match load(Some(folder)) {
            Ok(set) => {
                let now = self.sandboxes.default_sandbox().scripts.set();
                !set.iter().map(|one| one.document()).eq(now.iter().map(|one| one.document()))
            }
            Err(_) => true,
        };
        if stale {
            self.reload_scenarios();
        }
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = look_aside(folder).await;
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
