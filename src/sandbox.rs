//! One isolated world, and the list of them: the core put to work over a store, a clock and ids.
//!
//! Decides; knows nothing of HTTP, and no concrete store.

mod access;
mod actors;
mod clients;
mod credentials;
mod directory;
mod grant;
mod handoff;
mod issuing;
mod scripts;
mod signing;
mod snapshot;
mod tally;
mod tokens;
mod waiters;

pub use access::{FoundToken, RegisterError};
pub use clients::{Clients, MOST_CLIENTS};
pub use credentials::Credentials;
pub use directory::{CreateError, Found, Limits, NewSandbox, Sandboxes};
pub use grant::{FoundClient, Granted, Issued, NewToken};
pub use handoff::{HandOff, HandOffFailure, HandOffResult};
pub use issuing::Issuing;
pub use scripts::{QUEUED, Scripted, Scripts, Walk};
pub use signing::{AgentSource, Fault, Listener, NewContact, NewGroup, NewUser, Performed, SigningError};
pub use snapshot::{RestoreError, Snapshot};
pub use tally::{Query, Tally};
pub use tokens::{TokenFault, Tokens, TooMany};
pub use waiters::{Wait, Waiters};

use crate::{
    actor::ActorState,
    agenda::{Agenda, Item, Task},
    budget::{Budget, Share},
    clock::{Clock, LastUse},
    config::Switches,
    event::EventLog,
    ids::Ids,
    journal::{self, Exchange, Journal},
    message::Messages,
    scenario::ScenarioSet,
    session::{AgentSession, PendingHandoff, SessionStatus},
    signing::{Contact, Envelope, Group, User},
    store::{Repository, Store, StoreError, Update},
};
use jiff::Timestamp;
use serde::Serialize;
use signing::Unopened;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::{Notify, Semaphore};

/// The sandbox that always exists.
pub const DEFAULT: &str = "default";

/// What a sandbox is made of.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// What its ids follow from; drawn when not given.
    pub seed: Option<u64>,
    /// The settings that it can have of its own.
    pub switches: Switches,
    /// How much its journal keeps.
    pub journal: journal::Limits,
    /// How many agent sessions the store keeps, and how many envelopes.
    pub max_sessions: usize,
    /// How many bytes of agent sessions the store keeps.
    pub max_session_bytes: usize,
    /// How many events its log keeps.
    pub max_events: usize,
    /// What everything that it keeps counts against, with all other sandboxes of the server.
    pub memory: Arc<Budget>,
    /// What clients and scenarios of its own count against. They never give way; there is no room for more instead.
    pub definitions: Arc<Budget>,
}

/// One isolated world.
#[derive(Debug)]
pub struct Sandbox {
    name: Arc<str>,
    shelf: Arc<str>,
    settings: SandboxSettings,
    /// Its time.
    pub clock: Clock,
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
    gone: AtomicBool,
    /// How it behaves towards requests that match.
    pub scripts: Scripts,
    /// The callers that wait for exchanges.
    pub waiters: Arc<Waiters>,
    /// What will happen later in it.
    pub agenda: Agenda,
    /// The turn of whoever carries out what is due.
    settling: Semaphore,
    credentials: Option<Credentials>,
    /// The apps that may ask for tokens.
    pub clients: Clients,
    /// The access tokens that were issued to them.
    pub tokens: Tokens,
    issuing: Arc<Issuing>,
    store: Arc<dyn Store>,
    alarm: Arc<Notify>,
    used: LastUse,
    /// How much it gave up for the budget.
    gave_up: AtomicU64,
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

/// The parts that a sandbox is put together from.
#[derive(Debug)]
struct Made {
    name: Arc<str>,
    /// Under which its documents lie: a sandbox that comes after another of its name does not find theirs.
    shelf: Arc<str>,
    settings: SandboxSettings,
    clock: Clock,
    credentials: Option<Credentials>,
    scenarios: Arc<ScenarioSet>,
    issuing: Arc<Issuing>,
}

impl Sandbox {
    fn new(made: Made, store: Arc<dyn Store>, alarm: Arc<Notify>) -> Self {
        let Made { name, shelf, settings, clock, credentials, scenarios, issuing } = made;
        Self {
            clock,
            ids: settings.seed.map_or_else(Ids::from_entropy, Ids::seeded),
            journal: Journal::new(settings.journal, &settings.memory),
            agent_sessions: Repository::new(Arc::clone(&store), Arc::clone(&shelf)),
            actors: Repository::new(Arc::clone(&store), Arc::clone(&shelf)),
            pending: Repository::new(Arc::clone(&store), Arc::clone(&shelf)),
            envelopes: Repository::new(Arc::clone(&store), Arc::clone(&shelf)),
            contacts: Repository::new(Arc::clone(&store), Arc::clone(&shelf)),
            groups: Repository::new(Arc::clone(&store), Arc::clone(&shelf)),
            users: Repository::new(Arc::clone(&store), Arc::clone(&shelf)),
            unopened: Unopened::new(settings.max_sessions, settings.max_session_bytes, &settings.memory),
            events: EventLog::new(settings.max_events, settings.max_sessions).counted_in(&settings.memory),
            messages: Messages::counted_in(&settings.memory),
            happened: Notify::new(),
            gone: AtomicBool::new(false),
            scripts: Scripts::new(scenarios, &settings.definitions),
            waiters: Arc::default(),
            agenda: Agenda::new(settings.max_sessions),
            settling: Semaphore::new(1),
            credentials,
            clients: Clients::counted_in(&settings.definitions),
            tokens: Tokens::default().counted_in(&settings.memory),
            issuing,
            name,
            shelf,
            settings,
            store,
            alarm,
            used: LastUse::now(),
            gave_up: AtomicU64::new(0),
        }
    }

