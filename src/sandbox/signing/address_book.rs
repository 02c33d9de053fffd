//! Contacts, groups and users of a sandbox, and the persons that agents become (G3, G10).

use super::SigningError;
use crate::{
    document::Record,
    sandbox::Sandbox,
    signing::{
        AgentRequest, Contact, DraftError, Group, Locale, MOST_AGENTS, MOST_BYTES, Person, PhoneContactMethod, User,
        weight_of,
    },
    store::{Repository, StoreError},
};
use serde_json::Value;
use std::sync::Arc;

/// How an agent is said to be somebody (G3). Exactly one of the four sources counts.
#[derive(Clone, Debug, Default)]
pub struct AgentSource {
    /// The person, inline.
    pub info: Option<Person>,
    /// A contact.
    pub contact_id: Option<String>,
    /// A member of the team.
    pub user_id: Option<String>,
    /// A group, each of whose members becomes an agent.
    pub group_id: Option<String>,
    /// Free-form, of the caller's own; for each of them.
    pub context: Option<Value>,
    /// How one-time codes are sent, if not as usual.
    pub phone_contact_method: Option<PhoneContactMethod>,
}

impl From<AgentRequest> for AgentSource {
    fn from(request: AgentRequest) -> Self {
        let AgentRequest { info, contact_id, user_id, group_id, context, phone_contact_method } = request;
        Self { info: info.map(Into::into), contact_id, user_id, group_id, context, phone_contact_method }
    }
}

/// A contact, or a user, to be made.
#[derive(Clone, Debug)]
pub struct NewContact {
    /// The full name.
    pub name: Box<str>,
    /// The email address.
    pub email: Box<str>,
    /// E.164.
    pub phone: Option<Box<str>>,
    /// The language of pages and mails.
    pub locale: Locale,
}

/// A group to be made.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// What it is called.
    pub name: Box<str>,
    /// Its members.
    pub contact_ids: Vec<String>,
}

