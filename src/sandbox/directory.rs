//! All sandboxes of a server: by name, and by the credential that a request shows.
//!
//! Bounded: the longest idle sandbox gives way to a new one, and one that is idle for too long is gone when it is next
//! asked for, or when all are next listed. The default sandbox stays. Credentials of sandboxes that went are remembered for a while, so that their
//! refusal can say why.

use super::{Credentials, DEFAULT, Issuing, Made, RegisterError, Sandbox, SandboxSettings};
use crate::{
    clock::Clock,
    ids::Ids,
    oauth::{Client, KeyError, Secret, built_in},
    position::brief,
    scenario::ScenarioSet,
    store::Store,
    urls::BaseUrl,
};
use hashbrown::HashMap;
use std::{
    collections::VecDeque,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::sync::Notify;

/// How many credentials of sandboxes that went are remembered.
const REMEMBERED: usize = 150_000;

/// How many sandboxes there may be, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Named sandboxes at most.
    pub count: usize,
    /// For how long a named sandbox may be idle, in real time.
    pub idle: Duration,
}

/// A sandbox to be made.
#[derive(Debug)]
pub struct NewSandbox {
    /// Its name; drawn when not given.
    pub name: Option<String>,
    /// What it is made with. Without a seed it gets one that follows from the server's and its name, or on a server
    /// without a seed a random one.
    pub settings: SandboxSettings,
    /// Its time.
    pub clock: Clock,
    /// How the caller reaches the server: the `iss` of the sandbox's own access token follows it.
    pub base_url: BaseUrl,
}

/// Why a sandbox was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// There is one of that name.
    #[error("there is a sandbox {:?} already; delete it first, or choose another name", brief(.0))]
    Exists(String),
    /// The name cannot stand in a URL.
    #[error("the name {:?} cannot be used; take 1 to 64 letters, digits, dots, dashes and underscores, but not restore", brief(.0))]
    Name(String),
}

/// Whom a credential lets in where.
#[derive(Debug)]
pub enum Found {
    /// It belongs to a sandbox.
    Sandbox(Arc<Sandbox>),
    /// It belonged to one that went, for this reason.
    Gone(&'static str),
    /// Nobody here made it.
    Unknown,
}

/// All sandboxes of a server.
#[derive(Debug)]
pub struct Sandboxes {
    default: Arc<Sandbox>,
    limits: Limits,
    pub(super) store: Arc<dyn Store>,
    alarm: Arc<Notify>,
    ids: Ids,
    pub(super) issuing: Arc<Issuing>,
    /// What each sandbox's own client can do.
    own_client: Client,
    /// Whether there ever was a sandbox beside the default one, and with it a credential to know.
    has_had_named: AtomicBool,
    named: RwLock<Named>,
}

#[derive(Debug, Default)]
struct Named {
    by_name: HashMap<Arc<str>, Arc<Sandbox>>,
    by_credential: HashMap<Box<str>, Arc<Sandbox>>,
    gone: HashMap<Box<str>, &'static str>,
    /// The keys of `gone`, oldest first.
    forgotten_next: VecDeque<Box<str>>,
    /// What a new sandbox starts with.
    scenarios: Arc<ScenarioSet>,
    /// The shelves of sandboxes that went, still to be cleared.
    left: Vec<Arc<str>>,
    /// How many clients and sandboxes went.
    went: u64,
}

impl Sandboxes {
    /// The default sandbox, alone, with the client that every server knows.
    ///
    /// # Errors
    /// When that client's key cannot be read, which is a defect of this crate.
    pub fn new(
        settings: SandboxSettings,
        limits: Limits,
        store: Arc<dyn Store>,
        scenarios: Arc<ScenarioSet>,
        issuing: Arc<Issuing>,
        ids: Ids,
    ) -> Result<Self, KeyError> {
        let alarm = Arc::new(Notify::new());
        let clock = Clock::system();
        let own_client = built_in::client(built_in::CLIENT_ID, built_in::CLIENT_SECRET, clock.now())?;
        let made = Made {
            name: DEFAULT.into(),
            shelf: DEFAULT.into(),
            settings,
            clock,
            credentials: None,
            scenarios: Arc::clone(&scenarios),
            issuing: Arc::clone(&issuing),
        };
        let default = Arc::new(Sandbox::new(made, Arc::clone(&store), Arc::clone(&alarm)));
        default.clients.begin_with(Arc::new(own_client.clone()));
        Ok(Self {
            default,
            limits,
            store,
            alarm,
            ids,
            issuing,
            own_client,
            has_had_named: AtomicBool::new(false),
            named: RwLock::new(Named { scenarios, ..Named::default() }),
        })
    }

