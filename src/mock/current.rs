//! A sandbox that a handle of the embedded server stands for.

use crate::{app::App, sandbox::Sandbox};
use std::sync::{Arc, Mutex, PoisonError};

/// A sandbox, replaced by its successor after a reset, so that a handle does not keep what was cleared.
#[derive(Debug)]
pub(super) struct Current(Mutex<Arc<Sandbox>>);

impl Current {
    pub(super) fn new(sandbox: Arc<Sandbox>) -> Self {
        Self(Mutex::new(sandbox))
    }

    /// The sandbox since its last reset. One that was deleted stays as it was.
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
