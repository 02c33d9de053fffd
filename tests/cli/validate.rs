//! `validate`: bodies against the contract, without a server.

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
fn a_valid_body_exits_with_zero() {
    let output = run(&["validate", "fixtures/requests/valid/minimal.json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), "fixtures/requests/valid/minimal.json: keeps the contract\n");
    assert_eq!(run_with_input(&["validate", "-"], minimal().as_bytes()).status.code(), Some(0));
}

#[test]
fn violations_are_reported_with_line_and_column() {
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
fn every_file_is_checked_even_after_a_failure() {
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

#[test]
fn bodies_of_the_signing_service_are_validated() {
    let kinds =
        ["envelope", "recipient", "recipient-change", "agents", "contact", "contact-change", "group", "group-change"];
    for kind in kinds {
        for (verdict, code) in [("valid", 0), ("invalid", 3)] {
            let folder = format!("fixtures/signing/{kind}/{verdict}");
            let mut count = 0;
            for file in std::fs::read_dir(&folder).unwrap() {
                let file = file.unwrap().path();
                let mut body = std::fs::read_to_string(&file).unwrap();
                if verdict == "valid" {
                    let output = run(&["validate", "--as", kind, file.to_str().unwrap()]);
                    assert_eq!(output.status.code(), Some(code), "{file:?}: {}", text(&output.stdout));
                } else {
                    let fixture: Value = serde_json::from_str(&body).unwrap();
                    body = fixture["raw"].as_str().map_or_else(|| fixture["body"].to_string(), str::to_owned);
                }
                let output = run_with_input(&["validate", "--as", kind, "-"], body.as_bytes());
                assert_eq!(output.status.code(), Some(code), "{file:?} on standard input");
                count += 1;
            }
            assert!(count > 0, "{folder}");
        }
    }
    let output = run_with_input(&["validate", "--as", "envelope", "--format", "json", "-"], b"{}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["files"][0]["kind"], "envelope");
}

#[test]
fn the_kind_of_a_file_is_detected() {
    let scenario = r#"{"name": "s", "answers": [{}]}"#;
    let folder = Folder::new();
    for (file, content, kind) in [
        ("a.json", scenario.to_owned(), "scenario"),
        ("b.txt", scenario.to_owned(), "scenario"),
        ("c.json", format!("\u{FEFF}{scenario}"), "scenario"),
        ("d.YML", "name: s\n".to_owned(), "scenario"),
        ("e.json", r#"{"name": "s", "answers": [{},}"#.to_owned(), "scenario"),
        ("f.txt", "name: s\nanswers: [{}]\n".to_owned(), "scenario"),
        ("g.json", minimal(), "request"),
        ("h.json", format!("\u{FEFF}{}", minimal()), "request"),
        ("i.json", r#"{"handoff_id": "h", "answers": []}"#.to_owned(), "request"),
        ("j.json", "{".to_owned(), "request"),
    ] {
        let path = folder.write(file, &content);
        let mut ways = vec![run(&["validate", "--format", "json", &path])];
        if file != "d.YML" {
            ways.push(run_with_input(&["validate", "--format", "json", "-"], content.as_bytes()));
        }
        for output in ways {
            let report: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(report["files"][0]["kind"], kind, "{file}");
        }
    }
    let output = run_with_input(&["validate", "--as", "scenario", "-"], minimal().as_bytes());
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).starts_with("<stdin>:"), "{}", text(&output.stdout));
    let output = run_with_input(&["validate", "--as", "handoff", "-"], scenario.as_bytes());
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn a_byte_order_mark_is_checked_as_by_the_server() {
    let output = run_with_input(&["validate", "-"], format!("\u{FEFF}{}", minimal()).as_bytes());
    assert_eq!(output.status.code(), Some(3));
    assert!(text(&output.stdout).contains("byte order mark"), "{}", text(&output.stdout));
    for scenario in ["name: s\nanswers: [{}]\n", r#"{"name": "s", "answers": [{}]}"#] {
        let output = run_with_input(&["validate", "-"], format!("\u{FEFF}{scenario}").as_bytes());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
        let folder = Folder::new();
        let file = folder.write("s.yaml", &format!("\u{FEFF}{scenario}"));
        let path = file.trim_end_matches("s.yaml");
        let output = run(&["list", "--scenarios", path]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
    let output = run_with_input(&["validate", "-"], "\u{FEFF}name: s\nanswers: [{set: {zip: 012}}]\n".as_bytes());
    assert_eq!(output.status.code(), Some(3), "the mark must not hide the fault");
}

/// The kind and validity reported for each file of a folder.
fn folder_report(arguments: &[&str]) -> (Option<i32>, Vec<(String, String, bool)>) {
    let output = run(&[&["validate", "--format", "json"], arguments].concat());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let file = |file: &Value| {
        let name = file["file"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        (name, file["kind"].as_str().unwrap().to_owned(), file["valid"].as_bool().unwrap())
    };
    (output.status.code(), report["files"].as_array().unwrap().iter().map(file).collect())
}

fn checked(name: &str, kind: &str, valid: bool) -> (String, String, bool) {
    (name.to_owned(), kind.to_owned(), valid)
}

#[test]
fn a_folder_of_bodies_is_checked_body_by_body() {
    let folder = Folder::new();
    folder.write("a.json", &minimal());
    folder.write("b.json", "{}");
    folder.write("notes.txt", "not a body");
    let path = folder.file("").display().to_string();
    let expected = vec![checked("a.json", "request", true), checked("b.json", "request", false)];
    assert_eq!(folder_report(&[&path]), (Some(3), expected.clone()));
    assert_eq!(folder_report(&["--as", "handoff", &path]), (Some(3), expected));
    std::fs::remove_file(folder.file("b.json")).unwrap();
    assert_eq!(folder_report(&[&path]), (Some(0), vec![checked("a.json", "request", true)]));
    let (code, files) = folder_report(&["fixtures/requests/valid"]);
    assert_eq!(code, Some(0));
    assert!(files.len() > 50 && files.iter().all(|(_, kind, _)| kind == "request"), "{files:?}");
    let (code, files) = folder_report(&["--as", "envelope", "fixtures/signing/envelope/valid"]);
    assert_eq!((code, files.iter().all(|(_, kind, valid)| kind == "envelope" && *valid)), (Some(0), true));
}

#[test]
fn a_folder_with_a_scenario_is_checked_as_by_the_server() {
    let body = minimal();
    let scenario = r#"{"name": "s", "answers": [{}]}"#;
    for (name, scenario) in [("a.yaml", "name: s\nanswers: [{}]\n"), ("a.json", scenario)] {
        let folder = Folder::new();
        folder.write(name, scenario);
        folder.write("b.json", &body);
        let path = folder.file("").display().to_string();
        let expected = vec![checked(name, "scenario", true), checked("b.json", "scenario", false)];
        assert_eq!(folder_report(&[&path]), (Some(3), expected));
        assert_eq!(run(&["list", "--scenarios", &path]).status.code(), Some(3), "the server refuses it too");
        let warning = format!(
            "every file must be a scenario, because {path}{name} is one; use --as KIND to check them as another kind\n"
        );
        assert!(text(&run(&["validate", &path]).stderr).ends_with(&warning), "{warning}");
        let files = folder_report(&["--as", "handoff", &path]).1;
        assert_eq!(files, [checked(name, "request", false), checked("b.json", "request", true)]);
        std::fs::remove_file(folder.file("b.json")).unwrap();
        assert_eq!(folder_report(&[&path]), (Some(0), vec![checked(name, "scenario", true)]));
    }
    assert_eq!(folder_report(&["scenarios"]).0, Some(0));
}

#[test]
fn every_file_that_a_server_refuses_is_refused() {
    let folder = Folder::new();
    // Each file fits; together they exceed the memory limit of a folder.
    let scenario = format!("name: NAME\nanswers: [{{raw: {{body: \"{}\"}}}}]\n", "x".repeat(1_000_000));
    for number in 0..12 {
        folder.write(&format!("{number:02}.yaml"), &scenario.replace("NAME", &format!("s{number}")));
    }
    let path = folder.file("").display().to_string();
    let server = run(&["list", "--scenarios", &path]);
    let output = run(&["validate", &path]);
    assert_eq!((server.status.code(), output.status.code()), (Some(3), Some(3)));
    let refused = problem_of(&text(&server.stderr));
    assert!(text(&output.stdout).contains(&refused), "{refused}");
}

/// The problem in the first line, without the program's name and the place.
fn problem_of(told: &str) -> String {
    told.lines().next().unwrap().rsplit_once(": ").unwrap().1.to_owned()
}
