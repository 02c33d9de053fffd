//! Composes the server from its parts.

mod bodies;
mod clients;
mod memory;
pub mod scenarios;
pub mod timer;
mod waiting;
mod work;

pub use bodies::Bodies;
pub use clients::ClientError;
pub use memory::BudgetUse;
pub use waiting::MOST_WAITS;
pub use work::{WorkError, WorkLimits, WorkPool};

use crate::{
    base::{
        budget::Budget,
        clock::Stopwatch,
        document::{Logged, Record},
        ids::Ids,
        urls::BaseUrl,
    },
    config::{Settings, Switches},
    domain::{
        actor::ActorState,
        contract::{HANDOFF_REQUEST, Schema, SchemaError},
        event::Event,
        journal::JournalLimits,
        message::{MOST_MESSAGES, Message},
        oauth::{
            AccessToken, Client, ForgottenAssertions, KeyError, MassExpiry, Revocation, TokenIssuer, UsedAssertion,
        },
        scenario::{MOST_WALKS, Scenario, ScenarioOverrides, Walk},
        session::{AgentSession, PendingHandoff},
        signing::{Contact, Envelope, Group, User},
    },
    sandbox::{self, Issuing, SandboxSettings, Sandboxes},
    store::{Memory, Retention, StoreError},
};
use futures_util::FutureExt;
use std::{sync::Arc, time::Duration};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Maximum number of concurrent event streams.
pub const MOST_STREAMS: usize = 100;

/// Maximum number of concurrent streams that keep pages current. A visitor who clicks from page to page leaves one
/// behind at each, until the next write to it fails.
pub const MOST_PAGE_STREAMS: usize = 1_000;

/// Simulations take seconds each, and their callers can retry.
const SIMULATIONS: WorkLimits =
    WorkLimits { at_once: 2, queued: 0, patience: Duration::ZERO, time: Duration::from_secs(10) };

/// All other long computations of the control plane, such as searches of the journal. Most take milliseconds, so a
/// suite with many parallel tests queues instead of failing.
const QUESTIONS: WorkLimits =
    WorkLimits { at_once: 2, queued: 2_000, patience: Duration::from_secs(10), time: Duration::from_secs(10) };

/// Comparisons of new exchanges with the callers that wait for them. At most one runs per sandbox; a long one yields to
/// other sandboxes and then continues.
const COMPARISONS: WorkLimits =
    WorkLimits { at_once: 2, queued: 10_000, patience: Duration::from_mins(1), time: Duration::from_secs(1) };

#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Scenarios(#[from] scenarios::LoadError),
    /// A client in the settings cannot be registered.
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// `own_url` is not a base URL.
    #[error("{0}")]
    BaseUrl(String),
    /// One of the mock's own keys cannot be used.
    #[error("one of the mock's own keys cannot be used: {0}")]
    Key(String),
}

/// A composed server, ready to be put behind a listener.
#[derive(Debug)]
pub struct App {
    /// The settings of the server.
    pub settings: Settings,
    /// The base URL used if the request names no host: `--base-url`, or else the bound address.
    pub base_url: BaseUrl,
    /// The schema of a handoff's body.
    pub handoff_request: Schema,
    /// The sandboxes.
    pub sandboxes: Sandboxes,
    /// Real time since the server was composed.
    pub uptime: Stopwatch,
    /// The memory budgets for request bodies.
    pub bodies: Bodies,
    memory: memory::Room,
    /// Runs simulations.
    pub simulations: WorkPool,
    /// Runs all other long computations of the control plane.
    pub questions: WorkPool,
    comparisons: WorkPool,
    waits: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
    streams: Arc<Semaphore>,
    page_streams: Arc<Semaphore>,
}

