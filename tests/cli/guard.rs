//! `--allowed-hosts` and `--admin-token`, from every source of settings.

use crate::harness::{Folder, Running, golden, program, run, text};
use std::{
    io::{Read, Write},
    net::TcpStream,
};

/// The HTTP status and the body of `GET /__admin/settings` with the given headers.
fn settings(server: &Running, headers: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    write!(stream, "GET /__admin/settings HTTP/1.1\r\n{headers}connection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

fn hosts(server: &Running) -> [u16; 3] {
    ["a.example.com", "x.b.example.com", "c.example.com"].map(|host| settings(server, &format!("host: {host}\r\n")).0)
}

#[test]
fn hosts_are_allowed_by_flag_variable_and_file() {
    let folder = Folder::new();
    let config = folder
        .write("mock.toml", "listen = \"127.0.0.1:0\"\nallowed-hosts = [\"a.example.com\", \"*.b.example.com\"]\n");
    let listen = ["--listen", "127.0.0.1:0"];
    assert_eq!(hosts(&Running::start(program().args(["--config", &config]))), [200, 200, 421]);
    let list = "a.example.com, *.b.example.com";
    let by_variable = Running::start(program().args(listen).env("DOCENDORSE_MOCK_ALLOWED_HOSTS", list));
    assert_eq!(hosts(&by_variable), [200, 200, 421]);
    let twice = ["--allowed-hosts", "a.example.com", "--allowed-hosts", "c.example.com"];
    assert_eq!(hosts(&Running::start(program().args(listen).args(twice))), [200, 421, 200]);
    let (_, shown) = settings(&by_variable, "host: localhost\r\n");
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["allowed-hosts"], serde_json::json!(["a.example.com", "*.b.example.com"]));
}

#[test]
fn the_admin_token_is_set_by_flag_variable_and_file() {
    let folder = Folder::new();
    let config = folder.write("mock.toml", "admin-token = \"s3cret\"\n");
    let mut starts = [program(), program(), program()];
    starts[0].args(["--config", &config]);
    starts[1].env("DOCENDORSE_MOCK_ADMIN_TOKEN", "s3cret");
    starts[2].args(["--admin-token", "s3cret"]);
    for mut start in starts {
        let server = Running::start(start.args(["--listen", "127.0.0.1:0", "--log-level", "trace"]));
        assert_eq!(settings(&server, "").0, 401);
        assert_eq!(settings(&server, "authorization: Bearer s3cre\r\n").0, 401);
        let (status, shown) = settings(&server, "authorization: Bearer s3cret\r\n");
        assert_eq!(status, 200);
        assert_eq!(run(&["ready", "--listen", server.url.trim_start_matches("http://")]).status.code(), Some(0));
        let (_, rest, log) = server.stop("-TERM");
        assert!(![shown, rest, log].iter().any(|text| text.contains("s3cre")));
    }
}

#[test]
fn help_and_errors_do_not_show_the_admin_token() {
    let help = program().args(["serve", "--help"]).env("DOCENDORSE_MOCK_ADMIN_TOKEN", "s3cret").output().unwrap();
    assert!(!text(&help.stdout).contains("s3cret"));
    for wrong in ["s3cret token", "s3cret,", "s3crét", "="] {
        let output = run(&["--admin-token", wrong]);
        assert_eq!(output.status.code(), Some(2));
        assert!(!text(&output.stderr).contains("s3cr"), "{}", text(&output.stderr));
    }
}

#[test]
fn a_wrong_host_is_refused_with_its_fix() {
    let mut told = String::new();
    for wrong in ["http://a.example.com", "a.example.com:4747", "*", "a b", "a.example.com,,b.example.com"] {
        let output = run(&["--allowed-hosts", wrong]);
        assert_eq!(output.status.code(), Some(2), "{wrong}");
        told += &text(&output.stderr);
    }
    golden("config-hosts.txt", &told);
}
