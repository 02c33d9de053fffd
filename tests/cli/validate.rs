//! `validate`: bodies against the contract, offline.

use crate::harness::{Folder, golden, minimal, run, run_with_input, text};
use serde_json::Value;

const BROKEN: &str = r#"{
  "handoff_id": "h-1",
  "intent": "send_esign_request",
  "actor": {
    "external_user_id": "ab",
    "email": "sam"
  },
  "integration": { "source": "", "source_conversation_id": "c", "source_message_id": "m" },
  "files": [ { "type": "url", "name": "a" } ]
}
"#;

#[test]
fn a_body_that_keeps_the_contract_ends_with_zero() {
    let output = run(&["validate", "fixtures/requests/valid/minimal.json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "fixtures/requests/valid/minimal.json: keeps the contract\n");
    assert_eq!(run_with_input(&["validate", "-"], minimal().as_bytes()).status.code(), Some(0));
}

#[test]
fn violations_are_told_with_line_and_column() {
    let folder = Folder::new();
    let file = folder.write("broken.json", BROKEN);
    let output = run(&["validate", &file]);
    assert_eq!(output.status.code(), Some(3));
    golden("validate-broken.txt", &folder.plain(&text(&output.stdout)));
    let output = run(&["validate", "--format", "json", &file]);
    assert_eq!(output.status.code(), Some(3));
    golden("validate-broken.json", &folder.plain(&text(&output.stdout)));
}

#[test]
fn every_file_is_checked_whatever_the_others_came_to() {
    let folder = Folder::new();
    let broken = folder.write("broken.json", "{\n  \"handoff_id\": tru\n}");
    let good = folder.write("good.json", &minimal());
    let output = run(&["validate", &broken, "no/such/file.json", &good]);
    assert_eq!(output.status.code(), Some(3));
    golden("validate-several.txt", &folder.plain(&(text(&output.stdout) + &text(&output.stderr))));
}

#[test]
fn control_characters_of_a_body_do_not_reach_the_terminal() {
    for body in [
        &b"{\"a\": \x1bcX}"[..],
        b"{\"inten\\u001bt\":\"self_sign\"}",
        b"\x0b",
        b"{\"actor\":{\"email\":\"\\u001b[2J\"}}",
    ] {
        let output = run_with_input(&["validate", "-"], body);
        let printed = text(&output.stdout);
        assert!(printed.chars().all(|char| char == '\n' || !char.is_control()), "{printed:?}");
    }
}

#[test]
fn json_output_is_one_document() {
    let output = run_with_input(&["validate", "--format", "json", "-", "fixtures/requests/valid/full.json"], b"[]");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["files"][0]["file"], "<stdin>");
    assert_eq!(report["files"][0]["valid"], false);
    assert_eq!(report["files"][1]["valid"], true);
}
