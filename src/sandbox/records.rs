//! Read access to a sandbox's records. Only use cases change them.

use super::Sandbox;
use crate::{
    base::document::Record,
    domain::{
        actor::ActorState,
        event::Event,
        message::Message,
        session::{AgentSession, PendingHandoff},
        signing::{Contact, Envelope, Group, User},
    },
    store::{Log, Reader, Repository, Shelf, StoreError},
};
use std::sync::Arc;

/// The records of a sandbox. Use cases change several of them in one commit.
#[derive(Debug)]
pub(super) struct Records {
    pub(super) agent_sessions: Repository<AgentSession>,
    pub(super) actors: Repository<ActorState>,
    pub(super) pending: Repository<PendingHandoff>,
    pub(super) envelopes: Repository<Envelope>,
    pub(super) contacts: Repository<Contact>,
    pub(super) groups: Repository<Group>,
    pub(super) users: Repository<User>,
    pub(super) messages: Repository<Message>,
    pub(super) events: Log<Event>,
}

impl Records {
    pub(super) fn new(shelf: &Arc<Shelf>) -> Self {
        Self {
            agent_sessions: Repository::new(shelf),
            actors: Repository::new(shelf),
            pending: Repository::new(shelf),
            envelopes: Repository::new(shelf),
            contacts: Repository::new(shelf),
            groups: Repository::new(shelf),
            users: Repository::new(shelf),
            messages: Repository::new(shelf),
            events: Log::new(shelf),
        }
    }
}

impl Sandbox {
    #[must_use]
    pub fn agent_sessions(&self) -> &Reader<AgentSession> {
        &self.records.agent_sessions
    }

    /// Stored changes to actors; [`Sandbox::actor`] returns the full state.
    #[must_use]
    pub fn actors(&self) -> &Reader<ActorState> {
        &self.records.actors
    }

    #[must_use]
    pub fn envelopes(&self) -> &Reader<Envelope> {
        &self.records.envelopes
    }

    #[must_use]
    pub fn contacts(&self) -> &Reader<Contact> {
        &self.records.contacts
    }

    #[must_use]
    pub fn groups(&self) -> &Reader<Group> {
        &self.records.groups
    }

    #[must_use]
    pub fn users(&self) -> &Reader<User> {
        &self.records.users
    }

    #[must_use]
    pub fn messages(&self) -> &Reader<Message> {
        &self.records.messages
    }

    #[must_use]
    pub fn events(&self) -> &Log<Event> {
        &self.records.events
    }

    /// Stores a record that a test needs, as if the service had created it.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its id or one of its keys is in use.
    #[doc(hidden)]
    pub async fn plant<T: Record>(&self, record: Arc<T>) -> Result<(), StoreError> {
        Repository::new(&self.shelf).insert(record).await
    }

    /// Deletes an agent session and its tasks; returns whether it existed.
    pub async fn delete_session(&self, id: &str) -> Result<bool, StoreError> {
        self.records.agent_sessions.delete(id).await
    }

    /// Deletes all messages and returns how many there were.
    pub async fn delete_messages(&self) -> Result<usize, StoreError> {
        self.records.messages.delete_all().await
    }
}
