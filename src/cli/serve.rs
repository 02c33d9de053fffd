//! `serve`: the server, from its settings to its last answer.

use super::{Exit, Failure};
use crate::{
    app::{AppError, OAUTH},
    config::{LogFormat, LogLevel, Settings},
    oauth::built_in,
    server::{Server, ServerError},
};
use serde_json::{Value, json};
use std::{
    io::{self, IsTerminal, Write},
    path::Path,
};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::{filter::LevelFilter, fmt};

pub(super) fn serve(settings: Settings) -> Result<Exit, Failure> {
    let runtime = runtime().map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    runtime.block_on(run(settings))
}

/// A thread a core; on a single core none but the first, which is quicker than two that take turns.
fn runtime() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores == 1 {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread().worker_threads(cores.min(8)).enable_all().build()
    }
}

async fn run(settings: Settings) -> Result<Exit, Failure> {
    start_log(settings.log_format, settings.log_level);
    warn_of_unknown_variables();
    let ready_file = settings.ready_file.clone();
    let server = Server::bind(settings).await.map_err(|error| match &error {
        ServerError::App(AppError::Scenarios(_) | AppError::Client(_)) => Failure::new(Exit::File, error.to_string()),
        ServerError::Bind { .. } | ServerError::App(AppError::Schema(_) | AppError::Key(_)) => {
            Failure::new(Exit::Runtime, error.to_string())
        }
    })?;
    let stop = stop_signal().map_err(|error| Failure::new(Exit::Runtime, error.to_string()))?;
    let (url, admin_url) = (server.url(), format!("{}/__admin", server.url()));
    if let Some(path) = &ready_file {
        // Not before the address is ours: a start that fails must leave the file of the server that runs.
        write_ready_file(path, &url, &admin_url, &format!("{url}{OAUTH}/token")).map_err(|error| {
            Failure::new(Exit::Runtime, format!("cannot write the ready file {}: {error}", path.display()))
        })?;
    }
    let version = env!("CARGO_PKG_VERSION");
    // Nobody may be listening; that is no reason not to serve.
    let _ = writeln!(io::stdout(), "docendorse-mock {version} ready at {url} (control plane {admin_url})");
    tracing::info!(version, url, seed = server.app().sandboxes.default_sandbox().ids.seed(), "ready");
    server.serve(stop).await;
    if let Some(path) = &ready_file {
        remove_ready_file(path)?;
    }
    tracing::info!("stopped");
    Ok(Exit::Fine)
}

fn start_log(format: LogFormat, level: LogLevel) {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let terminal = io::stderr().is_terminal();
    let log = fmt().with_max_level(level).with_writer(io::stderr).with_target(false);
    // A second call, as an embedder may cause, leaves the first one's log in place.
    let _ = match (format, terminal) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => log.json().flatten_event(true).try_init(),
        (LogFormat::Text, _) | (LogFormat::Auto, true) => log.with_ansi(terminal).try_init(),
    };
}

/// A variable of ours that no flag has is a slip, and would otherwise be silently without effect.
fn warn_of_unknown_variables() {
    let command = <super::Cli as clap::CommandFactory>::command();
    let verbs: Vec<_> = command.get_subcommands().collect();
    let known = |name: &str| {
        verbs.iter().any(|verb| verb.get_arguments().any(|flag| flag.get_env().is_some_and(|env| *env == *name)))
    };
    for (name, _) in std::env::vars_os() {
        if let Some(name) = name.to_str().filter(|name| name.starts_with("DOCENDORSE_MOCK_") && !known(name)) {
            tracing::warn!("{name} is set, but no setting has that name; see docendorse-mock serve --help");
        }
    }
}

/// Done when the process is told to stop. A second signal ends it at once, as if nobody listened.
fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        Ok(async move {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
            tokio::spawn(async move {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                std::process::exit(Exit::Runtime as i32);
            });
        })
    }
    #[cfg(not(unix))]
    {
        Ok(async {
            let _ = tokio::signal::ctrl_c().await;
        })
    }
}

/// Written beside and moved into place, so that whoever sees the file sees all of it.
fn write_ready_file(path: &Path, url: &str, admin_url: &str, token_url: &str) -> io::Result<()> {
    let facts = json!({
        "url": url,
        "admin_url": admin_url,
        "token_url": token_url,
        "client_id": built_in::CLIENT_ID,
        "api_key": built_in::API_KEY,
        "pid": std::process::id(),
        "version": env!("CARGO_PKG_VERSION"),
    });
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}.tmp", std::process::id()));
    std::fs::write(&beside, format!("{facts:#}\n"))?;
    std::fs::rename(&beside, path)
}

/// Removes the file if it tells of this process; another server may have replaced it since.
fn remove_ready_file(path: &Path) -> Result<(), Failure> {
    let facts = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    if facts.is_none_or(|facts| facts["pid"] != std::process::id()) {
        return Ok(());
    }
    std::fs::remove_file(path).map_err(|error| {
        Failure::new(Exit::Runtime, format!("cannot remove the ready file {}: {error}", path.display()))
    })
}
