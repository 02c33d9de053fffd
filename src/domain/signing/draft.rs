//! Changes to a draft: its recipients, and the agents assigned to them (G3, G6, G10).

mod error;

pub use error::DraftError;

use super::{
    agent::{Person, Seat},
    envelope::{Envelope, EnvelopeState, weight_of},
    id::{AgentId, RecipientId},
    recipient::{Recipient, RecipientState, RecipientType, Role},
    refusal::Refusal,
};
use jiff::Timestamp;
use std::collections::HashSet;

/// Maximum number of recipients of an envelope, including removed ones. The recipients are copied with the envelope at
/// each transition.
pub const MOST_RECIPIENTS: usize = 1_000;

/// Maximum number of agents of a recipient.
pub const MOST_AGENTS: usize = 10_000;

/// Approximate maximum size of an envelope's recipients in bytes, including agents and their contexts. A short request
/// can name a group of thousands, and each member gets a copy of the context.
pub const MOST_BYTES: usize = 32 << 20;

#[derive(Clone, Debug)]
pub struct NewRecipient {
    pub kind: RecipientType,
    /// A stable name chosen by the caller.
    pub identifier: Box<str>,
    /// A display name.
    pub role_name: Option<Box<str>>,
    /// Lower orders act first.
    pub order: u32,
    /// Whether the envelope waits for the recipient.
    pub required: bool,
    /// For the caller's own pages.
    pub color: Option<Box<str>>,
    /// The host of an in-person signer; the id as given.
    pub hosted_by: Option<String>,
    /// The recipient that can delegate to this one; the id as given.
    pub delegated_by: Option<String>,
    /// Whether signing requires a one-time code.
    pub phone_verification: bool,
    /// The people who may act for it.
    pub persons: Vec<Person>,
}

impl NewRecipient {
    /// A required signer with order 1 and no agents.
    #[must_use]
    pub fn signer(identifier: impl Into<Box<str>>) -> Self {
        Self {
            kind: RecipientType::Signer,
            identifier: identifier.into(),
            role_name: None,
            order: 1,
            required: true,
            color: None,
            hosted_by: None,
            delegated_by: None,
            phone_verification: false,
            persons: Vec::new(),
        }
    }
}

/// A change to a recipient. Omitted members stay unchanged.
#[derive(Clone, Debug, Default)]
pub struct RecipientChange {
    pub kind: Option<RecipientType>,
    pub identifier: Option<Box<str>>,
    pub role_name: Option<Box<str>>,
    pub order: Option<u32>,
    pub required: Option<bool>,
    pub color: Option<Box<str>>,
    pub hosted_by: Option<String>,
    pub delegated_by: Option<String>,
    pub phone_verification: Option<bool>,
    pub persons: Option<Vec<Person>>,
}

impl Envelope {
    /// Adds a recipient to the draft. `code` returns an agent's one-time code.
    ///
    /// # Errors
    /// A [`DraftError`]; nothing was changed.
    pub fn add_recipient(
        &mut self,
        new: NewRecipient,
        now: Timestamp,
        code: &dyn Fn(AgentId) -> Box<str>,
    ) -> Result<RecipientId, DraftError> {
        self.is_draft()?;
        if self.recipients.len() >= MOST_RECIPIENTS {
            return Err(DraftError::TooManyRecipients);
        }
        // A number is the index plus one; removed recipients keep theirs.
        let number = u32::try_from(self.recipients.len() + 1).unwrap_or(u32::MAX);
        self.is_free(&new.identifier, None)?;
        let role = Role {
            number,
            kind: new.kind,
            identifier: new.identifier,
            role_name: new.role_name,
            order: new.order,
            required: new.required,
            color: new.color,
            hosted_by: self.reference("hostedById", new.hosted_by, Some(RecipientType::Host), number)?,
            delegated_by: self.reference("delegatedById", new.delegated_by, None, number)?,
            phone_verification: new.phone_verification,
            first_agent: self.next_agent,
            persons: Vec::new(),
            codes: Vec::new(),
            weight: 0,
        };
        let role = self.assigned(role, new.persons, code)?;
        self.has_room(&role)?;
        self.next_agent = role.next_agent();
        self.recipients.push(Recipient::waiting(role, now));
        Ok(RecipientId { envelope: self.id, number })
    }

