//! Exchanges with a delayed answer: recorded when the delay begins, completed when it ends.

use super::{Entry, Exchange, Journal, size_of_exchange};
use std::sync::{Arc, OnceLock};

impl Journal {
    /// Records an exchange whose answer is still delayed. [`Journal::finish`] completes the entry.
    pub fn begin(&self, exchange: Exchange) -> Arc<Entry> {
        self.insert(exchange, Arc::clone)
    }

    /// Replaces a pending entry with the completed exchange, under the same number. Does nothing if the entry was
    /// dropped or deleted in the meantime.
    pub fn finish(&self, pending: &Arc<Entry>, exchange: Exchange) {
        let size = size_of_exchange(&exchange);
        let entry = Arc::new(Entry { number: pending.number, exchange, facts: OnceLock::new() });
        let mut given_up = Vec::new();
        let mut ring = self.ring();
        let Ok(place) = ring.entries.binary_search_by_key(&pending.number, |entry| entry.number) else { return };
        // Numbers are unique in a journal; this keeps a caller's mistake from overwriting another exchange.
        if !Arc::ptr_eq(&ring.entries[place], pending) {
            return;
        }
        ring.bytes.sub(pending.size());
        if size > self.limits.bytes {
            // It would not fit even if all others were dropped.
            given_up.extend(ring.entries.remove(place));
            ring.dropped += 1;
        } else {
            ring.bytes.add(size);
            given_up.push(std::mem::replace(&mut ring.entries[place], entry));
            self.enforce_limits(&mut ring, &mut given_up);
        }
        drop(ring);
        // Freed here, outside the lock.
        drop(given_up);
    }
}
