//! The one place where everything is composed.

use crate::{
    clock::Stopwatch,
    config::Settings,
    contract::{HANDOFF_REQUEST, Schema, SchemaError},
    journal::Limits,
    sandbox::{SandboxSettings, Sandboxes},
    session::AgentSession,
    store::{Memory, Record, Retention},
};
use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

/// A composed server, ready to be put behind a listener.
#[derive(Debug)]
pub struct App {
    /// What it was told.
    pub settings: Settings,
    /// What every URL that is handed out begins with; without a slash at the end.
    pub base_url: Box<str>,
    /// The schema of a handoff's body.
    pub handoff_request: Schema,
    /// Its worlds.
    pub sandboxes: Sandboxes,
    /// How long it has been there.
    pub uptime: Stopwatch,
    stopping: AtomicBool,
}

impl App {
    /// Composes a server that advertises itself as `base_url`.
    ///
    /// # Errors
    /// When an embedded schema cannot be used, which is a defect of this crate.
    pub fn new(settings: Settings, base_url: &str) -> Result<Arc<Self>, SchemaError> {
        let retention = Retention::unlimited().keep(AgentSession::COLLECTION, settings.max_sessions);
        let store = Arc::new(Memory::new(retention));
        let sandbox = SandboxSettings {
            seed: settings.seed,
            on_duplicate_handoff: settings.on_duplicate_handoff,
            journal: Limits { exchanges: settings.max_exchanges, bytes: settings.max_journal },
        };
        Ok(Arc::new(Self {
            base_url: base_url.into(),
            handoff_request: Schema::compile(HANDOFF_REQUEST)?,
            sandboxes: Sandboxes::new(sandbox, store),
            uptime: Stopwatch::start(),
            stopping: AtomicBool::new(false),
            settings,
        }))
    }

    /// Tells the readiness probe that no new work is wanted.
    pub fn begin_stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Whether the server takes new work.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        !self.stopping.load(Ordering::Relaxed)
    }
}
