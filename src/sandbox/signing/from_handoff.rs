//! The envelope that a handoff opens when it asks for signatures (R7, S2).

use super::{CREATED, unopened::Unmade};
use crate::{
    actor::Actor,
    event::Batch,
    sandbox::Sandbox,
    session::{AgentSession, HandoffFacts, Intent, Party},
    signing::{
        Command, Effect, Envelope, EnvelopeId, Locale, MOST_AGENTS, MOST_RECIPIENTS, NewRecipient, Origin, Parties,
        Person, Plan, RecipientType, Terms,
    },
    store::{StoreError, Update},
};
use serde::Deserialize;
use serde_json::Value;
use std::{collections::HashSet, convert::Infallible, sync::Arc};

/// The longest name of an envelope, in characters (G6).
const LONGEST_NAME: usize = 48;

/// After how many days such an envelope expires.
const PERIOD: u8 = 30;

/// What of a handoff makes its envelope.
#[derive(Debug)]
struct Wish {
    name: Box<str>,
    persons: Vec<Person>,
    plan: Option<Arc<Plan>>,
}

impl Wish {
    /// What a new session wishes for, by the facts of its request.
    fn of(session: &AgentSession, plan: Option<Arc<Plan>>) -> Self {
        // By way of a value: of a key that is given twice the last one counts (R10).
        let request: Value = serde_json::from_slice(&session.request).unwrap_or_default();
        let facts = request.get("facts").and_then(|facts| HandoffFacts::deserialize(facts).ok());
        let (title, parties) = facts.map(|facts| (facts.metadata.title, facts.parties)).unwrap_or_default();
        let mut persons: Vec<Person> = parties.into_iter().map(person).collect();
        if persons.is_empty() && session.intent == Intent::SelfSign {
            let Actor { email, display_name, .. } = &session.actor;
            let name = display_name.clone().unwrap_or_default();
            persons.push(person(Party { name, email: email.clone(), telephone: None }));
        }
        Self { name: name_of(title), persons, plan }
    }

    fn any_one(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.parties == Parties::AnyOne)
    }

    /// The recipients, with the persons taken out of the wish. Of more than an envelope takes there are none.
    fn recipients(&mut self) -> Vec<NewRecipient> {
        let any_one = self.any_one();
        if any_one {
            // Whoever is named twice competes once (G10).
            let mut seen = HashSet::new();
            self.persons.retain(|person| seen.insert(person.email.to_lowercase()));
        }
        if self.persons.len() > if any_one { MOST_AGENTS } else { MOST_RECIPIENTS } {
            return Vec::new();
        }
        let persons = std::mem::take(&mut self.persons);
        match persons.is_empty() {
            true => Vec::new(),
            false if any_one => vec![signer("any_one".into(), None, persons)],
            false => {
                let numbered = (1..).zip(persons);
                let role = |(number, person): (u32, Person)| {
                    signer(format!("party_{number}").into(), Some(person.name.clone()), vec![person])
                };
                numbered.map(role).collect()
            }
        }
    }
}

fn person(party: Party) -> Person {
    let Party { name, email, telephone } = party;
    // The contract lets a name be empty, but whoever is invited is called something.
    let name = if name.trim().is_empty() { email.clone() } else { name };
    Person::new(name, email, telephone, Locale::default())
}

fn signer(identifier: Box<str>, role_name: Option<Box<str>>, persons: Vec<Person>) -> NewRecipient {
    NewRecipient {
        kind: RecipientType::Signer,
        identifier,
        role_name,
        order: 1,
        required: true,
        color: None,
        hosted_by: None,
        delegated_by: None,
        phone_verification: false,
        persons,
    }
}

/// A title as an envelope can be named: not too short, and cut where it is too long.
fn name_of(title: Box<str>) -> Box<str> {
    let trimmed = title.trim();
    let end = trimmed.char_indices().nth(LONGEST_NAME).map_or(trimmed.len(), |(end, _)| end);
    let cut = trimmed[..end].trim_end();
    match cut.chars().nth(1) {
        None => "Handoff".into(),
        Some(_) if cut.len() == title.len() => title,
        Some(_) => cut.into(),
    }
}

