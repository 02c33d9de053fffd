//! One isolated world, and the list of them: the core put to work over a store, a clock and ids.
//!
//! Decides; knows nothing of HTTP, and no concrete store.

use crate::{
    clock::Clock,
    config::OnDuplicateHandoff,
    ids::Ids,
    journal::{self, Journal},
    scenario::{self, Chosen, Obstacle, Outcome},
    session::{AgentSession, HandoffRequest},
    store::{Repository, Store, StoreError},
};
use std::{borrow::Cow, sync::Arc, time::Duration};

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
}

/// One isolated world.
#[derive(Debug)]
pub struct Sandbox {
    name: Arc<str>,
    settings: SandboxSettings,
    /// Its time.
    pub clock: Clock,
    /// Its identifiers.
    pub ids: Ids,
    /// What was asked of it.
    pub journal: Journal,
    /// Its agent sessions.
    pub agent_sessions: Repository<AgentSession>,
    store: Arc<dyn Store>,
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
    fn new(name: Arc<str>, settings: SandboxSettings, store: Arc<dyn Store>) -> Self {
        Self {
            clock: Clock::system(),
            ids: settings.seed.map_or_else(Ids::from_entropy, Ids::seeded),
            journal: Journal::new(settings.journal),
            agent_sessions: Repository::new(Arc::clone(&store), Arc::clone(&name)),
            name,
            settings,
            store,
        }
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
        let mut session = Arc::new(AgentSession {
            id: self.ids.agent_session().into(),
            client: Arc::clone(client),
            handoff_id: request.handoff_id,
            intent: request.intent,
            actor: request.actor,
            created_at: self.clock.now(),
            request: body,
            replayable: self.settings.on_duplicate_handoff != OnDuplicateHandoff::New,
        });
        loop {
            match self.agent_sessions.insert(Arc::clone(&session)).await {
                Ok(()) => return Ok((HandOffResult::Session(session), Replay::No)),
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

    /// Back to how the sandbox started: no sessions, an empty journal, ids from the first one on.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn reset(&self) -> Result<(), StoreError> {
        self.store.clear(&self.name).await?;
        self.journal.reset();
        self.ids.restart();
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Replay {
    No,
    Same,
    OfAnother,
}

/// All sandboxes of a server.
#[derive(Debug)]
pub struct Sandboxes {
    default: Arc<Sandbox>,
}

impl Sandboxes {
    /// The default sandbox, alone.
    #[must_use]
    pub fn new(settings: SandboxSettings, store: Arc<dyn Store>) -> Self {
        Self { default: Arc::new(Sandbox::new(DEFAULT.into(), settings, store)) }
    }

    /// The sandbox that always exists.
    #[must_use]
    pub fn default_sandbox(&self) -> &Arc<Sandbox> {
        &self.default
    }
}
