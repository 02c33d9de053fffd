//! Sandboxes: isolated environments that apply the domain to a store, a clock and ids, and their directory.
//!
//! Makes the decisions; independent of HTTP and of any concrete store.

mod access;
mod actors;
mod agenda;
mod assertions;
mod clients;
mod credentials;
mod directory;
mod exchanges;
mod grant;
mod handoff;
mod issuing;
mod journey;
mod lasting;
mod messages;
mod name;
mod new_ids;
mod records;
mod scripts;
mod signing;
mod snapshot;
mod tally;
mod time;
mod tokens;
mod waiters;
mod wakeups;

pub use access::FoundToken;
pub use agenda::Ran;
pub use clients::{Clients, MOST_CLIENTS, RegisterError};
pub use credentials::Credentials;
pub use directory::{CreateError, FoundSandbox, NewSandbox, SandboxLimits, Sandboxes};
pub use grant::{FoundClient, GrantFailure, Granted, Issued, NewToken};
pub use handoff::{HandOff, HandOffFailure, HandOffResult};
pub use issuing::Issuing;
pub use journey::Journey;
pub use lasting::SandboxSettings;
pub use scripts::{ConsultError, Consulted, CurrentScenarios, ScenarioChangeError, Scripted, Scripts, SetWalkError};
pub use signing::{AgentSource, NewContact, NewGroup, NewUser, Performed, SigningError, SigningErrorKind};
pub use snapshot::{CheckedSnapshot, Invalid, RestoreError, Snapshot};
pub use tally::Tally;
pub use time::ChangeClockError;
pub use tokens::{LISTED, RevokeError, TokenFault, Tokens};
pub use waiters::{Wait, Waiters};

use crate::{
    base::{
        budget::{Account, Share},
        clock::Clock,
        ids::Ids,
    },
    config::Switches,
    domain::{
        journal::{Exchange, Journal},
        scenario::ScenarioSet,
    },
    store::{Shelf, StoreError},
};
use assertions::Assertions;
use lasting::{End, Lasting};
use records::Records;
use std::{
    sync::{Arc, OnceLock, atomic::Ordering},
    time::Duration,
};
use tokio::sync::Semaphore;
use wakeups::Wakeups;

/// The sandbox that always exists.
pub const DEFAULT: &str = "default";

/// An isolated environment, from its creation or last reset until the next reset.
#[derive(Debug)]
pub struct Sandbox {
    lasting: Arc<Lasting>,
    /// The sandbox's part of the store.
    shelf: Arc<Shelf>,
    wakeups: Arc<Wakeups>,
    /// Held by each stream that reads the sandbox's events.
    readers: Arc<()>,
    /// Number of the reset that it began with; 0 if it was never reset.
    born: u64,
    end: OnceLock<End>,
    pub clock: Arc<Clock>,
    pub ids: Ids,
    pub journal: Journal,
    records: Records,
    /// Its scenarios.
    pub scripts: Scripts,
    pub waiters: Arc<Waiters>,
    /// Held while due tasks run.
    settling: Semaphore,
    pub tokens: Tokens,
    assertions: Assertions,
}

impl Sandbox {
    /// A new sandbox. `scenarios` are the server's; `definitions` accounts for the bytes of its own scenarios.
    fn new(lasting: Lasting, scenarios: Arc<ScenarioSet>, definitions: Account) -> Self {
        let ids = lasting.settings.seed.map_or_else(Ids::from_entropy, Ids::seeded);
        Self::begin(Arc::new(lasting), 0, ids, scenarios, definitions)
    }

    /// The sandbox after reset number `born`. Keeps the clock, the clients, the credentials and the initial scenarios
    /// of this one, and nothing else. `scenarios` are the server's.
    fn successor(&self, born: u64, scenarios: Arc<ScenarioSet>) -> Self {
        let ids = Ids::seeded(self.ids.seed());
        let mut definitions = Account::new(&self.settings().definitions);
        // Even without room: a reset is never refused.
        definitions.add(self.lasting.scenarios.iter().map(|scenario| scenario.size()).sum());
        Self::begin(Arc::clone(&self.lasting), born, ids, scenarios, definitions)
    }

    fn begin(lasting: Arc<Lasting>, born: u64, ids: Ids, scenarios: Arc<ScenarioSet>, definitions: Account) -> Self {
        let wakeups = Arc::new(Wakeups::new(&lasting.alarm));
        let shelf = Shelf::new(Arc::clone(&lasting.store), lasting.shelf(born));
        let shelf = Arc::new(shelf.observed_by(Arc::<Wakeups>::clone(&wakeups)));
        Self {
            clock: Arc::clone(&lasting.clock),
            journal: Journal::new(lasting.settings.journal, &lasting.settings.memory),
            records: Records::new(&shelf),
            tokens: Tokens::new(&shelf, born),
            assertions: Assertions::new(&shelf),
            wakeups,
            readers: Arc::default(),
            waiters: Arc::default(),
            settling: Semaphore::new(1),
            end: OnceLock::new(),
            scripts: Scripts::new(&shelf, scenarios, &lasting.scenarios, definitions, &lasting.settings.memory),
            lasting,
            shelf,
            born,
            ids,
        }
    }

