//! `serve` and `ready`, from the first line of output to the last.

use crate::harness::{CREATE, Folder, Running, minimal, program, run, text};
use serde_json::Value;
use std::process::Stdio;

fn start(arguments: &[&str]) -> Running {
    Running::start(program().args(["--listen", "127.0.0.1:0"]).args(arguments))
}

#[test]
fn the_ready_line_is_stable_and_the_only_one() {
    let running = start(&[]);
    let url = running.url.clone();
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(running.line, format!("docendorse-mock {version} ready at {url} (control plane {url}/__admin)\n"));
    let (code, rest, _) = running.stop("-TERM");
    assert_eq!((code, &*rest), (Some(0), ""));
}

#[test]
fn the_guides_curl_gets_the_contracts_answer() {
    let running = start(&[]);
    let (status, answer) = running.ask("POST", CREATE, &minimal());
    assert_eq!((status, &answer["status"]), (200, &Value::from("success")));
    assert!(answer["handoff_uri"].as_str().unwrap().starts_with(&running.url));
}

#[test]
fn every_url_begins_with_the_base_url() {
    let running = start(&["--base-url", "http://mock.test:1234/"]);
    let (_, answer) = running.ask("POST", CREATE, &minimal());
    assert!(answer["handoff_uri"].as_str().unwrap().starts_with("http://mock.test:1234/agent/as_"), "{answer}");
}

#[test]
fn the_same_seed_gives_the_same_ids_in_another_process() {
    let answers: Vec<Value> = (0..2)
        .map(|_| start(&["--seed", "5", "--base-url", "http://mock.test"]).ask("POST", CREATE, &minimal()).1)
        .collect();
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn the_ready_file_exists_while_the_server_runs() {
    let folder = Folder::new();
    let path = folder.write("ready.json", "left over from another run");
    let running = start(&["--ready-file", &path]);
    let facts: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(facts["url"], running.url.as_str());
    assert_eq!(facts["token_url"], format!("{}/oauth2/v2/token", running.url));
    assert_eq!(facts["admin_url"], format!("{}/__admin", running.url));
    assert_eq!(facts["pid"], running.id());
    assert_eq!(facts["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(facts["token_url"], format!("{}/oauth2/v2/token", running.url));
    assert_eq!(facts["client_id"], docendorse_mock::domain::oauth::built_in::CLIENT_ID);
    assert_eq!(facts["api_key"], docendorse_mock::domain::oauth::built_in::API_KEY);
    assert_eq!(facts.as_object().unwrap().len(), 7);
    running.stop("-INT");
    assert!(!std::fs::exists(&path).unwrap());
}

#[test]
fn a_failed_start_keeps_the_ready_file_of_a_running_server() {
    let folder = Folder::new();
    let path = folder.file("ready.json").to_str().unwrap().to_owned();
    let running = start(&["--ready-file", &path]);
    let before = std::fs::read_to_string(&path).unwrap();
    let output = run(&["--listen", running.url.trim_start_matches("http://"), "--ready-file", &path]);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
}

#[test]
fn a_server_that_stops_leaves_the_ready_file_of_another() {
    let folder = Folder::new();
    let path = folder.file("ready.json").to_str().unwrap().to_owned();
    let (first, second) = (start(&["--ready-file", &path]), start(&["--ready-file", &path]));
    assert_eq!(first.stop("-TERM").0, Some(0));
    let facts: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    assert_eq!(facts["pid"], second.id());
    assert_eq!(second.stop("-TERM").0, Some(0));
    assert!(!std::fs::exists(&path).unwrap());
}

#[test]
fn interrupt_and_terminate_exit_with_zero() {
    for signal in ["-INT", "-TERM"] {
        assert_eq!(start(&[]).stop(signal).0, Some(0), "{signal}");
    }
}

#[test]
fn a_port_in_use_is_reported_in_one_line_with_the_fix() {
    let running = start(&[]);
    let address = running.url.trim_start_matches("http://").to_owned();
    let port = address.rsplit(':').next().unwrap();
    let output = run(&["--listen", &address]);
    assert_eq!(output.status.code(), Some(4));
    assert_eq!(
        text(&output.stderr),
        format!(
            "docendorse-mock: cannot listen on {address}: port {port} is in use; \
             stop the program that uses it, or choose another one with --listen 127.0.0.1:0\n"
        )
    );
}

#[test]
fn a_refused_request_is_a_line_in_the_log_with_its_request_id() {
    let running = start(&["--log-format", "json"]);
    running.ask("POST", CREATE, "{");
    running.ask("POST", CREATE, &minimal());
    let (_, _, log) = running.stop("-TERM");
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused: Vec<&Value> = lines.iter().filter(|line| line["http_status"] == 400).collect();
    assert_eq!(refused.len(), 1, "{log}");
    assert_eq!(refused[0]["request_id"].as_str().unwrap().len(), 36);
    assert!(refused[0]["message"].as_str().unwrap().contains("cut off"), "{log}");
    assert!(
        lines.iter().all(|line| line["http_status"] != 200),
        "answered requests are only logged with --log-level debug"
    );
}

#[test]
fn ready_reports_whether_a_server_is_running() {
    let running = start(&[]);
    let address = running.url.trim_start_matches("http://").to_owned();
    let output = run(&["ready", "--listen", &address]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stdout), format!("ready at http://{address}\n"));
    let by_variable = program().arg("ready").env("DOCENDORSE_MOCK_LISTEN", &address).output().unwrap();
    assert_eq!(by_variable.status.code(), Some(0));
    drop(running);
    for arguments in
        [&["ready", "--listen", &address][..], &["ready", "--wait", "--timeout", "50ms", "--listen", &address]]
    {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).starts_with(&format!("docendorse-mock: no server is ready at http://{address}")));
    }
    assert_eq!(run(&["ready", "--listen", "127.0.0.1:0"]).status.code(), Some(2));
    assert_eq!(run(&["ready", "--timeout", "soon"]).status.code(), Some(2));
}

