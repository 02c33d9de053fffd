//! Exchanges in a sandbox's journal whose answer is delayed.

use super::Sandbox;
use crate::domain::journal::{Entry, Exchange};
use std::sync::Arc;

impl Sandbox {
    /// Records an exchange whose answer is still delayed. Callers that wait for an exchange see it immediately.
    pub fn begin_exchange(&self, exchange: Exchange) -> Arc<Entry> {
        let pending = self.journal.begin(exchange);
        self.waiters.ring();
        pending
    }

    /// Completes a pending exchange under its number, unless it was dropped or deleted in the meantime.
    pub fn finish_exchange(&self, pending: &Arc<Entry>, exchange: Exchange) {
        self.journal.finish(pending, exchange);
    }
}