    /// Changes a recipient of the draft. A recipient whose type changes keeps only the reference that fits the new
    /// type, so that a bound host or delegator can be released.
    ///
    /// # Errors
    /// A [`DraftError`]; nothing was changed.
    pub fn change_recipient(
        &mut self,
        id: &str,
        change: RecipientChange,
        now: Timestamp,
        code: &dyn Fn(AgentId) -> Box<str>,
    ) -> Result<(), DraftError> {
        self.is_draft()?;
        let place = self.present_place(id)?;
        let mut role = Role::clone(&self.recipients[place].role);
        if let Some(identifier) = change.identifier {
            self.is_free(&identifier, Some(role.number))?;
            role.identifier = identifier;
        }
        let kind = change.kind.unwrap_or(role.kind);
        if kind != RecipientType::Host {
            // Any type can delegate, but only a host can host.
            self.hosts_nobody(role.number)?;
        }
        if kind != role.kind {
            role.hosted_by = role.hosted_by.filter(|_| kind == RecipientType::InPersonSigner);
            role.delegated_by = role.delegated_by.filter(|_| kind == RecipientType::Delegator);
        }
        if change.hosted_by.is_some() {
            role.hosted_by = self.reference("hostedById", change.hosted_by, Some(RecipientType::Host), role.number)?;
        }
        if change.delegated_by.is_some() {
            role.delegated_by = self.reference("delegatedById", change.delegated_by, None, role.number)?;
        }
        role.kind = kind;
        role.role_name = change.role_name.or(role.role_name);
        role.order = change.order.unwrap_or(role.order);
        role.required = change.required.unwrap_or(role.required);
        role.color = change.color.or(role.color);
        role.phone_verification = change.phone_verification.unwrap_or(role.phone_verification);
        if let Some(persons) = change.persons {
            role.first_agent = self.next_agent;
            role = self.assigned(role, persons, code)?;
        } else {
            role.codes = self.codes(&role, code);
        }
        role.weight = weight(&role);
        self.has_room(&role)?;
        self.next_agent = self.next_agent.max(role.next_agent());
        self.recipients[place] = Recipient::waiting(role, now);
        Ok(())
    }

    /// Removes a recipient from the draft, unless another one refers to it (G7).
    ///
    /// # Errors
    /// A [`DraftError`]; nothing was changed.
    pub fn remove_recipient(&mut self, id: &str, now: Timestamp) -> Result<(), DraftError> {
        self.is_draft()?;
        let place = self.present_place(id)?;
        let number = self.recipients[place].role.number;
        self.hosts_nobody(number)?;
        if let Some(bound) = self.referring(number, |role| role.delegated_by) {
            return Err(DraftError::DelegatorBound(bound));
        }
        self.recipients[place].state = RecipientState::Removed { at: now };
        Ok(())
    }

    fn hosts_nobody(&self, number: u32) -> Result<(), DraftError> {
        match self.referring(number, |role| role.hosted_by) {
            Some(bound) => Err(DraftError::HostBound(bound)),
            None => Ok(()),
        }
    }

    /// The first other recipient whose `reference` is the recipient with this number.
    fn referring(&self, number: u32, reference: impl Fn(&Role) -> Option<u32>) -> Option<RecipientId> {
        let mut present = self.present().map(|(_, recipient)| &recipient.role);
        let bound = present.find(|role| role.number != number && reference(role) == Some(number))?;
        Some(RecipientId { envelope: self.id, number: bound.number })
    }

    fn is_draft(&self) -> Result<(), DraftError> {
        if self.state == EnvelopeState::Draft { Ok(()) } else { Err(DraftError::Refused(Refusal::NotDraft)) }
    }

    /// The index of a recipient that was not removed.
    fn present_place(&self, id: &str) -> Result<usize, DraftError> {
        let place = id.parse().ok().and_then(|id| self.place_of(id));
        let place = place.ok_or_else(|| DraftError::NoSuchRecipient(id.to_owned()))?;
        if self.recipients[place].is_removed() { Err(DraftError::Removed) } else { Ok(place) }
    }

