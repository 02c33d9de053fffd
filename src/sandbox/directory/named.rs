//! The named sandboxes, and the credentials of all sandboxes.

use crate::{
    domain::scenario::ScenarioSet,
    sandbox::{DEFAULT, Sandbox},
};
use hashbrown::{HashMap, HashSet};
use std::{collections::VecDeque, sync::Arc};

/// Maximum number of remembered credentials that no longer select a sandbox.
const REMEMBERED: usize = 150_000;

#[derive(Debug, Default)]
pub(super) struct NamedSandboxes {
    pub(super) by_name: HashMap<Arc<str>, Arc<Sandbox>>,
    /// The name of the sandbox that a credential belongs to, including those of the default sandbox's clients.
    pub(super) by_credential: HashMap<Arc<str>, Arc<str>>,
    /// The credentials of each sandbox.
    held: HashMap<Arc<str>, HashSet<Arc<str>>>,
    pub(super) gone: HashMap<Arc<str>, &'static str>,
    /// The keys of `gone`, oldest first.
    forgotten_next: VecDeque<Arc<str>>,
    /// The scenarios of a new sandbox.
    pub(super) scenarios: Arc<ScenarioSet>,
    /// Number of clients and sandboxes removed so far.
    pub(super) went: u64,
}

impl NamedSandboxes {
    /// No named sandboxes; the given client belongs to the default sandbox.
    pub(super) fn new(scenarios: Arc<ScenarioSet>, default_client: &str) -> Self {
        let mut new = Self { scenarios, ..Self::default() };
        new.claim(default_client, &DEFAULT.into());
        new
    }

    /// Assigns a credential to a sandbox; returns false if it already belongs to one.
    pub(super) fn claim(&mut self, credential: &str, name: &Arc<str>) -> bool {
        if self.by_credential.contains_key(credential) {
            return false;
        }
        let credential: Arc<str> = credential.into();
        self.gone.remove(&credential);
        self.held.entry(Arc::clone(name)).or_default().insert(Arc::clone(&credential));
        self.by_credential.insert(credential, Arc::clone(name));
        true
    }

    /// Whether a credential belongs to the sandbox with this name object; another sandbox with the same name has
    /// another object.
    pub(super) fn is_claimed_by(&self, credential: &str, name: &Arc<str>) -> bool {
        self.by_credential.get(credential).is_some_and(|owner| Arc::ptr_eq(owner, name))
    }

    /// Revokes a claim, as if it had never been made.
    pub(super) fn release(&mut self, credential: &str) -> Option<Arc<str>> {
        let (credential, name) = self.by_credential.remove_entry(credential)?;
        if let Some(held) = self.held.get_mut(&name) {
            held.remove(&credential);
        }
        Some(credential)
    }

    /// Removes a credential, but remembers why.
    pub(super) fn forget(&mut self, credential: &str, why: &'static str) {
        if let Some(credential) = self.release(credential) {
            self.gone.insert(Arc::clone(&credential), why);
            self.forgotten_next.push_back(credential);
        }
        while self.forgotten_next.len() > REMEMBERED {
            if let Some(oldest) = self.forgotten_next.pop_front() {
                self.gone.remove(&oldest);
            }
        }
    }

    /// Removes a sandbox and its credentials, and returns it to be ended outside the lock. `None` if another sandbox
    /// has its name by now.
    #[must_use]
    pub(super) fn remove(&mut self, sandbox: &Sandbox, why: &'static str) -> Option<Arc<Sandbox>> {
        if !self.by_name.get(sandbox.name())?.is_same(sandbox) {
            return None;
        }
        let removed = self.by_name.remove(sandbox.name())?;
        self.went += 1;
        for credential in self.held.remove(sandbox.name()).unwrap_or_default() {
            self.forget(&credential, why);
        }
        Some(removed)
    }
}
