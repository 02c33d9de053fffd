//! Runs the binary in a clean environment, with a separate folder for each test.

use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, channel},
    },
};

/// The binary, without settings from the test run's environment.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_docendorse-mock"));
    command.env_clear().env("COLUMNS", "100");
    command
}

pub fn run(arguments: &[&str]) -> Output {
    program().args(arguments).output().unwrap()
}

pub fn run_with_input(arguments: &[&str], input: &[u8]) -> Output {
    let mut command = program();
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    child.wait_with_output().unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// Compares a text with its golden file.
pub fn golden(name: &str, actual: &str) {
    let path = Path::new("tests/cli/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(actual, expected, "{} differs; see tests/cli/main.rs", path.display());
}

/// A flag as `serve --help` shows it.
pub struct Flag {
    pub name: String,
    pub variable: String,
    pub default: String,
}

/// All settings. Each must have a variable.
pub fn flags() -> Vec<Flag> {
    let help = text(&run(&["serve", "--help"]).stdout);
    let between = |text: &str, start: &str, end: &str| Some(text.split_once(start)?.1.split_once(end)?.0.to_owned());
    let blocks = help.split("\n      --").skip(1);
    let flags: Vec<Flag> = blocks
        .map(|block| {
            // Line breaks depend on the words, so they are removed.
            let block = block.split_whitespace().collect::<Vec<_>>().join(" ");
            let name = block.split([' ', '[']).next().unwrap().to_owned();
            let variable = between(&block, "[env: ", "]").unwrap_or_else(|| panic!("--{name} has no variable"));
            // Secrets are shown without their value.
            let variable = variable.trim_end_matches('=').to_owned();
            Flag { default: between(&block, "[default: ", "]").unwrap_or_default(), name, variable }
        })
        .collect();
    assert!(flags.iter().any(|flag| flag.name == "listen"), "this function cannot parse the help text");
    flags
}

/// A temporary folder, removed when dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("docendorse-mock-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.file(name), text).unwrap();
        self.file(name).to_str().unwrap().to_owned()
    }

    /// Removes the folder's own path from a text.
    pub fn plain(&self, text: &str) -> String {
        text.replace(&format!("{}/", self.0.display()), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A running server, killed when dropped.
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
    pub line: String,
    pub url: String,
}

impl Running {
    /// Starts the binary and waits for its ready line.
    pub fn start(command: &mut Command) -> Self {
        Self::start_with_log(command, Stdio::piped())
    }

    /// Starts the binary with another standard error, and waits for its ready line.
    pub fn start_with_log(command: &mut Command, log: Stdio) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let mut problem = String::new();
            if let Some(mut log) = child.stderr.take() {
                log.read_to_string(&mut problem).unwrap();
            }
            panic!("no ready line: {problem}");
        }
        let url = line.split_whitespace().find(|word| word.starts_with("http://")).unwrap().to_owned();
        Self { child, stdout, line, url }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The lines of standard error as they arrive. Can be called once.
    pub fn log(&mut self) -> Receiver<String> {
        let lines = BufReader::new(self.child.stderr.take().unwrap()).lines();
        let (sender, receiver) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        receiver
    }

    /// Sends a signal and waits for the end. Returns the exit code, the rest of standard output, and standard error.
    #[cfg(unix)]
    pub fn stop(mut self, signal: &str) -> (Option<i32>, String, String) {
        send(signal, self.child.id());
        let (mut rest, mut log) = (String::new(), String::new());
        self.stdout.read_to_string(&mut rest).unwrap();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap().code(), rest, log)
    }

    /// Sends a signal and waits for the end without reading standard error. Returns the exit code.
    #[cfg(unix)]
    pub fn stop_unread(mut self, signal: &str) -> Option<i32> {
        send(signal, self.child.id());
        self.child.wait().unwrap().code()
    }

    /// Sends one request on a new connection. Returns the HTTP status and the body.
    pub fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        self.ask_as("x", method, path, body)
    }

    /// Sends one request with the given access token.
    pub fn ask_as(&self, token: &str, method: &str, path: &str, body: &str) -> (u16, Value) {
        let host = self.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(host).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, serde_json::from_str(body).unwrap_or_default())
    }
}

/// Sends a signal such as `-TERM` to a process.
#[cfg(unix)]
pub fn send(signal: &str, process: u32) {
    // The shell's built-in `kill`, because the program `kill` is not installed everywhere.
    let sent = Command::new("sh").args(["-c", &format!("kill {signal} {process}")]).status().unwrap();
    assert!(sent.success());
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub const CREATE: &str = "/api/v1/agent-sessions/create";

pub fn minimal() -> String {
    std::fs::read_to_string("fixtures/requests/valid/minimal.json").unwrap()
}
