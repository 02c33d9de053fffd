//! Listeners with the app behind them: bind first, then serve, then stop within bounds.

mod connections;
mod listen;
mod patience;

pub use connections::{MOST_CONNECTIONS, serve_router};

use crate::{
    app::{App, AppError},
    config::Settings,
    http,
};
use futures_util::FutureExt;
use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// How long requests under way may take to finish once the server is told to stop.
pub const DRAIN: Duration = Duration::from_secs(5);

/// How long background work pauses after a panic.
const RESTART: Duration = Duration::from_secs(1);

/// Why there is no server.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// The address cannot be bound.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// The address as given.
        address: String,
        /// The reason, and the fix.
        reason: String,
    },
    /// What is to be served cannot be composed.
    #[error(transparent)]
    App(#[from] AppError),
}

/// A server that is bound but does not serve yet.
#[derive(Debug)]
pub struct Server {
    app: Arc<App>,
    listeners: Vec<TcpListener>,
    addresses: Vec<SocketAddr>,
}

impl Server {
    /// Binds the addresses of the settings and composes the app behind them.
    ///
    /// # Errors
    /// When an address cannot be bound, or a file that the settings name cannot be used.
    pub async fn bind(settings: Settings) -> Result<Self, ServerError> {
        let listeners = listen::bind(&settings.listen).await?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>();
        let addresses = addresses
            .map_err(|error| ServerError::Bind { address: settings.listen.clone(), reason: error.to_string() })?;
        let base_url = settings.base_url.clone().unwrap_or_else(|| url_of(&addresses));
        let app = App::new(settings, &base_url)?;
        Ok(Self { app, listeners, addresses })
    }

    /// The URL at which the server is reached from this machine, whatever it advertises; with IPv4 where it listens there.
    #[must_use]
    pub fn url(&self) -> String {
        url_of(&self.addresses)
    }

    /// Every address that is bound.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What is behind the listeners.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until `stop` is done, then lets requests under way finish for up to [`DRAIN`].
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { app, listeners, .. } = self;
        let (timekeeper, watcher) = (Arc::clone(&app), Arc::clone(&app));
        let timer = tokio::spawn(keep_going("timer", async move || timekeeper.keep_time().await));
        let watch = tokio::spawn(keep_going("scenario watcher", async move || watcher.watch_scenarios().await));
        let stop = async {
            stop.await;
            timer.abort();
            watch.abort();
            app.begin_stop();
        };
        serve_router(listeners, http::router(&app), MOST_CONNECTIONS, stop).await;
    }
}

/// Does background work until it is done, and starts it again after a panic.
async fn keep_going(name: &str, work: impl AsyncFn()) {
    while AssertUnwindSafe(work()).catch_unwind().await.is_err() {
        tracing::error!("the {name} panicked; starting it again");
        tokio::time::sleep(RESTART).await;
    }
}

/// The URL of the first IPv4 address, or else of the first one. The wildcard stands for the loopback.
fn url_of(addresses: &[SocketAddr]) -> String {
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    address.map_or_else(String::new, |address| format!("http://{}", reachable(*address)))
}

/// A running server for tests: starts on a free port, stops when told or dropped.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let mock = docendorse_mock::Mock::start(docendorse_mock::Settings::default()).await?;
/// let url = format!("{}/api/v1/agent-sessions/create", mock.url());
/// # let _ = url;
/// mock.stop().await;
/// # Ok::<(), docendorse_mock::ServerError>(())
/// # }).unwrap();
/// ```
#[derive(Debug)]
pub struct Mock {
    url: String,
    app: Arc<App>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Mock {
    /// Starts a server on a free port of both loopback addresses, on the current runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        let server = Server::bind(Settings { listen: "localhost:0".to_owned(), ..settings }).await?;
        let (stop, stopped) = oneshot::channel();
        let (url, app) = (server.url(), Arc::clone(server.app()));
        let task = tokio::spawn(server.serve(async move {
            // A `Mock` that is dropped stops as one that is told to.
            let _ = stopped.await;
        }));
        Ok(Self { url, app, stop, task })
    }

    /// Where the server is reached.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What is behind it: sandboxes, sessions, the journal.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Stops, and waits until it has.
    pub async fn stop(self) {
        drop(self.stop);
        let _ = self.task.await;
    }
}

/// An address that can be connected to: the wildcard stands for the loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
