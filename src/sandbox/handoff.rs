//! A handoff in a sandbox, and the journey that an obstacle begins (S2 to S5, S8).

use super::{Sandbox, Scripted, signing::advise};
use crate::{
    actor::{Actor, ActorChange, ActorState},
    agenda::Task,
    config::OnDuplicateHandoff,
    contract::Advice,
    scenario::{self, ActorFlags, Chosen, Decision, Endpoint, Facts, LazyBody, Obstacle, Outcome, TooCostly},
    session::{AgentSession, HandoffRequest, PendingHandoff, SessionStatus},
    signing::{EnvelopeId, Plan},
    store::{StoreError, Update},
};
use jiff::Timestamp;
use std::{borrow::Cow, convert::Infallible, sync::Arc, time::Duration};

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
    /// What of the request the new session's envelope cannot take.
    pub not_taken: Vec<Advice>,
    /// The scenario's answer, if one decided, and the actor whom it may name.
    pub scripted: Option<(Scripted, Actor)>,
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

/// Why a handoff has no result.
#[derive(Debug, thiserror::Error)]
pub enum HandOffFailure {
    /// The store is unavailable.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No scenario can be chosen.
    #[error(transparent)]
    TooCostly(#[from] TooCostly),
}

impl Sandbox {
    /// Decides a handoff that keeps the contract, and opens its agent session where it succeeds.
    ///
    /// `body` is the request as it came; the session keeps it.
    ///
    /// # Errors
    /// When the store is unavailable, or the scenarios are too costly to compare. Nothing was opened then.
    pub async fn hand_off(
        &self,
        client: &Arc<str>,
        request: HandoffRequest,
        body: Arc<[u8]>,
    ) -> Result<HandOff, HandOffFailure> {
        let known = self.actors.get(&ActorState::key(&request.actor.email)).await?;
        let (scripted, newcomer) = self.take_script(&request, known.as_deref(), &body)?.unzip();
        if let Some(newcomer) = newcomer.flatten() {
            ignore_taken(self.actors.insert(Arc::new(newcomer)).await)?;
        }
        let decision = match scripted.as_ref().and_then(|scripted| Some((scripted, scripted.answer()?))) {
            Some((scripted, answer)) => {
                Decision { outcome: answer.outcome.clone(), delay: Duration::ZERO, chosen: scripted.chosen() }
            }
            None => scenario::decide(&request.actor, known.as_deref()),
        };
        let plan = scripted.as_ref().and_then(|scripted| scripted.scenario.plan().cloned());
        let scripted = scripted.map(|scripted| (scripted, request.actor.clone()));
        let mut not_taken = match decision.outcome {
            Outcome::Success => advise(&request, &body, plan.as_ref()),
            Outcome::Obstacle(_) => Vec::new(),
        };
        let (result, replay) = match decision.outcome {
            Outcome::Success => self.open_session(client, request, body, plan).await?,
            Outcome::Obstacle(obstacle) => {
                // What a scenario wants is wanted of a handoff whose id is known as well.
                let replay = match &scripted {
                    Some(_) => None,
                    None => self.known(client, &request.handoff_id, &body).await?,
                };
                if let Some(replay) = replay {
                    replay
                } else {
                    self.begin_journey(&obstacle, client, request, body, plan).await?;
                    (HandOffResult::Obstacle(obstacle), Replay::No)
                }
            }
        };
        let mut chosen = decision.chosen;
        if replay != Replay::No {
            not_taken.clear();
            chosen.why = Cow::Owned(format!("{}; the handoff_id is known", chosen.why));
        }
        let differs_from_first = replay == Replay::OfAnother;
        Ok(HandOff { result, delay: decision.delay, chosen, differs_from_first, not_taken, scripted })
    }

    /// The answer of the scenario that a request is for, and the actor to remember: one of whom nothing was told has
    /// yet to do what the scenario waits for.
    fn take_script(
        &self,
        request: &HandoffRequest,
        known: Option<&ActorState>,
        body: &[u8],
    ) -> Result<Option<(Scripted, Option<ActorState>)>, TooCostly> {
        let body = LazyBody::new(body);
        let facts = Facts {
            email: &request.actor.email,
            external_user_id: &request.actor.external_user_id,
            intent: request.intent.as_str(),
            handoff_id: &request.handoff_id,
            source: &request.integration.source,
            body: &body,
        };
        let mut newcomer = None;
        let scripted = self.scripts.take(Endpoint::Handoff, &facts, |scenario| {
            let mut state = known.cloned().unwrap_or_else(|| scenario::initial_state(&request.actor));
            let waits_for = scenario.waits_for();
            if known.is_none() && waits_for != ActorChange::default() {
                state.change(waits_for);
                newcomer = Some(state.clone());
            }
            let ActorState { registered, email_verified, subscribed, .. } = state;
            (ActorFlags { registered, email_verified, subscribed }, self.clock.now())
        })?;
        Ok(scripted.map(|scripted| (scripted, newcomer)))
    }

