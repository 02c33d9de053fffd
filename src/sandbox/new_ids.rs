//! Generates the ids of a sandbox's documents. The store numbers them, so that no two callers and no two runs get the
//! same id.

use super::Sandbox;
use crate::{
    base::ids::{Counted, Drawn},
    domain::signing::EnvelopeId,
    store::StoreError,
};
use std::sync::Arc;

impl Sandbox {
    /// Returns the number of the next document of a kind, from 0. Unused numbers leave gaps.
    pub(super) async fn next_number(&self, kind: Counted) -> Result<u64, StoreError> {
        Ok(self.shelf.store().next(self.shelf.name(), kind.counter(), 1).await?.saturating_sub(1))
    }

    pub(super) async fn new_session_id(&self) -> Result<Arc<str>, StoreError> {
        Ok(self.ids.agent_session(self.next_number(Counted::AgentSession).await?).into())
    }

    pub(super) async fn new_token_id(&self) -> Result<Arc<str>, StoreError> {
        Ok(self.ids.token(self.next_number(Counted::Token).await?).into())
    }

    pub(super) async fn new_envelope_id(&self) -> Result<EnvelopeId, StoreError> {
        Ok(EnvelopeId(self.ids.envelope(self.next_number(Counted::Envelope).await?)))
    }

    /// Makes ids that are not document ids differ from those of earlier runs with the same documents.
    pub(super) async fn begin_run(&self) -> Result<u64, StoreError> {
        let run = self.shelf.store().next(self.shelf.name(), "runs", 1).await?;
        self.ids.begin_run(run);
        Ok(run)
    }

    /// Number of ids of each kind generated so far.
    pub(super) async fn drawn_ids(&self) -> Result<Drawn, StoreError> {
        Ok(Drawn {
            agent_sessions: self.drawn(Counted::AgentSession).await?,
            requests: self.ids.requests(),
            tokens: self.drawn(Counted::Token).await?,
            envelopes: self.drawn(Counted::Envelope).await?,
            contacts: self.drawn(Counted::Contact).await?,
            groups: self.drawn(Counted::Group).await?,
            users: self.drawn(Counted::User).await?,
            messages: self.drawn(Counted::Message).await?,
        })
    }

    /// Continues as if this many ids had been generated. Only for a sandbox that has not generated any.
    pub(super) async fn continue_ids(&self, drawn: Drawn) -> Result<(), StoreError> {
        self.ids.continue_requests(drawn.requests);
        for (kind, count) in [
            (Counted::AgentSession, drawn.agent_sessions),
            (Counted::Token, drawn.tokens),
            (Counted::Envelope, drawn.envelopes),
            (Counted::Contact, drawn.contacts),
            (Counted::Group, drawn.groups),
            (Counted::User, drawn.users),
            (Counted::Message, drawn.messages),
        ] {
            self.shelf.store().next(self.shelf.name(), kind.counter(), count).await?;
        }
        Ok(())
    }

    async fn drawn(&self, kind: Counted) -> Result<u64, StoreError> {
        Ok(self.shelf.store().next(self.shelf.name(), kind.counter(), 0).await?.saturating_sub(1))
    }
}
