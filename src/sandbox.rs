//! One isolated world, and the list of them: the core put to work over a store, a clock and ids.
//!
//! Decides; knows nothing of HTTP, and no concrete store.

mod access;
mod actors;
mod clients;
mod credentials;
mod directory;
mod exchanges;
mod grant;
mod handoff;
mod issuing;
mod lasting;
mod scripts;
mod signing;
mod snapshot;
mod tally;
mod tokens;
mod waiters;

pub use access::FoundToken;
pub use clients::{Clients, MOST_CLIENTS, RegisterError};
pub use credentials::Credentials;
pub use directory::{CreateError, FoundSandbox, NewSandbox, SandboxLimits, Sandboxes};
pub use grant::{FoundClient, Granted, Issued, NewToken, ResetMeanwhile};
pub use handoff::{HandOff, HandOffFailure, HandOffResult};
pub use issuing::Issuing;
pub use lasting::SandboxSettings;
pub use scripts::{Consulted, QUEUED, Scripted, Scripts, Walk};
pub use signing::{AgentSource, Listener, NewContact, NewGroup, NewUser, Performed, SigningError, SigningErrorKind};
pub use snapshot::{RestoreError, Snapshot};
pub use tally::Tally;
pub use tokens::{TokenFault, Tokens, TooMany};
pub use waiters::{Wait, Waiters};

use crate::{
    base::{budget::Share, clock::Clock, ids::Ids},
    config::Switches,
    domain::{
        actor::ActorState,
        agenda::{Agenda, Item, Task},
        event::EventLog,
        journal::{Exchange, Journal},
        message::Messages,
        scenario::ScenarioSet,
        session::{AgentSession, PendingHandoff, SessionStatus},
        signing::{Contact, Envelope, Group, User},
    },
    store::{Repository, StoreError, Update},
};
use jiff::Timestamp;
use lasting::{End, Lasting};
use serde::Serialize;
use signing::Unopened;
use std::{
    sync::{Arc, OnceLock, atomic::Ordering},
    time::Duration,
};
use tokio::sync::{Notify, Semaphore};

/// The sandbox that always exists.
pub const DEFAULT: &str = "default";

/// One isolated world, from its creation or last reset to the next.
#[derive(Debug)]
pub struct Sandbox {
    lasting: Arc<Lasting>,
    /// Under which name its documents lie in the store.
    shelf: Arc<str>,
    /// The number of the reset that it began with; 0 for one that was never reset.
    born: u64,
    end: OnceLock<End>,
    /// Its time.
    pub clock: Arc<Clock>,
    /// Its identifiers.
    pub ids: Ids,
    /// What was asked of it.
    pub journal: Journal,
    /// Its agent sessions.
    pub agent_sessions: Repository<AgentSession>,
    /// What is known of its actors.
    pub actors: Repository<ActorState>,
    pending: Repository<PendingHandoff>,
    envelopes: Repository<Envelope>,
    unopened: Unopened,
    /// Its address book.
    pub contacts: Repository<Contact>,
    /// Its groups of contacts.
    pub groups: Repository<Group>,
    /// Its team.
    pub users: Repository<User>,
    events: EventLog,
    /// What it would have sent to somebody.
    pub messages: Messages,
    happened: Notify,
    /// How it behaves towards requests that match.
    pub scripts: Scripts,
    /// The callers that wait for exchanges.
    pub waiters: Arc<Waiters>,
    /// What will happen later in it.
    pub agenda: Agenda,
    /// Held while due tasks run.
    settling: Semaphore,
    /// The apps that may ask for tokens.
    pub clients: Arc<Clients>,
    /// The access tokens that were issued to them.
    pub tokens: Tokens,
}

/// A task of the agenda that was carried out.
#[derive(Clone, Debug, Serialize)]
pub struct Ran {
    /// The task and its time.
    #[serde(flatten)]
    pub item: Item,
    /// Whether there was still something to do.
    pub done: bool,
}

impl Sandbox {
    /// A new sandbox with the server's scenarios.
    fn new(lasting: Lasting, scenarios: Arc<ScenarioSet>) -> Self {
        let settings = &lasting.settings;
        let ids = settings.seed.map_or_else(Ids::from_entropy, Ids::seeded);
        let scripts = Scripts::new(scenarios, &settings.definitions, &settings.memory);
        let tokens = Tokens::default().counted_in(&settings.memory);
        Self::begin(Arc::new(lasting), 0, ids, scripts, tokens)
    }

