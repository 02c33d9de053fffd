//! Loads scenarios from every source in the settings, and reloads them when a folder changes.
//!
//! Folders are polled, because some file systems, such as those of containers, send no change events.

pub mod folder;

use super::App;
use crate::{
    base::io_error,
    config::ScenarioSource,
    domain::scenario::{MOST_SCENARIOS, Scenario, ScenarioError, ScenarioSet, shipped, utf8},
};
use folder::{FolderContent, find, read_bytes, shown};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    time::{Duration, SystemTime},
};

/// Time between two scans of the folders.
const PAUSE: Duration = Duration::from_millis(500);

/// Maximum bytes of scenario files in all folders together.
const MOST_BYTES: u64 = 16 << 20;

/// Up to this many bytes in all, changes are detected by content, because two writes in quick succession can leave a
/// file with the same size and time.
const COMPARED_BY_CONTENT: u64 = 4 << 20;

/// The shipped scenarios. They are read once, because a process can start many servers and reload its folders often.
static SHIPPED: LazyLock<Result<Vec<Arc<Scenario>>, ScenarioError>> =
    LazyLock::new(|| shipped().into_iter().map(|(name, text)| Scenario::read(name, text).map(Arc::new)).collect());

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder or a file in it cannot be read.
    #[error("{}: cannot be read: {}", shown(path), io_error::reason(error))]
    Unreadable { path: PathBuf, error: io::Error },
    #[error("{}: not a folder; --scenarios takes folders that hold scenario files", shown(.0))]
    NotAFolder(PathBuf),
    /// The folder has no scenario files.
    #[error("{}: no scenarios found; scenario files end in .yaml, .yml or .json", shown(.0))]
    Empty(PathBuf),
    /// A symbolic link has no target.
    #[error(
        "{}: links to {}, which does not exist; remove the link, or restore its target",
        shown(path),
        shown(target)
    )]
    BrokenLink {
        path: PathBuf,
        /// The target as written in the link.
        target: PathBuf,
    },
    #[error("{}: more than {most} entries; keep scenarios in a folder of their own", shown(folder))]
    TooManyEntries {
        folder: PathBuf,
        /// The maximum number of entries.
        most: usize,
    },
    #[error("{}: larger than {most} bytes, the limit for a scenario file", shown(path))]
    TooLarge {
        path: PathBuf,
        /// The limit in bytes.
        most: u64,
    },
    /// All files together are too many or too large.
    #[error("{}: {problem}; remove files, or serve fewer folders", shown(folder))]
    TooMuch {
        /// The folder in which the limit was reached.
        folder: PathBuf,
        problem: String,
    },
    #[error(transparent)]
    Invalid(#[from] ScenarioError),
}

/// The scenarios of all sources.
#[derive(Debug)]
pub struct Loaded {
    /// All scenarios, in the order in which they are tried.
    pub set: ScenarioSet,
    /// The text of each file, by the name of its scenario.
    pub texts: HashMap<Box<str>, Cow<'static, str>>,
    /// Warnings for the user, one line each.
    pub warnings: Vec<String>,
}

/// Loads the scenarios of all sources. A scenario in a folder replaces the shipped one of the same name; the order of
/// the sources does not matter.
///
/// # Errors
/// At the first invalid file, with its place; if two files define the same scenario; if a limit is exceeded.
pub fn load(sources: &[ScenarioSource]) -> Result<Loaded, LoadError> {
    let FolderContent { files, warnings } = find_all(sources)?;
    let mut scenarios = Vec::new();
    let mut texts: HashMap<Box<str>, Cow<'static, str>> = HashMap::new();
    let mut size = 0;
    for file in files {
        let name = shown(&file.path);
        let bytes = read_bytes(&file.path)?;
        let text = utf8(&name, &bytes)?;
        let scenario = Scenario::read(&name, text)?.of_file();
        // The limits apply to the user's scenarios; the shipped ones do not count.
        size += scenario.size();
        ScenarioSet::fits(&scenario, scenarios.len() + 1, size)?;
        texts.insert(scenario.name().into(), text.to_owned().into());
        scenarios.push(Arc::new(scenario));
    }
    if sources.contains(&ScenarioSource::Shipped) {
        // A shipped file is named after its scenario.
        for ((name, text), scenario) in shipped().into_iter().zip(SHIPPED.as_ref().map_err(Clone::clone)?) {
            if !texts.contains_key(name) {
                scenarios.push(Arc::clone(scenario));
                texts.insert(name.into(), text.into());
            }
        }
    }
    Ok(Loaded { set: ScenarioSet::compile(scenarios)?, texts, warnings })
}

