//! The journey around a handoff, as its hosted pages see it: secret links, first views, and the session that follows.

use super::{DEFAULT, Sandbox};
use crate::{
    base::urls::{BaseUrl, PageUrls},
    domain::{
        event::Event,
        session::{AgentSession, PendingHandoff, SessionStatus},
        signing::{AgentId, Envelope, Spot},
    },
    store::{Commit, StoreError, Update},
};
use std::{convert::Infallible, sync::Arc};

/// Number of hexadecimal digits of a waiting handoff's id, and of an agent's id.
const OWNER: usize = 24;

/// The state of a handoff that once had to wait.
#[derive(Clone, Debug)]
pub enum Journey {
    /// It still waits.
    Waits(Arc<PendingHandoff>),
    /// It has succeeded.
    Succeeded(Arc<AgentSession>),
}

impl Sandbox {
    /// The URLs of its hosted pages.
    #[must_use]
    pub fn pages<'a>(&'a self, base: &'a BaseUrl) -> PageUrls<'a> {
        base.pages(Some(self.name()).filter(|name| *name != DEFAULT))
    }

    /// The last part of the URL where an agent signs. It follows from the agent's id and the sandbox's seed.
    #[must_use]
    pub fn sign_link(&self, agent: AgentId) -> String {
        let agent = agent.to_string();
        self.link("sign", agent.strip_prefix("agt_").unwrap_or(&agent))
    }

    /// The agent that a signing link belongs to, with its envelope.
    pub async fn agent_of_link(&self, link: &str) -> Result<Option<(Arc<Envelope>, Spot)>, StoreError> {
        let Some(id) = self.owner_of_link("sign", link) else { return Ok(None) };
        let Ok(id) = format!("agt_{id}").parse::<AgentId>() else { return Ok(None) };
        let envelope = self.records.envelopes.get(&id.envelope.to_string()).await?;
        Ok(envelope.and_then(|envelope| Some((Arc::clone(&envelope), envelope.spot_of(id)?))))
    }

    /// The last part of the URL where a user verifies an email, for the handoff that waits. It follows from the
    /// handoff's id and the sandbox's seed.
    #[must_use]
    pub fn verify_link(&self, waiting: &str) -> String {
        self.link("verify", waiting.strip_prefix("ho_").unwrap_or(waiting))
    }

    /// The id of the waiting handoff that a verification link belongs to.
    #[must_use]
    pub fn waiting_of_link(&self, link: &str) -> Option<String> {
        self.owner_of_link("verify", link).map(|id| format!("ho_{id}"))
    }

    /// What became of a handoff that waited; `None` if there was none, or its session is no longer kept.
    pub async fn journey(&self, waiting: &str) -> Result<Option<Journey>, StoreError> {
        if let Some(pending) = self.waiting_handoff(waiting).await? {
            return Ok(Some(Journey::Waits(pending)));
        }
        let sessions = self.records.agent_sessions.tagged(waiting, |_| true).await?;
        Ok(sessions.into_iter().next().map(Journey::Succeeded))
    }

    /// Returns an agent session and notes that its page was opened, with an event the first time.
    pub async fn open_session_page(&self, id: &str) -> Result<Option<Arc<AgentSession>>, StoreError> {
        let open = |current: &AgentSession, commit: &mut Commit| {
            if current.opened_at.is_some() || current.status == SessionStatus::Expired {
                return Ok::<_, Infallible>(None);
            }
            let now = self.clock.now();
            commit.append([Arc::new(Event::session_opened(current.origin(), now))]);
            Ok(Some(AgentSession { opened_at: Some(now), ..current.clone() }))
        };
        match self.records.agent_sessions.evolve_with(id, open).await? {
            Update::Done(session) | Update::Refused(_, session) => Ok(Some(session)),
            Update::Missing => Ok(None),
        }
    }

    /// Notes that an agent's signing page was viewed.
    pub async fn note_link_view(&self, envelope: &Envelope, spot: Spot) -> Result<(), StoreError> {
        let mut commit = Commit::new();
        commit.append([Arc::new(Event::link_viewed(envelope, spot, self.clock.now()))]);
        self.shelf.commit(commit).await.map(drop)
    }

    fn link(&self, kind: &str, owner: &str) -> String {
        format!("{owner}{}", self.ids.link_secret(kind, owner, 0))
    }

    fn owner_of_link<'l>(&self, kind: &str, link: &'l str) -> Option<&'l str> {
        let owner = link.get(..OWNER)?;
        (*self.link(kind, owner) == *link).then_some(owner)
    }
}