impl App {
    /// Composes a server. `own_url` is the address at which it is reached; URLs start with it if neither the settings
    /// nor the request determine one.
    ///
    /// # Errors
    /// If `own_url` is not a base URL, if a scenario file cannot be used, or if an embedded schema is invalid, which is
    /// a bug in this crate.
    pub fn new(settings: Settings, own_url: &str) -> Result<Arc<Self>, AppError> {
        let base_url = match &settings.base_url {
            Some(base_url) => base_url.clone(),
            None => own_url.parse().map_err(AppError::BaseUrl)?,
        };
        let scenarios::Loaded { set: scenarios, warnings, .. } = scenarios::load(&settings.scenarios)?;
        scenarios::log_warnings(&warnings);
        let bounded = [
            AgentSession::COLLECTION,
            PendingHandoff::COLLECTION,
            ActorState::COLLECTION,
            Envelope::COLLECTION,
            Contact::COLLECTION,
            Group::COLLECTION,
            User::COLLECTION,
        ];
        let retention = bounded.into_iter().fold(Retention::unlimited(), |retention, collection| {
            retention.keep(collection, settings.max_sessions, settings.max_session_bytes)
        });
        let retention = retention
            .keep(Message::COLLECTION, MOST_MESSAGES, usize::MAX)
            .keep(AccessToken::COLLECTION, sandbox::LISTED, usize::MAX)
            .keep(Event::LOG, settings.max_events, usize::MAX)
            // A revoked token must not become valid again because memory is short.
            .never_drop(Revocation::COLLECTION)
            .never_drop(MassExpiry::COLLECTION)
            .never_drop(Client::COLLECTION)
            // A used assertion must stay known for the same reason. The sandbox bounds their number itself.
            .never_drop(UsedAssertion::COLLECTION)
            .never_drop(ForgottenAssertions::COLLECTION)
            // Definitions of the user stay until the user removes them.
            .never_drop(Scenario::COLLECTION)
            .never_drop(ScenarioOverrides::COLLECTION)
            .keep(Walk::COLLECTION, MOST_WALKS, usize::MAX);
        let memory = Budget::new(settings.max_memory);
        let store = Arc::new(Memory::new(retention).counted_in(&memory));
        let room = memory::Room::new(Arc::clone(&memory), Arc::clone(&store));
        let sandbox = SandboxSettings {
            seed: settings.seed,
            switches: Switches::of(&settings),
            journal: JournalLimits { exchanges: settings.max_exchanges, bytes: settings.max_journal },
            memory,
            definitions: Budget::new(settings.max_memory / 4),
        };
        let ids = settings.seed.map_or_else(Ids::from_entropy, Ids::seeded);
        let issuer = TokenIssuer::new(&ids.signing_seed()).map_err(|error| AppError::Key(error.to_string()))?;
        let issuing = Arc::new(Issuing::new(issuer, &settings.audience));
        let limits =
            sandbox::SandboxLimits { count: settings.max_sandboxes, idle: settings.sandbox_idle.unsigned_abs() };
        let sandboxes = Sandboxes::new(sandbox, limits, store, Arc::new(scenarios), issuing, ids)
            .map_err(|error: KeyError| AppError::Key(error.to_string()))?;
        // The in-memory store answers without waiting, so a server can also start outside of a runtime.
        clients::register(&sandboxes, &settings)
            .now_or_never()
            .unwrap_or_else(|| Err(StoreError::Unavailable("it did not answer immediately".to_owned()).into()))?;
        Ok(Arc::new(Self {
            base_url,
            handoff_request: Schema::compile(HANDOFF_REQUEST)?,
            sandboxes,
            uptime: Stopwatch::start(),
            bodies: Bodies::new(&settings),
            memory: room,
            simulations: WorkPool::new(SIMULATIONS),
            questions: WorkPool::new(QUESTIONS),
            comparisons: WorkPool::new(COMPARISONS),
            waits: Arc::new(Semaphore::new(MOST_WAITS)),
            stopping: watch::Sender::new(false),
            streams: Arc::new(Semaphore::new(MOST_STREAMS)),
            page_streams: Arc::new(Semaphore::new(MOST_PAGE_STREAMS)),
            settings,
        }))
    }

    /// Runs due tasks in every sandbox for as long as the future is polled.
    pub async fn keep_time(&self) {
        timer::keep_time(&self.sandboxes, || self.make_room()).await;
    }

    /// Makes the readiness probe fail, and ends streams, waits and long computations.
    pub fn begin_stop(&self) {
        // Set before the pools are stopped, so that a caller whose work is cancelled can see why.
        self.stopping.send_replace(true);
        self.simulations.stop();
        self.questions.stop();
        self.comparisons.stop();
    }

    /// Completes when the server stops, or immediately if it is stopping already.
    pub async fn stopped(&self) {
        let _ = self.stopping.subscribe().wait_for(|stopping| *stopping).await;
    }

    /// Takes a place for one more stream, held until it is dropped; `None` if all places are taken.
    #[must_use]
    pub fn stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.streams).try_acquire_owned().ok()
    }

    /// Takes a place for one more stream of a page, as [`stream`](Self::stream) does.
    #[must_use]
    pub fn page_stream(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.page_streams).try_acquire_owned().ok()
    }

    /// Whether the server accepts new work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !*self.stopping.borrow()
    }
}
