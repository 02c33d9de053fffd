//! How `ready` and `token` find a server, detect a failed start, and identify another program at the address.
#![cfg(unix)]

use crate::harness::{Folder, Running, program, run, text};
use serde_json::Value;
use std::{
    io::{Read, Write},
    net::TcpListener,
    process::{Command, Stdio},
    sync::mpsc::{Sender, channel},
};

fn start(arguments: &[&str]) -> Running {
    Running::start(program().args(["--listen", "127.0.0.1:0"]).args(arguments))
}

/// The error of `ready --wait` with a timeout that is longer than any test run.
fn wait_for_failure(path: &str) -> String {
    let output = run(&["ready", "--wait", "--timeout", "1h", "--ready-file", path]);
    assert_eq!(output.status.code(), Some(1));
    text(&output.stderr)
}

fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn names(folder: &Folder) -> Vec<String> {
    let entries = std::fs::read_dir(folder.file("")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_start_that_fails_ends_the_wait_with_the_reason() {
    let folder = Folder::new();
    let busy = start(&[]);
    let address = busy.url.trim_start_matches("http://").to_owned();
    folder.write("broken.yaml", "name: [");
    folder.write("mock.toml", "lisen = 1\n");
    let (scenarios, config) = (folder.file("").display().to_string(), folder.file("mock.toml").display().to_string());
    let path = folder.file("ready.json").display().to_string();
    for (arguments, exit, reason) in [
        (&["--listen", &*address][..], 4, "cannot listen on "),
        (&["--listen", "127.0.0.1:0", "--scenarios", &scenarios], 3, "broken.yaml:1:"),
        (&["--config", &config], 3, "mock.toml:1:1: "),
        (&["serve", "--auth", "sometimes"], 2, "invalid value 'sometimes' for '--auth <MODE>'"),
    ] {
        let output = program().args(arguments).args(["--ready-file", &path]).output().unwrap();
        assert_eq!(output.status.code(), Some(exit), "{arguments:?}");
        let told = wait_for_failure(&path);
        assert!(told.starts_with("docendorse-mock: the server did not start: ") && told.contains(reason), "{told}");
        assert_eq!(read(&path)["exit_code"], exit);
        // The variable gives the address, and the file still reports the failure.
        let mut by_variable = program();
        by_variable.args(["ready", "--wait", "--timeout", "1h"]).env("DOCENDORSE_MOCK_READY_FILE", &path);
        let output = by_variable.env("DOCENDORSE_MOCK_LISTEN", "127.0.0.1:1").output().unwrap();
        assert!(text(&output.stderr).contains(reason), "{}", text(&output.stderr));
    }
    let mut by_variable = program();
    by_variable.arg("--max-body=much").env("DOCENDORSE_MOCK_READY_FILE", &path);
    assert_eq!(by_variable.output().unwrap().status.code(), Some(2));
    assert!(wait_for_failure(&path).contains("--max-body"));
    assert_eq!(names(&folder), ["broken.yaml", "mock.toml", "ready.json"], "there must be no temporary file");
    // The next start replaces the record.
    let running = start(&["--ready-file", &path]);
    let output = run(&["ready", "--wait", "--timeout", "1h", "--ready-file", &path]);
    assert_eq!(text(&output.stdout), format!("ready at {}\n", running.url));
}

#[test]
fn a_wait_that_began_first_reports_the_failure() {
    let folder = Folder::new();
    let path = folder.write("ready.json", "{\"url\": \"http://127.0.0.1:1\"}");
    let mut waiting = program();
    waiting.args(["ready", "--wait", "--timeout", "1h", "--ready-file", &path]).stderr(Stdio::piped());
    let waiting = waiting.spawn().unwrap();
    assert_eq!(
        run(&["--listen", "127.0.0.1:0", "--scenarios", "no/such", "--ready-file", &path]).status.code(),
        Some(3)
    );
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("the server did not start: no/such: cannot be read"));
}

#[test]
fn a_failed_start_leaves_the_file_of_a_running_server() {
    let folder = Folder::new();
    let path = folder.file("ready.json").display().to_string();
    let running = start(&["--ready-file", &path]);
    let before = read(&path);
    for arguments in
        [&["--auth", "sometimes"][..], &["--listen", "127.0.0.1:0", "--scenarios", "no/such"], &["--config", "no/such"]]
    {
        assert!(!program().args(arguments).args(["--ready-file", &path]).output().unwrap().status.success());
        assert_eq!(read(&path), before, "{arguments:?}");
    }
    assert_eq!(run(&["ready", "--ready-file", &path]).status.code(), Some(0));
    drop(running);
}

#[test]
fn a_failed_start_replaces_a_file_that_is_left_over() {
    let folder = Folder::new();
    let running = start(&[]);
    let url = running.url.clone();
    drop(running);
    // Files of killed servers, one with a reused process id; a truncated file; a port that another program took.
    let other = imitate(|stream, _| drop(stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")));
    for content in [
        format!("{{\"url\": \"{url}\", \"pid\": {}}}", u32::MAX),
        format!("{{\"url\": \"{url}\", \"pid\": 1}}"),
        format!("{{\"url\": \"{url}"),
        String::new(),
        format!("{{\"url\": \"{other}\", \"pid\": 1}}"),
    ] {
        let path = folder.write("ready.json", &content);
        let output = run(&["ready", "--ready-file", &path]);
        assert_eq!(output.status.code(), Some(1), "{content}");
        assert_eq!(
            run(&["--listen", "127.0.0.1:0", "--scenarios", "no/such", "--ready-file", &path]).status.code(),
            Some(3)
        );
        assert!(wait_for_failure(&path).contains("no/such: cannot be read"), "{content}");
    }
}

#[test]
fn a_ready_file_that_cannot_be_written_leaves_nothing_behind() {
    let folder = Folder::new();
    std::fs::create_dir(folder.file("folder")).unwrap();
    std::fs::create_dir(folder.file("locked")).unwrap();
    std::fs::set_permissions(folder.file("locked"), std::os::unix::fs::PermissionsExt::from_mode(0o555)).unwrap();
    // For the last one, the temporary file can be written but not renamed.
    let mut targets = vec!["no/such/ready.json".to_owned(), "folder".to_owned(), "n".repeat(300)];
    if std::fs::write(folder.file("locked/probe"), "").is_err() {
        targets.push("locked/ready.json".to_owned());
    }
    let _ = std::fs::remove_file(folder.file("locked/probe"));
    for target in &targets {
        let path = folder.file(target).display().to_string();
        let output = run(&["--listen", "127.0.0.1:0", "--ready-file", &path]);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(4), "{target}: {told}");
        assert!(told.contains(&format!("cannot write the ready file {path}: ")), "{told}");
        assert!(output.stdout.is_empty(), "the server must not become ready");
        assert_eq!(names(&folder), ["folder", "locked"], "{target}");
        for inside in ["folder", "locked"] {
            assert!(std::fs::read_dir(folder.file(inside)).unwrap().next().is_none(), "{target}: {inside}");
        }
    }
}

/// A listener that handles each connection and its request with a function.
fn imitate(answer: impl Fn(&mut std::net::TcpStream, &Sender<()>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (held, _keep) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 1024]);
            answer(&mut stream, &held);
        }
    });
    url
}

