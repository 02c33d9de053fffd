//! Checks, member by member, that the service itself could have created a snapshot.

use super::Snapshot;
use crate::{
    base::{
        names::{control_problem, is_id, is_name},
        reading::quoted,
    },
    domain::{
        actor::{Actor, ActorState},
        contract::{BodyRefusal, HANDOFF_REQUEST, Schema, email_problem, signing},
        session::{AgentSession, HandoffRequest, PendingHandoff},
        signing::{Contact, Envelope, Group, User},
    },
};
use serde::{Serialize, de::IgnoredAny};
use std::{collections::HashSet, fmt::Display, sync::LazyLock};

/// An invalid member: its location as a JSON pointer, and the problem with its fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct Invalid {
    pub place: String,
    pub problem: String,
}

/// Maximum value of an id counter.
const MOST_DRAWN: u64 = 1 << 53;

type Checked = Result<(), Invalid>;

pub(super) fn check(snapshot: &Snapshot) -> Checked {
    let ids = &snapshot.ids;
    for (name, count) in [
        ("agent_sessions", ids.agent_sessions),
        ("requests", ids.requests),
        ("tokens", ids.tokens),
        ("envelopes", ids.envelopes),
        ("contacts", ids.contacts),
        ("groups", ids.groups),
        ("users", ids.users),
        ("messages", ids.messages),
    ] {
        if count > MOST_DRAWN {
            return refuse(&format!("/ids/{name}"), format!("{count} is too large; at most {MOST_DRAWN}"));
        }
    }
    each("actors", &snapshot.actors, actor)?;
    each("agent_sessions", &snapshot.agent_sessions, agent_session)?;
    each("pending_handoffs", &snapshot.pending_handoffs, pending_handoff)?;
    each("envelopes", &snapshot.envelopes, envelope)?;
    each("contacts", &snapshot.contacts, contact)?;
    let contacts: HashSet<&str> = snapshot.contacts.iter().map(|contact| &*contact.id).collect();
    each("contact_groups", &snapshot.contact_groups, |place, one| group(place, one, &contacts))?;
    each("users", &snapshot.users, user)
}

fn each<T>(list: &str, all: &[T], check: impl Fn(&str, &T) -> Checked) -> Checked {
    all.iter().enumerate().try_for_each(|(number, one)| check(&format!("/{list}/{number}"), one))
}

fn actor(place: &str, actor: &ActorState) -> Checked {
    email(&format!("{place}/email"), &actor.email)?;
    let key = ActorState::key(&actor.email);
    if key != *actor.email {
        return refuse(&format!("{place}/email"), format!("actors are kept in lower case; write {}", quoted(&key)));
    }
    Ok(())
}

fn agent_session(place: &str, session: &AgentSession) -> Checked {
    id(&format!("{place}/id"), &session.id, "as_")?;
    let request = body(&format!("{place}/request"), &session.request)?;
    same(&format!("{place}/handoff_id"), &request.handoff_id, &session.handoff_id)?;
    same(&format!("{place}/intent"), request.intent.as_str(), session.intent.as_str())?;
    same_actor(&format!("{place}/actor"), &request, &session.actor)?;
    if session.expires_at < session.created_at {
        return refuse(&format!("{place}/expires_at"), "it is before created_at; write a later time");
    }
    Ok(())
}

fn pending_handoff(place: &str, pending: &PendingHandoff) -> Checked {
    id(&format!("{place}/id"), &pending.id, "ho_")?;
    let request = body(&format!("{place}/body"), &pending.body)?;
    same(&format!("{place}/request/handoff_id"), &request.handoff_id, &pending.request.handoff_id)?;
    same(&format!("{place}/request/intent"), request.intent.as_str(), pending.request.intent.as_str())?;
    let (here, there) = (&pending.request.integration.source, &request.integration.source);
    same(&format!("{place}/request/integration/source"), there, here)?;
    same_actor(&format!("{place}/request/actor"), &request, &pending.request.actor)
}

/// The body of a handoff: it must be valid, because only valid handoffs are stored.
fn body(place: &str, text: &[u8]) -> Result<HandoffRequest, Invalid> {
    static SCHEMA: LazyLock<Option<Schema>> = LazyLock::new(|| Schema::compile(HANDOFF_REQUEST).ok());
    let Some(schema) = &*SCHEMA else { return refuse(place, "it cannot be judged") };
    match schema.check::<HandoffRequest>(text) {
        Ok(accepted) => Ok(accepted.value),
        Err(refusal) => refuse_by_contract(place, &refusal),
    }
}

