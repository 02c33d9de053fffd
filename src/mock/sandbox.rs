//! A sandbox of an embedded server: its actors, sessions, tokens, scenarios and events.

use super::{MockError, current::Current};
use crate::{
    app::App,
    base::urls::BaseUrl,
    config::SwitchChanges,
    domain::{
        actor::{ActorChange, ActorState},
        event::NumberedEvent,
        oauth::built_in,
        scenario::Scenario,
        session::AgentSession,
    },
    sandbox::{Credentials, NewToken, Sandbox},
};
use std::sync::Arc;

/// A sandbox to create. Omitted values follow the server's settings; a name alone is enough:
/// `mock.create_sandbox("suite-a")`.
#[derive(Clone, Debug, Default)]
pub struct CreateSandbox {
    /// Its name; generated if `None`.
    pub name: Option<String>,
    /// The seed of its ids. If `None` and the server has a seed, it is derived from that seed and the name.
    pub seed: Option<u64>,
    /// Settings that differ from the server's.
    pub settings: SwitchChanges,
}

impl From<&str> for CreateSandbox {
    fn from(name: &str) -> Self {
        Self { name: Some(name.to_owned()), ..Self::default() }
    }
}

/// An actor after a change, and the sessions that the change opened.
#[derive(Clone, Debug)]
pub struct ChangedActor {
    /// The actor's new state.
    pub actor: Arc<ActorState>,
    /// The agent sessions of handoffs that were waiting for a subscription (S3).
    pub opened_sessions: Vec<Arc<AgentSession>>,
}

/// A sandbox of an embedded server. Clones are handles to the same sandbox.
#[derive(Clone, Debug)]
pub struct MockSandbox {
    pub(super) app: Arc<App>,
    name: Arc<str>,
    credentials: Option<Credentials>,
    sandbox: Arc<Current>,
    url: BaseUrl,
}

impl MockSandbox {
    pub(super) fn new(app: &Arc<App>, sandbox: Arc<Sandbox>, url: BaseUrl) -> Self {
        let (name, credentials) = (sandbox.name().into(), sandbox.credentials().cloned());
        Self { app: Arc::clone(app), name, credentials, sandbox: Arc::new(Current::new(sandbox)), url }
    }

    /// The sandbox since its last reset.
    pub(super) fn current(&self) -> Arc<Sandbox> {
        self.sandbox.get(&self.app)
    }

    /// The sandbox's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The credentials that select this sandbox; `None` for the default one, which any token selects.
    #[must_use]
    pub fn credentials(&self) -> Option<&Credentials> {
        self.credentials.as_ref()
    }

    /// Issues an access token that acts for the user with this `external_user_id` and email.
    ///
    /// # Errors
    /// If the sandbox's own client was deleted, or the store is unavailable.
    pub async fn issue_token(&self, external_user_id: &str, email: &str) -> Result<String, MockError> {
        let own = self.credentials().map_or(built_in::CLIENT_ID, |credentials| &credentials.client_id);
        let client = self.current().clients().get(own).await?.ok_or_else(|| MockError::NoSuchClient(own.to_owned()))?;
        let token = NewToken {
            client: Arc::clone(&client.id),
            registration: client.registration,
            sub: Some(external_user_id.into()),
            email: Some(email.into()),
            scope: client.scopes.to_string().into(),
            expires_in: None,
        };
        Ok(self.current().issue(token, &self.url).await?.text)
    }

    /// The state of an actor; `None` if it is unknown.
    ///
    /// # Errors
    /// If the store is unavailable.
    pub async fn actor(&self, email: &str) -> Result<Option<Arc<ActorState>>, MockError> {
        Ok(self.current().actors().get(&ActorState::key(email)).await?)
    }

    /// Changes an actor, and opens the sessions that were waiting for a subscription.
    ///
    /// # Errors
    /// If the store is unavailable.
    pub async fn change_actor(&self, email: &str, change: ActorChange) -> Result<ChangedActor, MockError> {
        let (actor, opened_sessions) = self.current().change_actor(email, change).await?;
        Ok(ChangedActor { actor, opened_sessions })
    }

    /// The agent sessions, newest first.
    ///
    /// # Errors
    /// If the store is unavailable.
    pub async fn sessions(&self) -> Result<Vec<Arc<AgentSession>>, MockError> {
        Ok(self.current().agent_sessions().all(|_| true).await?)
    }

    /// The events, oldest first.
    ///
    /// # Errors
    /// If the store is unavailable.
    pub async fn events(&self) -> Result<Vec<NumberedEvent>, MockError> {
        let sandbox = self.current();
        let (mut events, mut seen) = (Vec::new(), 0);
        loop {
            let page = sandbox.events().page(seen, usize::MAX, |_, _| true).await?;
            events.extend(page.entries.into_iter().map(NumberedEvent::from));
            if !page.more {
                return Ok(events);
            }
            seen = page.seen;
        }
    }

    /// Adds or replaces a scenario, given as YAML or JSON, and returns its name.
    ///
    /// # Errors
    /// If the scenario is invalid, the sandbox has no room for more, or the store is unavailable.
    pub async fn put_scenario(&self, text: &str) -> Result<String, MockError> {
        let scenario = Scenario::read("the scenario", text)?;
        let name = scenario.name().to_owned();
        self.current().scripts.put(Arc::new(scenario)).await?;
        Ok(name)
    }

    /// Makes a scenario answer every request from now on.
    ///
    /// # Errors
    /// If there is no scenario with that name, or the store is unavailable.
    pub async fn pin_scenario(&self, name: &str) -> Result<(), MockError> {
        Ok(self.current().scripts.pin(name).await?)
    }

    /// Unpins the scenario, so that requests are matched with scenarios again.
    ///
    /// # Errors
    /// If the store is unavailable.
    pub async fn unpin_scenario(&self) -> Result<(), MockError> {
        Ok(self.current().scripts.unpin(None).await?)
    }

    /// Makes a scenario answer the next `count` requests.
    ///
    /// # Errors
    /// If there is no scenario with that name, the queue has no room, or the store is unavailable.
    pub async fn queue_scenario(&self, name: &str, count: usize) -> Result<(), MockError> {
        Ok(self.current().scripts.queue(name, count).await?)
    }

    /// Clears everything except credentials and the clock, and restarts ids.
    ///
    /// # Errors
    /// Returns [`MockError::Gone`] if the sandbox was deleted, or an error if the store is unavailable.
    pub async fn reset(&self) -> Result<(), MockError> {
        self.app.sandboxes.successor(&self.current()).ok_or(MockError::Gone)?;
        self.app.sandboxes.reset(&self.name).await?.ok_or(MockError::Gone)?;
        drop(self.current());
        Ok(self.app.sandboxes.clear_away().await?)
    }
}
