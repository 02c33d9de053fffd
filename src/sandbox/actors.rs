//! The state of actors, including what their sessions imply (S5).

use super::Sandbox;
use crate::{
    domain::{actor::ActorState, session::AgentSession},
    store::StoreError,
};
use std::{collections::HashSet, sync::Arc};

impl Sandbox {
    /// Returns the state of an actor. An actor that has a session but no stored state counts as registered (S5).
    pub async fn actor(&self, email: &str) -> Result<Option<Arc<ActorState>>, StoreError> {
        if let Some(stored) = self.records.actors.get(&ActorState::key(email)).await? {
            return Ok(Some(stored));
        }
        let is_theirs = |session: &AgentSession| session.actor.email.eq_ignore_ascii_case(email);
        let sessions = self.records.agent_sessions.all(is_theirs).await?;
        Ok((!sessions.is_empty()).then(|| Arc::new(ActorState::unknown(email))))
    }

    /// Returns the state of all actors, as in [`Sandbox::actor`]: actors with a stored state, newest first, then those
    /// with only a session.
    pub async fn all_actors(&self) -> Result<Vec<Arc<ActorState>>, StoreError> {
        let mut actors = self.records.actors.all(|_| true).await?;
        let sessions = self.records.agent_sessions.all(|_| true).await?;
        let mut seen: HashSet<Arc<str>> = actors.iter().map(|actor| Arc::clone(&actor.email)).collect();
        for session in sessions {
            let actor = ActorState::unknown(&session.actor.email);
            if seen.insert(Arc::clone(&actor.email)) {
                actors.push(Arc::new(actor));
            }
        }
        Ok(actors)
    }
}
