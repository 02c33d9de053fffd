//! Third-party programs use the real binary: Authlib and PyJWT in Python, openid-client and jose in Node.js, and curl
//! in the signing guide.
//!
//! Install them with `scripts/install-test-tools`; run the tests with `cargo test --test clients -- --ignored`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

mod docs;
#[path = "../cli/harness.rs"]
#[allow(dead_code, reason = "other test binaries use the rest")]
mod harness;
mod tools;

use docendorse_mock::domain::oauth::built_in;
use harness::{Running, program};
use std::process::Command;

const KEY: &str = "fixtures/keys/test-client.key.pem";
const BODY: &str = "fixtures/requests/valid/minimal.json";

#[test]
#[ignore = "needs Python"]
fn authlib_and_pyjwt_run_the_whole_flow() {
    let folder = tools::packages("clients-python", &["tests/clients/python/requirements.txt"]);
    let server = strict();
    let python = folder.join("venv/bin/python");
    walk(Command::new(python).args(["tests/clients/python/flow.py", &server.url, KEY, BODY, built_in::CLIENT_ID]));
}

#[test]
#[ignore = "needs Node"]
fn openid_client_and_jose_run_the_whole_flow() {
    let pins = ["tests/clients/node/package.json", "tests/clients/node/package-lock.json"];
    let folder = tools::packages("clients-node", &pins);
    let flow = tools::script("tests/clients/node/flow.mjs", &folder);
    let server = strict();
    // The library requires the issuer to match the discovery address, under each name of the host.
    for url in [&server.url, &server.url.replace("127.0.0.1", "localhost")] {
        let arguments = [url, KEY, BODY, built_in::CLIENT_ID, built_in::CLIENT_SECRET];
        walk(Command::new(tools::node()).arg(&flow).args(arguments));
    }
}

fn strict() -> Running {
    Running::start(program().args(["--listen", "localhost:0", "--auth", "strict"]))
}

/// Runs the three steps of a client's flow.
fn walk(command: &mut Command) {
    let printed = String::from_utf8(tools::run(command).stdout).unwrap();
    assert_eq!(printed.lines().filter(|line| line.contains("passed")).count(), 3, "{printed}");
}
