//! Handoffs in a sandbox, and the journey that starts when one meets an obstacle (S2 to S5, S8).

mod script;
mod waiting;

use self::script::doubtful_tag;
use super::{
    ConsultError, Consulted, Sandbox, Scripted,
    signing::{Wish, advise},
};
use crate::{
    base::urls::BaseUrl,
    config::OnDuplicateHandoff,
    domain::{
        actor::{Actor, ActorChange, ActorState},
        contract::{Advice, same_json},
        event::Event,
        scenario::{self, Chosen, Decision, Obstacle, Outcome, TooCostly},
        session::{AgentSession, HandoffRequest, PendingHandoff, SessionStatus},
        signing::Plan,
    },
    store::{Commit, StoreError, Update},
};
use jiff::Timestamp;
use std::{borrow::Cow, convert::Infallible, sync::Arc, time::Duration};

#[derive(Debug)]
pub struct HandOff {
    pub result: HandOffResult,
    /// How long to delay the answer, in real time.
    pub delay: Duration,
    /// The rule that decided, and why.
    pub chosen: Chosen,
    /// The version of the scenario set that the request was matched against.
    pub scenarios: u64,
    /// What is allowed, but probably not meant.
    pub advices: Vec<Advice>,
    /// The scenario's answer, if one decided, and the actor that it may name.
    pub scripted: Option<(Scripted, Actor)>,
}

/// What a session takes over from its handoff in addition to the parsed request.
struct Handover {
    /// The raw request body.
    body: Arc<[u8]>,
    plan: Option<Arc<Plan>>,
    /// The URL at which the caller reached the server.
    base_url: Option<BaseUrl>,
}

/// How a session is opened.
#[derive(Clone, Copy, Default)]
struct Opening<'k> {
    /// Whether a caller asked for exactly this outcome.
    is_ordered: bool,
    /// The waiting handoff that the same commit removes, with its version if only one of several callers may open it.
    waited: Option<(&'k PendingHandoff, Option<u64>)>,
}

/// The result of a handoff, before it is worded as the contract says.
#[derive(Debug)]
pub enum HandOffResult {
    /// The agent session, new or replayed.
    Session(Arc<AgentSession>),
    /// No agent session because of an obstacle. The text is the id of the waiting handoff, if there is one.
    Obstacle(Obstacle, Arc<str>),
    /// The `handoff_id` was used before, and the sandbox's settings refuse that (S8).
    Duplicate,
    /// The `handoff_id` belongs to another user's session (S8).
    OtherUser,
}

/// Why a handoff has no result.
#[derive(Debug, thiserror::Error)]
pub enum HandOffFailure {
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Choosing a scenario takes too many steps.
    #[error(transparent)]
    TooCostly(#[from] TooCostly),
}

impl From<ConsultError> for HandOffFailure {
    fn from(error: ConsultError) -> Self {
        match error {
            ConsultError::Store(error) => Self::Store(error),
            ConsultError::TooCostly(error) => Self::TooCostly(error),
        }
    }
}

impl Sandbox {
    /// Decides a valid handoff and opens its agent session if it succeeds.
    ///
    /// `body` is the raw request and `base_url` the URL at which the caller reached the server; the session keeps both.
    ///
    /// # Errors
    /// When the store is unavailable, or matching the scenarios is too costly. Nothing was opened then.
    pub async fn hand_off(
        &self,
        client: &Arc<str>,
        request: HandoffRequest,
        body: Arc<[u8]>,
        base_url: BaseUrl,
    ) -> Result<HandOff, HandOffFailure> {
        let known = self.records.actors.get(&ActorState::key(&request.actor.email)).await?;
        let (consulted, newcomer) = self.take_script(&request, known.as_deref(), &body).await?;
        let Consulted { scripted, set, version } = consulted;
        let newcomer = newcomer.map(Arc::new);
        if let Some(newcomer) = &newcomer {
            ignore_taken(self.records.actors.insert(Arc::clone(newcomer)).await)?;
        }
        let decision = match scripted.as_ref().and_then(|scripted| Some((scripted, scripted.answer()?))) {
            Some((scripted, answer)) => {
                Decision { outcome: answer.outcome.clone(), delay: Duration::ZERO, chosen: scripted.chosen() }
            }
            None => scenario::decide(&request.actor, known.as_deref()),
        };
        let plan = scripted.as_ref().and_then(|scripted| scripted.scenario.plan().cloned());
        // The caller asked for this outcome, so it takes precedence over replay and over the rule for other users.
        let is_ordered = scripted.as_ref().is_some_and(|scripted| scripted.answer().is_some())
            || scenario::asks_for(&request.actor, &decision.outcome);
        let mut advices = Vec::new();
        if scripted.is_none() {
            advices.extend(doubtful_tag(&request.actor, &set));
        }
        let key = AgentSession::handoff_key(client, &request.handoff_id);
        let waiting = self.records.pending.get(&key).await?;
        if let Some(waiting) = &waiting {
            advices.extend(changed_user(&waiting.request.actor, &request.actor));
        }
        let scripted = scripted.map(|scripted| (scripted, request.actor.clone()));
        let mut not_taken = match decision.outcome {
            Outcome::Success => advise(&request, &body, plan.as_ref()),
            Outcome::Obstacle(_) => Vec::new(),
        };
        let (result, replay) = match decision.outcome {
            Outcome::Success => {
                let handover = Handover { body, plan, base_url: Some(base_url) };
                let waited = waiting.as_deref().map(|waiting| (waiting, None));
                self.open_session(client, request, handover, Opening { is_ordered, waited }).await?
            }
            Outcome::Obstacle(obstacle) => {
                let replay = match self.earlier(&key).await? {
                    Some((first, _)) if !is_ordered => self.repeated(&first, &request.actor, &body),
                    _ => None,
                };
                if let Some(replay) = replay {
                    replay
                } else {
                    let handover = Handover { body, plan, base_url: Some(base_url) };
                    let judged_by =
                        known.or(newcomer).unwrap_or_else(|| scenario::initial_state(&request.actor).into());
                    let id = self.begin_journey(&obstacle, client, request, handover, &judged_by).await?;
                    (HandOffResult::Obstacle(obstacle, id), Repetition::No)
                }
            }
        };
        let mut chosen = decision.chosen;
        if replay != Repetition::No {
            not_taken.clear();
            chosen.why = Cow::Owned(format!("{}; the handoff_id is known", chosen.why));
        }
        if replay == Repetition::OfAnother {
            let message = "was used before with a different body; use a new id for each handoff".to_owned();
            advices.push(Advice { pointer: "/handoff_id".to_owned(), code: "reused_handoff_id", message });
        }
        advices.extend(not_taken);
        Ok(HandOff { result, delay: decision.delay, chosen, scenarios: version, advices, scripted })
    }

