//! Messages about problems outside the program: a file, a server or an argument is missing or broken.
#![cfg(unix)]

use crate::harness::{Folder, Running, program, run, run_with_input, text};
use serde_json::json;
use std::{
    io::{Read, Write},
    net::TcpListener,
    process::Output,
};

/// The one line on standard error of a command that fails with the given exit code. It must not contain system
/// messages.
fn told(output: &Output, exit: i32) -> String {
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(exit), "{told}");
    for theirs in ["os error", "No such file", "Connection refused", "Is a directory", "hyper", "lookup address"] {
        assert!(!told.contains(theirs), "{told}");
    }
    assert_eq!(told.lines().count(), 1, "{told}");
    told
}

fn fails(arguments: &[&str], exit: i32, expected: &str) {
    let told = told(&run(arguments), exit);
    assert!(told.contains(expected), "{arguments:?}: {told}");
}

#[test]
fn an_unreadable_file_is_reported_in_plain_words() {
    let folder = Folder::new();
    let file = folder.write("file", "x");
    let directory = folder.file("").display().to_string();
    let (missing, below) = (format!("{directory}missing"), format!("{file}/below"));
    let long = format!("{directory}{}", "n".repeat(300));
    for (path, expected) in [
        (&missing, "it does not exist; check the path"),
        (&directory, "it is a folder; name a file"),
        (&below, "a part of its path is a file, not a folder"),
        (&long, "its name is too long"),
    ] {
        let expected = format!("{path}: cannot be read: {expected}");
        let key = format!("client_ffffffffffffffffffffffffffffffff={path}");
        for arguments in [
            &["token", "--key", path][..],
            &["decode", "e30.e30.AA", "--key", path],
            &["race", path],
            &["race", "--replay", path],
            &["race", path, "--envelope", "env_0000000000000001"],
            &["serve", "--config", path],
            &["serve", "--listen", "127.0.0.1:0", "--client-key", &key],
        ] {
            // A token that is not a JWT would be reported first.
            let arguments = arguments.iter().map(|one| if *one == "e30.e30.AA" { GOOD } else { one });
            fails(&arguments.collect::<Vec<_>>(), 3, &expected);
        }
        // A folder is a valid argument here.
        if *path != directory {
            fails(&["validate", path], 3, &expected);
        }
        if *path != directory && *path != below {
            fails(&["list", "--scenarios", path], 3, &expected);
            fails(&["serve", "--listen", "127.0.0.1:0", "--scenarios", path], 3, &expected);
        }
    }
    fails(&["decode", &directory], 3, "cannot be read: it is a folder; name a file");
    std::fs::write(folder.file("bytes"), [0xFF]).unwrap();
    let bytes = folder.file("bytes").display().to_string();
    fails(&["decode", &bytes], 3, "cannot be read: it is not UTF-8; save it as UTF-8");
    fails(&["serve", "--config", &bytes], 3, "cannot be read: it is not UTF-8; save it as UTF-8");
}

/// An access token that is not a secret.
const GOOD: &str = "eyJ0eXAiOiJhdCtqd3QifQ.e30.AA";

#[test]
fn an_unwritable_file_is_reported_in_plain_words() {
    let folder = Folder::new();
    let file = folder.write("file", "x");
    let directory = folder.file("").display().to_string();
    for (parent, expected) in [
        (format!("{directory}none"), "its folder does not exist; create it first"),
        (file, "a part of its path is a file"),
    ] {
        let path = format!("{parent}/x");
        fails(&["race", "--output", &path], 4, &format!("{path}: cannot be written: {expected}"));
        fails(&["keys", "generate", "--out", &path], 4, &format!("{path}.key.pem: cannot be written: {expected}"));
        let problem = format!("cannot write the ready file {path}: {expected}");
        fails(&["serve", "--listen", "127.0.0.1:0", "--ready-file", &path], 4, &problem);
    }
    fails(&["race", "--output", &directory], 4, "cannot be written: it is a folder; name a file");
    if std::path::Path::new("/dev/full").exists() {
        fails(&["race", "--output", "/dev/full"], 4, "cannot be written: no space is left on the device");
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = program().arg("list").stdout(full).output().unwrap();
        assert!(told(&output, 4).contains("cannot write to standard output: no space is left on the device"));
    }
}

#[test]
fn an_unbindable_address_is_reported_in_plain_words() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let busy = listener.local_addr().unwrap().to_string();
    for (address, expected) in [
        (&*busy, "is in use; stop the program that uses it, or choose another"),
        ("203.0.113.1:0", "this machine does not have that address"),
        ("no-such-host.invalid:0", "the host name \"no-such-host.invalid\" cannot be resolved; use an IP address"),
    ] {
        fails(&["serve", "--listen", address], 4, expected);
    }
}