#[test]
fn ready_waits_for_the_server_of_the_ready_file() {
    let folder = Folder::new();
    let path = folder.write("ready.json", r#"{"url": "http://127.0.0.1:1"}"#);
    let mut waiting = program();
    waiting.args(["ready", "--wait", "--timeout", "20s", "--ready-file", &path]).stdout(Stdio::piped());
    let waiting = waiting.spawn().unwrap();
    let running = start(&["--ready-file", &path]);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(text(&output.stdout), format!("ready at {}\n", running.url));
    assert_eq!(output.status.code(), Some(0));

    let mut by_variable = program();
    by_variable.env("DOCENDORSE_MOCK_LISTEN", "127.0.0.1:0").env("DOCENDORSE_MOCK_READY_FILE", &path);
    assert_eq!(
        by_variable.arg("ready").output().unwrap().status.code(),
        Some(0),
        "with port 0, only the file names the server"
    );

    running.stop("-TERM");
    let output = run(&["ready", "--ready-file", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).starts_with("docendorse-mock: no server is ready: "), "{}", text(&output.stderr));
    let path = folder.write("other.json", "[]");
    let output = run(&["ready", "--ready-file", &path]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).ends_with("other.json: it is not a ready file; give the server's --ready-file\n"));
}

#[cfg(unix)]
#[test]
fn log_lines_are_masked_and_shortened() {
    let running =
        Running::start_with_log(program().args(["--listen", "127.0.0.1:0", "--log-level", "debug"]), Stdio::piped());
    let jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ1c3IifQ.c2lnbmF0dXJlLXNlY3JldA";
    running.ask("POST", &format!("{CREATE}?note={jwt}"), &minimal());
    running.ask("POST", &format!("{CREATE}?apikey=s3cr3t-query"), &minimal());
    running.ask("POST", &format!("{CREATE}?long={}", "x".repeat(5_000)), &minimal());
    let long = minimal().replace("self_sign", &"y".repeat(5_000));
    running.ask_as("s3cr3t-bearer", "POST", CREATE, &long);
    let (_, _, log) = running.stop("-TERM");
    for secret in ["c2lnbmF0dXJlLXNlY3JldA", "s3cr3t-query", "s3cr3t-bearer"] {
        assert!(!log.contains(secret), "{secret}: {log}");
    }
    let lines: Vec<&str> = log.lines().filter(|line| line.contains(CREATE)).collect();
    assert_eq!(lines.len(), 4, "{log}");
    assert!(lines[0].contains("eyJ***"), "{}", lines[0]);
    assert!(lines[1].contains("apikey=***"), "{}", lines[1]);
    for line in lines {
        assert!(line.chars().count() < 1_200, "{} characters", line.chars().count());
    }
}
