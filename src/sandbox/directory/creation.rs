//! Makes sandboxes.

use super::{Sandboxes, lasting_shelf};
use crate::{
    base::{
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
    store::StoreError,
};
use std::sync::{Arc, atomic::AtomicU64};

#[derive(Debug)]
pub struct NewSandbox {
    /// Its name; drawn when not given.
    pub name: Option<String>,
    /// Its settings. Without a seed it gets one that follows from the server's and its name, or on a server without a
    /// seed a random one.
    pub settings: SandboxSettings,
    pub clock: Clock,
    /// Scenarios of its own, beside those of the server or instead of them. A reset restores them.
    pub scenarios: ScenarioSet,
    /// How the caller reaches the server: the `iss` of the sandbox's own access token follows it.
    pub base_url: BaseUrl,
}

#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// A sandbox with that name exists.
    #[error("there is a sandbox {:?} already; delete it first, or choose another name", brief(.0))]
    Exists(String),
    /// The name cannot stand in a URL.
    #[error("the name {:?} cannot be used; {}", brief(.0), name::fix(.0))]
    Name(String),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Sandboxes {
    /// Registers the client that every server knows, before the first request.
    ///
    /// # Errors
    /// When the store is unavailable.
    pub async fn begin(&self) -> Result<(), StoreError> {
        self.default_sandbox().clients().begin_with(Arc::new(self.own_client.clone())).await
    }

    /// Creates a sandbox, and removes the longest idle one if there would be too many.
    ///
    /// # Errors
    /// When the name is taken or cannot be used, or when the store is unavailable.
    pub async fn create(&self, new: NewSandbox) -> Result<Arc<Sandbox>, CreateError> {
        let name: Arc<str> = match new.name {
            Some(name) if name::is_valid(&name) => name.into(),
            Some(name) => return Err(CreateError::Name(name)),
            None => self.ids.secret("sb_", 12).into(),
        };
        let mut settings = new.settings;
        // Two sandboxes with one seed would draw the same ids.
        let of_server = self.default_sandbox().settings().seed;
        settings.seed = settings.seed.or_else(|| Some(Ids::seed_of_sandbox(of_server?, &name)));
        let credentials = Credentials::draw(&self.ids, &name, new.clock.now(), &self.issuing, &new.base_url);
        let own_client = Client {
            id: credentials.client_id.as_str().into(),
            secret: Some(SecretDigest::of(&credentials.client_secret)),
            created_at: new.clock.now(),
            ..self.own_client.clone()
        };
        let first_shelf: Arc<str> = format!("{name}/{}", credentials.client_id).into();
        let lasting = Lasting {
            name: Arc::clone(&name),
            clients: Clients::new(&lasting_shelf(&self.store, &first_shelf), &settings.definitions),
            first_shelf,
            settings,
            clock: Arc::new(new.clock),
            credentials: Some(credentials),
            issuing: Arc::clone(&self.issuing),
            store: Arc::clone(&self.store),
            alarm: Arc::clone(&self.alarm),
            leftovers: Arc::clone(&self.leftovers),
            used: LastUse::now(),
            gave_up: AtomicU64::new(0),
        };
        let scenarios = self.scenarios();
        let sandbox = Arc::new(Sandbox::new(lasting, scenarios));
        // Before anybody can find the sandbox, and reset it.
        sandbox.scripts.begin_with(&new.scenarios);
        let begun = sandbox.clients().begin_with(Arc::new(own_client)).await.map_err(CreateError::Store);
        begun.and_then(|()| self.publish(&sandbox)).inspect_err(|_| sandbox.leave(End::Gone))?;
        Ok(sandbox)
    }
}
