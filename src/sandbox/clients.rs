//! The clients of a sandbox, by id. A reset keeps them.

mod room;

use crate::{
    base::{budget::Budget, position::brief},
    domain::oauth::Client,
    store::{Repository, Shelf, StoreError, Update},
};
use room::Room;
use std::{convert::Infallible, sync::Arc};

/// Maximum number of clients in a sandbox.
pub const MOST_CLIENTS: usize = 1_000;

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    /// Another client has the id, in this sandbox or in another one.
    #[error("there is already a client {:?}; delete it first, or leave the id out", brief(.0))]
    Exists(String),
    /// The sandbox has no room for another client.
    #[error("a sandbox has at most {} clients; delete one first", MOST_CLIENTS)]
    TooMany,
    /// All sandboxes together have no room for another client.
    #[error(
        "the clients and scenarios of all sandboxes have reached their memory limit; delete some, or raise --max-memory"
    )]
    Full,
    /// The sandbox or the client was removed in the meantime.
    #[error("the sandbox or the client was removed in the meantime")]
    Gone,
    #[error(transparent)]
    Store(#[from] StoreError),
}

#[derive(Debug)]
pub struct Clients {
    registered: Repository<Client>,
    room: Room,
}

impl Clients {
    pub async fn get(&self, id: &str) -> Result<Option<Arc<Client>>, StoreError> {
        self.registered.get(id).await
    }

    /// Lists all clients in order of registration, then of their ids.
    pub async fn list(&self) -> Result<Vec<Arc<Client>>, StoreError> {
        let mut all = self.registered.all(|_| true).await?;
        all.sort_by(|one, other| (one.created_at, &one.id).cmp(&(other.created_at, &other.id)));
        Ok(all)
    }

    /// Changes a client if the closure returns a change.
    pub async fn change<E>(
        &self,
        id: &str,
        change: impl Fn(&mut Client) -> Result<(), E>,
    ) -> Result<Update<Client, E>, StoreError> {
        let mut before = 0;
        let update = self.registered.update(id, |client| {
            before = client.bytes();
            change(client)
        });
        let update = update.await?;
        if let Update::Done(changed) = &update {
            self.room.resize(before, changed.bytes());
        }
        Ok(update)
    }

    /// An empty list of clients on a shelf that outlives resets; their bytes count against a budget.
    pub(super) fn new(shelf: &Arc<Shelf>, budget: &Arc<Budget>) -> Self {
        Self { registered: Repository::new(shelf), room: Room::in_budget(budget) }
    }

    /// Adds the sandbox's initial client, even if the budget has no room for it.
    pub(super) async fn begin_with(&self, client: Arc<Client>) -> Result<(), StoreError> {
        self.room.take_anyway(client.bytes());
        match self.registered.insert(client).await {
            // The store has it from an earlier run.
            Ok(()) | Err(StoreError::Taken) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Adds a client if there is room for it. Its id was claimed before, so it is free.
    pub(super) async fn put(&self, client: Arc<Client>) -> Result<(), RegisterError> {
        let (id, bytes) = (Arc::clone(&client.id), client.bytes());
        self.room.take(bytes)?;
        let inserted = self.registered.insert(client).await;
        inserted.map_err(|error| {
            self.room.give_back(bytes);
            match error {
                StoreError::Taken => RegisterError::Exists(id.to_string()),
                error => RegisterError::Store(error),
            }
        })
    }

    /// Removes a client and returns whether it existed.
    pub(super) async fn remove(&self, id: &str) -> Result<bool, StoreError> {
        let removed = self.registered.delete_if(id, |_| Ok::<_, Infallible>(())).await?;
        let Update::Done(client) = removed else { return Ok(false) };
        self.room.give_back(client.bytes());
        Ok(true)
    }
}
