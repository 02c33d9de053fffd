//! A listener with the app behind it: bind first, then serve, then stop within bounds.

use crate::{
    app::{App, AppError},
    config::Settings,
    http::{
        self,
        fault::{self, Broken},
    },
};
use axum::Router;
use hyper::{
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{net::SocketAddr, pin::pin, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{oneshot, watch},
    task::{JoinHandle, JoinSet},
    time::timeout,
};

/// How long requests under way may take to finish once the server is told to stop.
pub const DRAIN: Duration = Duration::from_secs(5);

/// How long a caller may take to send the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// How much a connection reads ahead at most; no head may be larger. A thousand connections that send as fast as they
/// can hold so many times this.
const BUFFER: usize = 128 << 10;

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
    listener: TcpListener,
    address: SocketAddr,
}

impl Server {
    /// Binds the address of the settings and composes the app behind it.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(settings: Settings) -> Result<Self, ServerError> {
        let address = settings.listen.clone();
        let failed =
            |error: std::io::Error| ServerError::Bind { reason: reason(&error, &address), address: address.clone() };
        let listener = TcpListener::bind(&settings.listen).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        let base_url = settings.base_url.clone().unwrap_or_else(|| format!("http://{}", reachable(bound)));
        let app = App::new(settings, &base_url)?;
        Ok(Self { app, listener, address: bound })
    }

    /// The URL at which the server is reached from this machine, whatever it advertises.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", reachable(self.address))
    }

    /// What is behind the listener.
    #[must_use]
    pub fn app(&self) -> &Arc<App> {
        &self.app
    }

    /// Serves until `stop` is done, then lets requests under way finish for up to [`DRAIN`].
    pub async fn serve(self, stop: impl Future<Output = ()>) {
        let Self { app, listener, .. } = self;
        let timekeeper = Arc::clone(&app);
        let timer = tokio::spawn(async move {
            tokio::join!(timekeeper.keep_time(), timekeeper.watch_scenarios());
        });
        let stop = async {
            stop.await;
            timer.abort();
            app.begin_stop();
        };
        serve_router(listener, http::router(&app), stop).await;
    }
}

/// Serves a router until `stop` is done, then lets requests under way finish for up to [`DRAIN`].
///
/// Answers that have a [`fault::Fault`] on them are not sent: their connection is broken as the fault says.
pub async fn serve_router(listener: TcpListener, router: Router, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut stop = pin!(stop);
    loop {
        let stream = tokio::select! {
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    // Out of file descriptors, most likely: those in use must get a chance to finish.
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    continue;
                }
            },
            () = &mut stop => break,
        };
        // Answers are small and whole: there is nothing to gain from waiting for more.
        let _ = stream.set_nodelay(true);
        connections.spawn(serve_connection(stream, router.clone(), stopped.clone()));
    }
    drop(listener);
    stopping.send_replace(true);
    let finish = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, finish).await.is_err() {
        connections.shutdown().await;
        tracing::warn!("some requests did not finish within {} seconds and were cut off", DRAIN.as_secs());
    }
}

/// Serves one connection until its end, which is a fault's if an answer has one on it.
async fn serve_connection(mut stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| fault::raise(router.call(request)));
    let served = {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(&mut stream), service);
        let mut connection = pin!(connection);
        tokio::select! {
            biased;
            served = connection.as_mut() => served,
            () = until(&mut stopped) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    let Err(error) = served else { return };
    if let Some(broken) = Broken::find(&error) {
        broken.carry_out(stream, until(&mut stopped)).await;
    } else {
        tracing::debug!(%error, "a connection broke");
    }
}

/// Waits until the server stops; at once, if it does so already.
async fn until(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
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
    /// Starts a server on a free port of the loopback, on the current runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(settings: Settings) -> Result<Self, ServerError> {
        let server = Server::bind(Settings { listen: "127.0.0.1:0".to_owned(), ..settings }).await?;
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

fn reason(error: &std::io::Error, address: &str) -> String {
    let port = address.rsplit(':').next().unwrap_or(address);
    match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            format!("port {port} is in use; stop what uses it, or choose another with --listen 127.0.0.1:0")
        }
        std::io::ErrorKind::PermissionDenied => {
            format!("port {port} may not be used; choose one above 1023")
        }
        std::io::ErrorKind::AddrNotAvailable => {
            "this machine does not have that address; 127.0.0.1 and 0.0.0.0 always exist".to_owned()
        }
        _ => error.to_string(),
    }
}
