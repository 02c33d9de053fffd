//! Runs every command of a guide as written against one server, and compares the output with the guide. In the guide's
//! output, `…` stands for any text.

use crate::harness::{Folder, Running, program};
use std::{path::Path, process::Command};

/// A command of the guide with its expected output.
#[derive(Debug)]
struct Example {
    line: usize,
    command: String,
    output: String,
}

fn examples(text: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let (mut inside, mut continues) = (false, false);
    for (index, line) in text.lines().enumerate() {
        if line.starts_with("```") {
            inside = line == "```console";
            continues = false;
        } else if inside && (continues || line.starts_with("$ ")) {
            let part = line.strip_suffix('\\').unwrap_or(line);
            if continues {
                examples.last_mut().unwrap().command.push_str(part);
            } else {
                let command = part[2..].to_owned();
                examples.push(Example { line: index + 1, command, output: String::new() });
            }
            let command = &mut examples.last_mut().unwrap().command;
            // A quoted argument can span several lines.
            let is_open = command.matches('\'').count() % 2 == 1;
            continues = is_open || part.len() < line.len();
            if is_open {
                command.push('\n');
            }
        } else if inside {
            let output = &mut examples.last_mut().unwrap_or_else(|| panic!("line {}: no command", index + 1)).output;
            output.push_str(line);
            output.push('\n');
        }
    }
    examples
}

/// Compares a text with an expected one, ignoring white space and the parts that `…` stands for.
fn agrees(printed: &str, said: &str) -> bool {
    let plain = |text: &str| text.chars().filter(|char| !char.is_whitespace()).collect::<String>();
    let (printed, said) = (plain(printed), plain(said));
    let mut rest = printed.as_str();
    for (index, part) in said.split('…').enumerate() {
        match rest.find(part) {
            Some(0) => rest = &rest[part.len()..],
            Some(at) if index > 0 => rest = &rest[at + part.len()..],
            _ => return false,
        }
    }
    rest.is_empty() || said.ends_with('…')
}

#[test]
#[ignore = "needs curl"]
fn the_examples_of_the_signing_guide_work() {
    run_examples("docs/signing.md");
}

#[test]
#[ignore = "needs curl"]
fn the_examples_of_the_journeys_guide_work() {
    run_examples("docs/journeys.md");
}

fn run_examples(guide: &str) {
    let curl = Command::new("curl").arg("--version").output();
    assert!(curl.is_ok(), "the examples of {guide} need curl: run scripts/install-test-tools");
    let folder = Folder::new();
    let server = Running::start(program().args(["--listen", "127.0.0.1:0", "--seed", "1"]));
    let text = std::fs::read_to_string(guide).unwrap();
    let all = examples(&text);
    assert!(all.len() > 10, "{guide} has only {} examples", all.len());
    let programs = Path::new(env!("CARGO_BIN_EXE_docendorse-mock")).parent().unwrap().display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    for Example { line, command, output } in all {
        // The server is running already, and the test determines its address.
        if command.starts_with("docendorse-mock --seed") || command.starts_with("B=") {
            continue;
        }
        let done = Command::new("sh")
            .args(["-c", &command])
            .current_dir(folder.file(""))
            .env_clear()
            .env("B", &server.url)
            .env("PATH", &path)
            .output()
            .unwrap();
        let printed = String::from_utf8(done.stdout).unwrap();
        let problem = String::from_utf8(done.stderr).unwrap();
        assert!(output.is_empty() || agrees(&printed, &output), "{guide}:{line}: {command}\nprints {printed}{problem}");
    }
}

#[test]
fn an_ellipsis_stands_for_anything() {
    assert!(agrees("{ \"a\": 1, \"b\": 2 }\n", "{\"a\":1, … }"));
    assert!(agrees("abc", "a…c") && agrees("abc", "…") && agrees("abc", "abc"));
    assert!(!agrees("abc", "ab") && !agrees("abc", "bc") && !agrees("abc", "a…b"));
}