    /// Changes an actor's state and opens the sessions that waited for it. Returns both.
    pub async fn change_actor(
        &self,
        email: &str,
        change: ActorChange,
    ) -> Result<(Arc<ActorState>, Vec<Arc<AgentSession>>), StoreError> {
        let key = ActorState::key(email);
        let actor = loop {
            let changed = self.records.actors.evolve_with(&key, |current, commit| {
                let mut actor = current.clone();
                actor.change(change);
                let now = self.clock.now();
                let steps = actor.steps_since(current);
                commit.append(steps.map(|step| Arc::new(Event::of_actor(step, &actor.email, now))));
                Ok::<_, Infallible>((actor != *current).then_some(actor))
            });
            match changed.await? {
                Update::Done(actor) | Update::Refused(_, actor) => break actor,
                Update::Missing => self.remember(email).await?,
            }
        };
        let mut opened = Vec::new();
        if actor.is_complete() {
            let is_theirs = |pending: &PendingHandoff| pending.waits_for_subscription_of(email);
            let mut waiting = self.records.pending.tagged(&key, &is_theirs).await?;
            waiting.reverse();
            for pending in waiting {
                opened.extend(self.open_waiting(&pending.key, &is_theirs).await?);
            }
        }
        Ok((actor, opened))
    }

