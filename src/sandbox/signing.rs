//! Envelopes of a sandbox. Every transition is one commit, including the events, messages and tasks that follow from
//! it.

mod address_book;
mod error;
mod follow_up;
mod from_handoff;
mod notify;

pub use address_book::{AgentSource, NewContact, NewGroup, NewUser};
pub use error::{SigningError, SigningErrorKind};
pub(super) use from_handoff::{Wish, advise};

use super::{Ran, Sandbox, agenda::Until};
use crate::{
    base::urls::BaseUrl,
    domain::{
        agenda::{Item, Task},
        signing::{
            Act, AgentId, Command, DraftError, Effect, EffectKind, Envelope, EnvelopeId, EnvelopeState, EnvelopeTask,
            Judgement, NewRecipient, Recipient, RecipientChange, RecipientId, Spot, Terms,
        },
    },
    store::{Commit, StoreError, Update},
};
use follow_up::{act_of, code_of};
use jiff::Timestamp;
use std::{convert::Infallible, sync::Arc};

/// The effect of creating an envelope.
const CREATED: Effect = Effect { kind: EffectKind::EnvelopeCreated, recipient: None, agent: None };

/// The result of a command that was not refused.
#[derive(Debug)]
pub struct Performed {
    /// The envelope after the command.
    pub envelope: Arc<Envelope>,
    /// The position of the agent that acted, if one did.
    pub spot: Option<Spot>,
    /// Whether it had effects; a repeated command has none.
    pub effective: bool,
}

