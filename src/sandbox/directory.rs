//! The directory of a server's sandboxes: by name, and by the credential in a request.
//!
//! Bounded: a new sandbox replaces the one that was idle longest, and a sandbox that is idle for too long is removed
//! when it is next looked up, or when all are listed. The default sandbox stays. Credentials of removed sandboxes are
//! remembered for a while, so that their refusal can give the reason.

mod creation;
mod named;

pub use creation::{CreateError, NewSandbox};

use self::named::NamedSandboxes;
use super::{
    Clients, Credentials, DEFAULT, Issuing, RegisterError, Sandbox, SandboxSettings,
    lasting::{self, End, Lasting, Leftovers},
};
use crate::{
    base::{
        budget::Account,
        clock::{Clock, LastUse},
        ids::Ids,
    },
    domain::{
        oauth::{Client, KeyError, built_in},
        scenario::ScenarioSet,
    },
    store::{Repository, Shelf, Store},
};
use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// Limits on the number and the idle time of sandboxes.
#[derive(Clone, Copy, Debug)]
pub struct SandboxLimits {
    /// Maximum number of named sandboxes.
    pub count: usize,
    /// How long a named sandbox may be idle, in real time.
    pub idle: Duration,
}

/// Result of looking up a credential.
#[derive(Debug)]
pub enum FoundSandbox {
    Sandbox(Arc<Sandbox>),
    /// It belonged to a sandbox or client that no longer exists, for this reason.
    Gone(&'static str),
    /// This server did not issue it.
    Unknown,
}

#[derive(Debug)]
pub struct Sandboxes {
    default: RwLock<Arc<Sandbox>>,
    limits: SandboxLimits,
    pub(super) store: Arc<dyn Store>,
    alarm: Arc<Notify>,
    ids: Ids,
    pub(super) issuing: Arc<Issuing>,
    /// Template for each sandbox's own client.
    own_client: Client,
    named: RwLock<NamedSandboxes>,
    /// Number of resets of any sandbox.
    resets: AtomicU64,
    pub(super) leftovers: Arc<Leftovers>,
}

impl Sandboxes {
    /// A directory with only the default sandbox. Before it is used, [`Sandboxes::begin`] registers the built-in
    /// client.
    ///
    /// # Errors
    /// When that client's key cannot be read, which is a bug in this crate.
    pub fn new(
        settings: SandboxSettings,
        limits: SandboxLimits,
        store: Arc<dyn Store>,
        scenarios: Arc<ScenarioSet>,
        issuing: Arc<Issuing>,
        ids: Ids,
    ) -> Result<Self, KeyError> {
        let alarm = Arc::new(Notify::new());
        let leftovers = Arc::new(Leftovers::default());
        let clock = Clock::system();
        let own_client = built_in::client(built_in::CLIENT_ID, built_in::CLIENT_SECRET, clock.now())?;
        let over_resets = lasting_shelf(&store, DEFAULT);
        let lasting = Lasting {
            name: DEFAULT.into(),
            first_shelf: DEFAULT.into(),
            clients: Clients::new(&over_resets, &settings.definitions),
            scenarios: Arc::default(),
            settings,
            clock: Arc::new(clock),
            kept_clock: Repository::new(&over_resets),
            credentials: None,
            issuing: Arc::clone(&issuing),
            store: Arc::clone(&store),
            alarm: Arc::clone(&alarm),
            leftovers: Arc::clone(&leftovers),
            used: LastUse::now(),
            gave_up: AtomicU64::new(0),
        };
        let definitions = Account::new(&lasting.settings.definitions);
        let default = Arc::new(Sandbox::new(lasting, Arc::clone(&scenarios), definitions));
        Ok(Self {
            default: RwLock::new(default),
            limits,
            store,
            alarm,
            ids,
            issuing,
            own_client,
            named: RwLock::new(NamedSandboxes::new(scenarios, built_in::CLIENT_ID)),
            resets: AtomicU64::new(0),
            leftovers,
        })
    }

    /// Generates an unused credential: a prefix and `digits` hexadecimal digits.
    #[must_use]
    pub fn draw(&self, prefix: &str, digits: u32) -> String {
        self.ids.secret(prefix, digits)
    }

