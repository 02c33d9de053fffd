//! Connections: accepted up to a limit, served in one task each, and ended within bounded time.

use super::{DRAIN, patience::Patience};
use crate::{
    base::{clock::Stopwatch, io_error},
    http::fault::{self, Broken},
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
use std::{future::poll_fn, io, pin::pin, task::Poll, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

/// Maximum number of concurrent connections. Further ones wait until another ends; idle ones end after half a minute.
pub const MOST_CONNECTIONS: usize = 4_096;

/// How long a caller may take to send the head of a request, and therefore how long a connection may be idle.
const HEAD: Duration = Duration::from_secs(30);

/// How long a caller may leave an answer unread once the buffers are full.
const UNREAD: Duration = Duration::from_secs(30);

/// Maximum number of bytes that a connection reads ahead, and therefore the maximum size of a head. A thousand busy
/// connections hold a thousand times this.
const BUFFER: usize = 128 << 10;

/// Pause after a failure to accept a connection.
const PAUSE: Duration = Duration::from_millis(50);

/// Minimum time between log lines about failures to accept.
const SILENCE: Duration = Duration::from_secs(10);

/// Serves a router until `stop` completes, then lets requests in progress finish for up to [`DRAIN`].
///
/// At most `most` connections are served at a time. An answer with a [`fault::ConnectionFault`] is not sent; its
/// connection is broken as the fault says.
pub async fn serve_router(listeners: Vec<TcpListener>, router: Router, most: usize, stop: impl Future<Output = ()>) {
    let (stopping, stopped) = watch::channel(false);
    let mut connections = JoinSet::new();
    let mut acceptor = Acceptor { listeners, next: 0, last_logged: None };
    let mut was_full = false;
    let mut stop = pin!(stop);
    loop {
        let is_full = connections.len() >= most;
        if is_full && !was_full {
            tracing::warn!("{most} connections are open, which is the limit; new ones wait until another ends");
        }
        was_full = is_full;
        let stream = tokio::select! {
            biased;
            () = &mut stop => break,
            Some(_) = connections.join_next() => continue,
            stream = acceptor.accept(), if !is_full => stream,
        };
        // Answers are small and complete, so waiting for more data gains nothing.
        let _ = stream.set_nodelay(true);
        connections.spawn(serve_connection(stream, router.clone(), stopped.clone()));
    }
    drop(acceptor);
    stopping.send_replace(true);
    let finish = async { while connections.join_next().await.is_some() {} };
    if timeout(DRAIN, finish).await.is_err() {
        connections.shutdown().await;
        tracing::warn!("some requests did not finish within {} seconds and were cut off", DRAIN.as_secs());
    }
}

/// Accepts from several listeners in turn.
struct Acceptor {
    listeners: Vec<TcpListener>,
    /// Index of the listener to try first.
    next: usize,
    /// When a failure was last logged.
    last_logged: Option<Stopwatch>,
}

impl Acceptor {
    /// Accepts the next connection. Pauses after an error, because the process is most likely out of file descriptors
    /// and open connections need time to end.
    async fn accept(&mut self) -> TcpStream {
        loop {
            match self.accept_once().await {
                Ok(stream) => return stream,
                Err(error) if is_of_caller(&error) => {}
                Err(error) => {
                    if self.last_logged.is_none_or(|logged| logged.elapsed() >= SILENCE) {
                        tracing::warn!(error = io_error::reason(&error), "cannot accept connections; retrying");
                        self.last_logged = Some(Stopwatch::start());
                    }
                    sleep(PAUSE).await;
                }
            }
        }
    }

    async fn accept_once(&mut self) -> io::Result<TcpStream> {
        poll_fn(|cx| {
            for _ in 0..self.listeners.len() {
                let listener = &self.listeners[self.next % self.listeners.len()];
                self.next = self.next.wrapping_add(1);
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    return Poll::Ready(accepted.map(|(stream, _)| stream));
                }
            }
            Poll::Pending
        })
        .await
    }
}

/// Whether the error concerns only this connection, because the caller broke it before it was accepted.
fn is_of_caller(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}

/// Serves one connection until it ends or a fault breaks it.
///
/// A caller that closes its half of the connection after a request still gets the answer. Whether it closed the other
/// half too only shows when something is written.
async fn serve_connection(mut stream: TcpStream, router: Router, mut stopped: watch::Receiver<bool>) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(|request| fault::raise(router.call(request)));
    let served = {
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD)
            .half_close(true)
            .max_buf_size(BUFFER)
            .serve_connection(TokioIo::new(Patience::new(&mut stream, UNREAD)), service);
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

/// Waits until the server stops; returns immediately if it is stopping already.
async fn until(stopped: &mut watch::Receiver<bool>) {
    let _ = stopped.wait_for(|stopped| *stopped).await;
}
