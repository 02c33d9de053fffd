//! Behaviour when a terminal closes, a pipe is not read, or a signal arrives while all threads are busy.

use crate::harness::{CREATE, Folder, Running, minimal, program, run, send};
use docendorse_mock::cli::signals;
use std::{
    fs::OpenOptions,
    io::{BufRead, BufReader, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// A pipe whose reading end is closed.
fn closed_pipe() -> Stdio {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    writer.into()
}

/// A path that makes a long log line.
fn long_path() -> String {
    format!("/{}", "x".repeat(8_000))
}

/// Checks that requests are refused and answered, and that the timer runs tasks.
fn assert_alive(running: &Running) {
    for _ in 0..200 {
        assert_eq!(running.ask("GET", &long_path(), "").0, 404);
    }
    let (status, answer) = running.ask("POST", CREATE, &minimal());
    assert_eq!(status, 200, "{answer}");
    let session = format!("/__admin/sessions/{}", answer["agent_session_id"].as_str().unwrap());
    // The session expires immediately; the timer must mark it.
    while running.ask("GET", &session, "").1["status"] != "expired" {}
}

#[test]
fn a_server_outlives_its_standard_error() {
    let full = || OpenOptions::new().write(true).open("/dev/full").unwrap();
    let logs: [fn() -> Stdio; 2] = [closed_pipe, Stdio::null];
    for log in logs.map(|log| log()).into_iter().chain([full().into()]) {
        let mut command = program();
        command.args(["--listen", "127.0.0.1:0", "--session-ttl", "1ms", "--log-level", "trace"]);
        let running = Running::start_with_log(&mut command, log);
        assert_alive(&running);
        assert_eq!(running.stop_unread("-TERM"), Some(0));
    }
}

#[test]
fn a_server_starts_with_its_outputs_closed() {
    let folder = Folder::new();
    let path = folder.file("ready.json").to_str().unwrap().to_owned();
    for closed in ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"] {
        let line = format!("exec \"$0\" --listen 127.0.0.1:0 --ready-file \"$1\" {closed}");
        let mut child = Command::new("sh")
            .args(["-c", &line, env!("CARGO_BIN_EXE_docendorse-mock"), &path])
            .env_clear()
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        assert_eq!(run(&["ready", "--wait", "--timeout", "60s", "--ready-file", &path]).status.code(), Some(0));
        send("-TERM", child.id());
        assert_eq!(child.wait().unwrap().code(), Some(0), "{closed}");
    }
}

#[test]
fn an_unread_log_loses_lines_and_nothing_else() {
    let mut command = program();
    command.args(["--listen", "127.0.0.1:0", "--session-ttl", "1ms"]);
    let mut running = Running::start(&mut command);
    let dropped = || running.ask("GET", "/__admin/health", "").1["dropped_log_lines"].as_u64().unwrap();
    // More than the pipe and the queue can hold, however long a line is.
    for _ in 0..100 {
        assert_alive(&running);
        if dropped() > 0 {
            break;
        }
    }
    let dropped = dropped();
    assert!(dropped > 0);
    // The loss is reported as soon as the log is read again.
    let log = running.log();
    let report = log.iter().find(|line| line.contains("dropped ")).unwrap();
    let (_, rest) = report.split_once("dropped ").unwrap();
    let reported: u64 = rest.split(' ').next().unwrap().parse().unwrap();
    assert!(reported >= dropped && rest.contains("log lines"), "{report}");
    assert_eq!(running.stop_unread("-TERM"), Some(0));
}

#[test]
fn an_unread_log_does_not_delay_the_exit() {
    let running = Running::start(program().args(["--listen", "127.0.0.1:0", "--session-ttl", "1ms"]));
    for _ in 0..3 {
        assert_alive(&running);
    }
    assert_eq!(running.stop_unread("-TERM"), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn an_unread_ready_line_does_not_delay_the_start() {
    let folder = Folder::new();
    let path = folder.file("ready.json").to_str().unwrap().to_owned();
    let (_reader, mut writer) = std::io::pipe().unwrap();
    // Fills the pipe.
    writer.write_all(&[b'x'; 1 << 16]).unwrap();
    for output in [writer.into(), closed_pipe()] {
        let mut command = program();
        command.args(["--listen", "127.0.0.1:0", "--ready-file", &path]).stdout(output).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        assert_eq!(run(&["ready", "--wait", "--timeout", "60s", "--ready-file", &path]).status.code(), Some(0));
        send("-TERM", child.id());
        assert_eq!(child.wait().unwrap().code(), Some(0));
    }
}

#[test]
fn a_server_out_of_file_descriptors_recovers() {
    let mut command = Command::new("sh");
    let line = "ulimit -n 40; exec \"$0\" --listen 127.0.0.1:0";
    command.args(["-c", line, env!("CARGO_BIN_EXE_docendorse-mock")]).env_clear();
    let mut running = Running::start(&mut command);
    let log = running.log();
    let address = running.url.trim_start_matches("http://").to_owned();
    let idle: Vec<_> = (0..60).map(|_| TcpStream::connect(&address).unwrap()).collect();
    let is_told = |line: &String| line.contains("cannot accept connections");
    assert!(log.iter().any(|line| is_told(&line)));
    drop(idle);
    assert_eq!(running.ask("GET", "/readyz", "").0, 200);
    assert_eq!(running.stop_unread("-TERM"), Some(0));
    let again = log.iter().filter(is_told).count();
    assert!(again < 5, "logged {again} more times, but must not be logged for each attempt");
}

#[test]
fn commands_end_quietly_when_their_reader_leaves() {
    for arguments in [
        &["list"][..],
        &["show", "hang"],
        &["race", "--seed", "7"],
        &["race", "--seed", "7", "--runs", "10", "--format", "json"],
        &["token", "--assertion-only"],
        &["version"],
        &["--help"],
        &["serve", "--help"],
        &["completions", "zsh"],
        &["validate", "fixtures/requests/valid/minimal.json", "--format", "json"],
    ] {
        let child = program().args(arguments).stdout(closed_pipe()).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(child.status.code(), Some(0), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&child.stderr), "", "{arguments:?}");
        // Failures keep their exit code even if no output can be written.
        let child = program().args(arguments).stdout(closed_pipe()).stderr(closed_pipe()).status().unwrap();
        assert_eq!(child.code(), Some(0), "{arguments:?}");
    }
    for (arguments, code) in [(&["srve"][..], 2), (&["validate", "no-such-file"], 3), (&["show", "nothing"], 1)] {
        let child = program().args(arguments).stdout(closed_pipe()).stderr(closed_pipe()).status().unwrap();
        assert_eq!(child.code(), Some(code), "{arguments:?}");
    }
}

/// When set to a number of seconds, the test below acts as the process that is signalled.
const CHILD: &str = "DOCENDORSE_MOCK_TEST_SECONDS";

/// A process that is killed at the end of the test.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn signals_end_a_process_whose_workers_are_busy() {
    if let Ok(limit) = std::env::var(CHILD) {
        be_busy(Duration::from_secs(limit.parse().unwrap()));
    }
    // The time limit ends the process, or a second signal does.
    for (limit, signals) in [("0", &["-TERM"][..]), ("3600", &["-INT", "-TERM"]), ("3600", &["-TERM", "-TERM"])] {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "endings::signals_end_a_process_whose_workers_are_busy", "--nocapture"]);
        let mut child = Killed(command.env(CHILD, limit).stdout(Stdio::piped()).spawn().unwrap());
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines().map_while(Result::ok);
        for (signal, word) in signals.iter().zip(["is busy", "is stopping"]) {
            assert!(lines.any(|line| line.contains(word)), "{word}");
            send(signal, child.0.id());
        }
        assert_eq!(child.0.wait().unwrap().code(), Some(4), "{limit} {signals:?}");
    }
}

/// Keeps every worker of a runtime busy forever.
fn be_busy(limit: Duration) -> ! {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let stop = signals::on_stop(limit, || {}).unwrap();
    runtime.spawn(async {
        println!("the worker is busy");
        loop {
            std::hint::spin_loop();
        }
    });
    runtime.block_on(stop).unwrap();
    println!("the process is stopping");
    loop {
        std::thread::park();
    }
}
