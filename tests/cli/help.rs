//! Help, version and usage errors.

use crate::harness::{flags, golden, program, run, text};
use std::process::Stdio;

#[test]
fn help_of_each_command_matches_its_golden_file() {
    for (verb, name) in [
        ("", "help.txt"),
        ("serve", "help-serve.txt"),
        ("ready", "help-ready.txt"),
        ("validate", "help-validate.txt"),
        ("list", "help-list.txt"),
        ("show", "help-show.txt"),
        ("token", "help-token.txt"),
        ("decode", "help-decode.txt"),
        ("race", "help-race.txt"),
        ("keys generate", "help-keys-generate.txt"),
    ] {
        let arguments: Vec<&str> = verb.split_whitespace().chain(["--help"]).collect();
        let output = run(&arguments);
        assert_eq!(output.status.code(), Some(0));
        golden(name, &text(&output.stdout));
    }
}

#[test]
fn every_setting_has_its_variable() {
    let flags = flags();
    assert!(!flags.is_empty());
    for flag in flags {
        let expected = format!("DOCENDORSE_MOCK_{}", flag.name.to_uppercase().replace('-', "_"));
        assert_eq!(flag.variable, expected, "--{}", flag.name);
    }
}

#[test]
fn the_guide_has_a_row_for_every_setting_and_no_other() {
    let readme = std::fs::read_to_string("docs/running.md").unwrap();
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| `--")).map(|row| {
        let row = row.replace("\\|", "/").replace('`', "");
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[0].split_whitespace().next().unwrap();
        [name, &format!("DOCENDORSE_MOCK_{}", cells[1]), cells[2]].map(str::to_owned)
    });
    let expected = flags().into_iter().map(|flag| [flag.name, flag.variable, flag.default]);
    assert_eq!(rows.collect::<Vec<_>>(), expected.collect::<Vec<_>>(), "docs/running.md and serve --help differ");
}

#[test]
fn version_is_a_command_and_a_flag() {
    let expected = format!("docendorse-mock {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&run(&["version"]).stdout), expected);
    assert_eq!(text(&run(&["--version"]).stdout), expected);
}

#[test]
#[cfg(target_os = "linux")]
fn unwritable_output_is_an_environment_failure() {
    for arguments in [
        &["version"][..],
        &["--version"],
        &["--help"],
        &["completions", "bash"],
        &["validate", "fixtures/requests/valid/minimal.json"],
    ] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program().args(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{arguments:?}");
        let line = text(&output.stderr);
        assert!(line.starts_with("docendorse-mock: cannot write to standard output: "), "{line}");
        assert_eq!(line.lines().count(), 1, "{line}");
    }
}

#[test]
fn a_closed_output_is_not_a_failure() {
    for arguments in
        [&["version"][..], &["--help"], &["completions", "bash"], &["validate", "fixtures/requests/valid/minimal.json"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = program().args(arguments).stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""), "{arguments:?}");
    }
}

#[test]
fn a_wrong_command_line_exits_with_two() {
    for arguments in [
        &["srve"][..],
        &["--lissten"],
        &["validate"],
        &["show"],
        &["list", "x"],
        &["serve", "--auth", "some"],
        &["--error-http-status", "99"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stdout).is_empty());
        assert!(!text(&output.stderr).is_empty());
    }
}
