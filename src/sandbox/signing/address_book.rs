//! Contacts, groups and users of a sandbox, and the people that agents are created from (G3, G10).

use super::SigningError;
use crate::{
    base::{document::Record, ids::Counted},
    domain::signing::{
        AgentRequest, Contact, ContactChange, DraftError, Group, Locale, MOST_AGENTS, MOST_BYTES, NoAddress, Person,
        PhoneContactMethod, User, weight_of,
    },
    sandbox::Sandbox,
    store::{Repository, StoreError, Update},
};
use serde_json::Value;
use std::{collections::HashSet, convert::Infallible, sync::Arc};

/// The source of an agent (G3): exactly one of `info`, `contact_id`, `user_id` and `group_id`.
#[derive(Clone, Debug, Default)]
pub struct AgentSource {
    /// The person, inline.
    pub info: Option<Person>,
    pub contact_id: Option<String>,
    /// A member of the team.
    pub user_id: Option<String>,
    /// A group, each of whose members becomes an agent.
    pub group_id: Option<String>,
    /// Free-form data of the caller, copied to each agent.
    pub context: Option<Value>,
    /// How one-time codes are sent, if not the usual way.
    pub phone_contact_method: Option<PhoneContactMethod>,
}

impl From<AgentRequest> for AgentSource {
    fn from(request: AgentRequest) -> Self {
        let AgentRequest { info, contact_id, user_id, group_id, context, phone_contact_method } = request;
        Self { info: info.map(Into::into), contact_id, user_id, group_id, context, phone_contact_method }
    }
}

#[derive(Clone, Debug)]
pub struct NewContact {
    pub name: Box<str>,
    pub email: Option<Box<str>>,
    pub phone: Option<Box<str>>,
    /// Language of the signing page and of the emails.
    pub locale: Locale,
}

#[derive(Clone, Debug)]
pub struct NewUser {
    pub name: Box<str>,
    pub email: Box<str>,
    pub phone: Option<Box<str>>,
    /// Language of the signing page and of the emails.
    pub locale: Locale,
}

#[derive(Clone, Debug)]
pub struct NewGroup {
    pub name: Box<str>,
    pub contact_ids: Vec<String>,
}

impl Sandbox {
    /// Adds a contact to the address book.
    pub async fn create_contact(&self, new: NewContact) -> Result<Arc<Contact>, StoreError> {
        let NewContact { name, email, phone, locale } = new;
        let contact = Contact { id: "".into(), name, email, phone, locale, created_at: self.clock.now() };
        let numbered = |n| Contact { id: self.ids.contact(n).into(), ..contact.clone() };
        self.insert_numbered(&self.records.contacts, Counted::Contact, numbered).await
    }

    /// Creates a group of contacts. It may be empty, but then it cannot be assigned to a role. Repeated contacts are
    /// added once.
    ///
    /// # Errors
    /// [`SigningError::NoSuchContact`], or when the store is unavailable.
    pub async fn create_group(&self, new: NewGroup) -> Result<Arc<Group>, SigningError> {
        let contact_ids = self.members(&new.contact_ids).await?;
        let group = Group { id: "".into(), name: new.name, contact_ids, created_at: self.clock.now() };
        let numbered = |n| Group { id: self.ids.group(n).into(), ..group.clone() };
        Ok(self.insert_numbered(&self.records.groups, Counted::Group, numbered).await?)
    }

    /// Changes a contact. Agents created from it earlier stay as they are.
    ///
    /// # Errors
    /// [`SigningError::NoSuchContact`] or [`SigningError::NoAddress`], or when the store is unavailable.
    pub async fn change_contact(&self, id: &str, change: ContactChange) -> Result<Arc<Contact>, SigningError> {
        match self.records.contacts.update(id, |contact| contact.change(change.clone())).await? {
            Update::Done(contact) => Ok(contact),
            Update::Refused(NoAddress, _) => Err(SigningError::NoAddress(id.to_owned())),
            Update::Missing => Err(SigningError::NoSuchContact(id.to_owned())),
        }
    }

    /// Deletes a contact and removes it from its groups. Agents created from it stay.
    ///
    /// # Errors
    /// [`SigningError::NoSuchContact`], or when the store is unavailable.
    pub async fn delete_contact(&self, id: &str) -> Result<(), SigningError> {
        if !self.records.contacts.delete(id).await? {
            return Err(SigningError::NoSuchContact(id.to_owned()));
        }
        let is_in = |group: &Group| group.contact_ids.iter().any(|member| **member == *id);
        let without = |group: &mut Group| {
            group.contact_ids.retain(|member| **member != *id);
            Ok::<_, Infallible>(())
        };
        for group in self.records.groups.all(is_in).await? {
            self.records.groups.update(&group.id, without).await?;
        }
        Ok(())
    }

    /// Deletes a user; returns whether it existed. Agents created from the user stay.
    pub async fn delete_user(&self, id: &str) -> Result<bool, StoreError> {
        self.records.users.delete(id).await
    }

    /// Changes a group. Agents created from it earlier stay as they are.
    ///
    /// # Errors
    /// [`SigningError::NoSuchGroup`], [`SigningError::NoSuchContact`] for a member, or when the store is unavailable.
    pub async fn change_group(
        &self,
        id: &str,
        name: Option<Box<str>>,
        members: Option<Vec<String>>,
    ) -> Result<Arc<Group>, SigningError> {
        // Checked first, so that an unknown group is reported before an unknown member.
        self.group(id).await?;
        let members = match members {
            Some(members) => Some(self.members(&members).await?),
            None => None,
        };
        let change = |group: &mut Group| {
            group.name = name.clone().unwrap_or_else(|| group.name.clone());
            group.contact_ids = members.clone().unwrap_or_else(|| group.contact_ids.clone());
            Ok::<_, Infallible>(())
        };
        match self.records.groups.update(id, change).await? {
            Update::Done(group) | Update::Refused(_, group) => Ok(group),
            Update::Missing => Err(SigningError::NoSuchGroup(id.to_owned())),
        }
    }