    fn is_free(&self, identifier: &str, except: Option<u32>) -> Result<(), DraftError> {
        let holds = |role: &Role| *role.identifier == *identifier && Some(role.number) != except;
        if self.present().any(|(_, recipient)| holds(&recipient.role)) {
            return Err(DraftError::DuplicateIdentifier(identifier.to_owned()));
        }
        Ok(())
    }

    /// Checks that a role fits in addition to all others.
    fn has_room(&self, role: &Role) -> Result<(), DraftError> {
        let others = self.recipients.iter().map(|other| &other.role).filter(|other| other.number != role.number);
        let bytes = others.map(|other| other.weight).fold(role.weight, usize::saturating_add);
        if bytes > MOST_BYTES { Err(DraftError::TooLarge) } else { Ok(()) }
    }

    /// The number of the recipient that the recipient `own` refers to.
    fn reference(
        &self,
        field: &'static str,
        given: Option<String>,
        kind: Option<RecipientType>,
        own: u32,
    ) -> Result<Option<u32>, DraftError> {
        let Some(given) = given else { return Ok(None) };
        let found = self.present_place(&given).ok().map(|place| &self.recipients[place].role);
        if let Some(role) = found.filter(|role| role.number != own && kind.is_none_or(|kind| role.kind == kind)) {
            return Ok(Some(role.number));
        }
        let wanted = if kind.is_some() { " whose type is host" } else { "" };
        Err(DraftError::WrongReference { field, wanted, given })
    }

    /// A role with its agents, numbered from the role's first agent on.
    fn assigned(
        &self,
        mut role: Role,
        persons: Vec<Person>,
        code: &dyn Fn(AgentId) -> Box<str>,
    ) -> Result<Role, DraftError> {
        let count = u32::try_from(persons.len()).unwrap_or(u32::MAX);
        // Numbers are never reused, so a draft whose agents are changed endlessly runs out of them.
        if persons.len() > MOST_AGENTS || role.first_agent.checked_add(count).is_none() {
            return Err(DraftError::TooManyAgents(persons.len()));
        }
        if let Some(twice) = named_twice(&persons) {
            let (field, value) = match (&twice.email, &twice.phone) {
                (Some(email), _) => ("email", email.to_string()),
                (None, phone) => ("phone", phone.as_deref().unwrap_or_default().to_owned()),
            };
            return Err(DraftError::DuplicateAgent { field, value });
        }
        role.persons = persons;
        role.codes = self.codes(&role, code);
        role.weight = weight(&role);
        Ok(role)
    }

    /// The one-time codes of a role's agents with a phone. Empty unless the role requires phone verification (G2).
    fn codes(&self, role: &Role, code: &dyn Fn(AgentId) -> Box<str>) -> Vec<Option<Box<str>>> {
        if !role.phone_verification {
            return Vec::new();
        }
        let envelope = self.id;
        let of = |(number, person): (u32, &Person)| {
            let phone = person.phone.as_ref()?;
            (!phone.is_empty()).then(|| code(AgentId { envelope, number }))
        };
        (role.first_agent..).zip(&role.persons).map(of).collect()
    }
}

impl Role {
    /// The number after that of its last agent.
    pub(super) fn next_agent(&self) -> u32 {
        self.first_agent.saturating_add(u32::try_from(self.persons.len()).unwrap_or(u32::MAX))
    }
}

/// The first person who equals an earlier one (G10).
fn named_twice(persons: &[Person]) -> Option<&Person> {
    if persons.len() < 2 {
        return None;
    }
    let mut seen = HashSet::with_capacity(persons.len());
    persons.iter().find(|person| !seen.insert(person.identity()))
}

/// Approximate size of a role and its agents in bytes.
pub(super) fn weight(role: &Role) -> usize {
    let of = |person: &Person| {
        let context = person.context.as_ref().map_or(0, weight_of);
        size_of::<Person>() + size_of::<Seat>() + person.contact_bytes() + 64 + context
    };
    let words = [Some(&role.identifier), role.role_name.as_ref(), role.color.as_ref()];
    let words: usize = words.into_iter().flatten().map(|word| word.len()).sum();
    size_of::<Recipient>() + size_of::<Role>() + words + role.persons.iter().map(of).sum::<usize>()
}