/// A server that handles each connection with a function.
fn listen(answer: impl Fn(&mut std::net::TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4096]);
            answer(&mut stream);
        }
    });
    url
}

#[test]
fn token_and_ready_say_why_there_is_no_server() {
    let start = "start the server with `docendorse-mock --listen 127.0.0.1:1`, or give another one with --url";
    let hyphen = "the host name \"no-such-host.invalid\" cannot be resolved; check its spelling, or use an IP address";
    for (url, expected) in [
        ("http://127.0.0.1:1", &*format!("nothing listens at 127.0.0.1:1; {start}")),
        ("http://localhost:1", "nothing listens at localhost:1; start the server with"),
        ("http://no-such-host.invalid:4747", hyphen),
    ] {
        for (verb, exit) in [("token", 4), ("ready", 1)] {
            fails(&[verb, "--url", url], exit, expected);
        }
    }
    let output = program().args(["token"]).env("PORT", "1").output().unwrap();
    assert!(told(&output, 4).contains(&format!("nothing listens at 127.0.0.1:1; {start}")));
}

#[test]
fn token_says_what_broke_the_answer() {
    // The probe recognizes the server as ours, so the error of the first attempt is reported.
    let ours = |answer: &'static str| {
        move |stream: &mut std::net::TcpStream, request: &str| {
            let ready = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nready\n";
            drop(stream.write_all(if request.starts_with("GET /readyz") { ready } else { answer }.as_bytes()));
        }
    };
    for (answer, expected) in [
        ("", "it closed the connection before its answer was complete"),
        ("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{", "it closed the connection before its answer was complete"),
        ("\u{15}\u{3}\u{1}\u{0}\u{2}\r\n\r\n", "its answer is not HTTP"),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "its answer is not HTTP"),
    ] {
        let respond = ours(answer);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut request = [0; 8192];
                let length = stream.read(&mut request).unwrap_or_default();
                respond(&mut stream, &String::from_utf8_lossy(&request[..length]));
            }
        });
        let told = told(&run(&["token", "--url", &url]), 4);
        assert!(told.contains(&format!("no answer from {url}: {expected}")), "{answer:?}: {told}");
    }
    let tls = listen(|stream| drop(stream.write_all(b"\x15\x03\x01\x00\x02\x02\x0a")));
    fails(&["token", "--url", &tls], 4, "it speaks TLS, where docendorse-mock speaks plain HTTP");
}

#[test]
fn decode_says_what_it_expects() {
    let expected = "give a JWT (three parts separated by dots: header.claims.signature), a file that holds \
                    one, or - for standard input";
    for (argument, problem) in [
        ("notajwt", "\"notajwt\" is neither a JWT nor a file that exists; "),
        ("missing/token.txt", "\"missing/token.txt\" is neither a JWT nor a file that exists; "),
        ("eyJh.e30", "\"eyJh.e30\" is neither a JWT nor a file that exists; "),
        ("a.b.c", "the argument is not a signed JWT: it is not base64url in its header: "),
        ("Bearer eyJh.e30.AA", "it starts with \"Bearer\"; give only the token; "),
        ("", "the argument is empty; "),
        (" ", "the argument is empty; "),
        ("eyJh.e30.AA.AA.AA", "it has 5 parts between dots, but a signed JWT has 3"),
    ] {
        let told = told(&run(&["decode", argument]), 3);
        assert!(told.contains(problem) && told.trim_end().ends_with(expected), "{argument:?}: {told}");
    }
    let folder = Folder::new();
    let file = folder.write("token.txt", "hello");
    let long = "x".repeat(1_000);
    for (output, problem) in [
        (run_with_input(&["decode"], b""), "standard input is empty; "),
        (run_with_input(&["decode", "-"], b" \n"), "standard input is empty; "),
        (run_with_input(&["decode"], b"hello\n"), "standard input is not a signed JWT: it has 1 part between dots"),
        (run(&["decode", &file]), "token.txt is not a signed JWT: it has 1 part between dots"),
        (run(&["decode", &long]), "…\" is neither a JWT nor a file that exists; "),
    ] {
        let told = told(&output, 3);
        assert!(told.contains(problem) && told.trim_end().ends_with(expected), "{told}");
    }
}

