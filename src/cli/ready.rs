//! `ready`: the server's own probe, for images without a shell and for scripts that wait.

use super::{Exit, Failure, print};
use crate::{
    clock::Stopwatch,
    config::{self, ServeOptions, Settings, split_address},
};
use clap::Args;
use jiff::SignedDuration;
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::{sleep, timeout},
};

/// Between two attempts of `--wait`.
const PAUSE: Duration = Duration::from_millis(20);

#[derive(Args, Debug)]
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

pub(super) fn ready(settings: &Settings, options: &Options) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    runtime.block_on(probe(settings, options))
}

async fn probe(settings: &Settings, options: &Options) -> Result<Exit, Failure> {
    let (host, port) = split_address(&settings.listen).map_err(|problem| Failure::new(Exit::Usage, problem))?;
    if port == 0 {
        let fix = "port 0 names no server; give --listen HOST:PORT as the ready line shows it";
        return Err(Failure::new(Exit::Usage, fix));
    }
    // Whoever listens everywhere also listens here.
    let host = match host {
        "0.0.0.0" => "127.0.0.1",
        "[::]" => "[::1]",
        other => other,
    };
    let address = format!("{host}:{port}");
    let time = Stopwatch::start();
    loop {
        let left = options.timeout.saturating_sub(time.elapsed());
        let answer = timeout(left, ask(&address)).await;
        let problem = match answer {
            Ok(Ok(200)) => {
                return print(format!("ready at http://{address}\n").as_bytes()).map(|()| Exit::Fine);
            }
            Ok(Ok(status)) => format!("it answers /readyz with {status}"),
            Ok(Err(error)) => error.to_string(),
            Err(_) => "no answer in time".to_owned(),
        };
        if !options.wait || time.elapsed() + PAUSE >= options.timeout {
            return Err(Failure::new(Exit::Failed, format!("no server is ready at http://{address}: {problem}")));
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