/// Finds the scenario files of all folders. A folder that is listed twice counts once.
///
/// # Errors
/// If a folder or a file in it cannot be examined, or a limit is exceeded.
pub fn find_all(sources: &[ScenarioSource]) -> Result<FolderContent, LoadError> {
    let mut seen = HashSet::new();
    let mut all = FolderContent::default();
    let mut bytes = 0;
    for folder in sources.iter().filter_map(ScenarioSource::folder) {
        let identity = folder.canonicalize().unwrap_or_else(|_| folder.to_owned());
        if !seen.insert(identity) {
            continue;
        }
        let found = find(folder)?;
        if found.files.is_empty() {
            all.warnings.push(LoadError::Empty(folder.to_owned()).to_string());
        }
        bytes += found.files.iter().map(|file| file.facts.len()).sum::<u64>();
        all.files.extend(found.files);
        all.warnings.extend(found.warnings);
        let problem = if all.files.len() > MOST_SCENARIOS {
            format!("more than {MOST_SCENARIOS} scenario files in all")
        } else if bytes > MOST_BYTES {
            format!("more than {MOST_BYTES} bytes of scenario files in all")
        } else {
            continue;
        };
        return Err(LoadError::TooMuch { folder: folder.to_owned(), problem });
    }
    Ok(all)
}

/// State of all folders, or the error message if they could not be examined.
type FolderScan = Result<Vec<FileState>, String>;

/// State of a file.
#[derive(Clone, PartialEq, Eq)]
struct FileState {
    path: PathBuf,
    /// The resolved path, because a link can be switched to a file of the same size and time.
    target: PathBuf,
    size: u64,
    modified: Option<SystemTime>,
    /// Hash of the content; `None` in large folders.
    hash: Option<u64>,
}

fn scan(sources: &[ScenarioSource]) -> Result<Vec<FileState>, LoadError> {
    let files = find_all(sources)?.files;
    let by_content = files.iter().map(|file| file.facts.len()).sum::<u64>() <= COMPARED_BY_CONTENT;
    files
        .into_iter()
        .map(|file| {
            let hash = by_content.then(|| hash(&file.path)).transpose()?;
            let target = file.path.canonicalize().unwrap_or_else(|_| file.path.clone());
            Ok(FileState {
                size: file.facts.len(),
                modified: file.facts.modified().ok(),
                path: file.path,
                target,
                hash,
            })
        })
        .collect()
}

fn hash(path: &Path) -> Result<u64, LoadError> {
    let mut hasher = DefaultHasher::new();
    read_bytes(path)?.hash(&mut hasher);
    Ok(hasher.finish())
}

impl App {
    /// Reloads the scenarios whenever a file in their folders changes, for as long as the future is polled. If the
    /// folders cannot be loaded, the previous scenarios stay in force.
    pub async fn watch_scenarios(&self) {
        if self.settings.scenarios.iter().all(|source| source.folder().is_none()) {
            return;
        }
        let mut last = self.scan_folders().await;
        // The state that the loaded scenarios correspond to; `None` if the files changed during loading.
        let mut loaded = None;
        // Files may have changed between the start and this first scan.
        let is_current = self.load_scenarios().await.is_ok_and(|now| {
            let set = self.sandboxes.scenarios();
            now.set.iter().map(|one| one.text()).eq(set.iter().map(|one| one.text()))
        });
        if is_current && self.scan_folders().await == last {
            loaded = Some(last.clone());
        }
        loop {
            tokio::time::sleep(PAUSE).await;
            let now = self.scan_folders().await;
            // Loaded only after two equal scans, so that a file that is still being written is not loaded.
            if now == last && loaded.as_ref() != Some(&now) {
                let result = self.load_scenarios().await;
                let after = self.scan_folders().await;
                // A change during the load may have mixed old and new files, so the load is repeated.
                if after == now {
                    self.apply_scenarios(result);
                    loaded = Some(now);
                }
                last = after;
            } else {
                last = now;
            }
        }
    }

    /// Replaces the server's scenarios with the loaded ones, or logs the reason why the load failed.
    fn apply_scenarios(&self, result: Result<Loaded, String>) {
        match result {
            Ok(loaded) => {
                let scenarios = loaded.set.iter().len();
                self.sandboxes.rebase(&Arc::new(loaded.set));
                // Logged after the change, because users rely on the new scenarios once they see this line.
                tracing::info!(scenarios, "scenarios reloaded");
                log_warnings(&loaded.warnings);
            }
            Err(error) => tracing::error!("reload failed; keeping the previous scenarios: {error}"),
        }
    }

    async fn scan_folders(&self) -> FolderScan {
        self.run_blocking(|sources| scan(sources).map_err(|error| error.to_string())).await
    }

    async fn load_scenarios(&self) -> Result<Loaded, String> {
        self.run_blocking(|sources| load(sources).map_err(|error| error.to_string())).await
    }

    /// Runs on a blocking thread, because a folder may be on a slow network file system.
    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&[ScenarioSource]) -> Result<T, String> + Send + 'static,
    ) -> Result<T, String> {
        let sources = self.settings.scenarios.clone();
        let done = tokio::task::spawn_blocking(move || work(&sources)).await;
        done.unwrap_or_else(|_| Err("the reader failed; please report this as a bug".to_owned()))
    }
}

pub(super) fn log_warnings(warnings: &[String]) {
    for warning in warnings {
        tracing::warn!("{warning}");
    }
}
