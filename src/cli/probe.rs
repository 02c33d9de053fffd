//! Requests `/readyz`, and identifies the program at the address if it is not docendorse-mock.

use super::connect::ServerAddress;
use crate::base::{clock::Stopwatch, io_error};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Bytes of an answer that are enough to identify the program.
const ENOUGH: usize = 8 << 10;

/// Longest quotation of a foreign answer in a message, in characters.
const QUOTED: usize = 60;

/// The program found at a URL.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum FoundServer {
    /// Our server, ready.
    Ready,
    /// Our server, stopping.
    Stopping,
    /// A program that accepts connections but does not answer.
    Silent(String),
    /// Another program, with a description.
    Foreign(String),
    /// No connection, with the reason.
    Nothing(String),
}

impl FoundServer {
    /// Whether our server may be there.
    pub(super) fn may_be_ours(&self) -> bool {
        matches!(self, Self::Ready | Self::Stopping | Self::Silent(_))
    }

    /// The problem to report; `None` if the server is ready.
    pub(super) fn problem(self) -> Option<String> {
        match self {
            Self::Ready => None,
            Self::Stopping => Some("the server is stopping".to_owned()),
            Self::Silent(problem) | Self::Foreign(problem) | Self::Nothing(problem) => Some(problem),
        }
    }
}

/// Runs [`probe`] on its own runtime.
pub(super) fn probe_now(url: &str, limit: Duration) -> FoundServer {
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(probe(url, limit)),
        Err(error) => FoundServer::Nothing(io_error::reason(&error)),
    }
}

/// Asks the server at a URL whether it is ready, for at most `limit`.
pub(super) async fn probe(url: &str, limit: Duration) -> FoundServer {
    let endpoint = match ServerAddress::parse(url) {
        Ok(endpoint) => endpoint,
        Err(problem) => return FoundServer::Nothing(problem),
    };
    let time = Stopwatch::start();
    let port = endpoint.port();
    let stream = match timeout(limit, endpoint.connect()).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(problem)) => return FoundServer::Nothing(problem),
        Err(_) => {
            let address = &endpoint.address;
            return FoundServer::Nothing(format!("{address} does not accept the connection in time"));
        }
    };
    let mut answer = Vec::new();
    let talk = talk(stream, &endpoint, &mut answer);
    let is_late = timeout(limit.saturating_sub(time.elapsed()), talk).await.is_err();
    if answer.is_empty() {
        return if is_late {
            FoundServer::Silent(format!("port {port} accepts connections, but does not answer in time"))
        } else {
            FoundServer::Foreign(format!("port {port} closes the connection without an answer"))
        };
    }
    match recognize(&answer) {
        Ok(found) => found,
        Err(_) if !endpoint.prefix.is_empty() && is_not_found(&answer) => {
            let prefix = &endpoint.prefix;
            FoundServer::Foreign(format!(
                "port {port} answers HTTP 404 at {prefix}/readyz; check the path {prefix} of the URL, or leave it out"
            ))
        }
        Err(what) => FoundServer::Foreign(format!("port {port} answers, but not as docendorse-mock: {what}")),
    }
}

/// Sends the request, and reads until the program can be identified. A broken connection ends the answer.
async fn talk(mut stream: TcpStream, endpoint: &ServerAddress, answer: &mut Vec<u8>) -> io::Result<()> {
    let ServerAddress { host, prefix, .. } = endpoint;
    let request = format!("GET {prefix}/readyz HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    while !is_enough(answer) && stream.read_buf(answer).await? > 0 {}
    Ok(())
}

fn is_enough(answer: &[u8]) -> bool {
    let start = &answer[..answer.len().min(5)];
    answer.len() >= ENOUGH || !b"HTTP/".starts_with(start) || Response::parse(answer).is_some_and(|it| it.is_whole())
}

/// The parts of an HTTP answer that identify the program.
struct Response<'a> {
    status: &'a str,
    server: Option<&'a str>,
    length: Option<usize>,
    body: &'a str,
}

impl<'a> Response<'a> {
    fn parse(answer: &'a [u8]) -> Option<Self> {
        let text = match std::str::from_utf8(answer) {
            Ok(text) => text,
            Err(error) => std::str::from_utf8(&answer[..error.valid_up_to()]).ok()?,
        };
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.split("\r\n");
        let status = lines.next()?.split(' ').nth(1)?;
        let headers: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once(':')).collect();
        let header = |name: &str| {
            let found = headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
        };
        Some(Self {
            status,
            server: header("server"),
            length: header("content-length").and_then(|length| length.parse().ok()),
            body,
        })
    }

    fn is_whole(&self) -> bool {
        self.length.is_some_and(|length| self.body.len() >= length) || !matches!(self.status, "200" | "503")
    }
}

fn is_not_found(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/") && Response::parse(answer).is_some_and(|response| response.status == "404")
}

/// Identifies the program. The error describes a program that is not ours.
fn recognize(answer: &[u8]) -> Result<FoundServer, String> {
    if !answer.starts_with(b"HTTP/") {
        if let [0x15 | 0x16, 0x03, ..] = answer {
            return Err("it speaks TLS, where docendorse-mock speaks plain HTTP".to_owned());
        }
        let line = String::from_utf8_lossy(answer).lines().next().map(quoted).unwrap_or_default();
        return Err(format!("it does not speak HTTP, but sends {line:?}"));
    }
    let Some(response) = Response::parse(answer) else { return Err("its HTTP answer is cut off".to_owned()) };
    match (response.status, response.body) {
        ("200", "ready\n") => Ok(FoundServer::Ready),
        ("503", "stopping\n") => Ok(FoundServer::Stopping),
        (status, _) => {
            let server = response.server.map(|server| format!(" from {}", quoted(server))).unwrap_or_default();
            Err(format!("HTTP {}{server}", quoted(status)))
        }
    }
}

/// Quotes a short piece of a foreign answer, without control characters.
fn quoted(text: &str) -> String {
    text.chars().take(QUOTED).map(|char| if char.is_control() { '\u{fffd}' } else { char }).collect()
}