    /// Replaces the server's scenarios in every sandbox. Sandboxes keep their own.
    pub fn rebase(&self, scenarios: &Arc<ScenarioSet>) {
        self.named.write().unwrap_or_else(PoisonError::into_inner).scenarios = Arc::clone(scenarios);
        for sandbox in self.list() {
            sandbox.scripts.rebase(Arc::clone(scenarios));
        }
    }

    /// The sandbox that always exists.
    #[must_use]
    pub fn default_sandbox(&self) -> Arc<Sandbox> {
        Arc::clone(&self.default.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of resets so far, of any sandbox. Compare it with [`Sandbox::born`].
    #[must_use]
    pub fn resets(&self) -> u64 {
        self.resets.load(Ordering::SeqCst)
    }

    /// Notified when a task may be due earlier than expected.
    #[must_use]
    pub fn alarm(&self) -> &Notify {
        &self.alarm
    }

    /// The server's scenarios.
    #[must_use]
    pub fn scenarios(&self) -> Arc<ScenarioSet> {
        Arc::clone(&self.named.read().unwrap_or_else(PoisonError::into_inner).scenarios)
    }

    /// Makes a new sandbox available by its name and its credentials.
    fn publish(&self, sandbox: &Arc<Sandbox>) -> Result<(), CreateError> {
        let name = &sandbox.lasting.name;
        let mut removed = Vec::new();
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if **name == *DEFAULT || named.by_name.contains_key(name) {
            return Err(CreateError::Exists(name.to_string()));
        }
        while named.by_name.len() >= self.limits.count.max(1) {
            let Some(longest) = named.by_name.values().max_by_key(|sandbox| sandbox.idle()).cloned() else { break };
            removed.extend(named.remove(&longest, "it gave way to a newer sandbox; see --max-sandboxes"));
        }
        // The server's files may have changed since the sandbox was built.
        sandbox.scripts.rebase(Arc::clone(&named.scenarios));
        for credential in sandbox.credentials().iter().flat_map(|credentials| credentials.shown()) {
            named.claim(credential, name);
        }
        named.by_name.insert(Arc::clone(name), Arc::clone(sandbox));
        drop(named);
        self.end(removed);
        Ok(())
    }

    /// Returns the sandbox with this name. The lookup counts as use. A sandbox that was idle for too long is not found.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Sandbox>> {
        if name == DEFAULT {
            return Some(self.default_sandbox());
        }
        let found = self.named.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()?;
        self.used(found)
    }

    /// Returns the sandbox that a credential belongs to. The lookup counts as use.
    #[must_use]
    pub fn by_credential(&self, credential: &str) -> FoundSandbox {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let Some(name) = named.by_credential.get(credential) else {
            return named.gone.get(credential).map_or(FoundSandbox::Unknown, |why| FoundSandbox::Gone(why));
        };
        if **name == *DEFAULT {
            drop(named);
            return FoundSandbox::Sandbox(self.default_sandbox());
        }
        let Some(found) = named.by_name.get(name).cloned() else { return FoundSandbox::Unknown };
        drop(named);
        self.used(found).map_or(FoundSandbox::Gone(IDLE), FoundSandbox::Sandbox)
    }

    /// Returns the sandbox that an API key belongs to (G8). The lookup counts as use. Other credentials are not
    /// accepted.
    #[must_use]
    pub fn by_api_key(&self, key: &str) -> FoundSandbox {
        if key == built_in::API_KEY {
            return FoundSandbox::Sandbox(self.default_sandbox());
        }
        if key.starts_with(Credentials::API_KEY) { self.by_credential(key) } else { FoundSandbox::Unknown }
    }

    /// Returns the sandbox with this name. The lookup does not count as use.
    fn named(&self, name: &str) -> Option<Arc<Sandbox>> {
        if name == DEFAULT {
            return Some(self.default_sandbox());
        }
        self.named.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()
    }

    /// Replaces a sandbox with its successor after a reset. Returns the one now in the directory, which may be that of
    /// a later reset; `None` if the sandbox was removed in the meantime.
    fn replace(&self, next: &Arc<Sandbox>) -> Option<Arc<Sandbox>> {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let mut default = self.default.write().unwrap_or_else(PoisonError::into_inner);
        let current = if next.name() == DEFAULT { Some(&mut *default) } else { named.by_name.get_mut(next.name()) };
        let current = current.filter(|current| current.is_same(next))?;
        if current.born > next.born {
            return Some(Arc::clone(current));
        }
        let previous = std::mem::replace(current, Arc::clone(next));
        // The server's files may have changed since the sandbox was built.
        next.scripts.rebase(Arc::clone(&named.scenarios));
        drop(default);
        drop(named);
        // Outside the locks, because dropping a sandbox frees all its memory.
        previous.leave(End::Reset);
        self.alarm.notify_one();
        Some(Arc::clone(next))
    }

    /// The sandbox after its last reset; `None` if it was deleted, even if another one has its name.
    #[must_use]
    pub fn successor(&self, sandbox: &Sandbox) -> Option<Arc<Sandbox>> {
        self.get(sandbox.name()).filter(|found| found.is_same(sandbox))
    }

    /// Removes a sandbox and returns whether it existed. The default one stays.
    #[must_use]
    pub fn delete(&self, name: &str) -> bool {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let Some(sandbox) = named.by_name.get(name).cloned() else { return false };
        let removed = named.remove(&sandbox, "it was deleted");
        drop(named);
        self.end(removed);
        true
    }

    /// Claims a client id for a sandbox, so that no other sandbox can use it. Returns the number of clients and
    /// sandboxes removed so far.
    ///
    /// # Errors
    /// [`RegisterError::Exists`] when the id is taken; [`RegisterError::Gone`] when the sandbox no longer exists.
    pub(super) fn claim_id(&self, sandbox: &Arc<Sandbox>, id: &str) -> Result<u64, RegisterError> {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let is_default = sandbox.is_same(&self.default_sandbox());
        if !is_default && !named.by_name.get(sandbox.name()).is_some_and(|found| found.is_same(sandbox)) {
            return Err(RegisterError::Gone);
        }
        if !named.claim(id, &sandbox.lasting.name) {
            return Err(RegisterError::Exists(id.to_owned()));
        }
        Ok(named.went)
    }

    /// Whether a sandbox still has its claim to a client id.
    pub(super) fn has_claim(&self, sandbox: &Sandbox, id: &str) -> bool {
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        named.is_claimed_by(id, &sandbox.lasting.name)
    }

    /// Releases an id that a sandbox claimed for a client that was not registered.
    pub(super) fn release_id(&self, sandbox: &Sandbox, id: &str) {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if named.is_claimed_by(id, &sandbox.lasting.name) {
            named.release(id);
        }
    }

    /// Releases the id of a sandbox's removed client.
    pub(super) fn forget_id(&self, sandbox: &Sandbox, id: &str, why: &'static str) {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if named.is_claimed_by(id, &sandbox.lasting.name) {
            named.went += 1;
            named.forget(id, why);
        }
    }