    /// Changes what is known of an actor, and opens the sessions that waited for it; they come with the actor.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn change_actor(
        &self,
        email: &str,
        change: ActorChange,
    ) -> Result<(Arc<ActorState>, Vec<Arc<AgentSession>>), StoreError> {
        let key = ActorState::key(email);
        let actor = loop {
            let changed = self.actors.update(&key, |actor| {
                actor.change(change);
                Ok::<_, Infallible>(())
            });
            match changed.await? {
                Update::Done(actor) | Update::Refused(_, actor) => break actor,
                Update::Missing => self.remember(email).await?,
            }
        };
        let mut opened = Vec::new();
        if actor.registered && actor.email_verified && actor.subscribed {
            let is_theirs = |pending: &PendingHandoff| pending.request.actor.email.eq_ignore_ascii_case(email);
            let mut waiting = self.pending.all(is_theirs).await?;
            waiting.reverse();
            for pending in waiting {
                // Of several callers at once, the one who takes it away opens it.
                if !self.pending.delete(&pending.key).await? {
                    continue;
                }
                let (client, request) = (&pending.client, pending.request.clone());
                let (body, plan) = (Arc::clone(&pending.body), pending.plan.clone());
                let opening = self.open_session(client, request, body, plan).await?;
                if let (HandOffResult::Session(session), Replay::No) = opening {
                    opened.push(session);
                }
            }
        }
        Ok((actor, opened))
    }

    /// Keeps what an obstacle leaves behind: the actor, who may now be told of, and the handoff that needs no retry.
    async fn begin_journey(
        &self,
        obstacle: &Obstacle,
        client: &Arc<str>,
        request: HandoffRequest,
        body: Arc<[u8]>,
        plan: Option<Arc<Plan>>,
    ) -> Result<(), StoreError> {
        if matches!(obstacle, Obstacle::Error { .. }) {
            return Ok(());
        }
        self.remember(&request.actor.email).await?;
        if matches!(obstacle, Obstacle::RequireSubscription) {
            let key = AgentSession::handoff_key(client, &request.handoff_id);
            // The outline has served its purpose, and the body has it all.
            let request = HandoffRequest { facts: None, ..request };
            let pending = PendingHandoff { key, client: Arc::clone(client), request, body, plan };
            ignore_taken(self.pending.insert(Arc::new(pending)).await)?;
        }
        Ok(())
    }

    /// Keeps what is known of an actor, unless it is kept already.
    async fn remember(&self, email: &str) -> Result<(), StoreError> {
        let actor = Actor { external_user_id: "".into(), email: email.into(), display_name: None };
        ignore_taken(self.actors.insert(Arc::new(scenario::initial_state(&actor))).await)
    }

    async fn open_session(
        &self,
        client: &Arc<str>,
        request: HandoffRequest,
        body: Arc<[u8]>,
        plan: Option<Arc<Plan>>,
    ) -> Result<(HandOffResult, Replay), StoreError> {
        let now = self.clock.now();
        let expires_at = now.checked_add(self.switches().session_ttl).unwrap_or(Timestamp::MAX);
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
            replayable: self.switches().on_duplicate_handoff != OnDuplicateHandoff::New,
            envelope_id: request.intent.asks_for_signatures().then(|| EnvelopeId(self.ids.envelope())),
        });
        loop {
            match self.agent_sessions.insert(Arc::clone(&session)).await {
                Ok(()) => {
                    self.schedule(expires_at, Task::ExpireSession { agent_session_id: Arc::clone(&session.id) });
                    if session.envelope_id.is_some() {
                        self.wish_for_envelope(Arc::clone(&session), plan).await?;
                    }
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
        let result = match self.switches().on_duplicate_handoff {
            OnDuplicateHandoff::Error => HandOffResult::Duplicate,
            OnDuplicateHandoff::Replay | OnDuplicateHandoff::New => HandOffResult::Session(first),
        };
        Ok(Some((result, replay)))
    }
}

/// Who came first has kept it already.
fn ignore_taken(result: Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Err(StoreError::Taken) => Ok(()),
        other => other,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Replay {
    No,
    Same,
    OfAnother,
}