impl Sandbox {
    /// Takes somebody into the address book.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn create_contact(&self, new: NewContact) -> Result<Arc<Contact>, StoreError> {
        let NewContact { name, email, phone, locale } = new;
        let contact = Contact { id: "".into(), name, email, phone, locale, created_at: self.clock.now() };
        inserted(&self.contacts, || Contact { id: self.ids.contact().into(), ..contact.clone() }).await
    }

    /// Makes a group of contacts. It may be empty, though nobody can be assigned by it then; a contact that is named
    /// twice is in it once.
    ///
    /// # Errors
    /// [`SigningError::NoSuchContact`], or when the store is unavailable.
    pub async fn create_group(&self, new: NewGroup) -> Result<Arc<Group>, SigningError> {
        let mut contact_ids: Vec<Arc<str>> = Vec::with_capacity(new.contact_ids.len());
        let mut seen = std::collections::HashSet::new();
        for id in &new.contact_ids {
            let contact = self.contact(id).await?;
            if seen.insert(Arc::clone(&contact.id)) {
                contact_ids.push(Arc::clone(&contact.id));
            }
        }
        let group = Group { id: "".into(), name: new.name, contact_ids, created_at: self.clock.now() };
        Ok(inserted(&self.groups, || Group { id: self.ids.group().into(), ..group.clone() }).await?)
    }

    /// Takes a member into the team, under an id of the caller's choice or one that is drawn.
    ///
    /// # Errors
    /// [`SigningError::UserExists`], or when the store is unavailable.
    pub async fn create_user(&self, id: Option<String>, new: NewContact) -> Result<Arc<User>, SigningError> {
        let NewContact { name, email, phone, locale } = new;
        let user = User { id: "".into(), name, email, phone, locale, created_at: self.clock.now() };
        let Some(id) = id else {
            return Ok(inserted(&self.users, || User { id: self.ids.user().into(), ..user.clone() }).await?);
        };
        let user = Arc::new(User { id: id.as_str().into(), ..user });
        match self.users.insert(Arc::clone(&user)).await {
            Ok(()) => Ok(user),
            Err(StoreError::Taken) => Err(SigningError::UserExists(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// The contact of an id.
    ///
    /// # Errors
    /// [`SigningError::NoSuchContact`], or when the store is unavailable.
    pub async fn contact(&self, id: &str) -> Result<Arc<Contact>, SigningError> {
        self.contacts.get(id).await?.ok_or_else(|| SigningError::NoSuchContact(id.to_owned()))
    }

    /// The group of an id.
    ///
    /// # Errors
    /// [`SigningError::NoSuchGroup`], or when the store is unavailable.
    pub async fn group(&self, id: &str) -> Result<Arc<Group>, SigningError> {
        self.groups.get(id).await?.ok_or_else(|| SigningError::NoSuchGroup(id.to_owned()))
    }

    /// The user of an id.
    ///
    /// # Errors
    /// [`SigningError::NoSuchUser`], or when the store is unavailable.
    pub async fn user(&self, id: &str) -> Result<Arc<User>, SigningError> {
        self.users.get(id).await?.ok_or_else(|| SigningError::NoSuchUser(id.to_owned()))
    }

    /// The persons whom agents of an envelope are said to be; a group is each of its members, as they are now.
    pub(super) async fn persons(&self, envelope: &str, agents: &[AgentSource]) -> Result<Vec<Person>, SigningError> {
        let envelope = self.envelope(envelope).await?.id;
        let mut persons = Vec::new();
        let mut bytes = 0;
        for (place, agent) in agents.iter().enumerate() {
            let before = persons.len();
            let context = agent.context.as_ref().map_or(0, weight_of);
            // Judged before anything is copied: of groups, a few bytes say thousands of agents.
            let mut has_room = |more: usize| {
                bytes += more * context;
                let error = match before + more {
                    count if count > MOST_AGENTS => DraftError::TooManyAgents(count),
                    _ if bytes > MOST_BYTES => DraftError::TooLarge,
                    _ => return Ok(()),
                };
                Err(SigningError::Draft { error, envelope })
            };
            match (&agent.info, &agent.contact_id, &agent.user_id, &agent.group_id) {
                (Some(person), None, None, None) => {
                    has_room(1)?;
                    persons.push(person.clone());
                }
                (None, Some(id), None, None) => {
                    has_room(1)?;
                    persons.push(self.contact(id).await?.person(None));
                }
                (None, None, Some(id), None) => {
                    has_room(1)?;
                    persons.push(self.user(id).await?.person());
                }
                (None, None, None, Some(id)) => {
                    let group = self.group(id).await?;
                    if group.contact_ids.is_empty() {
                        return Err(SigningError::EmptyGroup(id.clone()));
                    }
                    has_room(group.contact_ids.len())?;
                    for member in &group.contact_ids {
                        persons.push(self.contact(member).await?.person(Some(&group)));
                    }
                }
                (None, None, None, None) => return Err(SigningError::NoSource(place)),
                _ => return Err(SigningError::SeveralSources(place)),
            }
            for person in persons.iter_mut().skip(before) {
                bytes += person.name.len() + person.email.len();
                if agent.context.is_some() {
                    person.context.clone_from(&agent.context);
                }
                if person.phone.is_some() {
                    let own = agent.phone_contact_method.or(person.phone_contact_method);
                    person.phone_contact_method = Some(own.unwrap_or_default());
                }
            }
        }
        Ok(persons)
    }
}

/// Keeps a record under an id that is drawn. One that is taken, as it may be after a restore from a snapshot that was
/// written by hand, is drawn anew.
async fn inserted<T: Record>(records: &Repository<T>, mut draw: impl FnMut() -> T) -> Result<Arc<T>, StoreError> {
    loop {
        let record = Arc::new(draw());
        match records.insert(Arc::clone(&record)).await {
            Err(StoreError::Taken) => {}
            Err(error) => return Err(error),
            Ok(()) => return Ok(record),
        }
    }
}
