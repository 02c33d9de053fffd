//! Handoffs that wait for their actor to do something first (S3 to S5).

use super::{Handover, ignore_taken};
use crate::{
    domain::{
        scenario::Obstacle,
        session::{AgentSession, HandoffRequest, PendingHandoff, WaitsFor},
    },
    sandbox::Sandbox,
    store::StoreError,
};
use std::{convert::Infallible, sync::Arc};

impl Sandbox {
    /// Keeps what an obstacle leaves behind: the actor, and the handoff that waits, whose id is the answer. The first
    /// body stays for as long as the handoff waits for the same thing and the same user.
    pub(super) async fn begin_journey(
        &self,
        obstacle: &Obstacle,
        client: &Arc<str>,
        request: HandoffRequest,
        handover: Handover,
        waiting: Option<&PendingHandoff>,
    ) -> Result<Arc<str>, StoreError> {
        let waits_for = match obstacle {
            Obstacle::RequireSubscription => WaitsFor::Subscription,
            Obstacle::VerifyEmail => WaitsFor::Verification,
            Obstacle::Register => WaitsFor::Registration,
            Obstacle::Error { .. } => return Ok("".into()),
        };
        self.remember(&request.actor.email).await?;
        let key = AgentSession::handoff_key(client, &request.handoff_id);
        let id = match waiting {
            Some(waiting) => Arc::clone(&waiting.id),
            None => self.handoff_id(&key, &request.handoff_id).await?,
        };
        // The outline has served its purpose, and the body has it all.
        let request = HandoffRequest { facts: None, ..request };
        let Handover { body, plan, base_url } = handover;
        let pending = PendingHandoff {
            id: Arc::clone(&id),
            waits_for,
            key: Arc::clone(&key),
            client: Arc::clone(client),
            request,
            body,
            plan,
            base_url,
        };
        match waiting {
            None => ignore_taken(self.records.pending.insert(Arc::new(pending)).await)?,
            Some(first) if first.waits_for == waits_for && first.request.actor.is_same_user(&pending.request.actor) => {
            }
            Some(_) => {
                let replace = |kept: &mut PendingHandoff| {
                    *kept = pending.clone();
                    Ok::<_, Infallible>(())
                };
                self.records.pending.update(&key, replace).await?;
            }
        }
        Ok(id)
    }

    /// The id of a handoff that begins to wait. It follows from the caller's own id alone, so that sandboxes of one seed
    /// agree, unless another client's handoff has it.
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

    /// The handoff whose id an answer's URL ends with, for as long as it waits (S3, S5).
    pub async fn waiting_handoff(&self, id: &str) -> Result<Option<Arc<PendingHandoff>>, StoreError> {
        self.records.pending.find(id).await
    }
}
