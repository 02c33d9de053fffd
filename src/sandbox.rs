//! One isolated world, and the list of them: the core put to work over a store, a clock and ids.
//!
//! Decides; knows nothing of HTTP, and no concrete store.

mod credentials;
mod directory;

pub use credentials::Credentials;
pub use directory::{CreateError, Found, Limits, NewSandbox, Sandboxes};

use crate::{
    agenda::{Agenda, Item, Task},
    clock::{Clock, Stopwatch},
    config::OnDuplicateHandoff,
    ids::Ids,
    journal::{self, Journal},
    scenario::{self, Chosen, Obstacle, Outcome},
    session::{AgentSession, HandoffRequest, SessionStatus},
    store::{Repository, Store, StoreError, Update},
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::{
    borrow::Cow,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Notify;

/// The sandbox that always exists.
pub const DEFAULT: &str = "default";

/// What a sandbox is made of.
#[derive(Clone, Debug)]
pub struct SandboxSettings {
    /// What its ids follow from; drawn when not given.
    pub seed: Option<u64>,
    /// What a second handoff with a known id comes to (S8).
    pub on_duplicate_handoff: OnDuplicateHandoff,
    /// How much its journal keeps.
    pub journal: journal::Limits,
    /// How long an agent session lives, by the sandbox's clock.
    pub session_ttl: SignedDuration,
    /// How many agent sessions the store keeps.
    pub max_sessions: usize,
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
    /// What will happen later in it.
    pub agenda: Agenda,
    credentials: Option<Credentials>,
    store: Arc<dyn Store>,
    alarm: Arc<Notify>,
    used: Mutex<Stopwatch>,
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
}

/// What came of a handoff.
#[derive(Debug)]
pub struct HandOff {
    /// The result.
    pub result: HandOffResult,
    /// How long to hold the answer back, in real time.
    pub delay: Duration,
    /// Which rule decided, and why.
    pub chosen: Chosen,
    /// The session of an earlier handoff came back, although this one asks for something else (S8).
    pub differs_from_first: bool,
}

/// The result of a handoff, before anybody puts it in words.
#[derive(Debug)]
pub enum HandOffResult {
    /// The agent session, new or replayed.
    Session(Arc<AgentSession>),
    /// No agent session: something stands in the way.
    Obstacle(Obstacle),
    /// The `handoff_id` was used before, and the sandbox is told to refuse that (S8).
    Duplicate,
}

impl Sandbox {
    fn new(made: Made, store: Arc<dyn Store>, alarm: Arc<Notify>) -> Self {
        let Made { name, shelf, settings, clock, credentials } = made;
        Self {
            clock,
            ids: settings.seed.map_or_else(Ids::from_entropy, Ids::seeded),
            journal: Journal::new(settings.journal),
            agent_sessions: Repository::new(Arc::clone(&store), Arc::clone(&shelf)),
            agenda: Agenda::new(settings.max_sessions),
            credentials,
            name,
            shelf,
            settings,
            store,
            alarm,
            used: Mutex::new(Stopwatch::start()),
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

    /// How long nobody has asked anything of it.
    #[must_use]
    pub fn idle(&self) -> Duration {
        self.used.lock().unwrap_or_else(PoisonError::into_inner).elapsed()
    }

    fn touch(&self) {
        *self.used.lock().unwrap_or_else(PoisonError::into_inner) = Stopwatch::start();
    }

    /// The sandbox's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Decides a handoff that keeps the contract, and opens its agent session where it succeeds.
    ///
    /// `body` is the request as it came; the session keeps it.
    ///
    /// # Errors
    /// When the store is unavailable. Nothing was opened then.
    pub async fn hand_off(
        &self,
        client: &Arc<str>,
        request: HandoffRequest,
        body: Arc<[u8]>,
    ) -> Result<HandOff, StoreError> {
        let decision = scenario::decide(&request.actor);
        let (result, replay) = match decision.outcome {
            Outcome::Success => self.open_session(client, request, body).await?,
            Outcome::Obstacle(obstacle) => match self.known(client, &request.handoff_id, &body).await? {
                Some(replay) => replay,
                None => (HandOffResult::Obstacle(obstacle), Replay::No),
            },
        };
        let mut chosen = decision.chosen;
        if replay != Replay::No {
            chosen.why = Cow::Owned(format!("{}; the handoff_id is known", chosen.why));
        }
        let differs_from_first = replay == Replay::OfAnother;
        Ok(HandOff { result, delay: decision.delay, chosen, differs_from_first })
    }

    async fn open_session(
        &self,
        client: &Arc<str>,
        request: HandoffRequest,
        body: Arc<[u8]>,
    ) -> Result<(HandOffResult, Replay), StoreError> {
        let now = self.clock.now();
        let expires_at = now.checked_add(self.settings.session_ttl).unwrap_or(Timestamp::MAX);
        let mut session = Arc::new(AgentSession {
            id: self.ids.agent_session().into(),
            client: Arc::clone(client),
            handoff_id: request.handoff_id,
            intent: request.intent,
            actor: request.actor,
            created_at: now,
            expires_at,
            status: SessionStatus::Open,
            request: body,
            replayable: self.settings.on_duplicate_handoff != OnDuplicateHandoff::New,
        });
        loop {
            match self.agent_sessions.insert(Arc::clone(&session)).await {
                Ok(()) => {
                    self.schedule(expires_at, Task::ExpireSession { agent_session_id: Arc::clone(&session.id) });
                    return Ok((HandOffResult::Session(session), Replay::No));
                }
                Err(StoreError::Taken) => {}
                Err(error) => return Err(error),
            }
            if let Some(replay) = self.known(client, &session.handoff_id, &session.request).await? {
                return Ok(replay);
            }
            // The holder of the key was dropped in between, or the id was the one taken: try again with another.
            Arc::make_mut(&mut session).id = self.ids.agent_session().into();
        }
    }

    /// What a `handoff_id` comes to that already has a session (S8).
    async fn known(
        &self,
        client: &str,
        handoff_id: &str,
        body: &[u8],
    ) -> Result<Option<(HandOffResult, Replay)>, StoreError> {
        let Some(first) = self.agent_sessions.find(&AgentSession::handoff_key(client, handoff_id)).await? else {
            return Ok(None);
        };
        let replay = if *first.request == *body { Replay::Same } else { Replay::OfAnother };
        let result = match self.settings.on_duplicate_handoff {
            OnDuplicateHandoff::Error => HandOffResult::Duplicate,
            OnDuplicateHandoff::Replay | OnDuplicateHandoff::New => HandOffResult::Session(first),
        };
        Ok(Some((result, replay)))
    }

    /// Puts a task on the agenda, and lets the timer know when it is the next one.
    pub fn schedule(&self, due: Timestamp, task: Task) {
        if self.agenda.add(due, task) {
            self.alarm.notify_one();
        }
    }

    /// Carries out everything that is due at the sandbox's present, in order, and says what that was.
    ///
    /// # Errors
    /// When the store is unavailable; what came before is done.
    pub async fn settle(&self) -> Result<Vec<Ran>, StoreError> {
        let mut ran = Vec::new();
        let now = self.clock.now();
        while let Some(item) = self.agenda.take_due(now) {
            let done = match &item.task {
                Task::ExpireSession { agent_session_id } => self.expire_session(agent_session_id).await?,
            };
            ran.push(Ran { item, done });
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

    /// Back to how the sandbox started: no sessions, an empty journal and agenda, ids from the first one on. The clock
    /// stays where it is: it never goes back.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn reset(&self) -> Result<(), StoreError> {
        self.store.clear(&self.shelf).await?;
        self.journal.reset();
        self.ids.restart();
        self.agenda.clear();
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Replay {
    No,
    Same,
    OfAnother,
}
