//! The clients of a sandbox, by id.

use crate::oauth::Client;
use hashbrown::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many clients a sandbox has at most.
pub const MOST_CLIENTS: usize = 1_000;

/// The clients of a sandbox.
#[derive(Debug, Default)]
pub struct Clients(RwLock<HashMap<Arc<str>, Arc<Client>>>);

impl Clients {
    /// The client of an id.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Client>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned()
    }

    /// All clients, in order of registration, then of their ids.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        all.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        all
    }

    /// Changes a client, if the change says so; `None` when there is none of that id.
    pub fn change<E>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Client) -> Result<(), E>,
    ) -> Option<Result<Arc<Client>, E>> {
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let known = clients.get_mut(id)?;
        let mut changed = Client::clone(known);
        Some(change(&mut changed).map(|()| {
            *known = Arc::new(changed);
            Arc::clone(known)
        }))
    }

    /// Takes a client in, in the stead of one of the same id; says whether there was room. Whether the id is free on
    /// this server is for the list of all sandboxes to know.
    pub(super) fn put(&self, client: Arc<Client>) -> bool {
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= MOST_CLIENTS && !clients.contains_key(&client.id) {
            return false;
        }
        clients.insert(Arc::clone(&client.id), client);
        true
    }

    pub(super) fn remove(&self, id: &str) -> bool {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(id).is_some()
    }

    pub(super) fn ids(&self) -> Vec<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }
}
