//! Finds the tools that `scripts/install-test-tools` installs below the target folder.

use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// The fix for a missing tool.
const FIX: &str = "run scripts/install-test-tools";

fn tools() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("test-tools")
}

/// The Node.js that the tests use.
pub fn node() -> PathBuf {
    let node = tools().join("bin/node");
    assert!(node.exists(), "Node.js is missing: {FIX}");
    node
}

/// The folder of the packages pinned by the given files.
pub fn packages(name: &str, pins: &[&str]) -> PathBuf {
    let folder = tools().join(name);
    let pinned: String = pins.iter().map(|pin| std::fs::read_to_string(pin).unwrap()).collect();
    let installed = std::fs::read_to_string(folder.join("stamp")).unwrap_or_default();
    assert!(installed == pinned, "the packages of {} are missing or have other versions: {FIX}", pins.join(" and "));
    folder
}

/// Copies a script to the folder of its packages, because Node.js searches for them beside the script.
pub fn script(source: &str, folder: &Path) -> PathBuf {
    let copy = folder.join(Path::new(source).file_name().unwrap());
    std::fs::copy(source, &copy).unwrap();
    copy
}

/// Runs a program to its end, and fails with its output unless it succeeds.
pub fn run(command: &mut Command) -> Output {
    // A proxy configured on the machine cannot reach the server.
    command.env("NO_PROXY", "127.0.0.1,localhost").env("no_proxy", "127.0.0.1,localhost");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}; {FIX}"));
    let (printed, problem) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{printed}\n{problem}");
    output
}
