//! `ready`: probes the server, for images without a shell and for scripts that wait for a start.

use super::{
    Exit, Failure,
    locate::{Locator, Search, Target, not_started},
    print, probe,
};
use crate::{
    base::{clock::Stopwatch, io_error},
    config,
};
use clap::Args;
use jiff::SignedDuration;
use std::time::Duration;
use tokio::time::sleep;

/// Pause between two attempts of `--wait`.
const PAUSE: Duration = Duration::from_millis(20);

/// For this long, a failure recorded before the first attempt is ignored: it may come from an earlier run, and the next
/// start removes it.
const GRACE: Duration = Duration::from_secs(1);

#[derive(Args, Debug)]
pub(super) struct ReadyOptions {
    /// Keep asking until the server is ready, fails to start, or the timeout is reached.
    #[arg(long)]
    wait: bool,

    /// Give up after this long, such as 500ms, 10s or 1m.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    timeout: Duration,

    #[command(flatten)]
    server: Locator,
}

fn duration(text: &str) -> Result<Duration, String> {
    // Every valid, non-negative duration fits.
    config::duration(text).map(SignedDuration::unsigned_abs)
}

pub(super) fn ready(options: &ReadyOptions, is_flag: impl Fn(&str) -> bool) -> Result<Exit, Failure> {
    let target = options.server.target(is_flag)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Failure::new(Exit::Runtime, io_error::reason(&error)))?;
    runtime.block_on(probe(&target, options))
}

async fn probe(target: &Target, options: &ReadyOptions) -> Result<Exit, Failure> {
    let time = Stopwatch::start();
    let earlier = match target.search() {
        Search::Failed(failure) => Some(failure),
        _ => None,
    };
    loop {
        let problem = match target.search() {
            Search::Urls(urls) => {
                let mut problems = Vec::new();
                for url in urls {
                    let left = options.timeout.saturating_sub(time.elapsed());
                    match probe::probe(&url, left).await.problem() {
                        None => return print(format!("ready at {url}\n").as_bytes()).map(|()| Exit::Fine),
                        Some(problem) => problems.push(format!("no server is ready at {url}: {problem}")),
                    }
                }
                problems.join("; ")
            }
            Search::Failed(failure) => {
                let may_be_old = earlier.as_ref() == Some(&failure) && time.elapsed() < GRACE;
                let problem = not_started(&failure);
                if !may_be_old {
                    return Err(Failure::new(Exit::Failed, problem));
                }
                problem
            }
            Search::Missing(problem) => format!("no server is ready: {problem}"),
        };
        if !options.wait || time.elapsed() + PAUSE >= options.timeout {
            return Err(Failure::new(Exit::Failed, problem));
        }
        sleep(PAUSE).await;
    }
}
