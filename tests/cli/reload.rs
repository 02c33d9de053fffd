//! `serve --scenarios`: folders that are refused at the start, or reloaded by the running server.

use crate::harness::{CREATE, Folder, Running, minimal, program, run, text};
use serde_json::{Value, json};
use std::time::Duration;

const GOOD: &str = "name: kim\ndescription: fixed\nanswers:\n  - outcome: success\n";
const BROKEN: &str = "name: kim\nanswers:\n  - outcome: succes\n";

#[test]
fn a_broken_scenario_stops_the_start() {
    let folder = Folder::new();
    folder.write("good.yaml", "name: good\nanswers: [{}]\n");
    folder.write("kim.yaml", BROKEN);
    let directory = folder.file("").to_str().unwrap().to_owned();
    let output = run(&["serve", "--listen", "127.0.0.1:0", "--scenarios", &directory]);
    assert_eq!(output.status.code(), Some(3));
    assert!(output.stdout.is_empty(), "the server must not become ready");
    assert_eq!(
        folder.plain(&text(&output.stderr)),
        "docendorse-mock: kim.yaml:3:14: \"succes\" is not one of \"success\", \"require_subscription\", \
         \"verify_email\", \"register\", \"error\"; did you mean \"success\"?\n  - outcome: succes\n             ^\n"
    );
}

/// Polls the control plane until its scenarios have these descriptions.
fn until(running: &Running, expected: &[&str]) {
    let mut last = Value::Null;
    for _ in 0..4_000 {
        last = running.ask("GET", "/__admin/scenarios", "").1;
        let told: Vec<&str> =
            last["scenarios"].as_array().unwrap().iter().map(|one| one["description"].as_str().unwrap()).collect();
        if told == expected {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("the descriptions never became {expected:?}: {last:#}");
}

#[test]
fn a_running_server_reloads_or_keeps_the_last_good_set() {
    let folder = Folder::new();
    std::fs::create_dir(folder.file("set")).unwrap();
    let directory = folder.file("set").to_str().unwrap().to_owned();
    let put = |name: &str, description: &str, outcome: &str| {
        let text = json!({ "name": name, "description": description, "answers": [{ "outcome": outcome }] });
        folder.write(&format!("set/{name}.yaml"), &text.to_string());
    };
    put("a", "one", "register");
    let mut command = program();
    let running =
        Running::start(command.args(["--listen", "127.0.0.1:0", "--log-format", "text", "--scenarios", &directory]));
    let status = || running.ask("POST", CREATE, &minimal()).1["status"].clone();
    until(&running, &["one"]);
    assert_eq!(status(), "register");

    // Changed right after the start, without changing the size.
    put("a", "two", "register");
    until(&running, &["two"]);
    put("a", "new", "verify_email");
    until(&running, &["new"]);
    assert_eq!(status(), "verify_email");

    put("b", "added", "success");
    until(&running, &["new", "added"]);
    std::fs::remove_file(folder.file("set/a.yaml")).unwrap();
    until(&running, &["added"]);

    // A broken file beside a good change: neither is loaded until the broken one is fixed.
    folder.write("set/kim.yaml", BROKEN);
    put("b", "later", "success");
    std::fs::rename(folder.file("set"), folder.file("away")).unwrap();
    until(&running, &["added"]);
    std::fs::rename(folder.file("away"), folder.file("set")).unwrap();
    folder.write("set/kim.yaml", GOOD);
    until(&running, &["later", "fixed"]);
}

#[test]
fn a_broken_or_vanished_folder_leaves_the_last_good_set() {
    let folder = Folder::new();
    std::fs::create_dir(folder.file("set")).unwrap();
    let directory = folder.file("set").to_str().unwrap().to_owned();
    let described = |description: &str| {
        json!({ "name": "a", "description": description, "answers": [{ "outcome": "register" }] }).to_string()
    };
    folder.write("set/a.yaml", &described("one"));
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--log-format", "json", "--scenarios", &directory]);
    let mut running = Running::start(&mut command);
    // Each error is awaited in the log, because nothing else reports it.
    let told = running.log();
    let wait_for = |problem: &str| loop {
        let line = told.recv_timeout(Duration::from_secs(30)).expect("the log reports it");
        let line: Value = serde_json::from_str(&line).unwrap();
        let message = line["message"].as_str().unwrap_or_default();
        if message.contains(problem) {
            assert_eq!(line["level"], "ERROR", "{line}");
            assert!(message.starts_with("reload failed; keeping the previous scenarios: "), "{line}");
            return;
        }
    };

    folder.write("set/a.yaml", BROKEN);
    wait_for("a.yaml:3:14: \"succes\" is not one of");
    until(&running, &["one"]);

    std::fs::remove_dir_all(folder.file("set")).unwrap();
    wait_for("cannot be read");
    until(&running, &["one"]);
    assert_eq!(running.ask("POST", CREATE, &minimal()).1["status"], "register");

    // A folder that exists again is loaded, even if it is empty.
    std::fs::create_dir(folder.file("set")).unwrap();
    until(&running, &[]);
}
