//! Handoffs that wait until their actor has done something (S3 to S5).

use super::{Handover, new_actor};
use crate::{
    domain::{
        actor::ActorState,
        scenario::Obstacle,
        session::{AgentSession, HandoffRequest, PendingHandoff, WaitsFor},
    },
    sandbox::Sandbox,
    store::{Commit, StoreError},
};
use std::sync::Arc;

impl Sandbox {
    /// Stores what an obstacle leaves behind in one commit: the actor, the waiting handoff, whose id is returned, and the
    /// verification mail that the answer announces (S4).
    /// The first body is kept for as long as the handoff waits for the same thing and the same user. `judged_by` is the
    /// actor state that the handoff was judged by.
    pub(super) async fn begin_journey(
        &self,
        obstacle: &Obstacle,
        client: &Arc<str>,
        request: HandoffRequest,
        handover: Handover,
        judged_by: &ActorState,
    ) -> Result<Arc<str>, StoreError> {
        let waits_for = match obstacle {
            Obstacle::RequireSubscription => WaitsFor::Subscription,
            Obstacle::VerifyEmail => WaitsFor::Verification,
            Obstacle::Register => WaitsFor::Registration,
            Obstacle::Error { .. } => return Ok("".into()),
        };
        let actor = ActorState::key(&request.actor.email).into_owned();
        let Handover { body, plan, base_url } = handover;
        let mut pending = PendingHandoff {
            id: "".into(),
            waits_for,
            key: AgentSession::handoff_key(client, &request.handoff_id),
            client: Arc::clone(client),
            // The facts are no longer needed, and the body contains them.
            request: HandoffRequest { facts: None, ..request },
            body,
            plan,
            base_url,
        };
        loop {
            let mut commit = Commit::new();
            if self.records.actors.get(&actor).await?.is_none() {
                commit.insert(new_actor(&pending.request.actor.email));
            }
            match self.records.pending.get_versioned(&pending.key).await? {
                None => {
                    pending.id = self.handoff_id(&pending.key, &pending.request.handoff_id).await?;
                    commit.insert(Arc::new(pending.clone()));
                }
                Some((first, version)) => {
                    pending.id = Arc::clone(&first.id);
                    if first.waits_for != waits_for || !first.request.actor.is_same_user(&pending.request.actor) {
                        commit.replace(Arc::new(pending.clone()), version);
                    }
                }
            }
            if waits_for == WaitsFor::Verification {
                commit.insert(Arc::new(self.verification_mail(&pending).await?));
            }
            match self.shelf.commit(commit).await {
                Ok(_) => break,
                // Another caller wrote first.
                Err(StoreError::Taken | StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if !judged_by.is_complete() {
            self.open_if_complete(&pending.key, &actor).await?;
        }
        Ok(pending.id)
    }

    /// Opens a handoff that has just begun to wait if its actor is complete by now. [`Sandbox::change_actor`] may have
    /// listed the waiting handoffs before this one was stored.
    async fn open_if_complete(&self, key: &Arc<str>, email: &str) -> Result<(), StoreError> {
        if self.records.actors.get(email).await?.is_some_and(|actor| actor.is_complete()) {
            self.open_waiting(key, |pending| pending.waits_for_subscription_of(email)).await?;
        }
        Ok(())
    }

    /// The id of a handoff that begins to wait. It is derived from the caller's id alone, so that sandboxes with the
    /// same seed agree, unless another client's handoff already has it.
    async fn handoff_id(&self, key: &str, handoff_id: &str) -> Result<Arc<str>, StoreError> {
        let mut number = 0;
        loop {
            let id: Arc<str> = self.ids.handoff(handoff_id, number).into();
            match self.records.pending.find(&id).await? {
                Some(other) if *other.key != *key => number += 1,
                _ => return Ok(id),
            }
        }
    }

    /// Returns the waiting handoff whose id an answer's URL ends with (S3, S5).
    pub async fn waiting_handoff(&self, id: &str) -> Result<Option<Arc<PendingHandoff>>, StoreError> {
        self.records.pending.find(id).await
    }
}
