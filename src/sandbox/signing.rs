//! Envelopes of a sandbox: every transition through the store, told once, and followed by what it leads to.

mod address_book;
mod error;
mod from_handoff;
mod people;
mod unopened;

pub use address_book::{AgentSource, NewContact, NewGroup, NewUser};
pub use error::{SigningError, SigningErrorKind};
pub(super) use from_handoff::advise;
pub use unopened::Listener;
pub(super) use unopened::Unopened;

use super::Sandbox;
use crate::{
    base::urls::BaseUrl,
    domain::{
        agenda::Task,
        event::{Batch, EventLog},
        message::{About, Channel, Message, MessageKind},
        signing::{
            Act, AgentId, Command, DraftError, Effect, EffectKind, Envelope, EnvelopeId, Judgement, NewRecipient,
            PhoneContactMethod, Recipient, RecipientChange, RecipientId, Spot, Terms,
        },
    },
    store::{Repository, StoreError, Update, Usage},
};
use jiff::Timestamp;
use std::sync::Arc;

/// What making an envelope brings about.
const CREATED: Effect = Effect { kind: EffectKind::EnvelopeCreated, recipient: None, agent: None };

/// What came of a command that was not refused.
#[derive(Debug)]
pub struct Performed {
    /// The envelope as it now is.
    pub envelope: Arc<Envelope>,
    /// Where the agent is who did it, if one did.
    pub spot: Option<Spot>,
    /// Whether it had effects; a repeated one has none.
    pub effective: bool,
}