    /// A credential that nobody has: a prefix and so many hexadecimal digits.
    #[must_use]
    pub fn draw(&self, prefix: &str, digits: u32) -> String {
        self.ids.secret(prefix, digits)
    }

    /// Takes the scenarios of the server anew, in every sandbox; what a sandbox was given of its own stays.
    pub fn rebase(&self, scenarios: &Arc<ScenarioSet>) {
        self.named.write().unwrap_or_else(PoisonError::into_inner).scenarios = Arc::clone(scenarios);
        for sandbox in self.list() {
            sandbox.scripts.rebase(Arc::clone(scenarios));
        }
    }

    /// The sandbox that always exists.
    #[must_use]
    pub fn default_sandbox(&self) -> &Arc<Sandbox> {
        &self.default
    }

    /// Is notified when a task may be due earlier than was thought.
    #[must_use]
    pub fn alarm(&self) -> &Notify {
        &self.alarm
    }

    /// Makes a sandbox, and lets the longest idle one go where there would be too many.
    ///
    /// # Errors
    /// When the name is taken or cannot be used.
    pub fn create(&self, new: NewSandbox) -> Result<Arc<Sandbox>, CreateError> {
        let name: Arc<str> = match new.name {
            Some(name) if is_name(&name) => name.into(),
            Some(name) => return Err(CreateError::Name(name)),
            None => self.ids.secret("sb_", 12).into(),
        };
        let mut settings = new.settings;
        // Two sandboxes with one seed would draw the same ids.
        let of_server = self.default.settings().seed;
        settings.seed = settings.seed.or_else(|| Some(Ids::seed_of_sandbox(of_server?, &name)));
        let credentials = Credentials::draw(&self.ids, &name, new.clock.now(), &self.issuing, &new.base_url);
        let own_client = Client {
            id: credentials.client_id.as_str().into(),
            secret: Some(Secret::of(&credentials.client_secret)),
            created_at: new.clock.now(),
            ..self.own_client.clone()
        };
        let made = Made {
            shelf: format!("{name}/{}", credentials.client_id).into(),
            name: Arc::clone(&name),
            settings,
            clock: new.clock,
            credentials: Some(credentials),
            scenarios: Arc::clone(&self.named.read().unwrap_or_else(PoisonError::into_inner).scenarios),
            issuing: Arc::clone(&self.issuing),
        };
        let sandbox = Arc::new(Sandbox::new(made, Arc::clone(&self.store), Arc::clone(&self.alarm)));
        sandbox.clients.begin_with(Arc::new(own_client));
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if *name == *DEFAULT || named.by_name.contains_key(&name) {
            return Err(CreateError::Exists(name.to_string()));
        }
        while named.by_name.len() >= self.limits.count.max(1) {
            let Some(longest) = named.by_name.values().max_by_key(|sandbox| sandbox.idle()).cloned() else { break };
            named.remove(&longest, "it gave way to a newer sandbox; see --max-sandboxes");
            self.alarm.notify_one();
        }
        // The files of the server may have changed since it was put together.
        sandbox.scripts.rebase(Arc::clone(&named.scenarios));
        self.has_had_named.store(true, Ordering::Relaxed);
        for credential in sandbox.credentials.iter().flat_map(Credentials::shown) {
            named.by_credential.insert(credential.into(), Arc::clone(&sandbox));
        }
        named.by_name.insert(name, Arc::clone(&sandbox));
        Ok(sandbox)
    }

    /// The sandbox of a name, which is used by being asked for. One that was idle for too long is not there.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Arc<Sandbox>> {
        if name == DEFAULT {
            return Some(Arc::clone(&self.default));
        }
        let found = self.named.read().unwrap_or_else(PoisonError::into_inner).by_name.get(name).cloned()?;
        self.used(found)
    }

    /// The sandbox that a credential belongs to, which is used by being asked for.
    #[must_use]
    pub fn by_credential(&self, credential: &str) -> Found {
        // Most servers have the default sandbox alone, and need not look anything up for it.
        if !self.has_had_named.load(Ordering::Relaxed) {
            return Found::Unknown;
        }
        let named = self.named.read().unwrap_or_else(PoisonError::into_inner);
        let found = match named.by_credential.get(credential) {
            Some(sandbox) => Arc::clone(sandbox),
            None => return named.gone.get(credential).map_or(Found::Unknown, |why| Found::Gone(why)),
        };
        drop(named);
        self.used(found).map_or(Found::Gone(IDLE), Found::Sandbox)
    }