    /// Deletes a group. Its contacts and the agents created from it stay.
    ///
    /// # Errors
    /// [`SigningError::NoSuchGroup`], or when the store is unavailable.
    pub async fn delete_group(&self, id: &str) -> Result<(), SigningError> {
        if self.records.groups.delete(id).await? { Ok(()) } else { Err(SigningError::NoSuchGroup(id.to_owned())) }
    }

    /// The contacts with these ids, in order, without repetitions.
    async fn members(&self, ids: &[String]) -> Result<Vec<Arc<str>>, SigningError> {
        let mut members = Vec::with_capacity(ids.len());
        let mut seen = HashSet::new();
        for id in ids {
            let contact = self.contact(id).await?;
            if seen.insert(Arc::clone(&contact.id)) {
                members.push(Arc::clone(&contact.id));
            }
        }
        Ok(members)
    }

    /// Adds a member to the team, with the given id or a generated one.
    ///
    /// # Errors
    /// [`SigningError::UserExists`], or when the store is unavailable.
    pub async fn create_user(&self, id: Option<String>, new: NewUser) -> Result<Arc<User>, SigningError> {
        let NewUser { name, email, phone, locale } = new;
        let user = User { id: "".into(), name, email, phone, locale, created_at: self.clock.now() };
        let Some(id) = id else {
            let numbered = |n| User { id: self.ids.user(n).into(), ..user.clone() };
            return Ok(self.insert_numbered(&self.records.users, Counted::User, numbered).await?);
        };
        let user = Arc::new(User { id: id.as_str().into(), ..user });
        match self.records.users.insert(Arc::clone(&user)).await {
            Ok(()) => Ok(user),
            Err(StoreError::Taken) => Err(SigningError::UserExists(id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the contact with this id.
    ///
    /// # Errors
    /// [`SigningError::NoSuchContact`], or when the store is unavailable.
    pub async fn contact(&self, id: &str) -> Result<Arc<Contact>, SigningError> {
        self.records.contacts.get(id).await?.ok_or_else(|| SigningError::NoSuchContact(id.to_owned()))
    }

    /// Returns the group with this id.
    ///
    /// # Errors
    /// [`SigningError::NoSuchGroup`], or when the store is unavailable.
    pub async fn group(&self, id: &str) -> Result<Arc<Group>, SigningError> {
        self.records.groups.get(id).await?.ok_or_else(|| SigningError::NoSuchGroup(id.to_owned()))
    }

    /// Returns the user with this id.
    ///
    /// # Errors
    /// [`SigningError::NoSuchUser`], or when the store is unavailable.
    pub async fn user(&self, id: &str) -> Result<Arc<User>, SigningError> {
        self.records.users.get(id).await?.ok_or_else(|| SigningError::NoSuchUser(id.to_owned()))
    }

    /// Resolves agent sources to people; a group expands to its current members.
    pub(super) async fn persons(&self, envelope: &str, agents: &[AgentSource]) -> Result<Vec<Person>, SigningError> {
        let envelope = self.envelope(envelope).await?.id;
        let mut persons = Vec::new();
        let mut bytes = 0;
        for (place, agent) in agents.iter().enumerate() {
            let before = persons.len();
            let own = agent.info.as_ref().and_then(|info| info.context.as_ref());
            let context = own.or(agent.context.as_ref()).map_or(0, weight_of);
            // Checked before anything is copied: a few bytes that name groups can stand for thousands of agents.
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
                    persons.push(self.contact(id).await?.person());
                }
                (None, None, Some(id), None) => {
                    has_room(1)?;
                    persons.push(self.user(id).await?.person());
                }
                (None, None, None, Some(id)) => {
                    let group = self.group(id).await?;
                    has_room(group.contact_ids.len())?;
                    for member in &group.contact_ids {
                        // A contact that was deleted or dropped in the meantime is no longer a member.
                        if let Some(contact) = self.records.contacts.get(member).await? {
                            persons.push(contact.member(&group));
                        }
                    }
                    if persons.len() == before {
                        return Err(SigningError::EmptyGroup(id.clone()));
                    }
                }
                (None, None, None, None) => return Err(SigningError::NoSource(place)),
                _ => return Err(SigningError::SeveralSources(place)),
            }
            for person in persons.iter_mut().skip(before) {
                bytes += person.contact_bytes();
                // Values inside `info` take precedence over values beside it.
                if person.context.is_none() {
                    person.context.clone_from(&agent.context);
                }
                if person.phone.is_some() {
                    let (inline, beside) = (agent.info.as_ref(), agent.phone_contact_method);
                    let own = inline.and_then(|info| info.phone_contact_method);
                    person.phone_contact_method = Some(own.or(beside).unwrap_or_default());
                }
            }
        }
        Ok(persons)
    }

    /// Stores a record under the id with the next number. If the id is taken, as it may be after restoring a
    /// hand-written snapshot, uses the number after it.
    async fn insert_numbered<T: Record>(
        &self,
        records: &Repository<T>,
        kind: Counted,
        numbered: impl Fn(u64) -> T,
    ) -> Result<Arc<T>, StoreError> {
        loop {
            let record = Arc::new(numbered(self.next_number(kind).await?));
            match records.insert(Arc::clone(&record)).await {
                Err(StoreError::Taken) => {}
                Err(error) => return Err(error),
                Ok(()) => return Ok(record),
            }
        }
    }
}
