//! The addresses the server listens on.

use crate::harness::{Running, program, run, text};
use std::net::{TcpListener, TcpStream};

fn has_ipv6() -> bool {
    TcpListener::bind("[::1]:0").is_ok()
}

fn port_of(running: &Running) -> String {
    running.url.rsplit(':').next().unwrap().to_owned()
}

#[test]
fn localhost_is_both_loopback_addresses() {
    let running = Running::start(program().args(["--listen", "localhost:0"]));
    let port = port_of(&running);
    assert_eq!(running.url, format!("http://127.0.0.1:{port}"), "the ready line has the IPv4 address");
    if has_ipv6() {
        TcpStream::connect(format!("[::1]:{port}")).unwrap();
    }
}

#[test]
fn the_default_is_localhost_and_port_replaces_its_port() {
    let running = Running::start(program().env("PORT", "0"));
    assert_eq!(running.ask("GET", "/__admin/settings", "").1["listen"], "localhost:0");
    if has_ipv6() {
        TcpStream::connect(format!("[::1]:{}", port_of(&running))).unwrap();
    }
}

#[test]
fn several_addresses_are_listened_on() {
    if !has_ipv6() {
        return;
    }
    let running = Running::start(program().args(["--listen", "[::1]:0,127.0.0.1:0"]));
    let port = port_of(&running);
    assert!(running.url.starts_with("http://127.0.0.1:"), "{}", running.url);
    TcpStream::connect(format!("[::1]:{port}")).unwrap();
    let address = format!("[::1]:{port},127.0.0.1:{port}");
    assert_eq!(run(&["ready", "--listen", &address]).status.code(), Some(0));
    assert_eq!(run(&["ready", "--listen", &format!("localhost:{port}")]).status.code(), Some(0));
    let running = Running::start(program().args(["--listen", "[::1]:0"]));
    assert!(running.url.starts_with("http://[::1]:"), "{}", running.url);
}

#[test]
fn an_address_in_use_is_named_whichever_it_is() {
    for host in ["127.0.0.1", "[::1]"] {
        let Ok(taken) = TcpListener::bind(format!("{host}:0")) else { continue };
        let port = taken.local_addr().unwrap().port();
        let output = run(&["--listen", &format!("localhost:{port}")]);
        assert_eq!(output.status.code(), Some(4), "{host}");
        let problem = text(&output.stderr);
        let last = problem.lines().last().unwrap();
        assert!(
            last.starts_with(&format!("docendorse-mock: cannot listen on {host}:{port}: port {port} is in use")),
            "{last}"
        );
    }
}

#[test]
fn a_list_with_a_wrong_address_is_refused() {
    for list in ["127.0.0.1:0,", ",", "127.0.0.1:0,x", "localhost"] {
        assert_eq!(run(&["--listen", list]).status.code(), Some(2), "{list}");
    }
}
