//! The envelope that a handoff opens when it asks for signatures (R7, S2).

use crate::{
    sandbox::Sandbox,
    session::{AgentSession, HandoffRequest, Intent, Party},
    signing::{
        Command, Envelope, EnvelopeId, NewRecipient, Origin, Parties, Person, PhoneContactMethod, Plan, RecipientType,
        Terms,
    },
    store::{StoreError, Update},
};
use std::{collections::HashSet, convert::Infallible, sync::Arc};

/// The longest name of an envelope, in characters (G6).
const LONGEST_NAME: usize = 48;

/// After how many days such an envelope expires.
const PERIOD: u8 = 30;

/// What of a handoff makes its envelope, taken before the session takes the rest.
#[derive(Debug)]
pub(in crate::sandbox) struct Wish {
    name: Box<str>,
    persons: Vec<Person>,
    plan: Option<Arc<Plan>>,
}

impl Wish {
    /// What a request wishes for; nothing, where its intent asks for no signature.
    pub(in crate::sandbox) fn of(request: &HandoffRequest, plan: Option<Arc<Plan>>) -> Option<Self> {
        if !request.intent.asks_for_signatures() {
            return None;
        }
        let facts = request.facts.as_deref();
        let title = facts.map_or("", |facts| &facts.metadata.title);
        let mut persons: Vec<Person> = facts.map_or(&[][..], |facts| &facts.parties).iter().map(person).collect();
        let mut seen = HashSet::new();
        persons.retain(|person| seen.insert(person.email.to_lowercase()));
        if persons.is_empty() && request.intent == Intent::SelfSign {
            let actor = &request.actor;
            let name = actor.display_name.clone().unwrap_or_else(|| actor.email.clone());
            persons.push(person(&Party { name, email: actor.email.clone(), telephone: None }));
        }
        Some(Self { name: name_of(title), persons, plan })
    }
}

fn person(party: &Party) -> Person {
    Person {
        name: party.name.clone(),
        email: party.email.clone(),
        phone: party.telephone.clone(),
        locale: crate::signing::Locale::default(),
        phone_contact_method: party.telephone.as_ref().map(|_| PhoneContactMethod::default()),
        context: None,
        contact_id: None,
        group_id: None,
        user_id: None,
    }
}

/// A title as an envelope can be named: not too short, and cut where it is too long.
fn name_of(title: &str) -> Box<str> {
    let cut: String = title.trim().chars().take(LONGEST_NAME).collect();
    if cut.chars().count() < 2 { "Handoff".into() } else { cut.into() }
}

impl Sandbox {
    /// Opens the envelope that a new session asks for. With somebody to sign it is sent at once; else it is a draft to
    /// which recipients can be added.
    pub(in crate::sandbox) async fn open_envelope(
        &self,
        session: &Arc<AgentSession>,
        wish: Wish,
    ) -> Result<Arc<AgentSession>, StoreError> {
        let Some(mut id) = session.envelope_id else { return Ok(Arc::clone(session)) };
        let mut session = Arc::clone(session);
        loop {
            let (draft, sent, effects) = self.envelope_of(&session, id, &wish);
            match self.envelopes.insert(Arc::new(sent.clone())).await {
                Ok(()) => {
                    self.tell_of_creation(&draft);
                    if !effects.is_empty() {
                        self.tell(&sent, session.created_at, &effects);
                        self.follow_up(&sent, session.created_at, &effects);
                    }
                    return Ok(session);
                }
                Err(StoreError::Taken) => {}
                Err(error) => return Err(error),
            }
            // The id is taken, as after a restore it may be: another one, of which the session is told.
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

    fn envelope_of(
        &self,
        session: &AgentSession,
        id: EnvelopeId,
        wish: &Wish,
    ) -> (Envelope, Envelope, Vec<crate::signing::Effect>) {
        let now = session.created_at;
        let origin = Origin { agent_session_id: Arc::clone(&session.id), handoff_id: session.handoff_id.clone() };
        let plan = wish.plan.clone();
        let mut draft = Envelope::new(
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
        let any_one = wish.plan.as_ref().is_some_and(|plan| plan.parties == Parties::AnyOne);
        let roles: Vec<Vec<Person>> = match any_one {
            true if wish.persons.is_empty() => Vec::new(),
            true => vec![wish.persons.clone()],
            false => wish.persons.iter().map(|person| vec![person.clone()]).collect(),
        };
        let mut complete = !roles.is_empty();
        for (number, persons) in (1..).zip(roles) {
            let role_name = if any_one { None } else { persons.first().map(|person| person.name.clone()) };
            let new = NewRecipient {
                kind: RecipientType::Signer,
                identifier: if any_one { "any_one".into() } else { format!("party_{number}").into() },
                role_name,
                order: 1,
                required: true,
                color: None,
                hosted_by: None,
                delegated_by: None,
                phone_verification: false,
                persons,
            };
            complete &= draft.add_recipient(new, now, &|agent| self.code(agent)).is_ok();
        }
        let mut sent = draft.clone();
        let mut effects = Vec::new();
        // With more parties than an envelope takes it stays a draft, for somebody to decide.
        if complete && sent.perform(Command::Send, now, &mut effects).is_err() {
            effects.clear();
        }
        (draft, sent, effects)
    }
}
