//! The sandbox behind a handle of an embedded server.

use crate::{app::App, sandbox::Sandbox};
use std::sync::{Arc, Mutex, PoisonError};

/// A sandbox that is replaced by its successor after a reset, so that a handle does not keep cleared data.
#[derive(Debug)]
pub(super) struct Current(Mutex<Arc<Sandbox>>);

impl Current {
    pub(super) fn new(sandbox: Arc<Sandbox>) -> Self {
        Self(Mutex::new(sandbox))
    }

    /// The sandbox since its last reset. A deleted sandbox does not change.
    pub(super) fn get(&self, app: &App) -> Arc<Sandbox> {
        let mut sandbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sandbox.was_reset()
            && let Some(successor) = app.sandboxes.successor(&sandbox)
        {
            *sandbox = successor;
        }
        Arc::clone(&sandbox)
    }
}
