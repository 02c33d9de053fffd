//! Signals that stop the process, handled on a separate thread so that they work even if the serving threads are busy.

use super::Exit;
use crate::base::log;
use std::{io, process, thread, time::Duration};
use tokio::{runtime::Builder, sync::oneshot};

/// How long writing the last log lines may take.
pub(super) const FLUSH: Duration = Duration::from_millis(500);

/// Returns a receiver for the first SIGINT or SIGTERM (Ctrl-C on platforms without signals).
///
/// The process then has `limit` to end. After that, or at a second signal, it exits with [`Exit::Runtime`], after
/// calling `last`.
///
/// # Errors
/// If the signals cannot be handled.
pub fn on_stop(limit: Duration, last: impl FnOnce() + Send + 'static) -> io::Result<oneshot::Receiver<()>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut signals = {
        let _inside = runtime.enter();
        Signals::new()?
    };
    let (sender, receiver) = oneshot::channel();
    let wait = async move {
        signals.next().await;
        // If the receiver is gone, the process is ending anyway.
        let _ = sender.send(());
        tokio::select! {
            () = signals.next() => tracing::warn!("second signal received; exiting immediately"),
            () = tokio::time::sleep(limit) => {
                tracing::error!("the server did not stop within {} seconds; exiting immediately", limit.as_secs());
            }
        }
        last();
        log::flush(FLUSH);
        process::exit(Exit::Runtime as i32);
    };
    thread::Builder::new().name("signals".to_owned()).spawn(move || runtime.block_on(wait))?;
    Ok(receiver)
}

#[cfg(unix)]
struct Signals(tokio::signal::unix::Signal, tokio::signal::unix::Signal);

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self(signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?))
    }

    async fn next(&mut self) {
        tokio::select! { _ = self.0.recv() => {}, _ = self.1.recv() => {} }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
