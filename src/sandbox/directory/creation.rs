//! Creates sandboxes: new ones, and successors after a reset.
//!
//! A sandbox's initial documents are in the store before it can be found. If they cannot be written, or the caller
//! hangs up, nothing of the sandbox remains.

use super::{Sandboxes, lasting_shelf};
use crate::{
    base::{
        budget::Account,
        clock::{Clock, LastUse},
        ids::Ids,
        position::brief,
        urls::BaseUrl,
    },
    domain::{
        oauth::{Client, SecretDigest},
        scenario::ScenarioSet,
    },
    sandbox::{
        Clients, Credentials, Sandbox, SandboxSettings,
        lasting::{End, Lasting},
        name,
    },
    store::{Commit, Repository, StoreError},
};
use std::{
    ops::Deref,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

#[derive(Debug)]
pub struct NewSandbox {
    /// Its name; generated if not given.
    pub name: Option<String>,
    /// Its settings. Without a seed, it is derived from the server's seed and the name, or random if the server has no
    /// seed.
    pub settings: SandboxSettings,
    pub clock: Clock,
    /// Its own scenarios, in addition to the server's or overriding them. A reset restores them.
    pub scenarios: ScenarioSet,
    /// The URL at which the caller reaches the server; the `iss` of the sandbox's own access token is derived from it.
    pub base_url: BaseUrl,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A sandbox with that name exists.
    #[error("there is already a sandbox {:?}; delete it first, or choose another name", brief(.0))]
    Exists(String),
    /// The name cannot be used in a URL.
    #[error("the name {:?} cannot be used; {}", brief(.0), name::fix(.0))]
    Name(String),
    /// All sandboxes together have no room for its scenarios.
    #[error(
        "the clients and scenarios of all sandboxes have reached their memory limit; delete some, or raise --max-memory"
    )]
    NoRoom,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sandboxes {
    /// Registers the built-in client and takes over what an earlier run left, before the first request.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn begin(&self) -> Result<(), StoreError> {
        let default = self.default_sandbox();
        default.clients().begin_with(Arc::new(self.own_client.clone())).await?;
        default.recall_clock().await?;
        self.ids.begin_run(default.begin_run().await?);
        Ok(())
    }

    /// Creates a sandbox, and removes the one that was idle longest if there would be too many.
    ///
    /// # Errors
    /// When the name is taken or invalid, when there is no room for its scenarios, or when the store is unavailable. No
    /// sandbox was created then.
    pub async fn create(&self, new: NewSandbox) -> Result<Arc<Sandbox>, CreateError> {
        let name: Arc<str> = match new.name {
            Some(name) if name::is_valid(&name) => name.into(),
            Some(name) => return Err(CreateError::Name(name)),
            None => self.ids.secret("sb_", 12).into(),
        };
        let mut settings = new.settings;
        // Two sandboxes with the same seed would generate the same ids.
        let of_server = self.default_sandbox().settings().seed;
        settings.seed = settings.seed.or_else(|| Some(Ids::seed_of_sandbox(of_server?, &name)));
        let mut definitions = Account::new(&settings.definitions);
        let size = new.scenarios.size();
        if size > 0 && !definitions.try_add(size) {
            return Err(CreateError::NoRoom);
        }
        let credentials = loop {
            let drawn = Credentials::draw(&self.ids, &name, new.clock.now(), &self.issuing, &new.base_url);
            // If ids are derived from a seed, a caller may have predicted this id and registered a client with it.
            if !self.is_claimed(&drawn.client_id) {
                break drawn;
            }
        };
        let own_client = Client {
            id: credentials.client_id.as_str().into(),
            secret: Some(SecretDigest::of(&credentials.client_secret)),
            created_at: new.clock.now(),
            ..self.own_client.clone()
        };
        let first_shelf: Arc<str> = format!("{name}/{}", credentials.client_id).into();
        let over_resets = lasting_shelf(&self.store, &first_shelf);
        let lasting = Lasting {
            name,
            clients: Clients::new(&over_resets, &settings.definitions),
            scenarios: new.scenarios.iter().cloned().collect(),
            first_shelf,
            settings,
            clock: Arc::new(new.clock),
            kept_clock: Repository::new(&over_resets),
            credentials: Some(credentials),
            issuing: Arc::clone(&self.issuing),
            store: Arc::clone(&self.store),
            alarm: Arc::clone(&self.alarm),
            leftovers: Arc::clone(&self.leftovers),
            used: LastUse::now(),
            gave_up: AtomicU64::new(0),
        };
        let sandbox = Unpublished::new(Sandbox::new(lasting, self.scenarios(), definitions), End::Gone);
        sandbox.clients().begin_with(Arc::new(own_client)).await?;
        sandbox.keep_clock().await?;
        sandbox.write_first_documents().await?;
        self.publish(&sandbox)?;
        Ok(sandbox.published())
    }

    /// Resets a sandbox: its name and credentials then select a fresh one, without sessions, with an empty journal and
    /// agenda, its initial scenarios, ids from the first one on, and no used assertions or revoked tokens. Clients and
    /// all other credentials stay, and so does the clock, which never goes back. Returns `None` if there is no such
    /// sandbox.
    ///
    /// Requests in progress continue with the old object, and their effects are not visible. [`Sandboxes::clear_away`]
    /// frees its memory.
    ///
    /// # Errors
    /// When the store is unavailable. The sandbox was not reset then.
    pub async fn reset(&self, name: &str) -> Result<Option<Arc<Sandbox>>, StoreError> {
        let Some(current) = self.named(name) else { return Ok(None) };
        let born = self.resets.fetch_add(1, Ordering::SeqCst) + 1;
        let next = Unpublished::new(current.successor(born, self.scenarios()), End::Reset);
        next.write_first_documents().await?;
        Ok(match self.replace(&next) {
            Some(current) if Arc::ptr_eq(&current, &next) => Some(next.published()),
            other => other,
        })
    }
}

impl Sandbox {
    /// Writes the sandbox's initial documents.
    async fn write_first_documents(&self) -> Result<(), StoreError> {
        self.begin_run().await?;
        let mut commit = Commit::new();
        self.scripts.begin(&mut commit);
        if commit.is_empty() { Ok(()) } else { self.shelf.commit(commit).await.map(drop) }
    }
}

/// A sandbox that cannot be found yet. If dropped before it is published, it leaves nothing in the store.
struct Unpublished {
    sandbox: Arc<Sandbox>,
    /// How it ends if it is not published: after a reset, what outlives resets stays.
    end: Option<End>,
}

impl Unpublished {
    fn new(sandbox: Sandbox, end: End) -> Self {
        Self { sandbox: Arc::new(sandbox), end: Some(end) }
    }

    /// Returns the sandbox, which has been published.
    fn published(mut self) -> Arc<Sandbox> {
        self.end = None;
        Arc::clone(&self.sandbox)
    }
}

impl Deref for Unpublished {
    type Target = Arc<Sandbox>;

    fn deref(&self) -> &Arc<Sandbox> {
        &self.sandbox
    }
}

impl Drop for Unpublished {
    fn drop(&mut self) {
        if let Some(end) = self.end {
            self.sandbox.leave(end);
        }
    }
}