    /// The sandbox as it started, after reset number `born`: the same clock, clients and credentials, and nothing else
    /// of this one except the scenarios that it was created with. `scenarios` are the server's.
    fn successor(&self, born: u64, scenarios: Arc<ScenarioSet>) -> Self {
        let ids = Ids::seeded(self.ids.seed());
        Self::begin(Arc::clone(&self.lasting), born, ids, self.scripts.successor(scenarios), self.tokens.successor())
    }

    fn begin(lasting: Arc<Lasting>, born: u64, ids: Ids, scripts: Scripts, tokens: Tokens) -> Self {
        let shelf = lasting.shelf(born);
        let (settings, store) = (&lasting.settings, &lasting.store);
        Self {
            clock: Arc::clone(&lasting.clock),
            clients: Arc::clone(&lasting.clients),
            journal: Journal::new(settings.journal, &settings.memory),
            agent_sessions: Repository::new(Arc::clone(store), Arc::clone(&shelf)),
            actors: Repository::new(Arc::clone(store), Arc::clone(&shelf)),
            pending: Repository::new(Arc::clone(store), Arc::clone(&shelf)),
            envelopes: Repository::new(Arc::clone(store), Arc::clone(&shelf)),
            contacts: Repository::new(Arc::clone(store), Arc::clone(&shelf)),
            groups: Repository::new(Arc::clone(store), Arc::clone(&shelf)),
            users: Repository::new(Arc::clone(store), Arc::clone(&shelf)),
            unopened: Unopened::new(settings.max_sessions, settings.max_session_bytes, &settings.memory),
            events: EventLog::new(settings.max_events, settings.max_sessions).counted_in(&settings.memory),
            messages: Messages::counted_in(&settings.memory),
            agenda: Agenda::new(settings.max_sessions),
            happened: Notify::new(),
            waiters: Arc::default(),
            settling: Semaphore::new(1),
            end: OnceLock::new(),
            lasting,
            shelf,
            born,
            ids,
            scripts,
            tokens,
        }
    }

    /// What selects this sandbox; `None` for the default one, which is selected without a credential.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.lasting.credentials.as_ref()
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &SandboxSettings {
        &self.lasting.settings
    }

    /// The settings that it can have of its own.
    #[must_use]
    pub fn switches(&self) -> &Switches {
        &self.lasting.settings.switches
    }

