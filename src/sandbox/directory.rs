//! All sandboxes of a server: by name, and by the credential that a request shows.
//!
//! Bounded: the longest idle sandbox gives way to a new one, and one that is idle for too long is gone when it is next
//! asked for, or when all are next listed. The default sandbox stays. Credentials of removed sandboxes are remembered for
//! a while, so that their refusal can say why.

mod named;

use self::named::NamedSandboxes;
use super::{
    Clients, Credentials, DEFAULT, Issuing, RegisterError, Sandbox, SandboxSettings,
    lasting::{End, Lasting, Leftovers},
    name,
};
use crate::{
    base::{
        clock::{Clock, LastUse},
        ids::Ids,
        position::brief,
        urls::BaseUrl,
    },
    domain::{
        oauth::{Client, KeyError, SecretDigest, built_in},
        scenario::ScenarioSet,
    },
    store::Store,
};
use std::{
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// How many sandboxes there may be, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct SandboxLimits {
    /// Named sandboxes at most.
    pub count: usize,
    /// For how long a named sandbox may be idle, in real time.
    pub idle: Duration,
}

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
}

/// Result of looking up a credential.
#[derive(Debug)]
pub enum FoundSandbox {
    Sandbox(Arc<Sandbox>),
    /// It belonged to a sandbox that is gone, for this reason.
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
    /// What each sandbox's own client can do.
    own_client: Client,
    /// Whether there ever was a sandbox beside the default one, and with it a credential to know.
    has_had_named: AtomicBool,
    named: RwLock<NamedSandboxes>,
    /// How often any sandbox was reset.
    resets: AtomicU64,
    pub(super) leftovers: Arc<Leftovers>,
}