    #[must_use]
    pub fn clients(&self) -> &Clients {
        &self.lasting.clients
    }

    /// The credentials that select this sandbox; `None` for the default one, which needs no credential.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.lasting.credentials.as_ref()
    }

    #[must_use]
    pub fn settings(&self) -> &SandboxSettings {
        &self.lasting.settings
    }

    #[must_use]
    pub fn switches(&self) -> &Switches {
        &self.lasting.settings.switches
    }

    /// Real time since the last use.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.lasting.used.elapsed()
    }

    /// The name under which the store keeps its documents.
    #[must_use]
    pub fn shelf_name(&self) -> &Arc<str> {
        self.shelf.name()
    }

    /// Approximate number of bytes kept in addition to its documents in the store.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.journal.bytes() + self.scripts.history_bytes()
    }

    /// Drops the oldest items of everything it keeps until only a share is left. The store has dropped `of_store`
    /// documents for the same reason.
    pub fn shrink(&self, share: Share, of_store: u64) {
        let given_up = of_store + self.journal.shrink(share);
        self.scripts.shrink_history(share);
        self.lasting.gave_up.fetch_add(given_up, Ordering::Relaxed);
    }

    /// Number of exchanges, documents, events, messages and listed tokens dropped because all sandboxes together
    /// exceeded the memory limit.
    #[must_use]
    pub fn gave_up(&self) -> u64 {
        self.lasting.gave_up.load(Ordering::Relaxed)
    }

    /// Marks the sandbox as used, for a client that sent one request and keeps listening.
    pub fn touch(&self) {
        self.lasting.used.touch();
    }

    /// Whether both are the same sandbox, before or after a reset.
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lasting, &other.lasting)
    }

    /// Number of the reset that it began with, as counted by [`Sandboxes::resets`].
    #[must_use]
    pub fn born(&self) -> u64 {
        self.born
    }

    /// True once it was deleted or removed to make room. Existing handles stay valid.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.end.get() == Some(&End::Gone)
    }

    /// True once it was reset and another object took over its name and credentials. Handles to this one keep working
    /// without errors, but their effects are not visible.
    #[must_use]
    pub fn was_reset(&self) -> bool {
        self.end.get() == Some(&End::Reset)
    }

    /// Ends the sandbox, its streams and its waits. Called once it can no longer be found.
    fn leave(&self, end: End) {
        let _ = self.end.set(end);
        self.wakeups.wake_all();
        self.waiters.close();
        // A caller may hold the sandbox until its request ends, so memory is freed now.
        let nothing = Share { stays: 0, of: 1 };
        self.journal.shrink(nothing);
        self.scripts.shrink_history(nothing);
        // The stream of a removed sandbox ends with the events so far, so their documents stay until then. The stream
        // of a reset sandbox continues with the next object.
        if end == End::Reset || Arc::strong_count(&self.readers) == 1 {
            self.lasting.leftovers.put(Arc::clone(self.shelf.name()));
        }
        if end == End::Gone {
            self.lasting.leftovers.put(lasting::name_over_resets(&self.lasting.first_shelf));
        }
    }

    /// Held by a stream for as long as it reads events.
    #[must_use]
    pub fn reader(&self) -> Arc<()> {
        Arc::clone(&self.readers)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.lasting.name
    }

    /// Records an exchange in the journal and returns its number. The cost does not depend on the number of waiting
    /// callers.
    pub fn record(&self, exchange: Exchange) -> u64 {
        let number = self.journal.record(exchange);
        self.waiters.ring();
        number
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.end.get().is_some() {
            // Requests that held it may have written after its documents were cleared.
            self.lasting.leftovers.put(Arc::clone(self.shelf.name()));
            self.wakeups.wake_timer();
        }
    }
}

impl Sandboxes {
    /// Whether [`Sandboxes::clear_away`] has something to do.
    #[must_use]
    pub fn has_leftovers(&self) -> bool {
        !self.leftovers.is_empty()
    }

    /// Deletes the documents of sandboxes that were reset or removed.
    pub async fn clear_away(&self) -> Result<(), StoreError> {
        // Forgotten only after it is cleared, so that nothing remains if the caller hangs up.
        while let Some(shelf) = self.leftovers.next() {
            self.store.clear(&shelf).await?;
            self.leftovers.remove(&shelf);
        }
        Ok(())
    }
}
