//! Exit codes of every command, compared with the table in docs/running.md.

use crate::harness::{Folder, Running, program, run, text};

#[test]
fn every_command_exits_as_the_guide_says() {
    let folder = Folder::new();
    let directory = folder.file("").display().to_string();
    let failed = folder.write("failed.json", r#"{"error": "the port is in use", "at": "2026-03-01T12:00:00Z"}"#);
    let replay = folder.write("replay.txt", "agents 1\nalice signs\n");
    let taken = format!("{directory}taken");
    assert_eq!(run(&["keys", "generate", "--out", &taken]).status.code(), Some(0));
    let nowhere = format!("{directory}none/x");
    let missing = format!("{directory}missing");
    let server = Running::start(program().args(["--listen", "127.0.0.1:0"]));
    let busy = server.url.trim_start_matches("http://");
    let expired = text(&run(&["token", "--assertion-only", "--expired"]).stdout);
    let readme = std::fs::read_to_string("docs/running.md").unwrap();
    let row = |code: i32| {
        let row = readme.lines().find(|line| line.starts_with(&format!("| {code} | ")));
        row.unwrap_or_else(|| panic!("docs/running.md has no row for the exit code {code}")).to_owned()
    };
    for (code, arguments) in [
        (0, &["ready", "--url", &server.url][..]),
        (0, &["token", "--url", &server.url]),
        (0, &["list"]),
        (0, &["show", "flaky"]),
        (0, &["race", "--seed", "1"]),
        (0, &["version"]),
        (0, &["completions", "bash"]),
        (1, &["ready", "--url", "http://127.0.0.1:1"]),
        (1, &["ready", "--ready-file", &failed]),
        (1, &["ready", "--ready-file", &missing]),
        (1, &["token", "--url", &server.url, "--expired"]),
        (1, &["decode", expired.trim()]),
        (1, &["show", "falky"]),
        (2, &["ready", "--url", "x"]),
        (2, &["token", "--lifetime", "x"]),
        (2, &["decode", "--at", "x"]),
        (2, &["validate"]),
        (2, &["list", "--format", "x"]),
        (2, &["show"]),
        (2, &["race", "--agents", "0"]),
        (2, &["keys"]),
        (2, &["completions", "tcl"]),
        (2, &["serve", "--auth", "x"]),
        (3, &["serve", "--config", &missing]),
        (3, &["serve", "--listen", "127.0.0.1:0", "--scenarios", &missing]),
        (3, &["ready", "--config", &missing]),
        (3, &["token", "--config", &missing]),
        (3, &["token", "--key", &missing]),
        (3, &["token", "--ready-file", &missing]),
        (3, &["decode", "x"]),
        (3, &["decode", expired.trim(), "--key", &missing]),
        (3, &["validate", &missing]),
        (3, &["validate", &failed]),
        (3, &["list", "--scenarios", &missing]),
        (3, &["show", "flaky", "--scenarios", &missing]),
        (3, &["race", &missing]),
        (3, &["race", "--replay", &replay]),
        (3, &["keys", "generate", "--out", &taken]),
        (4, &["serve", "--listen", busy]),
        (4, &["serve", "--listen", "127.0.0.1:0", "--ready-file", &nowhere]),
        (4, &["token", "--url", "http://127.0.0.1:1"]),
        (4, &["token", "--ready-file", &failed]),
        (4, &["race", "--output", &nowhere]),
        (4, &["keys", "generate", "--out", &nowhere]),
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", text(&output.stderr));
        let row = row(code);
        let is_named = row.ends_with(" all |") || row.contains(&format!("`{}`", arguments[0]));
        assert!(is_named, "{arguments:?} ends with {code}, but docs/running.md does not list it: {row}");
    }
}
