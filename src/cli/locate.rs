//! Finds a running server: the flags and variables shared by all subcommands that talk to a server.

use super::{
    Exit, Failure,
    probe::{self, FoundServer},
    ready_file::{self, ReadyFileContent, StartFailure},
};
use crate::{
    base::urls::BaseUrl,
    config::{ServeOptions, base_url, listen, split_addresses},
};
use clap::Args;
use std::{path::PathBuf, time::Duration};

/// How long each of several candidates may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// The explanation of these flags in the help of a subcommand.
pub(super) const HELP: &str = "\
The server is found by --url, --ready-file or --listen, in this order. The variables and the settings file with which \
the server was started are used too: flags override the environment, the environment overrides the file. If there is \
no ready file yet, the address is tried, unless its port is 0.";

/// Flags that say how to find a server.
#[derive(Args, Debug)]
pub(super) struct Locator {
    /// The server's URL.
    #[arg(long, env = "DOCENDORSE_MOCK_URL", value_name = "URL", value_parser = base_url, help_heading = "Server")]
    url: Option<BaseUrl>,

    /// The file that the server writes once it is ready, or if it fails to start.
    #[arg(long, env = "DOCENDORSE_MOCK_READY_FILE", value_name = "FILE", help_heading = "Server")]
    ready_file: Option<PathBuf>,

    /// The address that the server listens on, or several separated by commas. PORT replaces the port unless this flag
    /// is given. [default: localhost:4747]
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_LISTEN",
        value_name = "HOST:PORT",
        value_parser = listen,
        help_heading = "Server"
    )]
    listen: Option<String>,

    /// The server's base URL, tried if no server is ready at its address.
    #[arg(
        long,
        env = "DOCENDORSE_MOCK_BASE_URL",
        value_name = "URL",
        value_parser = base_url,
        help_heading = "Server"
    )]
    base_url: Option<BaseUrl>,

    /// The server's settings file; its ready file, address and base URL are used.
    #[arg(long, env = "DOCENDORSE_MOCK_CONFIG", value_name = "FILE", help_heading = "Server")]
    config: Option<PathBuf>,
}

/// The places where a server may be found.
#[derive(Debug)]
pub(super) struct Target {
    /// Read again for each attempt, because it may not exist yet or be left over from an earlier run.
    ready_file: Option<(PathBuf, FileUse)>,
    /// URLs derived from the settings.
    urls: Vec<String>,
}

/// How a ready file is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum FileUse {
    /// Only the file names the server.
    Only,
    /// The file's URL is tried before the others.
    First,
    /// The address is given; the file only reports whether a start failed.
    Failures,
}

/// The result of one attempt to find a server.
pub(super) enum Search {
    /// URLs to try, at least one, the most likely first.
    Urls(Vec<String>),
    /// The server did not start.
    Failed(StartFailure),
    /// There is no URL yet.
    Missing(String),
}

impl Locator {
    /// Determines where to look for the server. `is_flag` says which settings were given on the command line.
    ///
    /// # Errors
    /// If the settings contradict each other, name no server, or cannot be read.
    pub(super) fn target(&self, is_flag: impl Fn(&str) -> bool) -> Result<Target, Failure> {
        let usage = |problem: &str| Failure::new(Exit::Usage, problem);
        let (file_is_flag, listen_is_flag) = (is_flag("ready_file"), is_flag("listen"));
        if let Some(url) = &self.url {
            if !file_is_flag && !listen_is_flag {
                return Ok(Target { ready_file: None, urls: vec![url.to_string()] });
            }
            if is_flag("url") {
                return Err(usage("--url already names the server; remove --ready-file and --listen"));
            }
        }
        let options = ServeOptions {
            config: self.config.clone(),
            listen: self.listen.clone(),
            base_url: self.base_url.clone(),
            ready_file: self.ready_file.clone(),
            ..ServeOptions::default()
        };
        let settings = super::settings(options, |_: &str| listen_is_flag)?;
        let addresses = split_addresses(&settings.listen).map_err(|problem| usage(&problem))?;
        let port = addresses.first().map_or(0, |(_, port)| *port);
        if port == 0 && settings.ready_file.is_none() {
            return Err(usage(
                "port 0 does not name a server; give --ready-file FILE with the server's ready file, \
                 or --listen HOST:PORT with the address from its ready line",
            ));
        }
        let file_use = if file_is_flag || port == 0 {
            FileUse::Only
        } else if listen_is_flag {
            FileUse::Failures
        } else {
            FileUse::First
        };
        let mut urls = Vec::new();
        if file_use != FileUse::Only {
            urls.extend(addresses.iter().map(|(host, port)| format!("http://{}:{port}", reachable(host))));
            let advertised = settings.base_url.filter(|url| file_use == FileUse::First && url.starts_with("http://"));
            urls.extend(advertised.map(|url| url.to_string()));
        }
        Ok(Target { ready_file: settings.ready_file.map(|path| (path, file_use)), urls })
    }
}

impl Target {
    /// Looks for the server once.
    pub(super) fn search(&self) -> Search {
        let mut urls = self.urls.clone();
        if let Some((path, file_use)) = &self.ready_file {
            match ready_file::read(path) {
                Ok(ReadyFileContent::Failed(failure)) => return Search::Failed(failure),
                Ok(ReadyFileContent::Ready(url)) if *file_use != FileUse::Failures && !urls.contains(&url) => {
                    urls.insert(0, url);
                }
                Err(problem) if urls.is_empty() => return Search::Missing(problem),
                Ok(ReadyFileContent::Ready(_)) | Err(_) => {}
            }
        }
        Search::Urls(urls)
    }

    /// The server's URL. Of several, the first at which a server is ready.
    ///
    /// # Errors
    /// If there is no URL.
    pub(super) fn url(&self) -> Result<String, Failure> {
        let urls = match self.search() {
            Search::Urls(urls) => urls,
            Search::Failed(failure) => return Err(Failure::new(Exit::Runtime, not_started(&failure))),
            Search::Missing(problem) => return Err(Failure::new(Exit::File, problem)),
        };
        let is_ready = |url: &&String| urls.len() > 1 && probe::probe_now(url, PATIENCE) == FoundServer::Ready;
        Ok(urls.iter().find(is_ready).or(urls.first()).cloned().unwrap_or_default())
    }
}

/// The message for a failed start.
pub(super) fn not_started(failure: &StartFailure) -> String {
    format!("the server did not start: {}", failure.reason)
}

/// The host to connect to: loopback if the server listens on every address.
fn reachable(host: &str) -> &str {
    match host {
        "0.0.0.0" | "localhost" => "127.0.0.1",
        "[::]" => "[::1]",
        other => other,
    }
}
