//! `serve`: runs the server.

use super::{
    Exit, Failure, ready_file,
    signals::{self, FLUSH},
};
use crate::{
    app::AppError,
    base::{io_error, log, panics},
    config::{LogFormat, LogLevel, Settings},
    domain::oauth::built_in,
    http::server::{DRAIN, Server, ServerError},
};
use serde_json::{Value, json};
use std::{
    backtrace::{Backtrace, BacktraceStatus},
    io::{self, IsTerminal},
    panic,
    path::Path,
    sync::mpsc,
    thread,
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};
use tracing_subscriber::{filter::LevelFilter, fmt};

/// How long the process may take to end after a signal before it is terminated.
const STOP: Duration = DRAIN.saturating_add(Duration::from_secs(1));

/// How long the ready line may delay the start if nothing reads standard output.
const READY_LINE: Duration = Duration::from_millis(500);

pub(super) fn serve(settings: Settings) -> Result<Exit, Failure> {
    let failed = |error: io::Error| {
        Failure::new(Exit::Runtime, format!("the server cannot start: {}", io_error::reason(&error)))
    };
    start_log(settings.log_format, settings.log_level).map_err(failed)?;
    let runtime = runtime().map_err(failed)?;
    let done = runtime.block_on(run(settings));
    // Does not wait, because a thread may be computing and nothing may be reading the log.
    runtime.shutdown_background();
    log::flush(FLUSH);
    done
}

/// One thread per core. A single core has no worker threads, which is faster than two threads that take turns.
fn runtime() -> io::Result<Runtime> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    if cores == 1 {
        Builder::new_current_thread().enable_all().build()
    } else {
        Builder::new_multi_thread().worker_threads(cores.min(8)).enable_all().build()
    }
}

async fn run(settings: Settings) -> Result<Exit, Failure> {
    for warning in super::environment::unknown_variables(&<super::Cli as clap::CommandFactory>::command()) {
        tracing::warn!("{warning}");
    }
    for warning in clients_without_keys(&settings) {
        tracing::warn!("{warning}");
    }
    let ready_file = settings.ready_file.clone();
    let server = Server::bind(settings).await.map_err(|error| match &error {
        ServerError::App(AppError::Scenarios(_) | AppError::Client(_)) => Failure::new(Exit::File, error.to_string()),
        ServerError::Bind { .. } | ServerError::App(AppError::Schema(_) | AppError::Key(_) | AppError::BaseUrl(_)) => {
            Failure::new(Exit::Runtime, error.to_string())
        }
    })?;
    let left_behind = ready_file.clone();
    let stop = signals::on_stop(STOP, move || {
        if let Some(path) = &left_behind {
            let _ = remove_ready_file(path);
        }
    });
    let stop = stop
        .map_err(|error| Failure::new(Exit::Runtime, format!("cannot handle signals: {}", io_error::reason(&error))))?;
    let url = server.url();
    let admin_url = url.admin();
    if let Some(path) = &ready_file {
        // Written after binding, because a failed start must not replace the file of the server that holds the address.
        write_ready_file(path, &url, &admin_url, &url.token_endpoint()).map_err(|error| {
            Failure::new(
                Exit::Runtime,
                format!("cannot write the ready file {}: {}", path.display(), io_error::reason_of_write(&error)),
            )
        })?;
    }
    let version = env!("CARGO_PKG_VERSION");
    print_ready_line(format!("docendorse-mock {version} ready at {url} (control plane {admin_url})\n"));
    tracing::info!(version, %url, seed = server.app().sandboxes.default_sandbox().ids.seed(), "ready");
    let stop = async {
        let _ = stop.await;
    };
    server.serve(stop).await;
    if let Some(path) = &ready_file
        && let Err(failure) = remove_ready_file(path)
    {
        // Not returned as an error, because that would be recorded as a failed start, and its message would wait for a
        // reader of standard error.
        tracing::error!("{}", failure.message);
        return Ok(failure.exit);
    }
    tracing::info!("stopped");
    Ok(Exit::Fine)
}

/// A warning for each client in the settings file that cannot sign an assertion.
fn clients_without_keys(settings: &Settings) -> impl Iterator<Item = String> + '_ {
    let has_key = |id: &str| settings.client_key.iter().any(|key| key.client_id == id);
    let without = settings.clients.iter().filter(move |client| client.keys.is_empty() && !has_key(&client.client_id));
    without.map(|client| {
        let id = &client.client_id;
        format!("the client {id} has no key and cannot get a token; add one such as keys = [\"app.pub.pem\"]")
    })
}

/// Prints the ready line. The server starts even if standard output is closed or not read.
fn print_ready_line(line: String) {
    let (done, is_done) = mpsc::channel();
    let print = move || {
        log::write_patiently(&mut log::standard_output(), line.as_bytes());
        let _ = done.send(());
    };
    if thread::Builder::new().name("ready line".to_owned()).spawn(print).is_ok() {
        let _ = is_done.recv_timeout(READY_LINE);
    }
}

/// Sends log lines and panic messages through the log queue, which never blocks or fails.
fn start_log(format: LogFormat, level: LogLevel) -> io::Result<()> {
    let level = match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let terminal = io::stderr().is_terminal();
    // The logger would print its own errors to standard error, which panics if that is closed.
    let log = fmt().with_max_level(level).log_internal_errors(false).with_target(false).with_writer(log::standard()?);
    // A second call, for example by an embedding program, keeps the first log.
    let _ = match (format, terminal) {
        (LogFormat::Json, _) | (LogFormat::Auto, false) => log.json().flatten_event(true).try_init(),
        (LogFormat::Text, _) | (LogFormat::Auto, true) => log.with_ansi(terminal).try_init(),
    };
    // The default hook waits for a reader of standard error and would block the thread that panicked.
    panic::set_hook(Box::new(|panic| {
        if panics::is_caught() {
            return;
        }
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let message = panic.payload_as_str().unwrap_or("no message");
        let backtrace = Backtrace::capture();
        let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| backtrace.to_string());
        tracing::error!(place, backtrace, "panic: {message}");
    }));
    Ok(())
}

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
    ready_file::write(path, &facts)
}

/// Removes the file if this process wrote it; another server may have replaced it.
fn remove_ready_file(path: &Path) -> Result<(), Failure> {
    let facts = std::fs::read(path).ok().and_then(|text| serde_json::from_slice::<Value>(&text).ok());
    if facts.is_none_or(|facts| facts["pid"] != std::process::id()) {
        return Ok(());
    }
    std::fs::remove_file(path).map_err(|error| {
        Failure::new(
            Exit::Runtime,
            format!("cannot remove the ready file {}: {}", path.display(), io_error::reason(&error)),
        )
    })
}
