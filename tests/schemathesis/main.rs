//! Schemathesis generates requests from the published documents and checks the answers of the real binary.
//!
//! Install it with `scripts/install-test-tools`; run the tests with `cargo test --test schemathesis -- --ignored`.
//! `control.toml` lists the disabled checks with their reasons. `SCHEMATHESIS_EXAMPLES` sets the number of requests per
//! operation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

#[path = "../cli/harness.rs"]
#[allow(dead_code, reason = "other test binaries use the rest")]
mod harness;
#[path = "../clients/tools.rs"]
#[allow(dead_code, reason = "other test binaries use the rest")]
mod tools;

use docendorse_mock::domain::oauth::built_in;
use harness::{Running, program};
use serde_json::{Value, json};
use std::process::Command;

/// Number of requests per operation, unless `SCHEMATHESIS_EXAMPLES` is set.
const EXAMPLES: &str = "15";

#[test]
#[ignore = "needs Python"]
fn the_control_plane_keeps_its_document() {
    let server = strict();
    fill(&server);
    run(&server, "/__admin/openapi.json", &["--config-file", "tests/schemathesis/control.toml"]);
}

#[test]
#[ignore = "needs Python"]
fn the_contract_keeps_its_document() {
    let server = strict();
    let token = token(&server);
    let headers = [format!("Authorization: Bearer {token}"), format!("X-Inspakt-Api-Key: {}", built_in::API_KEY)];
    run(&server, "/openapi.json", &["--header", &headers[0], "--header", &headers[1]]);
}

fn strict() -> Running {
    let arguments = ["--listen", "localhost:0", "--auth", "strict", "--inspakt-http-status", "semantic"];
    Running::start(program().args(arguments).args(["--seed", "1", "--log-level", "error"]))
}

fn run(server: &Running, document: &str, more: &[&str]) {
    let folder = tools::packages("schemathesis", &["tests/schemathesis/requirements.txt"]);
    let examples = std::env::var("SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| EXAMPLES.to_owned());
    let (before, options): (Vec<&str>, Vec<&str>) = match more {
        ["--config-file", file, rest @ ..] => (vec!["--config-file", file], rest.to_vec()),
        rest => (vec![], rest.to_vec()),
    };
    let mut command = Command::new(folder.join("venv/bin/st"));
    command.args(before).arg("run").arg(format!("{}{document}", server.url)).args(options);
    command.args(["--max-examples", &examples, "--seed", "1"]);
    tools::run(command.args(["--continue-on-failure", "--generation-database", "none"]));
}

/// Creates at least one object of every kind, so that links lead to existing ids.
fn fill(server: &Running) {
    let token = token(server);
    for number in 1..=3 {
        let handoff = json!({
            "handoff_id": format!("h-{number}"),
            "intent": "send_e_sign_request",
            "actor": { "external_user_id": "usr_123", "display_name": "Sam", "email": "sam@example.com" },
            "integration": { "source": "chat", "source_conversation_id": "conv_1", "source_message_id": "msg_1" },
            "context": { "summary": "Sam wants to send an NDA." },
            "facts": {
                "metadata": { "title": "NDA" },
                "parties": [{ "name": "Ann", "email": "ann@example.com", "telephone": "+14155550123" }],
            },
        });
        let authorization = format!("Authorization: Bearer {token}");
        let url = format!("{}/api/v1/agent-sessions/create", server.url);
        post(&url, &handoff, &["-H", &authorization, "-H", "Content-Type: application/json"]);
    }
}

fn token(server: &Running) -> String {
    let user = json!({ "sub": "usr_123", "email": "sam@example.com" });
    let issued = post(&format!("{}/__admin/tokens", server.url), &user, &[]);
    issued["access_token"].as_str().unwrap().to_owned()
}

fn post(url: &str, body: &Value, more: &[&str]) -> Value {
    let mut curl = Command::new("curl");
    let output = tools::run(curl.args(["-sS", "--fail-with-body", url, "-d", &body.to_string()]).args(more));
    serde_json::from_slice(&output.stdout).unwrap()
}