    /// How long nobody has asked anything of it.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.lasting.used.elapsed()
    }

    /// Under which name its documents lie in the store.
    #[must_use]
    pub fn shelf(&self) -> &Arc<str> {
        &self.shelf
    }

    /// About how many bytes it keeps beside its documents in the store.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let kept = self.journal.bytes() + self.events.bytes() + self.messages.bytes() + self.tokens.bytes();
        kept + self.unopened.bytes() + self.scripts.history_bytes()
    }

    /// Gives up the oldest of everything that it keeps until a share is left. The store has given up `of_store`
    /// documents for the same reason.
    pub fn shrink(&self, share: Share, of_store: u64) {
        let given_up = of_store
            + self.journal.shrink(share)
            + self.events.shrink(share)
            + self.messages.shrink(share)
            + self.tokens.shrink(share)
            + self.unopened.shrink(share);
        self.scripts.shrink_history(share);
        self.lasting.gave_up.fetch_add(given_up, Ordering::Relaxed);
    }

    /// How many exchanges, documents, events, messages and listed tokens it gave up because all sandboxes together kept
    /// too much.
    #[must_use]
    pub fn gave_up(&self) -> u64 {
        self.lasting.gave_up.load(Ordering::Relaxed)
    }

    /// Says that it is still used, by somebody who asked once and goes on listening.
    pub fn touch(&self) {
        self.lasting.used.touch();
    }

    /// Whether this and the other are one sandbox, before or after a reset.
    fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lasting, &other.lasting)
    }

    /// The number of the reset that it began with, as [`Sandboxes::resets`] counts them.
    #[must_use]
    pub fn born(&self) -> u64 {
        self.born
    }

    /// True once it was deleted or gave way to another sandbox. Existing handles stay valid.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.end.get() == Some(&End::Gone)
    }

    /// True once it was reset: another object has its name and credentials now. Whatever still uses this one goes on
    /// without an error, and its effects are not visible.
    #[must_use]
    pub fn was_reset(&self) -> bool {
        self.end.get() == Some(&End::Reset)
    }

    /// Ends the sandbox, its streams and its waits. Called once nothing leads to it any more.
    fn leave(&self, end: End) {
        let _ = self.end.set(end);
        self.happened.notify_waiters();
        self.waiters.close();
        // Whoever still holds it keeps no memory that nothing could free.
        let nothing = Share { stays: 0, of: 1 };
        self.journal.shrink(nothing);
        // Streams of a sandbox that is gone end with everything that happened before.
        if end == End::Reset {
            self.events.shrink(nothing);
        }
        self.messages.shrink(nothing);
        self.tokens.shrink(nothing);
        self.unopened.shrink(nothing);
        self.scripts.shrink_history(nothing);
        self.lasting.leftovers.put(Arc::clone(&self.shelf));
    }

    /// The sandbox's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.lasting.name
    }

    /// Takes an exchange into the journal, and answers with its number. Costs the same whatever the number of callers
    /// that wait for one.
    pub fn record(&self, exchange: Exchange) -> u64 {
        let number = self.journal.record(exchange);
        self.waiters.ring();
        number
    }

    /// Done when something has happened, when the log began anew, or when the sandbox is gone; to be called before the
    /// log of events is looked at.
    pub fn happened(&self) -> impl Future<Output = ()> {
        let mut happened = Box::pin(self.happened.notified());
        happened.as_mut().enable();
        happened
    }

    /// Puts a task on the agenda, and lets the timer know when it is the next one.
    pub fn schedule(&self, due: Timestamp, task: Task) {
        if self.agenda.add(due, task) {
            self.lasting.alarm.notify_one();
        }
    }

    /// Deletes an agent session, and what was to happen to it; says whether it was there.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn delete_session(&self, id: &str) -> Result<bool, StoreError> {
        let deleted = self.agent_sessions.delete(id).await?;
        if deleted {
            self.agenda.remove(&Task::ExpireSession { agent_session_id: id.into() });
        }
        Ok(deleted)
    }

    /// Carries out everything that is due at the sandbox's present, in order, and says what that was.
    ///
    /// # Errors
    /// When the store is unavailable. What came before is done; the task that failed stays on the agenda.
    pub async fn settle(&self) -> Result<Vec<Ran>, StoreError> {
        // One after the other, whoever moved the clock: two at once would each carry out every other task, and in no
        // order. Only those who settle wait for it, and a caller who hangs up gives their turn back.
        let _turn = self.settling.acquire().await;
        self.catch_up().await?;
        let mut ran = Vec::new();
        let now = self.clock.now();
        while let Some(item) = self.agenda.take_due(now) {
            let done = match &item.task {
                Task::ExpireSession { agent_session_id } => self.expire_session(agent_session_id).await,
                task => self.carry_out_signing(task, item.due).await,
            };
            match done {
                Ok(done) => ran.push(Ran { item, done }),
                Err(error) => {
                    self.agenda.add(item.due, item.task);
                    return Err(error);
                }
            }
        }
        Ok(ran)
    }

    async fn expire_session(&self, id: &str) -> Result<bool, StoreError> {
        let expire = |session: &mut AgentSession| {
            session.status = SessionStatus::Expired;
            session.replayable = false;
            Ok::<_, ()>(())
        };
        Ok(matches!(self.agent_sessions.update(id, expire).await?, Update::Done(_)))
    }

    /// Wakes the timer, after the clock was moved by hand.
    pub fn clock_changed(&self) {
        self.lasting.alarm.notify_one();
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if self.end.get().is_some() {
            // Requests that held it may have written since its documents were cleared.
            self.lasting.leftovers.put(Arc::clone(&self.shelf));
            self.lasting.alarm.notify_one();
        }
    }
}

impl Sandboxes {
    /// Whether [`Sandboxes::clear_away`] has something to do.
    #[must_use]
    pub fn has_leftovers(&self) -> bool {
        !self.leftovers.is_empty()
    }

    /// Removes the documents of sandboxes that were reset or removed.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn clear_away(&self) -> Result<(), StoreError> {
        while let Some(shelf) = self.leftovers.take() {
            if let Err(error) = self.store.clear(&shelf).await {
                self.leftovers.put(shelf);
                return Err(error);
            }
        }
        Ok(())
    }
}
