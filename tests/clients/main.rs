//! Real clients that know nothing of this server run the whole token flow against the real binary: Authlib and PyJWT in
//! Python, openid-client and jose in Node.
//!
//! The test sets up what it needs below the target folder, from the registries, and again when the pinned versions
//! change. `DOCENDORSE_MOCK_TEST_CLIENTS=0` leaves the clients out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should say where")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "a test is read as a story")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no outside")]

#[path = "../cli/harness.rs"]
#[allow(dead_code, reason = "the other test binary uses all of it")]
mod harness;

use docendorse_mock::oauth::built_in;
use harness::{Running, program};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

const KEY: &str = "fixtures/keys/test-client.key.pem";
const BODY: &str = "fixtures/requests/valid/minimal.json";

/// What to do when the clients cannot be set up.
const FIX: &str = "the clients need Node 20, the Debian packages python3-venv, nodejs and npm, and PyPI and npm within \
                   reach (DOCENDORSE_MOCK_TEST_CLIENTS=0 leaves them out)";

#[test]
fn authlib_and_pyjwt_run_the_whole_flow() {
    if are_left_out() {
        return;
    }
    let folder = set_up("python", &["requirements.txt"], |folder| {
        run(Command::new("python3").args(["-m", "venv", "venv"]).current_dir(folder));
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"];
        run(Command::new(folder.join("venv/bin/python")).args(pip).current_dir(folder));
    });
    let server = strict();
    let python = folder.join("venv/bin/python");
    walk(Command::new(python).args(["tests/clients/python/flow.py", &server.url, KEY, BODY, built_in::CLIENT_ID]));
}

#[test]
fn openid_client_and_jose_run_the_whole_flow() {
    if are_left_out() {
        return;
    }
    // Asked every time, as another Node may have come since the packages were fetched.
    let version = run(Command::new("node").arg("--version"));
    let major = version.trim().trim_start_matches('v').split('.').next().and_then(|major| major.parse::<u32>().ok());
    assert!(major.is_some_and(|major| major >= 20), "node is {}, which is not 20 or newer; {FIX}", version.trim());
    let folder = set_up("node", &["package.json", "package-lock.json"], |folder| {
        // By default npm waits more than a minute before it says that there is no registry.
        let patience = ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"];
        let npm = ["ci", "--ignore-scripts", "--no-audit", "--no-fund"];
        run(Command::new("npm").args(npm).args(patience).current_dir(folder));
    });
    // Node looks for packages beside the script.
    fs::copy("tests/clients/node/flow.mjs", folder.join("flow.mjs")).unwrap();
    let server = strict();
    let arguments = [&*server.url, KEY, BODY, built_in::CLIENT_ID, built_in::CLIENT_SECRET];
    walk(Command::new("node").arg(folder.join("flow.mjs")).args(arguments));
}

fn strict() -> Running {
    Running::start(program().args(["--listen", "127.0.0.1:0", "--auth", "strict"]))
}

fn are_left_out() -> bool {
    let left_out = std::env::var("DOCENDORSE_MOCK_TEST_CLIENTS").is_ok_and(|wanted| wanted == "0");
    if left_out {
        // Not by a macro, whose words nobody sees when a test passes.
        std::io::stderr()
            .write_all(b"the real clients are left out, as DOCENDORSE_MOCK_TEST_CLIENTS=0 asks\n")
            .unwrap();
    }
    left_out
}

/// A folder with what a client stands on; made anew when the files that pin it have changed.
fn set_up(name: &str, pins: &[&str], make: impl FnOnce(&Path)) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clients-{name}"));
    let pins: Vec<(&str, String)> =
        pins.iter().map(|pin| (*pin, fs::read_to_string(format!("tests/clients/{name}/{pin}")).unwrap())).collect();
    let stamp: String = pins.iter().map(|(_, text)| text.as_str()).collect();
    if fs::read_to_string(folder.join("stamp")).is_ok_and(|found| found == stamp) {
        return folder;
    }
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    for (pin, text) in &pins {
        fs::write(folder.join(pin), text).unwrap();
    }
    make(&folder);
    // Last, so that what is half made is made again.
    fs::write(folder.join("stamp"), stamp).unwrap();
    folder
}

/// Runs a step of the set-up and gives what it printed; what is missing is told in one line.
fn run(command: &mut Command) -> String {
    let what = command.get_program().to_string_lossy().into_owned();
    let what = command.get_args().fold(what, |what, argument| format!("{what} {}", argument.to_string_lossy()));
    let output = command.output().unwrap_or_else(|error| panic!("'{what}' cannot be run: {error}; {FIX}"));
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        // The cause stands at the beginning, and venv tells it on standard output.
        let said = format!("{} {printed}", String::from_utf8_lossy(&output.stderr));
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        panic!("'{what}' failed: {}; {FIX}", words.chars().take(400).collect::<String>());
    }
    printed
}

/// Runs a client's flow; what it says is shown when it fails.
fn walk(command: &mut Command) {
    // A proxy of whoever runs the tests does not reach this server.
    command.env("NO_PROXY", "127.0.0.1").env("no_proxy", "127.0.0.1");
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be run: {error}"));
    let (said, problem) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{problem}");
    assert_eq!(said.lines().filter(|line| line.contains("passed")).count(), 3, "{said}");
}
