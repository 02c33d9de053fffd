//! The envelope that a handoff creates when it asks for signatures (R7, S2).

use super::CREATED;
use crate::{
    config::OnDecline,
    domain::{
        actor::Actor,
        contract::{Advice, read_json},
        session::{AgentSession, HandoffFacts, HandoffRequest, Intent, Party},
        signing::{
            AgentId, Command, Envelope, EnvelopeId, Locale, MOST_AGENTS, MOST_BYTES, MOST_RECIPIENTS, NewRecipient,
            Origin, Parties, Person, Plan, Sender, Terms,
        },
    },
    sandbox::Sandbox,
    store::Commit,
};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::HashSet, sync::Arc};

/// Maximum length of an envelope's name, in characters (G6).
const LONGEST_NAME: usize = 48;

/// Number of days after which such an envelope expires.
const PERIOD: u8 = 30;

/// Code of the advice about parts of a handoff that its envelope cannot use.
const NOT_TAKEN: &str = "not_taken";

/// The parts of a handoff that determine its envelope.
#[derive(Debug)]
pub(in crate::sandbox) struct Wish {
    name: Box<str>,
    persons: Vec<Person>,
    plan: Option<Arc<Plan>>,
}

/// Numbers of parties left out of the envelope, by reason.
#[derive(Debug, Default, PartialEq, Eq)]
struct LeftOut {
    /// Parties with the same email as an earlier one that they would compete with.
    twice: usize,
    /// Parties beyond the maximum of an envelope or of a recipient.
    beyond: usize,
    /// Parties that would exceed the size limit together with earlier ones.
    heavy: usize,
}

impl Wish {
    /// Extracts the wish from a request. Reads `body` again if the request no longer holds its facts.
    pub(in crate::sandbox) fn of(request: &mut HandoffRequest, body: &[u8], plan: Option<Arc<Plan>>) -> Self {
        let facts = request.facts.take().or_else(|| facts_of(body));
        Self::of_facts(facts, request.intent, &request.actor, plan)
    }

    /// As [`Wish::of`], for a session whose request was taken apart earlier.
    pub(in crate::sandbox) fn of_session(session: &AgentSession, plan: Option<Arc<Plan>>) -> Self {
        Self::of_facts(facts_of(&session.request), session.intent, &session.actor, plan)
    }

    fn of_facts(facts: Option<HandoffFacts>, intent: Intent, actor: &Actor, plan: Option<Arc<Plan>>) -> Self {
        let (title, parties) = facts.map(|facts| (facts.metadata.title, facts.parties)).unwrap_or_default();
        let mut persons: Vec<Person> = parties.into_iter().map(person).collect();
        if persons.is_empty() && intent == Intent::SelfSign {
            let Actor { email, display_name, .. } = actor;
            let name = display_name.clone().unwrap_or_default();
            persons.push(person(Party { name, email: email.clone(), telephone: None }));
        }
        Self { name: name_of(&title), persons, plan }
    }

    fn any_one(&self) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.parties == Parties::AnyOne)
    }

    /// Takes the people out of the wish and returns the recipients; parties beyond the limits are left out.
    fn recipients(&mut self) -> (Vec<NewRecipient>, LeftOut) {
        let any_one = self.any_one();
        let mut left_out = LeftOut::default();
        let mut persons = std::mem::take(&mut self.persons);
        let named = persons.len();
        if any_one {
            // A person who is named twice competes once (G10).
            let mut seen = HashSet::new();
            persons.retain(|person| seen.insert(person.identity()));
        }
        left_out.twice = named - persons.len();
        let most = if any_one { MOST_AGENTS } else { MOST_RECIPIENTS };
        left_out.beyond = persons.len().saturating_sub(most);
        persons.truncate(most);
        let recipients = match persons.is_empty() {
            true => Vec::new(),
            false if any_one => vec![signer("any_one".into(), None, persons)],
            false => {
                let numbered = (1..).zip(persons);
                let role = |(number, person): (u32, Person)| {
                    signer(format!("party_{number}").into(), Some(person.name.clone()), vec![person])
                };
                numbered.map(role).collect()
            }
        };
        (recipients, left_out)
    }

    /// Takes the people out of the wish and returns the draft with the given `terms`.
    fn draft(&mut self, id: EnvelopeId, terms: Terms, code: &dyn Fn(AgentId) -> Box<str>) -> (Envelope, LeftOut) {
        let now = terms.created_at;
        let mut draft = Envelope::new(id, terms);
        let (recipients, mut left_out) = self.recipients();
        for recipient in recipients {
            let persons = recipient.persons.len();
            if draft.add_recipient(recipient, now, code).is_err() {
                left_out.heavy += persons;
            }
        }
        (draft, left_out)
    }

    fn terms(&self, created_at: Timestamp, keep_declined: bool, origin: Option<Arc<Origin>>) -> Terms {
        Terms {
            expiration_period_days: PERIOD,
            reopen: self.plan.as_ref().is_some_and(|plan| plan.reopen),
            keep_declined,
            origin,
            plan: self.plan.clone(),
            ..Terms::new(self.name.clone(), created_at)
        }
    }
}

