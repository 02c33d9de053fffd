//! Exports a sandbox as a document, and creates one from it.
//!
//! The journal is not included: it records requests to one sandbox, and a restored sandbox is a different one.

mod check;

pub use check::Invalid;

use super::{CreateError, Credentials, NewSandbox, Sandbox, SandboxSettings, Sandboxes};
use crate::{
    base::{
        clock::{Clock, Reading},
        ids::Drawn,
        schema::{SandboxName, Seed},
        urls::BaseUrl,
    },
    config::SwitchChanges,
    domain::{
        actor::ActorState,
        scenario::ScenarioSet,
        session::{AgentSession, PendingHandoff},
        signing::{Contact, Envelope, EnvelopeId, Group, Upcoming, User},
    },
    store::StoreError,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// The contents of a sandbox. All lists are ordered from oldest to newest.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    #[schema(value_type = SandboxName)]
    pub name: String,
    #[schema(value_type = Seed)]
    pub seed: u64,
    /// The clock. A restored clock continues from this time, frozen or running, as if no time had passed.
    pub clock: Reading,
    /// The settings that a sandbox can override; those not given are the server's.
    pub settings: SwitchChanges,
    /// Number of ids generated. A restored sandbox continues with the next ones.
    pub ids: Drawn,
    pub actors: Vec<ActorState>,
    pub agent_sessions: Vec<AgentSession>,
    /// Handoffs that wait for a subscription (S3).
    pub pending_handoffs: Vec<PendingHandoff>,
    /// The envelopes, in an internal format that is only meant for restoring.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub envelopes: Vec<Envelope>,
    /// The address book, in an internal format.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub contacts: Vec<Contact>,
    /// The contact groups, in an internal format.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub contact_groups: Vec<Group>,
    /// The team, in an internal format.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub users: Vec<User>,
}

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// No sandbox can be created with that name.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A member of the snapshot is not one that the service would create.
    #[error("in the body: {0}")]
    Invalid(#[from] Invalid),
    /// Two documents of the snapshot have the same id or key.
    #[error("two of the snapshot's {0} have the same id, or the same handoff_id; remove one of them")]
    Twice(&'static str),
    /// An envelope of the snapshot is invalid.
    #[error("the envelope {0} cannot be restored: {1}")]
    InvalidEnvelope(EnvelopeId, String),
    /// The sandbox was reset before it was complete.
    #[error("the sandbox was reset while it was being restored; delete it, and restore it again")]
    Reset,
    #[error(transparent)]
    Store(StoreError),
}

impl Snapshot {
    /// Checks each member against the rules that apply when the service creates it. Takes milliseconds for a megabyte.
    ///
    /// # Errors
    /// At the first member that violates a rule.
    pub fn check(self) -> Result<CheckedSnapshot, Invalid> {
        check::check(&self)?;
        Ok(CheckedSnapshot(self))
    }
}

/// A snapshot whose members have been checked.
#[derive(Clone, Debug)]
pub struct CheckedSnapshot(Snapshot);

impl Sandbox {
    /// Approximate number of bytes of documents in a snapshot.
    pub async fn size_of_documents(&self) -> Result<usize, StoreError> {
        Ok(self.records.actors.size().await?
            + self.records.pending.size().await?
            + self.records.agent_sessions.size().await?
            + self.records.envelopes.size().await?
            + self.records.groups.size().await?
            + self.records.contacts.size().await?
            + self.records.users.size().await?)
    }

    /// Exports the sandbox. Concurrent handoffs may or may not be included, but no id is used twice.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let actors = self.records.actors.all(|_| true).await?;
        // In this order, so that a handoff that is opened in between is in both lists rather than in none. A restored
        // handoff is opened only once in any case.
        let pending = self.records.pending.all(|_| true).await?;
        let sessions = self.records.agent_sessions.all(|_| true).await?;
        let envelopes = self.records.envelopes.all(|_| true).await?;
        let without_plans = |envelope: Envelope| Envelope { upcoming: Upcoming::default(), ..envelope };
        let groups = self.records.groups.all(|_| true).await?;
        let contacts = self.records.contacts.all(|_| true).await?;
        let users = self.records.users.all(|_| true).await?;
        Ok(Snapshot {
            name: self.name().to_owned(),
            seed: self.ids.seed(),
            clock: self.clock.read(),
            settings: self.lasting.settings.switches.into(),
            // Read after the sessions, so that it covers all of their ids.
            ids: self.drawn_ids().await?,
            actors: oldest_first(&actors),
            agent_sessions: oldest_first(&sessions),
            pending_handoffs: oldest_first(&pending),
            envelopes: oldest_first(&envelopes).into_iter().map(without_plans).collect(),
            contacts: oldest_first(&contacts),
            contact_groups: oldest_first(&groups),
            users: oldest_first(&users),
        })
    }

    /// Imports a snapshot. All sessions are assigned to this sandbox's own client, because its handoffs would not find
    /// them otherwise (S8).
    async fn fill(&self, snapshot: Snapshot) -> Result<(), RestoreError> {
        self.continue_ids(snapshot.ids).await.map_err(RestoreError::Store)?;
        let client: Option<Arc<str>> =
            self.credentials().map(|Credentials { client_id, .. }| client_id.as_str().into());
        for actor in snapshot.actors {
            inserted("actors", self.records.actors.insert(Arc::new(actor)).await)?;
        }
        for mut session in snapshot.agent_sessions {
            session.client = client.clone().unwrap_or(session.client);
            inserted("agent sessions", self.records.agent_sessions.insert(Arc::new(session)).await)?;
        }
        for mut pending in snapshot.pending_handoffs {
            pending.client = client.clone().unwrap_or(pending.client);
            pending.key = AgentSession::handoff_key(&pending.client, &pending.request.handoff_id);
            inserted("pending handoffs", self.records.pending.insert(Arc::new(pending)).await)?;
        }
        for contact in snapshot.contacts {
            inserted("contacts", self.records.contacts.insert(Arc::new(contact)).await)?;
        }
        for group in snapshot.contact_groups {
            inserted("contact groups", self.records.groups.insert(Arc::new(group)).await)?;
        }
        for user in snapshot.users {
            inserted("users", self.records.users.insert(Arc::new(user)).await)?;
        }
        for envelope in snapshot.envelopes {
            let id = envelope.id;
            let mut envelope = envelope.validate().map_err(|problem| RestoreError::InvalidEnvelope(id, problem))?;
            self.plan_again(&mut envelope);
            inserted("envelopes", self.records.envelopes.insert(Arc::new(envelope)).await)?;
        }
        Ok(())
    }
}