#[test]
fn a_wrong_url_address_or_client_draws_a_fix() {
    for (arguments, expected) in [
        (&["ready", "--url", "127.0.0.1:4801"][..], "the scheme is missing; did you mean \"http://127.0.0.1:4801\"?"),
        (&["token", "--url", "localhost:4801/x"], "did you mean \"http://localhost:4801/x\"?"),
        (&["serve", "--base-url", "mock.test"], "did you mean \"http://mock.test\"?"),
        (&["ready", "--url", "://mock.test"], "did you mean \"http://mock.test\"?"),
        (&["ready", "--url", "http://sam@mock.test/?a=1"], "did you mean \"http://mock.test\"?"),
        (
            &["ready", "--url", "ftp://mock.test"],
            "its scheme \"ftp\" is not http or https; did you mean \"http://mock.test\"?",
        ),
        (&["ready", "--url", "http://127.0.0.1:0"], "its port \"0\" is not a number from 1 to 65535"),
        (&["serve", "--base-url", "http://a:99999"], "its port \"99999\" is not a number from 1 to 65535"),
        (&["serve", "--base-url", "http://"], "it has no host; write one such as http://mock.test:4747"),
        (&["serve", "--listen", "127.0.0.1:99999"], "its port 99999 is too large; ports go from 0 to 65535"),
        (&["ready", "--listen", "127.0.0.1:65536"], "its port 65536 is too large; ports go from 0 to 65535"),
        (&["serve", "--listen", "127.0.0.1:http"], "its port \"http\" is not a number from 0 to 65535"),
        (&["serve", "--listen", "127.0.0.1:"], "its port \"\" is not a number from 0 to 65535"),
        (&["serve", "--listen", "127.0.0.1:-1"], "its port \"-1\" is not a number from 0 to 65535"),
        (&["serve", "--listen", "4747"], "it has no host; write HOST:PORT, such as 127.0.0.1:4747"),
        (&["serve", "--listen", ":4747"], "it has no host; write HOST:PORT"),
        (&["serve", "--listen", "0.0.0.0"], "it has no port; write HOST:PORT, such as 0.0.0.0:4747"),
        (&["serve", "--listen", "::1:4747"], "write an IPv6 address in brackets, such as [::1]:4747"),
        (&["serve", "--client-key", "acme=app.pem"], "\"acme\" is not a client id"),
        (&["serve", "--seed", "1", "--seed", "2"], "--seed"),
        (&["serve", "--max-events", "99999999999999999999"], "it is too large; write a smaller number, such as 1000"),
        (&["serve", "--trust-forwarded=perhaps"], "\"perhaps\" is not a switch; write true or false"),
    ] {
        let output = run(arguments);
        let told = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{told}");
        assert!(told.contains(expected), "{arguments:?}: {told}");
    }
    let output = program().env("PORT", "99999").output().unwrap();
    assert!(told(&output, 2).contains("PORT: \"99999\" is not a port; set a number from 0 to 65535"));
}

#[test]
fn an_unknown_variable_suggests_the_nearest() {
    for (variable, expected) in [
        ("DOCENDORSE_MOCK_LISEN", "did you mean DOCENDORSE_MOCK_LISTEN?"),
        ("DOCENDORSE_MOCK_PORT", "did you mean DOCENDORSE_MOCK_LISTEN?"),
        ("DOCENDORSE_MOCK_SCENARIO", "did you mean DOCENDORSE_MOCK_SCENARIOS?"),
        ("DOCENDORSE_MOCK_max_body", "did you mean DOCENDORSE_MOCK_MAX_BODY?"),
        ("DOCENDORSE_MOCK_X", "docendorse-mock serve --help lists them"),
    ] {
        for verb in [&["list"][..], &["show", "flaky"], &["ready", "--url", "http://127.0.0.1:1"]] {
            let output = program().args(verb).env(variable, "1").output().unwrap();
            let warning =
                format!("docendorse-mock: warning: {variable} is set, but is not the variable of any setting; ");
            let told = text(&output.stderr);
            assert!(told.starts_with(&warning) && told.contains(expected), "{verb:?} {variable}: {told}");
        }
        let mut server = Running::start(program().args(["--listen", "127.0.0.1:0"]).env(variable, "1"));
        let log = server.log();
        drop(server);
        let lines: Vec<String> = log.into_iter().collect();
        assert!(lines.iter().any(|line| line.contains(variable) && line.contains(expected)), "{lines:?}");
    }
    let known = program().args(["list"]).env("DOCENDORSE_MOCK_SEED", "1").output().unwrap();
    assert_eq!(text(&known.stderr), "");
}

#[test]
fn a_snapshot_alone_asks_for_the_envelope() {
    let server = Running::start(program().args(["--listen", "127.0.0.1:0"]));
    let folder = Folder::new();
    let snapshot = |name: &str| {
        let (status, snapshot) = server.ask("GET", "/__admin/sandboxes/default/snapshot", "");
        assert_eq!(status, 200);
        folder.write(name, &snapshot.to_string())
    };
    fails(&["race", &snapshot("empty.json")], 3, "this is the snapshot of a sandbox; it has no envelope to race for");
    for number in 0..7 {
        let body = json!({ "name": format!("Envelope {number}") }).to_string();
        let key = "X-Inspakt-Api-Key: any";
        let host = server.url.trim_start_matches("http://");
        let mut stream = std::net::TcpStream::connect(host).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST /api/v1/key/envelopes HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{key}\r\ncontent-type: \
             application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        stream.read_to_string(&mut String::new()).unwrap();
    }
    let file = snapshot("snapshot.json");
    let ids = server.ask("GET", "/__admin/signing/envelopes", "").1["envelopes"].clone();
    assert_eq!(ids.as_array().unwrap().len(), 7);
    let first = ids[6]["id"].as_str().unwrap();
    let told = told(&run(&["race", &file]), 3);
    assert!(
        told.contains(&format!("snapshot.json: this is the snapshot of a sandbox; add --envelope {first} ")),
        "{told}"
    );
    assert!(told.trim_end().ends_with(" and 2 more"), "{told}");
    let piped = run_with_input(&["race", "-"], &std::fs::read(&file).unwrap());
    assert!(text(&piped.stderr).contains("<stdin>: this is the snapshot of a sandbox; add --envelope"));
}

