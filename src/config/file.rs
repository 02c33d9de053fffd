//! The settings file: TOML whose keys are the flags without the leading dashes.

mod problem;

use super::{ClientEntry, ScenarioSource, ServeOptions, Settings, values};
use crate::base::{io_error, position::Position, reading::Tree, urls::BaseUrl};
use bytesize::ByteSize;
use jiff::SignedDuration;
use problem::{Foreign, in_settings, syntax};
use serde::{Deserialize, Deserializer, de::Error};
use std::path::{Path, PathBuf};

/// A settings file that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("{}: cannot be read: {}", path.display(), io_error::reason(error))]
    Unreadable { path: PathBuf, error: std::io::Error },
    /// A value in the file is invalid.
    #[error("{}:{position}: {problem}", path.display())]
    Wrong {
        path: PathBuf,
        position: Position,
        /// What is wrong, and the fix.
        problem: String,
    },
}

pub(super) fn read(path: &Path) -> Result<ServeOptions, FileError> {
    let text = std::fs::read_to_string(path).map_err(|error| FileError::Unreadable { path: path.to_owned(), error })?;
    let mut options: ServeOptions = toml::from_str(&text).map_err(|error| wrong(path, &text, &error))?;
    refuse_repeated_client(path, &text, &options.clients)?;
    if let Err((setting, problem)) = Settings::from_options(options.clone()).judge() {
        let position = Position::of(&text, value_of(place_of(setting, &text), &text));
        let problem = format!("{setting}: {problem}");
        return Err(FileError::Wrong { path: path.to_owned(), position, problem });
    }
    // Relative paths in a file are relative to the file's folder.
    if let Some(folder) = path.parent() {
        let ready_file = options.ready_file.iter_mut();
        let scenarios = options.scenarios.iter_mut().filter_map(|source| match source {
            ScenarioSource::Shipped => None,
            ScenarioSource::Folder(folder) => Some(folder),
        });
        let keys = options.client_key.iter_mut().map(|key| &mut key.file);
        let entries = options.clients.iter_mut().flat_map(|client| &mut client.keys);
        for meant in ready_file.chain(scenarios).chain(keys).chain(entries) {
            *meant = folder.join(&*meant);
        }
    }
    Ok(options)
}

/// The top-level settings and tables of a text, each with its offset.
fn settings_of(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    let (mut offset, mut is_in_table) = (0, false);
    for line in text.split_inclusive('\n') {
        let bare = line.trim();
        let start = offset + line.len() - line.trim_start().len();
        offset += line.len();
        if let Some(table) = bare.strip_prefix('[') {
            let name = table.trim_start_matches('[').split(']').next().unwrap_or_default();
            found.push((start, name.trim()));
            is_in_table = true;
        } else if let Some((name, _)) = bare.split_once('=').filter(|_| !is_in_table && !bare.starts_with('#')) {
            found.push((start, name.trim().trim_matches(['"', '\''])));
        }
    }
    found
}

/// The offset of a top-level setting.
fn place_of(setting: &str, text: &str) -> usize {
    settings_of(text).into_iter().find(|(_, name)| *name == setting).map_or(0, |(at, _)| at)
}

/// The offset of the value for the key at an offset.
fn value_of(key: usize, text: &str) -> usize {
    let line = text[key..].lines().next().unwrap_or_default();
    line.find('=').map_or(key, |sign| key + line.len() - line[sign + 1..].trim_start().len())
}

/// The top-level setting that contains a place of the text.
fn setting_at(text: &str, at: usize) -> &str {
    // Searches up to the end of the line, because the place may be in front of the name.
    let end = text[at..].find('\n').map_or(text.len(), |length| at + length);
    settings_of(text).into_iter().rev().find(|(start, _)| *start <= end).map_or("", |(_, name)| name)
}