impl Sandboxes {
    /// Creates a sandbox with new credentials from a snapshot, with its name or another one. `base` supplies what the
    /// snapshot lacks, and `base_url` is the URL at which the caller reaches the server. The seed is the snapshot's.
    ///
    /// # Errors
    /// When the name is taken or invalid, when the snapshot is contradictory, or when the store is unavailable. No
    /// sandbox was created then.
    pub async fn restore(
        &self,
        CheckedSnapshot(snapshot): CheckedSnapshot,
        name: Option<String>,
        base: SandboxSettings,
        base_url: BaseUrl,
    ) -> Result<Arc<Sandbox>, RestoreError> {
        let switches = base.switches.with(snapshot.settings);
        let settings = SandboxSettings { seed: Some(snapshot.seed), switches, ..base };
        let Reading { now, frozen } = snapshot.clock;
        let clock = if frozen { Clock::frozen(now) } else { Clock::running_from(now) };
        let name = name.unwrap_or_else(|| snapshot.name.clone());
        let sandbox = self
            .create(NewSandbox { name: Some(name), settings, clock, scenarios: ScenarioSet::default(), base_url })
            .await?;
        if let Err(error) = sandbox.fill(snapshot).await {
            let _ = self.delete(sandbox.name());
            self.clear_away().await.map_err(RestoreError::Store)?;
            return Err(error);
        }
        if sandbox.was_reset() { Err(RestoreError::Reset) } else { Ok(sandbox) }
    }
}

fn oldest_first<T: Clone>(newest_first: &[Arc<T>]) -> Vec<T> {
    newest_first.iter().rev().map(|one| T::clone(one)).collect()
}

fn inserted(what: &'static str, result: Result<(), StoreError>) -> Result<(), RestoreError> {
    result.map_err(|error| match error {
        StoreError::Taken => RestoreError::Twice(what),
        error @ (StoreError::Conflict { .. } | StoreError::Unavailable(_)) => RestoreError::Store(error),
    })
}