impl Sandbox {
    /// Its envelopes.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn envelopes(&self) -> Result<&Repository<Envelope>, StoreError> {
        self.catch_up().await?;
        Ok(&self.envelopes)
    }

    /// What happened in it.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn events(&self) -> Result<&EventLog, StoreError> {
        self.catch_up().await?;
        Ok(&self.events)
    }

    /// How full the collection of envelopes is, and how many were given up for newer ones.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn fill_of_envelopes(&self) -> Result<Usage, StoreError> {
        let usage = self.envelopes().await?.fill().await?;
        Ok(Usage { dropped: usage.dropped + self.unopened.dropped(), ..usage })
    }

    /// Makes a draft (G6). `base_url` is how the caller reaches the server.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn create_envelope(&self, terms: Terms, base_url: Option<BaseUrl>) -> Result<Arc<Envelope>, StoreError> {
        // So that what came before is told before.
        self.catch_up().await?;
        let draft = Envelope { base_url, ..Envelope::new(EnvelopeId(0), terms) };
        loop {
            let envelope = Arc::new(Envelope { id: EnvelopeId(self.ids.envelope()), ..draft.clone() });
            self.events.expect(&envelope);
            match self.envelopes.insert(Arc::clone(&envelope)).await {
                Ok(()) => {
                    let at = envelope.terms.created_at;
                    self.tell(Batch { envelope: Arc::clone(&envelope), at, effects: vec![CREATED] });
                    return Ok(envelope);
                }
                Err(StoreError::Taken) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// The envelope of an id.
    ///
    /// # Errors
    /// [`SigningError::NoSuchEnvelope`], or when the store is unavailable.
    pub async fn envelope(&self, id: &str) -> Result<Arc<Envelope>, SigningError> {
        let found = self.envelopes().await?.get(id).await?;
        found.ok_or_else(|| SigningError::NoSuchEnvelope(id.to_owned()))
    }

    /// Deletes a draft (G6), without an event.
    ///
    /// # Errors
    /// [`SigningError::NoSuchEnvelope`], `Envelope.NotDeletable` of an envelope that was sent, or when the store is
    /// unavailable.
    pub async fn delete_envelope(&self, id: &str) -> Result<(), SigningError> {
        match self.envelopes().await?.delete_if(id, Envelope::judge_deletion).await? {
            Update::Done(_) => Ok(()),
            Update::Refused(refusal, envelope) => Err(SigningError::Refused { refusal, envelope, spot: None }),
            Update::Missing => Err(SigningError::NoSuchEnvelope(id.to_owned())),
        }
    }

    /// The recipient of an id, one that was removed included.
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
    /// A [`SigningError`], and nothing was changed.
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

    /// Changes a recipient of a draft, or its agents where some are given.
    ///
    /// # Errors
    /// A [`SigningError`], and nothing was changed.
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

    /// Takes a recipient out of a draft.
    ///
    /// # Errors
    /// A [`SigningError`], and nothing was changed.
    pub async fn remove_recipient(&self, envelope: &str, recipient: &str) -> Result<Arc<Envelope>, SigningError> {
        self.change_draft(envelope, |draft, now| draft.remove_recipient(recipient, now)).await
    }

    async fn change_draft(
        &self,
        id: &str,
        mut change: impl FnMut(&mut Envelope, Timestamp) -> Result<(), DraftError>,
    ) -> Result<Arc<Envelope>, SigningError> {
        match self.envelopes().await?.update(id, |draft| change(draft, self.clock.now())).await? {
            Update::Done(envelope) => Ok(envelope),
            Update::Refused(error, envelope) => Err(SigningError::Draft { error, envelope: envelope.id }),
            Update::Missing => Err(SigningError::NoSuchEnvelope(id.to_owned())),
        }
    }

    /// Sends a draft: those whose turn it is are invited (G4, G7).
    ///
    /// # Errors
    /// A [`SigningError`], and nothing was changed.
    pub async fn send_envelope(&self, id: &str) -> Result<Performed, SigningError> {
        self.command(id, None, Command::Send).await
    }

    /// Calls an envelope off (G6).
    ///
    /// # Errors
    /// A [`SigningError`], and nothing was changed.
    pub async fn void_envelope(&self, id: &str) -> Result<Performed, SigningError> {
        self.command(id, None, Command::Void).await
    }

    /// Ends an envelope before its time is over, as if it were (G6).
    ///
    /// # Errors
    /// A [`SigningError`], and nothing was changed.
    pub async fn expire_envelope(&self, id: &str) -> Result<Performed, SigningError> {
        self.command(id, None, Command::Expire).await
    }

    /// An agent does something (G4, G10).
    ///
    /// # Errors
    /// A [`SigningError`], and nothing was changed.
    pub async fn act(&self, agent: &str, act: Act<'_>) -> Result<Performed, SigningError> {
        let no_such_agent = || SigningError::NoSuchAgent(agent.to_owned());
        let id: AgentId = agent.parse().map_err(|_| no_such_agent())?;
        self.act_at(id, act, None).await
    }

    async fn act_at(&self, id: AgentId, act: Act<'_>, at: Option<Timestamp>) -> Result<Performed, SigningError> {
        let (envelope, spot) = self.found(id).await?;
        self.command(&envelope.id.to_string(), at, Command::Act(spot, act)).await
    }

    /// The envelope of an agent, and where the agent is in it.
    async fn found(&self, id: AgentId) -> Result<(Arc<Envelope>, Spot), SigningError> {
        let no_such_agent = || SigningError::NoSuchAgent(id.to_string());
        let envelope = self.envelopes().await?.get(&id.envelope.to_string()).await?.ok_or_else(no_such_agent)?;
        let spot = envelope.spot_of(id).ok_or_else(no_such_agent)?;
        Ok((envelope, spot))
    }

    /// Carries a command out, at a time or now. Of any number of callers at once, each is judged by what those before
    /// it left; one who is refused has cost a look.
    async fn command(&self, id: &str, at: Option<Timestamp>, command: Command<'_>) -> Result<Performed, SigningError> {
        let mut effects = Vec::new();
        let mut now = at.unwrap_or_default();
        let updated = self.envelopes().await?.evolve(id, |current| {
            effects.clear();
            if current.judge(command)? == Judgement::Repeated {
                return Ok(None);
            }
            // Read in here, so that time goes the way of the transitions.
            now = at.unwrap_or_else(|| self.clock.now());
            let mut next = Envelope::clone(current);
            next.perform(command, now, &mut effects)?;
            Ok(Some(next))
        });
        let spot = if let Command::Act(spot, _) = command { Some(spot) } else { None };
        match updated.await? {
            Update::Done(envelope) => {
                let effective = !effects.is_empty();
                if effective {
                    self.tell(Batch { envelope: Arc::clone(&envelope), at: now, effects });
                }
                Ok(Performed { envelope, spot, effective })
            }
            Update::Refused(refusal, envelope) => Err(SigningError::Refused { refusal, envelope, spot }),
            Update::Missing => Err(SigningError::NoSuchEnvelope(id.to_owned())),
        }
    }

    /// Carries out a task of the agenda that is about an envelope; says whether there was something to do.
    pub(super) async fn carry_out_signing(&self, task: &Task, due: Timestamp) -> Result<bool, StoreError> {
        let done = match *task {
            Task::ExpireEnvelope { envelope_id } => {
                self.command(&envelope_id.to_string(), Some(due), Command::Expire).await
            }
            Task::RemindEnvelope { envelope_id } => {
                self.command(&envelope_id.to_string(), Some(due), Command::Remind).await
            }
            Task::VoidEnvelope { envelope_id } => {
                self.command(&envelope_id.to_string(), Some(due), Command::Void).await
            }
            Task::Act { agent_id, act } => self.act_by_itself(agent_id, act, due).await,
            Task::ExpireSession { .. } => return Ok(false),
        };
        match done {
            Ok(performed) => Ok(performed.effective),
            Err(SigningError::Store(error)) => Err(error),
            Err(_) => Ok(false),
        }
    }

    /// Takes what a transition brought about into the log of events, and does what follows from it; both in the order of
    /// the envelope's transitions, so that nothing is planned that a later one has struck off, and nothing struck off
    /// that a later one has planned.
    fn tell(&self, batch: Batch) {
        self.events.append(batch, |batch| self.follow_up(batch));
        self.happened.notify_waiters();
    }

    /// Adds and removes the tasks that follow from a transition, and sends codes.
    fn follow_up(&self, Batch { envelope, at: now, effects, .. }: &Batch) {
        let now = *now;
        let envelope_id = envelope.id;
        for effect in effects {
            match effect.kind {
                EffectKind::EnvelopeSent => self.schedule_end(envelope, now),
                EffectKind::RequestResent => self.schedule_reminder(envelope, now),
                EffectKind::EnvelopeFinalized | EffectKind::EnvelopeVoided | EffectKind::EnvelopeExpired => {
                    self.agenda.remove(&Task::ExpireEnvelope { envelope_id });
                    self.agenda.remove(&Task::RemindEnvelope { envelope_id });
                    self.agenda.remove(&Task::VoidEnvelope { envelope_id });
                    self.give_up_all(envelope);
                }
                EffectKind::AgentInvited | EffectKind::AgentOpened => self.plan_next(envelope, effect, now),
                EffectKind::AgentAccepted => {
                    self.send_code(envelope, effect, now);
                    self.plan_next(envelope, effect, now);
                }
                EffectKind::AgentReleased | EffectKind::AgentDeclined | EffectKind::DocumentSigned => {
                    self.give_up(envelope, effect);
                }
                EffectKind::RecipientCompleted => self.plan_hosted(envelope, effect),
                _ => {}
            }
        }
    }

    fn schedule_end(&self, envelope: &Envelope, now: Timestamp) {
        let envelope_id = envelope.id;
        if let Some(due) = envelope.expires_at() {
            self.schedule(due, Task::ExpireEnvelope { envelope_id });
        }
        self.schedule_reminder(envelope, now);
        self.plan_void(envelope);
    }

    fn schedule_reminder(&self, envelope: &Envelope, now: Timestamp) {
        if let Some(due) = envelope.next_reminder(now) {
            self.schedule(due, Task::RemindEnvelope { envelope_id: envelope.id });
        }
    }

    /// The one-time code of an agent: always the same, so that nothing has to be kept to tell it again.
    fn code(&self, agent: AgentId) -> Box<str> {
        self.ids.code(agent.envelope.0 ^ u64::from(agent.number).rotate_left(32)).into()
    }

    /// Sends a one-time code to an agent, where its recipient requires phone verification (G2).
    fn send_code(&self, envelope: &Envelope, effect: &Effect, at: Timestamp) {
        let Some(spot) = spot_of(effect) else { return };
        let Some(agent_id) = envelope.agent_id(spot) else { return };
        let recipient = envelope.recipient_at(spot.recipient).filter(|recipient| recipient.role.phone_verification);
        let Some((person, code)) = recipient.and_then(|recipient| {
            let place = usize::try_from(spot.agent).ok()?;
            Some((recipient.role.persons.get(place)?, recipient.role.codes.get(place)?.clone()?))
        }) else {
            return;
        };
        let Some(phone) = &person.phone else { return };
        let channel = match person.phone_contact_method.unwrap_or_default() {
            PhoneContactMethod::Sms => Channel::Sms,
            PhoneContactMethod::Whatsapp => Channel::Whatsapp,
        };
        self.messages.capture(Message {
            id: self.ids.message().into(),
            at,
            kind: MessageKind::OneTimeCode,
            channel,
            to: phone.clone(),
            about: About { envelope_id: envelope.id, agent_id, title: envelope.terms.name.clone() },
            locale: person.locale,
            code: Some(code),
            origin: envelope.terms.origin.clone(),
        });
    }
}

/// Where the agent is to whom something happened.
fn spot_of(effect: &Effect) -> Option<Spot> {
    Some(Spot { recipient: effect.recipient?, agent: effect.agent? })
}
