//! The named sandboxes and the credentials that lead to them.

use crate::{domain::scenario::ScenarioSet, sandbox::Sandbox};
use hashbrown::HashMap;
use std::{collections::VecDeque, sync::Arc};

/// How many credentials of removed sandboxes are remembered.
const REMEMBERED: usize = 150_000;

#[derive(Debug, Default)]
pub(super) struct NamedSandboxes {
    pub(super) by_name: HashMap<Arc<str>, Arc<Sandbox>>,
    /// The names of the sandboxes that credentials belong to.
    pub(super) by_credential: HashMap<Box<str>, Arc<str>>,
    pub(super) gone: HashMap<Box<str>, &'static str>,
    /// The keys of `gone`, oldest first.
    pub(super) forgotten_next: VecDeque<Box<str>>,
    /// What a new sandbox starts with.
    pub(super) scenarios: Arc<ScenarioSet>,
    /// How many clients and sandboxes have gone.
    pub(super) went: u64,
}

impl NamedSandboxes {
    /// Removes a sandbox and its credentials, and returns it to be ended outside of the lock. `None` if another one has
    /// its name by now.
    #[must_use]
    pub(super) fn remove(&mut self, sandbox: &Sandbox, why: &'static str) -> Option<Arc<Sandbox>> {
        if !self.by_name.get(sandbox.name())?.is_same(sandbox) {
            return None;
        }
        let removed = self.by_name.remove(sandbox.name())?;
        self.went += 1;
        let clients = sandbox.clients.ids();
        let api_key = sandbox.credentials().map(|credentials| credentials.api_key.as_str());
        for credential in clients.iter().map(|id| &**id).chain(api_key) {
            self.forget(credential, why);
        }
        Some(removed)
    }

    /// Forgets the sandbox of a credential, but remembers why.
    pub(super) fn forget(&mut self, credential: &str, why: &'static str) {
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
