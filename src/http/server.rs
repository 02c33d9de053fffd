//! The server: binds the listeners, serves the app, and stops within bounded time.

mod connections;
mod listen;
mod patience;

pub use connections::{MOST_CONNECTIONS, serve_router};

use crate::{
    app::{App, AppError},
    base::{
        io_error,
        urls::{BaseUrl, Scheme},
    },
    config::Settings,
    http,
};
use futures_util::FutureExt;
use std::{net::SocketAddr, panic::AssertUnwindSafe, sync::Arc, time::Duration};
use tokio::net::TcpListener;

/// How long requests in progress may take to finish once the server begins to stop.
pub const DRAIN: Duration = Duration::from_secs(5);

/// How long background work pauses after a panic.
const RESTART: Duration = Duration::from_secs(1);

/// Why a server cannot start.
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
    /// The app cannot be composed.
    #[error(transparent)]
    App(#[from] AppError),
}

/// A server that is bound but not serving yet.
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
    /// If an address cannot be bound, or a file named in the settings cannot be used.
    pub async fn bind(settings: Settings) -> Result<Self, ServerError> {
        let listeners = listen::bind(&settings.listen).await?;
        let addresses = listeners.iter().map(TcpListener::local_addr).collect::<Result<Vec<_>, _>>();
        let addresses = addresses.map_err(|error| ServerError::Bind {
            address: settings.listen.clone(),
            reason: io_error::reason(&error),
        })?;
        let app = App::new(settings, &url_of(&addresses))?;
        Ok(Self { app, listeners, addresses })
    }

    /// The URL at which this machine reaches the server, whatever base URL it advertises. Prefers an IPv4 address.
    #[must_use]
    pub fn url(&self) -> BaseUrl {
        url_of(&self.addresses)
    }

    /// Every address that is bound.
    #[must_use]
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// The app behind the listeners.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until `stop` completes, then lets requests in progress finish for up to [`DRAIN`].
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

/// Runs background work to its end, and restarts it after a panic.
async fn keep_going(name: &str, work: impl AsyncFn()) {
    while AssertUnwindSafe(work()).catch_unwind().await.is_err() {
        tracing::error!("the {name} panicked; restarting it");
        tokio::time::sleep(RESTART).await;
    }
}

/// The URL of the first IPv4 address, otherwise of the first address. Loopback replaces a wildcard.
fn url_of(addresses: &[SocketAddr]) -> BaseUrl {
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    let (host, port) = match address.copied().map(reachable) {
        Some(SocketAddr::V4(address)) => (address.ip().to_string(), Some(address.port())),
        Some(SocketAddr::V6(address)) => (format!("[{}]", address.ip()), Some(address.port())),
        None => ("localhost".to_owned(), None),
    };
    BaseUrl::of_host(Scheme::Http, &host, port)
}

/// An address that can be connected to: loopback replaces a wildcard.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => std::net::Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}