    /// What callers show to be let into this sandbox; the default one needs nothing of the kind.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// What it was made with.
    #[must_use]
    pub fn settings(&self) -> &SandboxSettings {
        &self.settings
    }

    /// The settings that it can have of its own.
    #[must_use]
    pub fn switches(&self) -> &Switches {
        &self.settings.switches
    }

    /// How long nobody has asked anything of it.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.used.elapsed()
    }

    /// Under which name its documents lie in the store.
    #[must_use]
    pub fn shelf(&self) -> &Arc<str> {
        &self.shelf
    }

    /// About how many bytes it keeps beside its documents in the store.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.journal.bytes() + self.events.bytes() + self.messages.bytes() + self.tokens.bytes() + self.unopened.bytes()
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
        self.gave_up.fetch_add(given_up, Ordering::Relaxed);
    }

    /// How many exchanges, documents, events, messages and listed tokens it gave up because all sandboxes together kept
    /// too much.
    #[must_use]
    pub fn gave_up(&self) -> u64 {
        self.gave_up.load(Ordering::Relaxed)
    }

    /// Says that it is still used, by somebody who asked once and goes on listening.
    pub fn touch(&self) {
        self.used.touch();
    }

    /// Whether it was deleted or gave way: nobody finds it any more, but those who have it already.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    /// Ends the streams and waits of a sandbox that is gone.
    fn leave(&self) {
        self.gone.store(true, Ordering::Relaxed);
        self.happened.notify_waiters();
        self.waiters.close();
    }

    /// The sandbox's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
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
            self.alarm.notify_one();
        }
    }

    /// Deletes an agent session, and what was to happen to it; says whether it was there.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn delete_session(&self, id: &str) -> Result<bool, StoreError> {
        let deleted = self.agent_sessions.delete(id).await?;
        if deleted {
            self.agenda.strike(&Task::ExpireSession { agent_session_id: id.into() });
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
        self.alarm.notify_one();
    }

    /// Back to how the sandbox started: no sessions, an empty journal and agenda, its first scenarios, ids from the first
    /// one on, no assertion used up and no token taken back. Clients stay, as all credentials do, and so does the clock:
    /// it never goes back. A request that is under way belongs to what comes after.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn reset(&self) -> Result<(), StoreError> {
        // First, so that a session that comes in between keeps its end.
        self.agenda.clear();
        self.unopened.clear();
        self.store.clear(&self.shelf).await?;
        self.journal.reset();
        // After the store, so that nobody can begin anew with what was cleared away.
        self.events.reset();
        self.messages.clear();
        self.ids.restart();
        self.scripts.reset();
        self.tokens.reset();
        self.happened.notify_waiters();
        // Waits go on with what comes after the reset.
        self.waiters.ring();
        Ok(())
    }
}

impl Sandboxes {
    /// Removes what sandboxes left behind that have gone.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn clear_away(&self) -> Result<(), StoreError> {
        let mut left = self.take_left();
        while let Some(shelf) = left.pop() {
            if let Err(error) = self.store.clear(&shelf).await {
                left.push(shelf);
                self.leave_for_later(left);
                return Err(error);
            }
        }
        Ok(())
    }
}