    /// The sandbox that an API key belongs to (G8), which is used by being asked for. No other credential counts.
    #[must_use]
    pub fn by_api_key(&self, key: &str) -> Found {
        if key == built_in::API_KEY {
            return Found::Sandbox(Arc::clone(&self.default));
        }
        if key.starts_with(Credentials::API_KEY) { self.by_credential(key) } else { Found::Unknown }
    }

    /// Lets a sandbox go, and says whether there was one. The default one stays.
    #[must_use]
    pub fn delete(&self, name: &str) -> bool {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let Some(sandbox) = named.by_name.get(name).cloned() else { return false };
        named.remove(&sandbox, "it was deleted");
        self.alarm.notify_one();
        true
    }

    /// Lets `take` decide about a client's id while nobody else can, and lets the id lead to the sandbox if it takes it.
    /// It is told whether the id is free, and how many clients and sandboxes have gone.
    pub(super) fn with_ids<T>(
        &self,
        sandbox: &Arc<Sandbox>,
        id: &str,
        take: impl FnOnce(bool, u64) -> Result<T, RegisterError>,
    ) -> Result<T, RegisterError> {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let is_default = Arc::ptr_eq(sandbox, &self.default);
        if !is_default && !named.by_name.get(sandbox.name()).is_some_and(|found| Arc::ptr_eq(found, sandbox)) {
            return Err(RegisterError::Gone);
        }
        let is_free = !named.by_credential.contains_key(id) && self.default.clients.get(id).is_none();
        let taken = take(is_free, named.went)?;
        named.gone.remove(id);
        if !is_default {
            named.by_credential.insert(id.into(), Arc::clone(sandbox));
        }
        Ok(taken)
    }

    /// Takes a client away, and lets its id lead nowhere; says whether it was there.
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

    /// The shelves that sandboxes left behind that have gone, for clearing.
    pub(super) fn take_left(&self) -> Vec<Arc<str>> {
        std::mem::take(&mut self.named.write().unwrap_or_else(PoisonError::into_inner).left)
    }

    /// Gives shelves back that could not be cleared.
    pub(super) fn leave_for_later(&self, shelves: Vec<Arc<str>>) {
        self.named.write().unwrap_or_else(PoisonError::into_inner).left.extend(shelves);
    }

    /// All sandboxes, the default one first, then by name. Those that were idle for too long are let go.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Sandbox>> {
        let mut all: Vec<_> =
            self.named.read().unwrap_or_else(PoisonError::into_inner).by_name.values().cloned().collect();
        all.retain(|sandbox| self.stays(sandbox));
        all.sort_by(|one, other| one.name().cmp(other.name()));
        all.insert(0, Arc::clone(&self.default));
        all
    }

    fn used(&self, sandbox: Arc<Sandbox>) -> Option<Arc<Sandbox>> {
        if !self.stays(&sandbox) {
            return None;
        }
        sandbox.used.touch();
        Some(sandbox)
    }

    /// Whether a sandbox may stay; lets it go if it was idle for too long.
    fn stays(&self, sandbox: &Arc<Sandbox>) -> bool {
        if sandbox.idle() <= self.limits.idle {
            return true;
        }
        self.named.write().unwrap_or_else(PoisonError::into_inner).remove(sandbox, IDLE);
        self.alarm.notify_one();
        false
    }
}

const IDLE: &str = "nobody had used it for too long; see --sandbox-idle";

impl Named {
    fn remove(&mut self, sandbox: &Arc<Sandbox>, why: &'static str) {
        self.went += 1;
        // Another one of the same name may have come in the meantime.
        if self.by_name.get(sandbox.name()).is_some_and(|found| Arc::ptr_eq(found, sandbox)) {
            self.by_name.remove(sandbox.name());
            self.left.push(Arc::clone(&sandbox.shelf));
            sandbox.leave();
        }
        let clients = sandbox.clients.ids();
        let api_key = sandbox.credentials.as_ref().map(|credentials| credentials.api_key.as_str());
        for credential in clients.iter().map(|id| &**id).chain(api_key) {
            self.forget(credential, why);
        }
    }

    /// Lets a credential lead nowhere, but remembers why.
    fn forget(&mut self, credential: &str, why: &'static str) {
        if self.by_credential.remove(credential).is_some() {
            self.gone.insert(credential.into(), why);
            self.forgotten_next.push_back(credential.into());
        }
        while self.forgotten_next.len() > REMEMBERED {
            if let Some(oldest) = self.forgotten_next.pop_front() {
                self.gone.remove(&oldest);
            }
        }
    }
}

fn is_name(name: &str) -> bool {
    // A path takes one dot for itself and two for what is above it; the last one is an endpoint of the control plane.
    let has_other_use = [".", "..", "restore"].contains(&name);
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
    !has_other_use && (1..=64).contains(&name.len()) && name.bytes().all(is_plain)
}
