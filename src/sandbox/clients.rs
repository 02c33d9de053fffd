//! The clients of a sandbox, by id.

use crate::{
    base::{
        budget::{Account, Budget},
        position::brief,
    },
    domain::oauth::Client,
};
use hashbrown::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many clients a sandbox has at most.
pub const MOST_CLIENTS: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The id is another client's, in this sandbox or in another one.
    #[error("there is a client {:?} already; delete it first, or let one be drawn", brief(.0))]
    Exists(String),
    /// The sandbox has no room for another one.
    #[error("a sandbox has {} clients at most; delete one first", MOST_CLIENTS)]
    TooMany,
    /// All sandboxes together have no room for another one.
    #[error(
        "clients and scenarios of all sandboxes take up as much memory as they may; delete some, or raise --max-memory"
    )]
    Full,
    /// The sandbox was removed in the meantime.
    #[error("the sandbox is gone")]
    Gone,
}

#[derive(Debug)]
pub struct Clients(RwLock<Registered>);

#[derive(Debug)]
struct Registered {
    by_id: HashMap<Arc<str>, Arc<Client>>,
    bytes: Account,
}

impl Clients {
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Arc<Client>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.get(id).cloned()
    }

    /// All clients, in order of registration, then of their ids.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Client>> {
        let mut all: Vec<_> = self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.values().cloned().collect();
        all.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        all
    }

    /// Changes a client, if the change says so; `None` when no client has that id.
    pub fn change<E>(
        &self,
        id: &str,
        change: impl FnOnce(&mut Client) -> Result<(), E>,
    ) -> Option<Result<Arc<Client>, E>> {
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Registered { by_id, bytes } = &mut *clients;
        let known = by_id.get_mut(id)?;
        let mut changed = Client::clone(known);
        Some(change(&mut changed).map(|()| {
            bytes.sub(known.size());
            bytes.add(changed.size());
            *known = Arc::new(changed);
            Arc::clone(known)
        }))
    }

    /// No clients yet; those that come count against a budget.
    pub(super) fn counted_in(budget: &Arc<Budget>) -> Self {
        Self(RwLock::new(Registered { by_id: HashMap::new(), bytes: Account::new(budget) }))
    }

    /// Adds the client that a sandbox begins with, whether or not the budget has room for it.
    pub(super) fn begin_with(&self, client: Arc<Client>) {
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        clients.bytes.add(client.size());
        clients.by_id.insert(Arc::clone(&client.id), client);
    }

    /// Adds a client if there is room for it. The list of all sandboxes checks that its id is free on this server.
    pub(super) fn put(&self, client: Arc<Client>) -> Result<(), RegisterError> {
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if clients.by_id.len() >= MOST_CLIENTS {
            return Err(RegisterError::TooMany);
        }
        if !clients.bytes.try_add(client.size()) {
            return Err(RegisterError::Full);
        }
        clients.by_id.insert(Arc::clone(&client.id), client);
        Ok(())
    }

    pub(super) fn remove(&self, id: &str) -> bool {
        let mut clients = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let Some(removed) = clients.by_id.remove(id) else { return false };
        clients.bytes.sub(removed.size());
        true
    }

    pub(super) fn ids(&self) -> Vec<Arc<str>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).by_id.keys().cloned().collect()
    }
}