#[test]
fn wrong_times_are_wrong_by_the_sandboxs_clock_too() {
    let server = Running::start(program().args(["--listen", "127.0.0.1:0"]));
    let token = |flags: &[&str]| run(&[&["token", "--url", &server.url], flags].concat());
    // A sandbox whose clock is in the past, with its own client.
    let past = r#"{"name": "past", "clock": {"frozen_at": "2020-01-01T00:00:00Z"}}"#;
    assert_eq!(server.ask("POST", "/__admin/sandboxes", past).0, 201);
    let id = "client_ffffffffffffffffffffffffffffffff";
    let key = std::fs::read_to_string("fixtures/keys/other-client.pub.pem").unwrap();
    let client = json!({ "client_id": id, "public_key": key }).to_string();
    assert_eq!(server.ask("POST", "/__admin/clients?sandbox=past", &client).0, 201);
    assert_eq!(server.ask("POST", "/__admin/clock/advance", r#"{"by": "2h"}"#).0, 200);
    let other = ["--client-id", id, "--key", "fixtures/keys/other-client.key.pem"];
    for client in [&[][..], &other] {
        for (flag, said) in [
            ("--expired", "invalid_grant: The assertion's exp: it expired"),
            ("--not-yet-valid", "invalid_grant: The assertion's iat: it is"),
        ] {
            let output = token(&[client, &[flag]].concat());
            let told = told(&output, 1);
            assert!(told.contains(said), "{client:?} {flag}: {told}");
        }
        assert_eq!(token(client).status.code(), Some(0), "{client:?}");
    }
    // A server that does not reveal its clock.
    let mut command = program();
    let locked = Running::start(command.args(["--listen", "127.0.0.1:0", "--admin-token", "s3cret"]));
    let output = run(&["token", "--url", &locked.url, "--expired"]);
    let told = text(&output.stderr);
    assert!(told.contains("warning: cannot read the sandbox's clock from the server"), "{told}");
    assert!(text(&run(&["token", "--url", &locked.url]).stderr).is_empty());
}

#[test]
fn a_path_from_a_variable_names_the_variable() {
    let folder = Folder::new();
    let missing = folder.file("missing").display().to_string();
    let key = format!("client_ffffffffffffffffffffffffffffffff={missing}");
    for (variable, value) in [
        ("DOCENDORSE_MOCK_CONFIG", &missing),
        ("DOCENDORSE_MOCK_SCENARIOS", &missing),
        ("DOCENDORSE_MOCK_CLIENT_KEY", &key),
    ] {
        let output = program().args(["--listen", "127.0.0.1:0"]).env(variable, value).output().unwrap();
        let told = told(&output, 3);
        assert!(told.contains(&missing) && told.trim_end().ends_with(&format!(" (from {variable})")), "{told}");
    }
    let output = program().args(["--config", &missing]).env("DOCENDORSE_MOCK_CONFIG", "other").output().unwrap();
    assert!(!told(&output, 3).contains("DOCENDORSE_MOCK_CONFIG"));
}

#[test]
fn a_wrong_path_of_a_url_is_named() {
    let server = Running::start(program().args(["--listen", "127.0.0.1:0"]));
    let url = format!("{}/foo", server.url);
    fails(&["ready", "--url", &url], 1, "answers HTTP 404 at /foo/readyz; check the path /foo of the URL");
}

#[test]
fn a_wrong_admin_token_is_not_reported_as_missing() {
    let server = Running::start(program().args(["--listen", "127.0.0.1:0", "--admin-token", "s3cret"]));
    let url = &server.url;
    for (arguments, expected) in [
        (&["--admin-token", "wrong"][..], "check that --admin-token is the server's"),
        (&[], "if it has an admin token, set DOCENDORSE_MOCK_ADMIN_TOKEN"),
    ] {
        let output = run(&[&["token", "--url", url, "--expired"], arguments].concat());
        assert!(text(&output.stderr).contains(expected), "{}", text(&output.stderr));
    }
}
