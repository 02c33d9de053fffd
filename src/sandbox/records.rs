//! What a sandbox keeps, to be read. Only use cases change it.

use super::Sandbox;
use crate::{
    base::document::Record,
    domain::{
        actor::ActorState,
        event::Event,
        message::Message,
        session::AgentSession,
        signing::{Contact, Envelope, Group, User},
    },
    store::{Log, Reader, Repository, StoreError},
};
use std::sync::Arc;

impl Sandbox {
    /// The agent sessions.
    #[must_use]
    pub fn agent_sessions(&self) -> &Reader<AgentSession> {
        &self.agent_sessions
    }

    /// What was told of actors; see [`Sandbox::actor`] for what is known of them.
    #[must_use]
    pub fn actors(&self) -> &Reader<ActorState> {
        &self.actors
    }

    /// The envelopes.
    #[must_use]
    pub fn envelopes(&self) -> &Reader<Envelope> {
        &self.envelopes
    }

    /// The address book.
    #[must_use]
    pub fn contacts(&self) -> &Reader<Contact> {
        &self.contacts
    }

    /// The groups of contacts.
    #[must_use]
    pub fn groups(&self) -> &Reader<Group> {
        &self.groups
    }

    /// The team.
    #[must_use]
    pub fn users(&self) -> &Reader<User> {
        &self.users
    }

    /// What the service would have sent to somebody.
    #[must_use]
    pub fn messages(&self) -> &Reader<Message> {
        &self.messages
    }

    /// What happened.
    #[must_use]
    pub fn events(&self) -> &Log<Event> {
        &self.events
    }

    /// Keeps a record that a test needs, as if it had come about.
    ///
    /// # Errors
    /// [`StoreError::Taken`] when its id or one of its keys is in use.
    #[doc(hidden)]
    pub async fn plant<T: Record>(&self, record: Arc<T>) -> Result<(), StoreError> {
        Repository::new(&self.shelf).insert(record).await
    }

    /// Deletes an agent session, and with it what was to happen to it; says whether it was there.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn delete_session(&self, id: &str) -> Result<bool, StoreError> {
        self.agent_sessions.delete(id).await
    }

    /// Deletes all messages, and says how many those were.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn delete_messages(&self) -> Result<usize, StoreError> {
        self.messages.delete_all().await
    }
}