fn refuse_by_contract<T>(place: &str, refusal: &BodyRefusal) -> Result<T, Invalid> {
    let Some(violation) = refusal.violations.first() else { return refuse(place, refusal.description()) };
    let sentence = violation.to_string();
    let name = if violation.pointer.is_empty() { "the body" } else { &violation.pointer };
    let problem = sentence.strip_prefix(name).unwrap_or(&sentence).trim_start();
    refuse(&format!("{place}{}", violation.pointer), format!("it {problem}"))
}

fn contact(place: &str, contact: &Contact) -> Checked {
    id(&format!("{place}/id"), &contact.id, "cnt_")?;
    by_schema(place, &signing::CONTACT, contact)
}

fn group(place: &str, group: &Group, contacts: &HashSet<&str>) -> Checked {
    id(&format!("{place}/id"), &group.id, "grp_")?;
    by_schema(place, &signing::CONTACT_GROUP, group)?;
    let mut seen = HashSet::new();
    for (number, member) in group.contact_ids.iter().enumerate() {
        let place = format!("{place}/contactIds/{number}");
        if !contacts.contains(&**member) {
            return refuse(&place, format!("there is no contact {} in the snapshot; remove it", quoted(member)));
        }
        if !seen.insert(member) {
            return refuse(&place, format!("the contact {} is in the group already; name it once", quoted(member)));
        }
    }
    Ok(())
}

fn user(place: &str, user: &User) -> Checked {
    if !is_name(&user.id, 64) {
        let problem = "is not an id; take 1 to 64 letters, digits, dots, dashes and underscores";
        return refuse(&format!("{place}/id"), format!("{} {problem}", quoted(&user.id)));
    }
    match user.problem() {
        Some((member, problem)) => refuse(&format!("{place}/{member}"), problem),
        None => Ok(()),
    }
}

fn envelope(place: &str, envelope: &Envelope) -> Checked {
    if let Some(sender) = &envelope.terms.sender {
        email(&format!("{place}/terms/sender/email"), &sender.email)?;
    }
    for (number, recipient) in envelope.recipients.iter().enumerate() {
        let place = format!("{place}/recipients/{number}/role");
        if recipient.role.identifier.is_empty() {
            return refuse(&format!("{place}/identifier"), "it is empty; write a name such as \"buyer\"");
        }
        seen_well(&format!("{place}/identifier"), &recipient.role.identifier)?;
        for (number, person) in recipient.role.persons.iter().enumerate() {
            by_schema(&format!("{place}/persons/{number}"), &signing::CONTACT, person)?;
        }
    }
    Ok(())
}

/// Checks a record against the schema of the body that creates one.
fn by_schema(place: &str, body: &'static signing::Body, record: &impl Serialize) -> Checked {
    let text = serde_json::to_vec(record).unwrap_or_default();
    match body.schema().map(|schema| schema.check::<IgnoredAny>(&text)) {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(refusal)) => refuse_by_contract(place, &refusal),
        Err(_) => refuse(place, "it cannot be judged"),
    }
}

fn same_actor(place: &str, request: &HandoffRequest, actor: &Actor) -> Checked {
    email(&format!("{place}/email"), &actor.email)?;
    same(&format!("{place}/external_user_id"), &request.actor.external_user_id, &actor.external_user_id)?;
    same(&format!("{place}/email"), &request.actor.email, &actor.email)?;
    if request.actor.display_name == actor.display_name {
        return Ok(());
    }
    refuse(&format!("{place}/display_name"), "it differs from the request; write the same")
}

fn same(place: &str, wanted: &str, came: &str) -> Checked {
    if wanted == came {
        return Ok(());
    }
    refuse(place, format!("{} differs from the request, which has {}; write the same", quoted(came), quoted(wanted)))
}

/// Checks that an id has the form of a generated one.
fn id(place: &str, id: &str, prefix: &str) -> Checked {
    if is_id(id, prefix) {
        return Ok(());
    }
    refuse(place, format!("{} is not an id; write \"{prefix}\" and up to 64 letters and digits", quoted(id)))
}

fn seen_well(place: &str, text: &str) -> Checked {
    match control_problem(text) {
        Some(problem) => refuse(place, format!("{} {problem}; remove it", quoted(text))),
        None => Ok(()),
    }
}

fn email(place: &str, text: &str) -> Checked {
    match email_problem(text) {
        Some(problem) => refuse(
            place,
            format!("{} is not an email address: {problem}; write one such as sam@example.com", quoted(text)),
        ),
        None => Ok(()),
    }
}

fn refuse<T>(place: &str, problem: impl Display) -> Result<T, Invalid> {
    Err(Invalid { place: place.to_owned(), problem: problem.to_string() })
}
