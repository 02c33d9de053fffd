//! Tasks: what happens in a sandbox without a request.
//!
//! Tasks are not stored. They follow from documents, each of which says when its first one is due, so that no task can
//! be lost, or outlive what it is about. Among tasks due at the same instant, the ends of agent sessions come first;
//! all others have the order of [`EnvelopeTask`], and then that in which their documents were made.

use crate::base::schema::AgentSessionId;
use crate::domain::signing::{AgentId, EnvelopeId, EnvelopeTask, Intention};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Something to be done later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// An agent session expires; its `handoff_id` is free again.
    ExpireSession {
        #[schema(value_type = AgentSessionId)]
        agent_session_id: Arc<str>,
    },
    /// An envelope expires, whatever its recipients have done (G6).
    ExpireEnvelope { envelope_id: EnvelopeId },
    /// Those who could act on an envelope are reminded (G6).
    RemindEnvelope { envelope_id: EnvelopeId },
    /// A simulated sender voids an envelope.
    VoidEnvelope { envelope_id: EnvelopeId },
    /// A simulated person does something.
    Act {
        #[schema(inline)]
        act: Intention,
        agent_id: AgentId,
    },
}

impl Task {
    /// The task of an envelope.
    #[must_use]
    pub fn of_envelope(envelope_id: EnvelopeId, task: EnvelopeTask) -> Self {
        match task {
            EnvelopeTask::Expire => Self::ExpireEnvelope { envelope_id },
            EnvelopeTask::Remind => Self::RemindEnvelope { envelope_id },
            EnvelopeTask::Void => Self::VoidEnvelope { envelope_id },
            EnvelopeTask::Act(act, number) => Self::Act { act, agent_id: AgentId { envelope: envelope_id, number } },
        }
    }
}

/// A task with its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AgendaItem)]
pub struct Item {
    /// When it is due, by the sandbox's clock.
    pub due: Timestamp,
    /// What is to be done.
    #[serde(flatten)]
    pub task: Task,
}