fn facts_of(body: &[u8]) -> Option<HandoffFacts> {
    // Parsed by way of a value, because the last of several duplicate keys counts (R10).
    let request: Value = read_json(body).ok()?;
    HandoffFacts::deserialize(request.get("facts")?).ok()
}

/// Warns about parts of a handoff that its envelope cannot use. Cheap for most requests: a draft is built only for
/// requests that may be too large.
pub(in crate::sandbox) fn advise(request: &HandoffRequest, body: &[u8], plan: Option<&Arc<Plan>>) -> Vec<Advice> {
    let mut advices = Vec::new();
    let Some(facts) = request.facts.as_ref().filter(|_| request.intent.asks_for_signatures()) else {
        return advices;
    };
    let mut advise = |pointer: &str, message: String| {
        advices.push(Advice { pointer: pointer.to_owned(), code: NOT_TAKEN, message });
    };
    let title = &facts.metadata.title;
    let name = name_of(title);
    if *name != **title {
        let count = title.trim().chars().count();
        let why = if count > LONGEST_NAME {
            format!("has {count} characters, but the name of an envelope has at most {LONGEST_NAME}")
        } else if count < 2 {
            "is shorter than the name of an envelope, which has at least 2 characters".to_owned()
        } else {
            "has leading or trailing space".to_owned()
        };
        advise("/facts/metadata/title", format!("{why}; the envelope is named {name:?}"));
    }
    let any_one = plan.is_some_and(|plan| plan.parties == Parties::AnyOne);
    if !any_one && facts.parties.len() <= MOST_RECIPIENTS && body.len() <= MOST_BYTES / 8 {
        return advices;
    }
    let mut wish = Wish::of_facts(Some(facts.clone()), request.intent, &request.actor, plan.cloned());
    let terms = wish.terms(Timestamp::UNIX_EPOCH, false, None);
    let (_, LeftOut { twice, beyond, heavy }) = wish.draft(EnvelopeId(0), terms, &|_| "".into());
    let all = facts.parties.len();
    let at_most = if any_one {
        format!("a recipient has at most {MOST_AGENTS} agents")
    } else {
        format!("an envelope has at most {MOST_RECIPIENTS} recipients")
    };
    if twice > 0 {
        advise(
            "/facts/parties",
            format!("repeats {twice} of {all} parties; a person competes only once for a recipient"),
        );
    }
    if beyond > 0 {
        advise("/facts/parties", format!("has {all} parties, but {at_most}; the last {beyond} are left out"));
    }
    if heavy > 0 {
        let most = MOST_BYTES >> 20;
        let why = format!("the parties of an envelope take up at most {most} MiB");
        advise("/facts/parties", format!("has {all} parties, but {why}; {heavy} are left out"));
    }
    advices
}

fn person(party: Party) -> Person {
    let Party { name, email, telephone } = party;
    // The contract allows an empty name, but an agent must have one.
    let name = if name.trim().is_empty() { email.clone() } else { name };
    Person::new(name, email, telephone, Locale::default())
}

fn signer(identifier: Box<str>, role_name: Option<Box<str>>, persons: Vec<Person>) -> NewRecipient {
    NewRecipient { role_name, persons, ..NewRecipient::signer(identifier) }
}

/// Turns a title into a valid envelope name: not too short, and cut if it is too long.
fn name_of(title: &str) -> Box<str> {
    let trimmed = title.trim();
    let end = trimmed.char_indices().nth(LONGEST_NAME).map_or(trimmed.len(), |(end, _)| end);
    let cut = trimmed[..end].trim_end();
    if cut.chars().nth(1).is_none() { "Handoff".into() } else { cut.into() }
}

impl Sandbox {
    /// Adds the envelope of a new session to the commit that stores the session. It is sent immediately; without
    /// signers, it stays a draft, to which recipients can be added.
    pub(in crate::sandbox) fn open_envelope(&self, session: &AgentSession, mut wish: Wish, commit: &mut Commit) {
        let Some(id) = session.envelope_id else { return };
        let now = session.created_at;
        let keep_declined = self.switches().on_decline == OnDecline::Keep;
        let sender = Sender { email: session.actor.email.clone(), name: session.actor.display_name.clone() };
        let terms = wish.terms(now, keep_declined, Some(Arc::new(session.origin())));
        let terms = Terms { sender: Some(Arc::new(sender)), ..terms };
        let (mut envelope, _) = wish.draft(id, terms, &|agent| self.code(agent));
        envelope.base_url.clone_from(&session.base_url);
        let mut effects = vec![CREATED];
        // Refused without signers; the envelope then stays a draft.
        let _ = envelope.perform(Command::Send, now, &mut effects);
        self.follow_up(&mut envelope, &effects, now, commit);
        commit.insert(Arc::new(envelope));
    }
}
