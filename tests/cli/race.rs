//! `race`: simulated agents, without a server.

use crate::harness::{Folder, golden, run, run_with_input, text};
use serde_json::Value;

const FILE: &str = "\
agents:
  - name: Alice
    opens: 5m
    accepts: { uniform: [1m, 2h] }
    declines: { after: 1m, probability: 0.5, instead_of: signing }
    signs: 10m
  - name: Bob
    email: bob@example.com
    opens: 20m
    accepts: 10m
    signs: 1m
reopen: true
expiration_period_days: 7
";

#[test]
fn one_run_is_shown_in_full_and_many_in_figures() {
    let folder = Folder::new();
    let file = folder.write("race.yaml", FILE);
    for (arguments, name) in [
        (&["--seed", "7"][..], "race.txt"),
        (&["--seed", "7", "--runs", "1000"], "race-many.txt"),
        (&["--seed", "7", &file], "race-file.txt"),
        (&["--seed", "7", &file, "--format", "json"], "race-file.json"),
        (
            &["--seed", "7", "--agent", "Alice: opens 5m, accepts 1m", "--agent", "Bob: opens 1m, accepts 5m..5m"],
            "race-agents.txt",
        ),
    ] {
        let output = run(&[&["race"], arguments].concat());
        assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(0), ""), "{arguments:?}");
        golden(name, &text(&output.stdout));
    }
}

#[test]
fn a_drawn_seed_is_shown_and_repeats_the_run() {
    let drawn = run(&["race", "--agents", "5", "--format", "json"]);
    let seed = serde_json::from_slice::<Value>(&drawn.stdout).unwrap()["seed"].to_string();
    assert_eq!(run(&["race", "--agents", "5", "--format", "json", "--seed", &seed]).stdout, drawn.stdout);
    let many = run(&["race", "--reopen", "--runs", "10", "--seed", &seed]);
    assert!(text(&many.stdout).starts_with(&format!("seed {seed}, 10 runs, 3 agents, reopen\n")));
}

#[test]
fn a_picture_goes_to_a_file() {
    let folder = Folder::new();
    let file = folder.file("race.svg");
    let output = run(&["race", "--seed", "7", "--format", "svg", "--output", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(folder.plain(&text(&output.stdout)), "race.svg: written; the seed is 7\n");
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("<svg "));
    let nowhere = folder.file("none/race.svg");
    let output = run(&["race", "--output", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(4));
    assert!(text(&output.stderr).contains("race.svg: cannot be written: "));
}

#[test]
fn a_wrong_file_exits_with_three_and_names_the_place() {
    let folder = Folder::new();
    let mut told = String::new();
    for (name, content) in [
        ("key.yaml", "agents:\n  - name: Alice\n    acepts: 5m\n"),
        ("span.yaml", "agents:\n  - name: Alice\n    opens: 5m\n    signs: { uniform: [2h, 1m] }\n"),
        (
            "twice.yaml",
            "agents:\n  - name: Alice\n    email: alice@example.com\n  - name: Al\n    email: ALICE@example.com\n",
        ),
        ("nobody.json", "{ \"agents\": [] }"),
        ("empty.yaml", ""),
        ("comment.yaml", "# nobody\n"),
        ("period.yaml", "agents: [{ name: Alice }]\nexpiration_period_days: 0\n"),
        ("long.yaml", "agents: [{ name: Alice }]\nexpiration_period_days: 300\n"),
    ] {
        let output = run(&["race", &folder.write(name, content)]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{name}");
        told += &folder.plain(&text(&output.stderr));
    }
    let output = run_with_input(&["race", "-"], b"agents:\n  - name: \xff\n");
    assert_eq!(output.status.code(), Some(3));
    told += &text(&output.stderr);
    told += &text(&run(&["race", "no/such/file.yaml"]).stderr);
    golden("race-wrong.txt", &told);
}

#[test]
fn an_envelope_is_read_from_a_snapshot() {
    let folder = Folder::new();
    for (name, content, problem) in [
        ("race.yaml", FILE, "this is not the snapshot of a sandbox: it is not JSON at line 1, column 1"),
        ("other.json", "{}", "this is not the snapshot of a sandbox: /clock: the member is missing"),
        (
            "empty.json",
            r#"{ "clock": { "now": "2026-03-01T12:00:00Z", "frozen": true }, "envelopes": [] }"#,
            "the snapshot has no envelope env_0000000000000001; it has no envelopes",
        ),
    ] {
        let output = run(&["race", &folder.write(name, content), "--envelope", "env_0000000000000001"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(3), 0), "{name}");
        let told = folder.plain(&text(&output.stderr));
        assert!(told.starts_with(&format!("docendorse-mock: {name}: {problem}")), "{told}");
    }
    // An example in docs/signing.md covers an envelope that can be raced for.
}

#[test]
fn a_wrong_command_line_exits_with_two() {
    for arguments in [
        &["--agents", "0"][..],
        &["--agents", "1001"],
        &["--runs", "0"],
        &["--runs", "10000001"],
        &["--seed", "x"],
        &["--agent", "Alice: opens soon"],
        &["--agent", "Alice", "--agents", "2"],
        &["--agents", "2", "race.yaml"],
        &["--agent", "Alice", "race.yaml"],
        &["--format", "png"],
        &["--envelope", "env_0000000000000001"],
        &["--envelope", "env_1", "snapshot.json"],
        &["--envelope", "env_0000000000000001", "snapshot.json", "--reopen"],
        &["--explore", "--agents", "11"],
        &["--explore", "--agents", "8", "--format", "svg"],
        &["--replay", "no/such/file", "--format", "svg"],
    ] {
        let output = run(&[&["race"], arguments].concat());
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        assert!(!text(&output.stderr).is_empty());
    }
}
