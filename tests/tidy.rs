//! Rules of the house that a compiler does not know, held on the source itself.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should say where")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "a test is read as a story")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no outside")]

use std::path::{Path, PathBuf};

/// The rooms from the inside out; imports point towards the front of this list.
const ROOMS: [&[&str]; 7] =
    [&CORE, &["store", "log"], &["config"], &["sandbox"], &["app"], &["http", "server", "mock"], &["cli"]];

/// The pure core: no I/O, no runtime, no web.
const CORE: [&str; 19] = [
    "budget", "position", "reading", "document", "glob", "chance", "contract", "actor", "session", "scenario",
    "journal", "clock", "ids", "agenda", "oauth", "signing", "event", "message", "urls",
];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    fn walk(folder: &Path, into: &mut Vec<(PathBuf, String)>) {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.ends_with("target") {
                continue;
            }
            if path.is_dir() {
                walk(&path, into);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                into.push((path, text));
            }
        }
    }
    let mut files = Vec::new();
    walk(Path::new(folder), &mut files);
    files.sort();
    files
}

/// Every text file of a folder; of the top folder, only those that lie there themselves.
fn texts(folder: &str) -> Vec<(PathBuf, String)> {
    let mut folders = vec![PathBuf::from(folder)];
    let mut files = Vec::new();
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() && folder != "." && !path.ends_with("target") {
                folders.push(path);
            } else if let Ok(text) = std::fs::read_to_string(&path) {
                files.push((path, text));
            }
        }
    }
    files
}

/// The room that a file belongs to: `src/http/admin.rs` to `http`.
fn room(path: &Path) -> String {
    let inside = path.strip_prefix("src").unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// The code of a file without comments and without its test module.
fn code(text: &str) -> String {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    production.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// Every room that a file names: `crate::app::App` and `use crate::{app::App, …}` alike.
fn named_rooms(code: &str) -> Vec<String> {
    let mut named = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for char in group.chars() {
                match char {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ':' | ',' if depth == 0 => {
                        named.push(std::mem::take(&mut word));
                    }
                    other if depth == 0 && (other.is_alphanumeric() || other == '_') => word.push(other),
                    _ => {}
                }
            }
            named.push(word);
        } else {
            named.push(rest.chars().take_while(|char| char.is_alphanumeric() || *char == '_').collect());
        }
    }
    named
}

fn rank(room: &str) -> Option<usize> {
    ROOMS.iter().position(|rooms| rooms.contains(&room))
}

#[test]
fn every_room_is_on_the_map_and_imports_point_inwards() {
    for (path, text) in sources("src") {
        let here = room(&path);
        if ["lib", "main"].contains(&here.as_str()) {
            continue;
        }
        let rank_here = rank(&here).unwrap_or_else(|| panic!("{} is in no room", path.display()));
        for named in named_rooms(&code(&text)) {
            if let Some(rank_there) = rank(&named) {
                assert!(rank_there <= rank_here, "{} imports {named}, which lies further out", path.display());
            }
        }
    }
}

#[test]
fn the_core_knows_no_web_no_runtime_and_no_database() {
    for (path, text) in sources("src") {
        if CORE.contains(&room(&path).as_str()) {
            for outside in ["axum", "tokio", "hyper", "tower", "sqlx", "reqwest", "std::net", "std::fs", "std::env"] {
                let named =
                    code(&text).split(|char: char| !(char.is_alphanumeric() || "_:".contains(char))).any(|word| {
                        word == outside || word.strip_prefix(outside).is_some_and(|rest| rest.starts_with("::"))
                    });
                assert!(!named, "{} names {outside}", path.display());
            }
        }
    }
}

#[test]
fn only_clock_and_ids_read_time_and_randomness() {
    for (path, text) in sources("src") {
        let here = room(&path);
        for ambient in [
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "new_v4",
            "now_v7",
            "fastrand::",
            "thread::sleep",
        ] {
            let allowed = ["clock", "ids"].contains(&here.as_str());
            assert!(allowed || !code(&text).contains(ambient), "{} reads {ambient}", path.display());
        }
    }
}

#[test]
fn http_knows_no_concrete_store() {
    for (path, text) in sources("src") {
        if ["http", "sandbox"].contains(&room(&path).as_str()) {
            assert!(!code(&text).contains("Memory"), "{} names a concrete store", path.display());
        }
    }
}

#[test]
fn the_control_plane_is_not_recorded() {
    let records = |text: &str| code(text).contains("record::open");
    for (path, text) in sources("src/http") {
        let surfaces = ["handoff.rs", "token.rs", "error.rs", "signing/resource.rs"];
        let is_contract = surfaces.iter().any(|name| path.ends_with(format!("http/{name}")));
        assert_eq!(records(&text), is_contract, "{}: contract surfaces record, and nothing else does", path.display());
    }
}

#[test]
fn no_lock_is_held_across_an_await() {
    // A file that takes locks awaits nothing, and so cannot hold one across an await.
    for (path, text) in sources("src") {
        let code = code(&text);
        let locks = code.contains("Mutex<") || code.contains("RwLock<");
        assert!(!(locks && code.contains(".await")), "{} both locks and awaits", path.display());
    }
}

#[test]
fn every_module_says_what_it_owns() {
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            assert!(text.starts_with("//!"), "{} does not open with what it is for", path.display());
        }
    }
}

#[test]
fn files_are_ideas_that_fit_on_a_few_screens() {
    for (path, text) in sources("src") {
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines: what is the second idea in it?", path.display());
        assert!(path.file_name().unwrap() != "mod.rs", "{}: a room is foo.rs and foo/", path.display());
    }
}

#[test]
fn nothing_in_the_repository_names_a_machine() {
    for folder in
        ["src", "tests", "benches", "fixtures", "docs", "scenarios", "fuzz/fuzz_targets", "scripts", ".ci", "."]
    {
        for (path, text) in texts(folder) {
            // Spelt in two halves, so that this file does not find itself.
            for place in [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"]] {
                assert!(!text.contains(&place.concat()), "{} names a path of a machine", path.display());
            }
        }
    }
}