impl Sandbox {
    /// Sees to it that a new session gets its envelope: at once where people act by themselves or somebody listens, else
    /// when somebody looks.
    pub(in crate::sandbox) async fn wish_for_envelope(
        &self,
        session: Arc<AgentSession>,
        plan: Option<Arc<Plan>>,
    ) -> Result<(), StoreError> {
        let is_urgent = plan.is_some();
        self.unopened.put_off(session, plan);
        // Looked at after it was put off: a listener who comes in between makes it themselves.
        if is_urgent || self.unopened.has_listeners() {
            self.catch_up().await?;
        }
        Ok(())
    }

    /// Makes the envelopes that were put off. To be called before anything is looked at that they could show in.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn catch_up(&self) -> Result<(), StoreError> {
        if self.unopened.is_empty() {
            return Ok(());
        }
        let _turn = self.unopened.turn().await;
        while let Some(Unmade { session, plan }) = self.unopened.take() {
            if let Err(error) = self.open_envelope(Arc::clone(&session), plan.clone()).await {
                self.unopened.put_back(Unmade { session, plan });
                return Err(error);
            }
            self.unopened.made();
        }
        Ok(())
    }

    /// Opens the envelope that a new session asks for. With somebody to sign it is sent at once; else it is a draft to
    /// which recipients can be added.
    async fn open_envelope(&self, mut session: Arc<AgentSession>, plan: Option<Arc<Plan>>) -> Result<(), StoreError> {
        let Some(mut id) = session.envelope_id else { return Ok(()) };
        let mut wish = Wish::of(&session, plan);
        loop {
            let (envelope, effects) = self.envelope_of(&session, id, &mut wish);
            let life = self.events.expect(&envelope);
            match self.envelopes.insert(Arc::clone(&envelope)).await {
                Ok(()) => {
                    self.tell(Batch { at: envelope.terms.created_at, envelope, life, effects });
                    return Ok(());
                }
                Err(StoreError::Taken) => {}
                Err(error) => return Err(error),
            }
            // The id is taken, as after a restore it may be: another one, of which the session is told.
            let recipients = Arc::unwrap_or_clone(envelope).recipients;
            let persons = recipients.into_iter().flat_map(|recipient| Arc::unwrap_or_clone(recipient.role).persons);
            wish.persons.extend(persons);
            id = EnvelopeId(self.ids.envelope());
            let rename = |session: &mut AgentSession| {
                session.envelope_id = Some(id);
                Ok::<_, Infallible>(())
            };
            if let Update::Done(renamed) = self.agent_sessions.update(&session.id, rename).await? {
                session = renamed;
            }
        }
    }

    /// The envelope, whose persons are taken from the wish, and what making and sending it brought about.
    fn envelope_of(&self, session: &AgentSession, id: EnvelopeId, wish: &mut Wish) -> (Arc<Envelope>, Vec<Effect>) {
        let now = session.created_at;
        let origin = Origin { agent_session_id: Arc::clone(&session.id), handoff_id: session.handoff_id.clone() };
        let plan = wish.plan.clone();
        let mut envelope = Envelope::new(
            id,
            Terms {
                name: wish.name.clone(),
                context: None,
                expiration_period_days: PERIOD,
                reminder_initial_delay_days: 0,
                reminder_repeat_interval_days: 0,
                reminder_before_expiration_days: 0,
                reopen: plan.as_ref().is_some_and(|plan| plan.reopen),
                created_at: now,
                origin: Some(Arc::new(origin)),
                plan,
            },
        );
        let recipients = wish.recipients();
        // With nobody to sign, or more parties than an envelope takes, it stays a draft, for somebody to decide.
        let mut is_complete = !recipients.is_empty();
        for recipient in recipients {
            is_complete &= envelope.add_recipient(recipient, now, &|agent| self.code(agent)).is_ok();
        }
        let mut effects = vec![CREATED];
        if is_complete {
            // Where the rules refuse, nothing is changed and nothing told.
            let _ = envelope.perform(Command::Send, now, &mut effects);
        }
        (Arc::new(envelope), effects)
    }
}