fn wrong(path: &Path, text: &str, error: &toml::de::Error) -> FileError {
    let mut at = error.span().map_or(0, |span| span.start);
    let span = error.span().and_then(|span| text.get(span)).unwrap_or_default();
    let problem = match toml::from_str::<Tree>(text) {
        Ok(mut tree) => {
            let foreign = Foreign::replace_in(&mut tree, span);
            match tree.read::<ServeOptions>() {
                Err(error) => {
                    // The two readers read the settings in different orders, so they may report different errors.
                    let place = error.place();
                    let setting = place.split('/').nth(1).unwrap_or_default();
                    if setting != setting_at(text, at) {
                        at = place_of(setting, text);
                    }
                    let foreign = foreign.iter().find(|value| value.pointer == error.pointer);
                    in_settings(&tree, &error, foreign)
                }
                Ok(_) => match foreign.iter().find(|value| value.setting() == setting_at(text, at)) {
                    Some(value) => {
                        format!("{}: {} is not a text; write it in double quotes", value.setting(), value.shown())
                    }
                    None => "the value cannot be used".to_owned(),
                },
            }
        }
        Err(_) => syntax(error.message(), span),
    };
    FileError::Wrong { path: path.to_owned(), position: Position::of(text, at), problem }
}

/// Refuses a client that the file describes twice; the error is placed at the second one.
fn refuse_repeated_client(path: &Path, text: &str, clients: &[ClientEntry]) -> Result<(), FileError> {
    let is_repeated = |(index, client): &(usize, &ClientEntry)| {
        clients[..*index].iter().any(|before| before.client_id == client.client_id)
    };
    let Some((_, client)) = clients.iter().enumerate().find(is_repeated) else { return Ok(()) };
    let id = &client.client_id;
    let quoted = text.match_indices(id.as_str()).filter(|(at, _)| text[..*at].ends_with(['"', '\'']));
    let at = quoted.map(|(at, _)| at).nth(1).unwrap_or_default();
    Err(FileError::Wrong {
        path: path.to_owned(),
        position: Position::of(text, at),
        problem: format!("the client {id} is defined more than once; put its keys into one entry"),
    })
}

/// Reads a size: a number of bytes, or a text as on the command line.
pub(super) fn size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ByteSize>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "a size must be a number of bytes or a text such as \"1MiB\"")]
    enum Size {
        Bytes(u64),
        Text(String),
    }
    match Size::deserialize(deserializer)? {
        Size::Bytes(bytes) => Ok(Some(ByteSize(bytes))),
        Size::Text(text) => values::size(&text).map(Some).map_err(D::Error::custom),
    }
}

/// Reads scenario sources: one, or a list.
pub(super) fn scenarios<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<ScenarioSource>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged, expecting = "expected a folder, or a list such as [\"shipped\", \"my-scenarios\"]")]
    enum Sources {
        One(PathBuf),
        Many(Vec<PathBuf>),
    }
    let paths = match Sources::deserialize(deserializer)? {
        Sources::One(path) => vec![path],
        Sources::Many(paths) => paths,
    };
    if paths.is_empty() || paths.iter().any(|path| path.as_os_str().is_empty()) {
        return Err(D::Error::custom("the list is empty; write \"shipped\" or a path, or leave the key out"));
    }
    Ok(paths.into_iter().map(ScenarioSource::from).collect())
}

/// Reads a duration as on the command line.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SignedDuration>, D::Error> {
    text(deserializer, values::duration)
}

/// Reads an address as on the command line.
pub(super) fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    text(deserializer, values::listen)
}

/// Reads a base URL as on the command line.
pub(super) fn base_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<BaseUrl>, D::Error> {
    text(deserializer, values::base_url)
}

/// Reads an HTTP status: a number with the same rules as on the command line.
pub(super) fn error_http_status<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u16>, D::Error> {
    let code = i64::deserialize(deserializer)?;
    values::error_http_status(&code.to_string()).map(Some).map_err(D::Error::custom)
}

fn text<'de, D: Deserializer<'de>, T>(
    deserializer: D,
    read: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, D::Error> {
    read(&String::deserialize(deserializer)?).map(Some).map_err(D::Error::custom)
}
