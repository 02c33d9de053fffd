//! `ready`: the server's own probe, for images without a shell and for scripts that wait.

use super::{Exit, Failure, print};
use crate::{
    clock::Stopwatch,
    config::{self, ServeOptions, Settings, split_addresses},
};
use clap::Args;
use jiff::SignedDuration;
use serde_json::Value;
use std::{path::PathBuf, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Between two attempts of `--wait`.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Args, Debug)]
#[command(mut_arg("ready_file", |flag| flag.help(
    "Probe the server that this file tells of, as it wrote it once ready; with --wait, wait for the file, too",
)))]
pub(super) struct Options {
    /// Keep asking until the server is ready or the time is up.
    #[arg(long)]
    wait: bool,

    /// Give up after this long, such as 500ms, 10s or 1m.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    timeout: Duration,

    #[command(flatten)]
    pub(super) server: ServeOptions,
}

fn duration(text: &str) -> Result<Duration, String> {
    // No span that can be written is too long for one that is not negative.
    config::duration(text).map(SignedDuration::unsigned_abs)
}

/// `ready_file_is_flag`: whether the command line itself names the ready file, and so asks for the server it tells of.
pub(super) fn ready(settings: &Settings, options: &Options, ready_file_is_flag: bool) -> Result<Exit, Failure> {
    let target = Target::of(settings, ready_file_is_flag)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    runtime.block_on(probe(&target, options))
}

/// Where the server is to be found.
enum Target {
    Address(String),
    /// In the ready file, read anew for each attempt: it may be missing yet, or be left over from another run.
    ReadyFile(PathBuf),
}

impl Target {
    fn of(settings: &Settings, ready_file_is_flag: bool) -> Result<Self, Failure> {
        let usage = |problem: String| Failure::new(Exit::Usage, problem);
        let addresses = split_addresses(&settings.listen).map_err(usage)?;
        let (host, port) = addresses[0];
        match &settings.ready_file {
            Some(path) if ready_file_is_flag || port == 0 => Ok(Self::ReadyFile(path.clone())),
            None if port == 0 => Err(usage(
                "port 0 names no server; give --ready-file FILE as the server has it, \
                 or --listen HOST:PORT as the ready line shows it"
                    .to_owned(),
            )),
            _ => Ok(Self::Address(format!("{}:{port}", reachable(host)))),
        }
    }

    fn address(&self) -> Result<String, String> {
        match self {
            Self::Address(address) => Ok(address.clone()),
            Self::ReadyFile(path) => {
                let text = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
                let facts = serde_json::from_slice::<Value>(&text).unwrap_or_default();
                let address = facts["url"].as_str().and_then(|url| url.strip_prefix("http://"));
                address.map(str::to_owned).ok_or_else(|| format!("{} is no ready file", path.display()))
            }
        }
    }
}

/// Whoever listens everywhere also listens here.
fn reachable(host: &str) -> &str {
    match host {
        "0.0.0.0" | "localhost" => "127.0.0.1",
        "[::]" => "[::1]",
        other => other,
    }
}

async fn probe(target: &Target, options: &Options) -> Result<Exit, Failure> {
    let time = Stopwatch::start();
    loop {
        let problem = match target.address() {
            Ok(address) => {
                let left = options.timeout.saturating_sub(time.elapsed());
                let problem = match timeout(left, ask(&address)).await {
                    Ok(Ok(200)) => {
                        return print(format!("ready at http://{address}\n").as_bytes()).map(|()| Exit::Fine);
                    }
                    Ok(Ok(status)) => format!("it answers /readyz with {status}"),
                    Ok(Err(error)) => error.to_string(),
                    Err(_) => "no answer in time".to_owned(),
                };
                format!("no server is ready at http://{address}: {problem}")
            }
            Err(problem) => format!("no server is ready: {problem}"),
        };
        if !options.wait || time.elapsed() + PAUSE >= options.timeout {
            return Err(Failure::new(Exit::Failed, problem));
        }
        sleep(PAUSE).await;
    }
}

/// The HTTP status of `/readyz`. One request, one connection, one line of the answer: no client is needed for that.
async fn ask(address: &str) -> std::io::Result<u16> {
    let mut stream = TcpStream::connect(address).await?;
    stream
        .write_all(format!("GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes())
        .await?;
    let mut answer = Vec::new();
    stream.take(1024).read_to_end(&mut answer).await?;
    let line = String::from_utf8_lossy(&answer);
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).and_then(|code| code.parse().ok());
    status.ok_or_else(|| std::io::Error::other("whatever listens there does not speak HTTP"))
}
