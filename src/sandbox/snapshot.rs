//! A sandbox as a document, and a sandbox made from one.
//!
//! The journal is not part of it: it records the requests to one sandbox, and a restored sandbox is another.

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

/// What a sandbox holds. All lists go from the oldest to the newest.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    #[schema(value_type = SandboxName)]
    pub name: String,
    #[schema(value_type = Seed)]
    pub seed: u64,
    /// Its time. A restored clock goes on from there, frozen or running, as if no time had passed.
    pub clock: Reading,
    /// The settings that it can have of its own; the server's where one is not given.
    pub settings: SwitchChanges,
    /// How many ids were drawn. A restored sandbox continues with the next ones.
    pub ids: Drawn,
    pub actors: Vec<ActorState>,
    pub agent_sessions: Vec<AgentSession>,
    /// The handoffs that wait for a subscription (S3).
    pub pending_handoffs: Vec<PendingHandoff>,
    /// The envelopes, in an internal form that is only good to be restored.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub envelopes: Vec<Envelope>,
    /// The address book, in an internal form.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub contacts: Vec<Contact>,
    /// The groups of contacts, in an internal form.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub contact_groups: Vec<Group>,
    /// The team, in an internal form.
    #[serde(default)]
    #[schema(value_type = Vec<Object>)]
    pub users: Vec<User>,
}

#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// No sandbox can be made under that name.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// A member of the snapshot is not one that the service creates.
    #[error("in the body: {0}")]
    Invalid(#[from] Invalid),
    /// Two documents of the snapshot have one id or one key.
    #[error("two of the snapshot's {0} have the same id, or the same handoff_id; remove one of them")]
    Twice(&'static str),
    /// An envelope of the snapshot is impossible.
    #[error("the envelope {0} cannot be restored: {1}")]
    InvalidEnvelope(EnvelopeId, String),
    /// The sandbox was reset before it was complete.
    #[error("the sandbox was reset while it was being restored; delete it, and restore it again")]
    Reset,
    #[error(transparent)]
    Store(StoreError),
}

impl Snapshot {
    /// Checks each member by the rules that the service keeps when it creates such a record. Takes milliseconds for a
    /// megabyte.
    ///
    /// # Errors
    /// At the first member that breaks a rule.
    pub fn check(self) -> Result<CheckedSnapshot, Invalid> {
        check::check(&self)?;
        Ok(CheckedSnapshot(self))
    }
}

/// A snapshot whose members keep the rules.
#[derive(Clone, Debug)]
pub struct CheckedSnapshot(Snapshot);

impl Sandbox {
    /// About how many bytes of documents a snapshot would hold.
    pub async fn size_of_documents(&self) -> Result<usize, StoreError> {
        Ok(self.records.actors.size().await?
            + self.records.pending.size().await?
            + self.records.agent_sessions.size().await?
            + self.records.envelopes.size().await?
            + self.records.groups.size().await?
            + self.records.contacts.size().await?
            + self.records.users.size().await?)
    }

    /// What the sandbox holds. Handoffs that come at the same time may be in it or not, but no id is given twice.
    pub async fn snapshot(&self) -> Result<Snapshot, StoreError> {
        let actors = self.records.actors.all(|_| true).await?;
        // In this order, so that a handoff whose time comes in between is in both lists rather than in none; a
        // restored one is opened once all the same.
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
            // After the sessions, so that none of theirs is still to come.
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

    /// Takes over what a snapshot holds. All sessions become those of this sandbox's own client, whose handoffs would
    /// not find them otherwise (S8).
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
    /// Makes a sandbox with credentials of its own from a snapshot, under its name or another one. `base` gives what
    /// the snapshot lacks, and `base_url` how the caller reaches the server. The seed is the snapshot's.
    ///
    /// # Errors
    /// When the name is taken or cannot be used, when the snapshot contradicts itself, or when the store is
    /// unavailable. No sandbox was made then.
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