impl Sandboxes {
    /// The default sandbox, alone, with the client that every server knows.
    ///
    /// # Errors
    /// When that client's key cannot be read, which is a defect of this crate.
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
        let lasting = Lasting {
            name: DEFAULT.into(),
            first_shelf: DEFAULT.into(),
            clients: Arc::new(Clients::counted_in(&settings.definitions)),
            settings,
            clock: Arc::new(clock),
            credentials: None,
            issuing: Arc::clone(&issuing),
            store: Arc::clone(&store),
            alarm: Arc::clone(&alarm),
            leftovers: Arc::clone(&leftovers),
            used: LastUse::now(),
            gave_up: AtomicU64::new(0),
        };
        let default = Arc::new(Sandbox::new(lasting, Arc::clone(&scenarios)));
        default.clients.begin_with(Arc::new(own_client.clone()));
        Ok(Self {
            default: RwLock::new(default),
            limits,
            store,
            alarm,
            ids,
            issuing,
            own_client,
            has_had_named: AtomicBool::new(false),
            named: RwLock::new(NamedSandboxes { scenarios, ..NamedSandboxes::default() }),
            resets: AtomicU64::new(0),
            leftovers,
        })
    }

    /// An unused credential: a prefix and `digits` hexadecimal digits.
    #[must_use]
    pub fn draw(&self, prefix: &str, digits: u32) -> String {
        self.ids.secret(prefix, digits)
    }

    /// Replaces the server's scenarios in every sandbox. A sandbox keeps its own.
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

    /// Is notified when a task may be due earlier than expected.
    #[must_use]
    pub fn alarm(&self) -> &Notify {
        &self.alarm
    }

    /// Creates a sandbox, and removes the longest idle one if there would be too many.
    ///
    /// # Errors
    /// When the name is taken or cannot be used.
    pub fn create(&self, new: NewSandbox) -> Result<Arc<Sandbox>, CreateError> {
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
        let lasting = Lasting {
            first_shelf: format!("{name}/{}", credentials.client_id).into(),
            name: Arc::clone(&name),
            clients: Arc::new(Clients::counted_in(&settings.definitions)),
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
        let scenarios = Arc::clone(&self.named.read().unwrap_or_else(PoisonError::into_inner).scenarios);
        let sandbox = Arc::new(Sandbox::new(lasting, scenarios));
        sandbox.clients.begin_with(Arc::new(own_client));
        // Before anybody can find the sandbox, and reset it.
        sandbox.scripts.begin_with(&new.scenarios);
        let mut removed = Vec::new();
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if *name == *DEFAULT || named.by_name.contains_key(&name) {
            return Err(CreateError::Exists(name.to_string()));
        }
        while named.by_name.len() >= self.limits.count.max(1) {
            let Some(longest) = named.by_name.values().max_by_key(|sandbox| sandbox.idle()).cloned() else { break };
            removed.extend(named.remove(&longest, "it gave way to a newer sandbox; see --max-sandboxes"));
        }
        // The files of the server may have changed since it was put together.
        sandbox.scripts.rebase(Arc::clone(&named.scenarios));
        self.has_had_named.store(true, Ordering::Relaxed);
        for credential in sandbox.credentials().iter().flat_map(|credentials| credentials.shown()) {
            named.by_credential.insert(credential.into(), Arc::clone(&name));
        }
        named.by_name.insert(name, Arc::clone(&sandbox));
        drop(named);
        self.end(removed);
        Ok(sandbox)
    }

    /// The sandbox with this name. The lookup counts as use. One that was idle for too long is not found.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Sandbox>> {
        if name == DEFAULT {
            return Some(self.default_sandbox());
        }
        let found = self.named.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()?;
        self.used(found)
    }

    /// The sandbox that a credential belongs to. The lookup counts as use.
    #[must_use]
    pub fn by_credential(&self, credential: &str) -> FoundSandbox {
        // Most servers have the default sandbox alone, and need not look anything up for it.
        if !self.has_had_named.load(Ordering::Relaxed) {
            return FoundSandbox::Unknown;
        }
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let found = match named.by_credential.get(credential).and_then(|name| named.by_name.get(name)) {
            Some(sandbox) => Arc::clone(sandbox),
            None => return named.gone.get(credential).map_or(FoundSandbox::Unknown, |why| FoundSandbox::Gone(why)),
        };
        drop(named);
        self.used(found).map_or(FoundSandbox::Gone(IDLE), FoundSandbox::Sandbox)
    }

    /// The sandbox that an API key belongs to (G8). The lookup counts as use. No other credential counts.
    #[must_use]
    pub fn by_api_key(&self, key: &str) -> FoundSandbox {
        if key == built_in::API_KEY {
            return FoundSandbox::Sandbox(self.default_sandbox());
        }
        if key.starts_with(Credentials::API_KEY) { self.by_credential(key) } else { FoundSandbox::Unknown }
    }

    /// Resets a sandbox: from now on its name and its credentials lead to one that is as it started, with no sessions, an
    /// empty journal and agenda, its first scenarios, ids from the first one on, no assertion used up and no token
    /// revoked. Clients stay, as all credentials do, and so does the clock: it never goes back. `None` if there is no
    /// such sandbox.
    ///
    /// Whatever began before goes on in the old one, and its effects are not visible. [`Sandboxes::clear_away`] frees its
    /// memory.
    pub fn reset(&self, name: &str) -> Option<Arc<Sandbox>> {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let scenarios = Arc::clone(&named.scenarios);
        let mut default = self.default.write().unwrap_or_else(PoisonError::into_inner);
        let current = if name == DEFAULT { &mut *default } else { named.by_name.get_mut(name)? };
        let born = self.resets.fetch_add(1, Ordering::SeqCst) + 1;
        let next = Arc::new(current.successor(born, scenarios));
        let previous = std::mem::replace(current, Arc::clone(&next));
        drop(default);
        drop(named);
        // Outside the locks, because dropping a sandbox frees all that it held.
        previous.leave(End::Reset);
        self.alarm.notify_one();
        Some(next)
    }

    /// The sandbox as it is since its last reset; `None` once it was deleted, even if another one has its name.
    #[must_use]
    pub fn successor(&self, sandbox: &Sandbox) -> Option<Arc<Sandbox>> {
        self.get(sandbox.name()).filter(|found| found.is_same(sandbox))
    }

    /// Removes a sandbox, and returns whether there was one. The default one stays.
    #[must_use]
    pub fn delete(&self, name: &str) -> bool {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let Some(sandbox) = named.by_name.get(name).cloned() else { return false };
        let removed = named.remove(&sandbox, "it was deleted");
        drop(named);
        self.end(removed);
        true
    }

    /// Lets `take` decide about a client's id while nobody else can, and assigns the id to the sandbox if it takes it.
    /// `take` gets whether the id is free, and how many clients and sandboxes have gone.
    pub(super) fn with_ids<T>(
        &self,
        sandbox: &Arc<Sandbox>,
        id: &str,
        take: impl FnOnce(bool, u64) -> Result<T, RegisterError>,
    ) -> Result<T, RegisterError> {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let default = self.default_sandbox();
        let is_default = sandbox.is_same(&default);
        if !is_default && !named.by_name.get(sandbox.name()).is_some_and(|found| found.is_same(sandbox)) {
            return Err(RegisterError::Gone);
        }
        let is_free = !named.by_credential.contains_key(id) && default.clients.get(id).is_none();
        let taken = take(is_free, named.went)?;
        named.gone.remove(id);
        if !is_default {
            named.by_credential.insert(id.into(), sandbox.name().into());
        }
        Ok(taken)
    }

    /// Removes a client and its id; returns whether it was there.
    pub(super) fn forget_client(&self, sandbox: &Sandbox, id: &str, why: &'static str) -> bool {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        // In here, so that nobody registers the id in between and takes this one's tokens over.
        let removed = sandbox.clients.remove(id);
        if removed {
            named.went += 1;
            named.forget(id, why);
        }
        removed
    }

    /// All sandboxes, the default one first, then by name. Those that were idle for too long are removed.
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

    /// Ends sandboxes to which nothing leads any more. Called outside of the locks, because it frees all that they held.
    fn end(&self, removed: impl IntoIterator<Item = Arc<Sandbox>>) {
        for removed in removed {
            removed.leave(End::Gone);
            self.alarm.notify_one();
        }
    }
}

const IDLE: &str = "nobody had used it for too long; see --sandbox-idle";