impl Sandbox {
    /// Creates a draft (G6). `base_url` is the URL at which the caller reaches the server.
    pub async fn create_envelope(&self, terms: Terms, base_url: Option<BaseUrl>) -> Result<Arc<Envelope>, StoreError> {
        let draft = Envelope { base_url, ..Envelope::new(EnvelopeId(0), terms) };
        loop {
            let mut envelope = Envelope { id: self.new_envelope_id().await?, ..draft.clone() };
            let mut commit = Commit::new();
            self.follow_up(&mut envelope, &[CREATED], draft.terms.created_at, &mut commit);
            let envelope = Arc::new(envelope);
            commit.insert(Arc::clone(&envelope));
            match self.shelf.commit(commit).await {
                Ok(_) => return Ok(envelope),
                Err(StoreError::Taken) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Returns the envelope with this id.
    ///
    /// # Errors
    /// [`SigningError::NoSuchEnvelope`], or when the store is unavailable.
    pub async fn envelope(&self, id: &str) -> Result<Arc<Envelope>, SigningError> {
        let found = self.records.envelopes.get(id).await?;
        found.ok_or_else(|| SigningError::NoSuchEnvelope(id.to_owned()))
    }

    /// Deletes a draft (G6). Emits no event.
    ///
    /// # Errors
    /// [`SigningError::NoSuchEnvelope`], `Envelope.NotDeletable` for an envelope that was sent, or when the store is
    /// unavailable.
    pub async fn delete_envelope(&self, id: &str) -> Result<(), SigningError> {
        match self.records.envelopes.delete_if(id, Envelope::judge_deletion).await? {
            Update::Done(_) => Ok(()),
            Update::Refused(refusal, envelope) => Err(SigningError::Refused { refusal, envelope, spot: None }),
            Update::Missing => Err(SigningError::NoSuchEnvelope(id.to_owned())),
        }
    }

    /// Returns the recipient with this id, even if it was removed.
    ///
    /// # Errors
    /// [`SigningError::NoSuchRecipient`].
    pub fn recipient<'e>(envelope: &'e Envelope, id: &str) -> Result<&'e Recipient, SigningError> {
        let place = id.parse().ok().and_then(|id| envelope.place_of(id));
        let found = place.and_then(|place| envelope.recipients.get(place));
        found.ok_or_else(|| SigningError::NoSuchRecipient(id.to_owned()))
    }

    /// Adds a recipient to a draft (G1, G3).
    ///
    /// # Errors
    /// A [`SigningError`]; nothing was changed.
    pub async fn add_recipient(
        &self,
        envelope: &str,
        new: NewRecipient,
        agents: &[AgentSource],
    ) -> Result<RecipientId, SigningError> {
        let persons = self.persons(envelope, agents).await?;
        let mut added = None;
        self.change_draft(envelope, |draft, now| {
            let new = NewRecipient { persons: persons.clone(), ..new.clone() };
            added = Some(draft.add_recipient(new, now, &|agent| self.code(agent))?);
            Ok(())
        })
        .await?;
        added.ok_or_else(|| SigningError::NoSuchEnvelope(envelope.to_owned()))
    }

    /// Changes a recipient of a draft, and its agents if some are given.
    ///
    /// # Errors
    /// A [`SigningError`]; nothing was changed.
    pub async fn change_recipient(
        &self,
        envelope: &str,
        recipient: &str,
        change: RecipientChange,
        agents: Option<&[AgentSource]>,
    ) -> Result<Arc<Envelope>, SigningError> {
        let persons = match agents {
            Some(agents) => Some(self.persons(envelope, agents).await?),
            None => None,
        };
        self.change_draft(envelope, |draft, now| {
            let change = RecipientChange { persons: persons.clone(), ..change.clone() };
            draft.change_recipient(recipient, change, now, &|agent| self.code(agent))
        })
        .await
    }

    /// Removes a recipient from a draft.
    ///
    /// # Errors
    /// A [`SigningError`]; nothing was changed.
    pub async fn remove_recipient(&self, envelope: &str, recipient: &str) -> Result<Arc<Envelope>, SigningError> {
        self.change_draft(envelope, |draft, now| draft.remove_recipient(recipient, now)).await
    }

    async fn change_draft(
        &self,
        id: &str,
        mut change: impl FnMut(&mut Envelope, Timestamp) -> Result<(), DraftError>,
    ) -> Result<Arc<Envelope>, SigningError> {
        match self.records.envelopes.update(id, |draft| change(draft, self.clock.now())).await? {
            Update::Done(envelope) => Ok(envelope),
            Update::Refused(error, envelope) => Err(SigningError::Draft { error, envelope: envelope.id }),
            Update::Missing => Err(SigningError::NoSuchEnvelope(id.to_owned())),
        }
    }

    /// Sends a draft and invites the agents whose turn it is (G4, G7).
    ///
    /// # Errors
    /// A [`SigningError`]; nothing was changed.
    pub async fn send_envelope(&self, id: &str) -> Result<Performed, SigningError> {
        self.command(id, Command::Send).await
    }

    /// Voids an envelope (G6).
    ///
    /// # Errors
    /// A [`SigningError`]; nothing was changed.
    pub async fn void_envelope(&self, id: &str) -> Result<Performed, SigningError> {
        self.command(id, Command::Void).await
    }

    /// Expires an envelope early (G6).
    ///
    /// # Errors
    /// A [`SigningError`]; nothing was changed.
    pub async fn expire_envelope(&self, id: &str) -> Result<Performed, SigningError> {
        self.command(id, Command::Expire).await
    }

    /// Carries out an agent's action (G4, G10).
    ///
    /// # Errors
    /// A [`SigningError`]; nothing was changed.
    pub async fn act(&self, agent: &str, act: Act<'_>) -> Result<Performed, SigningError> {
        let no_such_agent = || SigningError::NoSuchAgent(agent.to_owned());
        let id: AgentId = agent.parse().map_err(|_| no_such_agent())?;
        let (envelope, spot) = self.found(id).await?;
        self.command(&envelope.id.to_string(), Command::Act(spot, act)).await
    }

    /// Returns the envelope of an agent and the agent's position in it.
    async fn found(&self, id: AgentId) -> Result<(Arc<Envelope>, Spot), SigningError> {
        let no_such_agent = || SigningError::NoSuchAgent(id.to_string());
        let envelope = self.records.envelopes.get(&id.envelope.to_string()).await?.ok_or_else(no_such_agent)?;
        let spot = envelope.spot_of(id).ok_or_else(no_such_agent)?;
        Ok((envelope, spot))
    }

    /// Carries out a command now. Concurrent commands are judged one after the other, each against the result of the
    /// previous one; a refused command costs only a read.
    async fn command(&self, id: &str, command: Command<'_>) -> Result<Performed, SigningError> {
        let mut effects = Vec::new();
        let updated = self.records.envelopes.evolve_with(id, |current, commit| {
            effects.clear();
            if current.judge(command)? == Judgement::Repeated {
                return Ok(None);
            }
            // Read inside the closure, so that the times of transitions are in the order of the transitions.
            let now = self.clock.now();
            let mut next = Envelope::clone(current);
            next.perform(command, now, &mut effects)?;
            self.follow_up(&mut next, &effects, now, commit);
            Ok(Some(next))
        });
        let spot = if let Command::Act(spot, _) = command { Some(spot) } else { None };
        match updated.await? {
            Update::Done(envelope) => Ok(Performed { envelope, spot, effective: !effects.is_empty() }),
            Update::Refused(refusal, envelope) => Err(SigningError::Refused { refusal, envelope, spot }),
            Update::Missing => Err(SigningError::NoSuchEnvelope(id.to_owned())),
        }
    }

    /// Carries out the tasks of an envelope that `until` admits, in the commit that removes them from the envelope.
    pub(super) async fn carry_out_tasks(&self, id: &str, until: Until) -> Result<Vec<Ran>, StoreError> {
        let mut ran = Vec::new();
        let carry_out = |current: &Envelope, commit: &mut Commit| {
            ran.clear();
            let mut next = Envelope::clone(current);
            while ran.len() < until.most
                && next.first_task().is_some_and(|(due, task)| ran.is_empty() || until.admits(due, task.rank()))
                && let Some((due, task)) = next.take_task(until.now)
            {
                let effects = perform_task(&mut next, task, due);
                if effects.is_empty() && task == EnvelopeTask::Remind {
                    // No agent is left who could act on it.
                    next.upcoming.remind = None;
                }
                self.follow_up(&mut next, &effects, due, commit);
                let task = Task::of_envelope(current.id, task);
                ran.push(Ran { item: Item { due, task }, done: !effects.is_empty() });
            }
            Ok::<_, Infallible>((!ran.is_empty()).then_some(next))
        };
        self.records.envelopes.evolve_with(id, carry_out).await?;
        Ok(ran)
    }

    /// Removes the first due task of an envelope without carrying it out. An envelope that was to expire is expired
    /// without an event.
    pub(super) async fn drop_envelope_task(&self, id: &str, now: Timestamp) -> Result<(), StoreError> {
        let without = |current: &Envelope| {
            let mut next = Envelope::clone(current);
            let Some((due, task)) = next.take_task(now) else { return Ok::<_, Infallible>(None) };
            if task == EnvelopeTask::Expire
                && let Some(sent_at) = current.state.sent_at()
            {
                next.state = EnvelopeState::Expired { sent_at, at: due };
            }
            Ok(Some(next))
        };
        self.records.envelopes.evolve(id, without).await.map(drop)
    }
}

/// The effects of a task. A task that the rules refuse by then has none and is not tried again.
fn perform_task(envelope: &mut Envelope, task: EnvelopeTask, due: Timestamp) -> Vec<Effect> {
    let mut effects = Vec::new();
    let _ = match task {
        EnvelopeTask::Expire => envelope.perform(Command::Expire, due, &mut effects),
        EnvelopeTask::Remind => envelope.perform(Command::Remind, due, &mut effects),
        EnvelopeTask::Void => envelope.perform(Command::Void, due, &mut effects),
        EnvelopeTask::Act(act, number) => {
            let Some(spot) = envelope.spot_of(AgentId { envelope: envelope.id, number }) else { return effects };
            let code = code_of(envelope, spot);
            envelope.perform(Command::Act(spot, act_of(act, code.as_deref())), due, &mut effects)
        }
    };
    effects
}
