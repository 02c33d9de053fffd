//! `list`, `show` and `validate`: scenario files without a server.

use crate::harness::{Folder, golden, minimal, program, run, text};
use serde_json::Value;

fn outcome(name: &str, outcome: &str) -> String {
    format!(
        "name: {name}\ndescription: |-\n  {outcome} for all\n  and a second line\nanswers:\n  - outcome: {outcome}\n"
    )
}

const BROKEN: &str = "name: kim\nanswers:\n  - outcome: succes\n";

#[test]
fn the_shipped_scenarios_are_listed() {
    let output = run(&["list"]);
    assert_eq!(output.status.code(), Some(0));
    golden("list.txt", &text(&output.stdout));
}

#[test]
fn a_folder_is_listed_in_the_order_of_matching() {
    let folder = Folder::new();
    folder.write("a.yaml", &outcome("a", "register"));
    folder.write("b.yml", &(outcome("b-first", "verify_email") + "priority: 5\n"));
    folder.write("c.json", r#"{"name": "c", "answers": [{}]}"#);
    folder.write("notes.txt", "no scenario");
    let directory = folder.file("").to_str().unwrap().to_owned();
    let expected = "b-first  verify_email for all\na        register for all\nc\n";
    assert_eq!(text(&run(&["list", "--scenarios", &directory]).stdout), expected);
    let by_variable = program().arg("list").env("DOCENDORSE_MOCK_SCENARIOS", &directory).output().unwrap();
    assert_eq!(text(&by_variable.stdout), expected);
    let output = run(&["list", "--format", "json", "--scenarios", &directory]);
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["scenarios"][0]["name"], "b-first");
    assert_eq!(document["scenarios"][0]["description"], "verify_email for all\nand a second line");
    assert_eq!(document["scenarios"][0]["priority"], 5);
    assert_eq!(document["scenarios"][0]["file"], folder.file("b.yml").to_str().unwrap());
    assert_eq!(document["scenarios"].as_array().unwrap().len(), 3);
    let shipped: Value = serde_json::from_slice(&run(&["list", "--format", "json"]).stdout).unwrap();
    assert!(shipped["scenarios"].as_array().unwrap().iter().all(|one| one.get("file").is_none()));
    assert_eq!(run(&["list", "--scenarios", "no/such/folder"]).status.code(), Some(3));
}

#[test]
fn a_scenario_is_shown_as_it_is_written() {
    let output = run(&["show", "flaky"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), std::fs::read_to_string("scenarios/flaky.yaml").unwrap());
    let folder = Folder::new();
    let written = format!("# a comment\n{}", outcome("mine", "register"));
    folder.write("other-name.yaml", &written);
    let directory = folder.file("").to_str().unwrap().to_owned();
    assert_eq!(text(&run(&["show", "mine", "--scenarios", &directory]).stdout), written);
    let by_variable = program().args(["show", "mine"]).env("DOCENDORSE_MOCK_SCENARIOS", &directory).output().unwrap();
    assert_eq!(text(&by_variable.stdout), written);
}

#[test]
fn an_unknown_scenario_suggests_the_nearest() {
    for (name, told) in [
        ("falky", "docendorse-mock: there is no scenario \"falky\"; did you mean \"flaky\"?\n"),
        ("zzz", "docendorse-mock: there is no scenario \"zzz\"; see docendorse-mock list\n"),
    ] {
        let output = run(&["show", name]);
        assert_eq!((output.status.code(), &*text(&output.stderr)), (Some(1), told));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn every_shipped_file_validates() {
    let mut files: Vec<String> = std::fs::read_dir("scenarios")
        .unwrap()
        .map(|entry| entry.unwrap().path().to_str().unwrap().to_owned())
        .collect();
    files.sort();
    assert!(files.len() > 20, "{files:?}");
    let mut arguments = vec!["validate"];
    arguments.extend(files.iter().map(String::as_str));
    let output = run(&arguments);
    let expected: String = files.iter().map(|file| format!("{file}: is a scenario\n")).collect();
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), expected));
}

#[test]
fn scenarios_and_bodies_are_validated_side_by_side() {
    let folder = Folder::new();
    let broken = folder.write("broken.yaml", BROKEN);
    let json = folder.write("broken.json", "{\n  \"name\": \"a b\",\n  \"answers\": [{}]\n}");
    let body = folder.write("body.json", &minimal());
    let binary = folder.file("binary.yml").to_str().unwrap().to_owned();
    std::fs::write(&binary, b"name: a\nanswers: [{}]\ndescription: \xff\n").unwrap();
    let output = run(&["validate", &broken, &json, &body, &binary]);
    assert_eq!(output.status.code(), Some(3));
    golden("validate-scenarios.txt", &folder.plain(&text(&output.stdout)));
    let output = run(&["validate", "--format", "json", &broken, &body]);
    assert_eq!(output.status.code(), Some(3));
    golden("validate-scenarios.json", &folder.plain(&text(&output.stdout)));
}

#[test]
fn invalid_people_are_refused_with_their_location() {
    let folder = Folder::new();
    let people = |people: &str| format!("name: kim\npeople:\n{people}answers: [{{}}]\n");
    let files = [
        folder.write("a.yaml", &people("  - agent: kim@*\n    opens: 5\n")),
        folder.write("b.yaml", &people("  - opens: { uniform: [2h, 1h] }\n")),
        folder.write("c.yaml", "name: kim\nparties: everyone\nanswers: [{}]\n"),
        folder.write("d.json", "{\n  \"name\": \"kim\",\n  \"voids\": { \"probability\": 2 },\n  \"answers\": [{}]\n}"),
        folder.write("e.yaml", &people("  - opens: never\n    accepts: { after: 1m, probability: 0.5 }\n")),
    ];
    let mut arguments = vec!["validate"];
    arguments.extend(files.iter().map(String::as_str));
    let output = run(&arguments);
    assert_eq!(output.status.code(), Some(3));
    golden("validate-people.txt", &folder.plain(&text(&output.stdout)));
}