    /// Whether a credential belongs to any sandbox.
    fn is_claimed(&self, credential: &str) -> bool {
        self.named.read().unwrap_or_else(PoisonError::into_inner).by_credential.contains_key(credential)
    }

    /// All sandboxes, the default one first, then by name. Removes those that were idle for too long.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Sandbox>> {
        let mut all: Vec<_> =
            self.named.read().unwrap_or_else(PoisonError::into_inner).by_name.values().cloned().collect();
        all.retain(|sandbox| self.stays(sandbox));
        all.sort_by(|one, other| one.name().cmp(other.name()));
        all.insert(0, self.default_sandbox());
        all
    }

    fn used(&self, sandbox: Arc<Sandbox>) -> Option<Arc<Sandbox>> {
        if !self.stays(&sandbox) {
            return None;
        }
        sandbox.touch();
        Some(sandbox)
    }

    /// Whether a sandbox may stay; removes it if it was idle for too long.
    fn stays(&self, sandbox: &Arc<Sandbox>) -> bool {
        if sandbox.idle() <= self.limits.idle {
            return true;
        }
        let removed = self.named.write().unwrap_or_else(PoisonError::into_inner).remove(sandbox, IDLE);
        self.end(removed);
        false
    }

    /// Ends sandboxes that can no longer be found. Called outside the locks, because it frees all their memory.
    fn end(&self, removed: impl IntoIterator<Item = Arc<Sandbox>>) {
        for removed in removed {
            removed.leave(End::Gone);
            self.alarm.notify_one();
        }
    }
}

/// The part of the store that a sandbox keeps across resets.
fn lasting_shelf(store: &Arc<dyn Store>, first_shelf: &str) -> Arc<Shelf> {
    Arc::new(Shelf::new(Arc::clone(store), lasting::name_over_resets(first_shelf)))
}

const IDLE: &str = "it was idle for too long; see --sandbox-idle";
