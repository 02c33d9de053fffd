//! Tasks: actions in a sandbox that happen without a request.
//!
//! Tasks are not stored. They are derived from documents, each of which knows when its first task is due, so a task can
//! neither get lost nor outlive its document. Among tasks due at the same instant, the expiry of agent sessions comes
//! first; the others follow in the order of [`EnvelopeTask`], then in the order in which their documents were created.

use crate::base::schema::AgentSessionId;
use crate::domain::signing::{AgentId, EnvelopeId, EnvelopeTask, Intention};
use jiff::Timestamp;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// Something to do later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(tag = "task", rename_all = "snake_case")]
pub enum Task {
    /// Expires an agent session; its `handoff_id` becomes free.
    ExpireSession {
        #[schema(value_type = AgentSessionId)]
        agent_session_id: Arc<str>,
    },
    /// Expires an envelope, whatever its recipients have done (G6).
    ExpireEnvelope { envelope_id: EnvelopeId },
    /// Reminds the agents who can act on an envelope (G6).
    RemindEnvelope { envelope_id: EnvelopeId },
    /// Voids an envelope on behalf of a simulated sender.
    VoidEnvelope { envelope_id: EnvelopeId },
    /// Performs an action of a simulated person.
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

/// A task and when it is due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = AgendaItem)]
pub struct Item {
    /// By the sandbox's clock.
    pub due: Timestamp,
    /// What to do.
    #[serde(flatten)]
    pub task: Task,
}
