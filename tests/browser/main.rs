//! Tests with a real, headless Chromium: the hosted pages, and what pages of other sites can do and read.
//!
//! Install the tools with `scripts/install-test-tools`; run the tests with `cargo test --test browser -- --ignored`.
//! `attack.mjs` and `journeys.mjs` drive the browser.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

#[path = "../cli/harness.rs"]
#[allow(dead_code, reason = "other test binaries use the rest")]
mod harness;
mod journeys;
#[path = "../clients/tools.rs"]
mod tools;

use harness::{CREATE, Running, minimal, program};
use serde_json::{Value, json};
use std::process::Command;

fn start() -> Running {
    Running::start(program().args(["--listen", "127.0.0.1:0", "--seed", "7", "--log-format", "json"]))
}

/// Runs a script, and reads its report.
fn run_script(source: &str, arguments: &[&str]) -> Value {
    let folder = tools::packages("browser", &["tests/browser/package.json", "tests/browser/package-lock.json"]);
    let script = tools::script(source, &folder);
    let output = tools::run(Command::new(tools::node()).arg(script).args(arguments));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a part of `attack.mjs` against a server.
fn browse(part: &str, server: &Running) -> Value {
    run_script("tests/browser/attack.mjs", &[part, &server.url])
}

/// The state that the control plane shows, without members that change by themselves.
fn state(server: &Running) -> Value {
    let paths = [
        "settings",
        "sandboxes",
        "requests",
        "sessions",
        "actors",
        "agenda",
        "scenarios",
        "clients",
        "tokens",
        "events",
        "messages",
        "signing/envelopes",
        "signing/users",
    ];
    let mut state: Value = paths.iter().map(|path| server.ask("GET", &format!("/__admin/{path}"), "").1).collect();
    for sandbox in state[1]["sandboxes"].as_array_mut().unwrap() {
        sandbox["idle_s"] = Value::Null;
    }
    state
}

/// The same after a first read, because some state is only created on first access.
fn settled_state(server: &Running) -> Value {
    state(server);
    state(server)
}

#[test]
#[ignore = "needs Chromium"]
fn a_page_of_another_site_changes_and_reads_nothing() {
    let mut server = start();
    let log = server.log();
    server.ask("POST", CREATE, &minimal());
    let before = settled_state(&server);
    let report = browse("attack", &server);
    assert_eq!(report["read"], json!([]), "{report:#}");
    assert_eq!(state(&server), before, "{report:#}");
    let attempts = usize::try_from(report["attempts"].as_u64().unwrap()).unwrap();
    // Every attempt reached the guard; the browser blocked none of them.
    let refused = log.iter().filter(|line| line.contains("refused: ")).take(attempts).count();
    assert!(attempts > 100 && refused == attempts, "{refused} of {attempts} attempts reached the guard");
}

#[test]
#[ignore = "needs Chromium"]
fn a_rebound_name_does_not_reach_the_control_plane() {
    let server = start();
    server.ask("POST", CREATE, &minimal());
    let before = settled_state(&server);
    let report = browse("rebind", &server);
    let statuses: Vec<&Value> = report["statuses"].as_array().unwrap().iter().collect();
    assert!(statuses.len() >= 10 && statuses.iter().all(|status| **status == 421), "{report:#}");
    assert_eq!(state(&server), before);
}

#[test]
#[ignore = "needs Chromium"]
fn a_link_from_another_site_opens_a_page() {
    let server = start();
    let (_, answer) = server.ask("POST", CREATE, &minimal());
    assert!(answer["handoff_uri"].as_str().unwrap().contains("/agent/as_"), "{answer}");
    let report = browse("links", &server);
    let statuses = report["statuses"].as_object().unwrap();
    assert_eq!(statuses.len(), 5, "{report:#}");
    assert!(statuses.values().all(|status| *status != 403 && *status != 421), "{report:#}");
}

#[test]
#[ignore = "needs Chromium"]
fn a_page_of_the_server_uses_the_control_plane() {
    let server = start();
    let report = browse("own", &server);
    assert_eq!(report["statuses"], json!([200, 200, 201, 200, 204]), "{report:#}");
}
