//! Rules of this repository that the compiler cannot check, checked on the source.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

mod imports;
mod ledger;
mod names;
mod public;
mod testids;

use imports::{Imports, Module};
use std::path::{Path, PathBuf};

/// The layers, from the lowest. A file may import from its own layer and from lower ones, but not from another layer in
/// the same row.
const LAYERS: [&[&str]; 8] = [
    &["base"],
    &["domain", "store"],
    &["simulation"],
    &["config"],
    &["sandbox"],
    &["app"],
    &["http"],
    &["cli", "mock"],
];

/// The modules of the domain, from the lowest. None imports from a later one.
const DOMAIN: [&str; 10] =
    ["contract", "actor", "oauth", "signing", "event", "message", "agenda", "session", "scenario", "journal"];

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

/// Every text file of a folder. The top folder is not searched recursively.
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

/// The module of a source file: `src/http/admin.rs` is `["http", "admin"]`.
fn module(path: &Path) -> Module {
    let inside = path.strip_prefix("src").unwrap().with_extension("");
    inside.iter().map(|part| part.to_string_lossy().into_owned()).collect()
}

/// The code of a file without comments and without its test module.
fn code(text: &str) -> String {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    production.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

fn shown(module: &[String]) -> String {
    module.join("/")
}

/// The row of a layer or module.
fn row(rows: &[&[&str]], name: &str) -> usize {
    rows.iter()
        .position(|row| row.contains(&name))
        .unwrap_or_else(|| panic!("{name} is not in the layer list of tests/tidy"))
}

/// Every import from one file to another, without those of the crate's root.
fn imports() -> Vec<(Module, Module)> {
    let imports = Imports::read(&sources("src"));
    let is_root = |file: &Module| file.len() == 1 && ["lib", "main"].contains(&file[0].as_str());
    let all =
        imports.edges.into_iter().flat_map(|(here, there)| there.into_iter().map(move |there| (here.clone(), there)));
    all.filter(|(here, there)| !is_root(here) && !is_root(there)).collect()
}

#[test]
fn layers_import_only_from_lower_layers() {
    let imports = imports();
    assert!(imports.len() > 500, "imports are found");
    for (here, there) in imports {
        let (from, to) = (row(&LAYERS, &here[0]), row(&LAYERS, &there[0]));
        let fits = if here[0] == there[0] { true } else { to < from };
        assert!(fits, "{} imports from {}, which is not in a lower layer", shown(&here), shown(&there));
    }
}

#[test]
fn domain_modules_import_only_from_lower_ones() {
    let rows = DOMAIN.map(|module| [module]);
    let rows = rows.each_ref().map(|row| &row[..]);
    for (here, there) in imports() {
        if let ([layer, from, ..], [other, to, ..]) = (&here[..], &there[..])
            && (layer, other.as_str()) == (other, "domain")
        {
            let fits = row(&rows, to) <= row(&rows, from);
            assert!(fits, "{} imports from {}, which is not a lower module", shown(&here), shown(&there));
        }
    }
}

#[test]
fn no_files_of_different_modules_import_each_other() {
    let cycles = Imports::read(&sources("src")).cycles();
    let module = |file: &Module| file.iter().take(2).cloned().collect::<Vec<_>>();
    for cycle in cycles {
        let files: Vec<String> = cycle.iter().map(|file| shown(file)).collect();
        let is_one = cycle.iter().all(|file| module(file) == module(&cycle[0]));
        assert!(is_one, "a cycle of imports between modules: {}", files.join(", "));
    }
}

#[test]
fn pure_layers_use_no_web_runtime_or_database() {
    // The log writes to a terminal; elapsed time is the runtime's, so that tests can pause it.
    let exceptions = ["base/log.rs", "base/clock/elapsed.rs"];
    for (path, text) in sources("src") {
        let pure = ["domain", "simulation", "base"].contains(&module(&path)[0].as_str());
        if pure && !exceptions.iter().any(|exception| path.ends_with(exception)) {
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
        let here = module(&path);
        for ambient in [
            "SystemTime::now",
            "Instant::now",
            "Timestamp::now",
            "Zoned::now",
            "new_v4",
            "now_v7",
            "rand::fill",
            "rand_chacha",
            "thread::sleep",
        ] {
            let allowed = here.len() > 1 && here[0] == "base" && ["clock", "ids"].contains(&here[1].as_str());
            assert!(allowed || !code(&text).contains(ambient), "{} reads {ambient}", path.display());
        }
    }
}

#[test]
fn http_does_not_use_a_concrete_store() {
    for (path, text) in sources("src") {
        if ["http", "sandbox"].contains(&module(&path)[0].as_str()) {
            let code = code(&text);
            let mut words = code.split(|char: char| !char.is_alphanumeric());
            assert!(words.all(|word| word != "Memory"), "{} names a concrete store", path.display());
        }
    }
}

#[test]
fn the_control_plane_is_not_recorded() {
    // Only the contract's own folder can use the recorder, which is private to it.
    let records = |text: &str| code(text).contains("record::admit");
    for (path, text) in sources("src/http") {
        let surfaces = ["handoff.rs", "token.rs", "fallback.rs", "signing/resource.rs"];
        let is_contract = surfaces.iter().any(|name| path.ends_with(format!("http/contract/{name}")));
        assert_eq!(
            records(&text),
            is_contract,
            "{}: all contract surfaces are recorded, and nothing else is",
            path.display()
        );
    }
}

#[test]
fn no_lock_is_held_across_an_await() {
    // A file that takes locks must not await, so it cannot hold a lock across an await.
    for (path, text) in sources("src") {
        let code = code(&text);
        let locks = code.contains("Mutex<") || code.contains("RwLock<");
        assert!(!(locks && code.contains(".await")), "{} both locks and awaits", path.display());
    }
}

#[test]
fn every_file_opens_with_its_purpose() {
    for folder in ["src", "tests", "benches"] {
        for (path, text) in sources(folder) {
            assert!(
                text.starts_with("//!"),
                "{} does not start with a doc comment that says what it is for",
                path.display()
            );
        }
    }
}

#[test]
fn source_files_are_short() {
    for (path, text) in sources("src") {
        let lines = text.lines().count();
        assert!(lines <= 400, "{} has {lines} lines; split it", path.display());
        assert!(path.file_name().unwrap() != "mod.rs", "{}: use foo.rs and foo/ instead", path.display());
    }
}

#[test]
fn nothing_in_the_repository_names_a_machine() {
    for folder in
        ["src", "tests", "benches", "fixtures", "docs", "scenarios", "fuzz/fuzz_targets", "scripts", ".ci", "."]
    {
        for (path, text) in texts(folder) {
            // Written in two halves, so that this file does not match.
            for place in [["/wo", "rk/"], ["/ro", "ot/"], ["/ho", "me/"]] {
                assert!(!text.contains(&place.concat()), "{} names a path of a machine", path.display());
            }
        }
    }
}