    /// Opens the session of a waiting handoff, unless another caller has done so or `may_open` refuses: a retry may
    /// have changed the handoff in the meantime.
    async fn open_waiting(
        &self,
        key: &Arc<str>,
        may_open: impl Fn(&PendingHandoff) -> bool,
    ) -> Result<Option<Arc<AgentSession>>, StoreError> {
        loop {
            let Some((pending, version)) = self.records.pending.get_versioned(key).await? else { return Ok(None) };
            if !may_open(&pending) {
                return Ok(None);
            }
            let handover = Handover {
                body: Arc::clone(&pending.body),
                plan: pending.plan.clone(),
                base_url: pending.base_url.clone(),
            };
            let opening = Opening { is_ordered: false, waited: Some((&pending, Some(version))) };
            match self.open_session(&pending.client, pending.request.clone(), handover, opening).await {
                Ok((HandOffResult::Session(session), Repetition::No)) => return Ok(Some(session)),
                // Its handoff_id already has a session, so it would wait forever.
                Ok(_) => {
                    let mut commit = Commit::new();
                    commit.delete::<PendingHandoff>(Arc::clone(key), Some(version));
                    match self.shelf.commit(commit).await {
                        Ok(_) => return Ok(None),
                        Err(StoreError::Conflict { .. }) => {}
                        Err(error) => return Err(error),
                    }
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Stores the state of an actor unless it is already stored.
    async fn remember(&self, email: &str) -> Result<(), StoreError> {
        ignore_taken(self.records.actors.insert(new_actor(email)).await)
    }

    async fn open_session(
        &self,
        client: &Arc<str>,
        mut request: HandoffRequest,
        handover: Handover,
        Opening { is_ordered, waited }: Opening<'_>,
    ) -> Result<(HandOffResult, Repetition), StoreError> {
        let Handover { body, plan, base_url } = handover;
        let asks_for_signatures = request.intent.asks_for_signatures();
        let mut wish = asks_for_signatures.then(|| Wish::of(&mut request, &body, plan.clone()));
        let now = self.clock.now();
        let expires_at = now.checked_add(self.switches().session_ttl).unwrap_or(Timestamp::MAX);
        let mut session = Arc::new(AgentSession {
            id: self.new_session_id().await?,
            client: Arc::clone(client),
            handoff_id: request.handoff_id,
            intent: request.intent,
            actor: request.actor,
            created_at: now,
            expires_at,
            status: SessionStatus::Open,
            request: body,
            replayable: true,
            envelope_id: if asks_for_signatures { Some(self.new_envelope_id().await?) } else { None },
            opened_at: None,
            waited_as: waited.map(|(waiting, _)| Arc::clone(&waiting.id)),
            base_url,
        });
        // The earlier session that gives up the handoff_id to this one, and its version.
        let mut released: Option<(Arc<AgentSession>, u64)> = None;
        loop {
            let mut commit = Commit::new();
            if let Some((first, version)) = &released {
                let first = AgentSession { replayable: false, ..AgentSession::clone(first) };
                commit.replace(Arc::new(first), *version);
            }
            commit.insert(Arc::clone(&session));
            if asks_for_signatures {
                let wish = wish.take().unwrap_or_else(|| Wish::of_session(&session, plan.clone()));
                self.open_envelope(&session, wish, &mut commit);
            }
            if let Some((waiting, version)) = waited {
                commit.delete::<PendingHandoff>(Arc::clone(&waiting.key), version);
            }
            match self.shelf.commit(commit).await {
                Ok(_) => return Ok((HandOffResult::Session(session), Repetition::No)),
                Err(StoreError::Taken) => {}
                // The earlier session was changed in the meantime.
                Err(StoreError::Conflict { write: 0 }) if released.is_some() => {}
                Err(error) => return Err(error),
            }
            released = None;
            let key = AgentSession::handoff_key(client, &session.handoff_id);
            let own = Arc::make_mut(&mut session);
            if let Some((first, version)) = self.earlier(&key).await? {
                match self.repeated(&first, &own.actor, &own.request) {
                    Some((HandOffResult::OtherUser, _)) if is_ordered => own.replayable = false,
                    Some((HandOffResult::Duplicate, _)) if is_ordered => released = Some((first, version)),
                    Some(repeated) => return Ok(repeated),
                    // The newest session keeps the handoff_id.
                    None => released = Some((first, version)),
                }
            }
            // The id itself may be taken, as after a restore.
            own.id = self.new_session_id().await?;
            if asks_for_signatures {
                own.envelope_id = Some(self.new_envelope_id().await?);
            }
        }
    }

    /// The session that holds a `handoff_id`, with its version. Expired sessions release their id.
    async fn earlier(&self, key: &str) -> Result<Option<(Arc<AgentSession>, u64)>, StoreError> {
        let found = self.records.agent_sessions.find_versioned(key).await?;
        match found {
            Some((first, _)) if first.expires_at <= self.clock.now() => {
                self.expire_session(&first.id).await?;
                Ok(None)
            }
            found => Ok(found),
        }
    }

    /// The result of a handoff whose id already has a session; `None` if it should open a new session (S8).
    fn repeated(&self, first: &Arc<AgentSession>, actor: &Actor, body: &[u8]) -> Option<(HandOffResult, Repetition)> {
        let replay = if same_json(&first.request, body) { Repetition::Same } else { Repetition::OfAnother };
        if !first.actor.is_same_user(actor) {
            return Some((HandOffResult::OtherUser, replay));
        }
        match self.switches().on_duplicate_handoff {
            OnDuplicateHandoff::Replay => Some((HandOffResult::Session(Arc::clone(first)), replay)),
            OnDuplicateHandoff::Error => Some((HandOffResult::Duplicate, replay)),
            OnDuplicateHandoff::New => None,
        }
    }
}

/// Warns when a retry names another user than the first attempt (S8).
fn changed_user(first: &Actor, now: &Actor) -> Option<Advice> {
    let (pointer, was) = if !first.has_mailbox_of(now) {
        ("/actor/email", &first.email)
    } else if first.external_user_id != now.external_user_id {
        ("/actor/external_user_id", &first.external_user_id)
    } else {
        return None;
    };
    let message = format!("was {was:?} in the first request with this handoff_id; a retry must keep the user");
    Some(Advice { pointer: pointer.to_owned(), code: "changed_user", message })
}

/// The state of an actor that was never changed.
fn new_actor(email: &str) -> Arc<ActorState> {
    let actor = Actor { external_user_id: "".into(), email: email.into(), display_name: None };
    Arc::new(scenario::initial_state(&actor))
}

/// Ignores that the record already exists: an earlier caller has stored it.
fn ignore_taken(result: Result<(), StoreError>) -> Result<(), StoreError> {
    match result {
        Err(StoreError::Taken) => Ok(()),
        other => other,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Repetition {
    No,
    Same,
    OfAnother,
}