#[test]
fn ready_and_token_name_what_listens_instead() {
    let html = "HTTP/1.1 200 OK\r\nserver: Apache\r\ncontent-length: 15\r\n\r\n<html>hi</html>";
    for (answer, told) in [
        (
            "HTTP/1.1 404 Not Found\r\nServer: nginx/1.22\r\n\r\n",
            "answers, but not as docendorse-mock: HTTP 404 from nginx/1.22",
        ),
        (html, "answers, but not as docendorse-mock: HTTP 200 from Apache"),
        ("HTTP/1.0 503 Busy\r\n\r\nlater", "answers, but not as docendorse-mock: HTTP 503"),
        ("SSH-2.0-OpenSSH_9.2\r\n", "it does not speak HTTP, but sends \"SSH-2.0-OpenSSH_9.2\""),
        ("\u{15}\u{3}\u{1}", "it speaks TLS, where docendorse-mock speaks plain HTTP"),
        ("\u{1b}[31mred\n", "it does not speak HTTP, but sends \"\u{fffd}[31mred\""),
        ("", "closes the connection without an answer"),
    ] {
        let url = imitate(move |stream, _| drop(stream.write_all(answer.as_bytes())));
        let output = run(&["ready", "--url", &url, "--timeout", "30s"]);
        let line = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{line}");
        let port = url.rsplit(':').next().unwrap();
        assert!(line.starts_with(&format!("docendorse-mock: no server is ready at {url}: port {port} ")), "{line}");
        assert!(line.contains(told) && line.lines().count() == 1, "{line}");
        let output = run(&["token", "--url", &url]);
        assert!(text(&output.stderr).contains(told), "{}", text(&output.stderr));
        assert!(!output.status.success());
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let output = run(&["ready", "--url", &url, "--timeout", "50ms"]);
    assert!(text(&output.stderr).contains("accepts connections, but does not answer in time"));
    drop(listener);
    let output = run(&["ready", "--url", &url]);
    assert!(text(&output.stderr).contains(": nothing listens at 127.0.0.1:"), "{}", text(&output.stderr));
}

/// The server that `ready` and `token` find with these variables and flags.
fn found(variables: &[(&str, &str)], flags: &[&str]) -> Option<String> {
    let command = |verb: &str, more: &[&str]| -> Command {
        let mut command = program();
        command.arg(verb).args(more).args(flags).envs(variables.iter().copied());
        command
    };
    let token = command("token", &[]).output().unwrap();
    let ready = command("ready", &["--timeout", "10s"]).output().unwrap();
    assert_eq!(token.status.success(), ready.status.success(), "{}{}", text(&token.stderr), text(&ready.stderr));
    text(&ready.stdout).strip_prefix("ready at ").map(|url| url.trim().to_owned())
}

#[test]
fn ready_and_token_find_the_server_in_the_same_way() {
    let folder = Folder::new();
    let path = folder.file("ready.json").display().to_string();
    let config = folder.write("mock.toml", "listen = \"127.0.0.1:0\"\nready-file = \"ready.json\"\n");
    let running = start(&["--ready-file", &path]);
    let (url, address) = (running.url.clone(), running.url.trim_start_matches("http://").to_owned());
    let port = address.rsplit(':').next().unwrap();
    let nowhere = ("DOCENDORSE_MOCK_LISTEN", "127.0.0.1:1");
    let everywhere = format!("0.0.0.0:{port}");
    let named = Some(url.clone());
    assert_eq!(found(&[("DOCENDORSE_MOCK_LISTEN", &address)], &[]), named);
    assert_eq!(found(&[("DOCENDORSE_MOCK_LISTEN", &everywhere)], &[]), named);
    assert_eq!(found(&[("PORT", port)], &[]), named);
    assert_eq!(found(&[nowhere, ("PORT", port)], &[]), named);
    assert_eq!(found(&[nowhere, ("DOCENDORSE_MOCK_READY_FILE", &path)], &[]), named);
    assert_eq!(found(&[("DOCENDORSE_MOCK_READY_FILE", &path), ("DOCENDORSE_MOCK_LISTEN", "127.0.0.1:0")], &[]), named);
    assert_eq!(found(&[("DOCENDORSE_MOCK_CONFIG", &config)], &[]), named);
    assert_eq!(found(&[nowhere, ("DOCENDORSE_MOCK_BASE_URL", &url)], &[]), named);
    assert_eq!(found(&[nowhere, ("DOCENDORSE_MOCK_URL", &url)], &[]), named);
    // If the ready file does not exist, the address is tried, unless the file was given as a flag.
    let missing = folder.file("missing.json").display().to_string();
    let known = ("DOCENDORSE_MOCK_LISTEN", &*address);
    assert_eq!(found(&[known, ("DOCENDORSE_MOCK_READY_FILE", &missing)], &[]), named);
    assert_eq!(found(&[known], &["--ready-file", &missing]), None);
    // Flags override variables.
    for flags in [["--url", &*url], ["--ready-file", &path], ["--listen", &address], ["--config", &config]] {
        let url_variable = [nowhere, ("DOCENDORSE_MOCK_URL", "http://127.0.0.1:1")];
        let variables = if flags[0] == "--config" { &url_variable[2..] } else { &url_variable[..] };
        assert_eq!(found(variables, &flags), named, "{flags:?}");
    }
    for verb in ["ready", "token"] {
        assert_eq!(run(&[verb, "--url", &url, "--listen", &address]).status.code(), Some(2));
        assert_eq!(run(&[verb, "--listen", "127.0.0.1:0"]).status.code(), Some(2));
        let output = run(&[verb, "--url", "mock.test"]);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
    }
}
