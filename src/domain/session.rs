//! Handoff requests, and the agent sessions that successful ones open (S2).

use crate::{
    base::{
        document::{Due, Key, Record},
        schema::AgentSessionId,
        times,
        urls::BaseUrl,
    },
    domain::{
        actor::{Actor, ActorState},
        signing::{EnvelopeId, Origin, Plan},
    },
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::ToSchema;

/// What the agent should do (R3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    SendESignRequest,
    CreateTemplate,
    UseTemplate,
    SelfSign,
    SendCrmDealDocumentForSignature,
}

impl Intent {
    /// Whether a success opens an envelope for signing.
    #[must_use]
    pub fn asks_for_signatures(self) -> bool {
        matches!(self, Self::SendESignRequest | Self::SelfSign)
    }

    /// The contract's name for the intent.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::SendESignRequest => "send_e_sign_request",
            Self::CreateTemplate => "create_template",
            Self::UseTemplate => "use_template",
            Self::SelfSign => "self_sign",
            Self::SendCrmDealDocumentForSignature => "send_crm_deal_document_for_signature",
        }
    }
}

/// The parts of a request body that the service uses.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PendingRequest)]
pub struct HandoffRequest {
    /// The caller's id of the handoff (R2).
    pub handoff_id: Box<str>,
    /// What the agent should do (R3).
    pub intent: Intent,
    /// The user of the handoff (R4).
    pub actor: Actor,
    /// The origin of the handoff (R5).
    pub integration: Integration,
    /// What is to be signed (R7). Not stored with the request, because the body contains it.
    #[serde(default, skip_serializing)]
    #[schema(ignore)]
    pub facts: Option<HandoffFacts>,
}

/// The facts about the signing that a handoff requests (R7).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct HandoffFacts {
    pub metadata: Metadata,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parties: Vec<Party>,
}

/// What is to be signed (R7).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Metadata {
    pub title: Box<str>,
}

/// A person who is to sign (R7).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Party {
    pub name: Box<str>,
    pub email: Box<str>,
    /// Phone number in E.164 format.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub telephone: Option<Box<str>>,
}

/// The origin of a handoff in the caller's system (R5).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = PendingIntegration)]
pub struct Integration {
    /// The name of the platform.
    pub source: Box<str>,
}

/// The states of an agent session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SessionStatus {
    /// The user can continue with it.
    Open,
    /// It has expired.
    Expired,
}

/// An agent session.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AgentSession {
    /// `as_…`.
    #[schema(value_type = AgentSessionId)]
    pub id: Arc<str>,
    /// The client that created it.
    #[schema(min_length = 1)]
    pub client: Arc<str>,
    /// The caller's id of the handoff (R2).
    pub handoff_id: Box<str>,
    /// What the agent should do (R3).
    pub intent: Intent,
    /// The user of the handoff (R4).
    pub actor: Actor,
    /// When it was created, by the sandbox's clock.
    #[serde(deserialize_with = "times::deserialize")]
    pub created_at: Timestamp,
    /// When it expires, by the sandbox's clock.
    #[serde(deserialize_with = "times::deserialize")]
    pub expires_at: Timestamp,
    /// `expired` after `expires_at`.
    #[schema(inline)]
    pub status: SessionStatus,
    /// The request body, as received (R1).
    #[serde(with = "raw_json")]
    #[schema(value_type = Object)]
    pub request: Arc<[u8]>,
    /// Whether a later handoff with the same `handoff_id` returns this session (S8).
    pub replayable: bool,
    /// The envelope that it opened, if its intent asks for signatures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub envelope_id: Option<EnvelopeId>,
    /// When its page was opened for the first time, by the sandbox's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<Timestamp>,
    /// The id of the waiting handoff that it came from, with which the URLs of that handoff's answers end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^ho_[0-9a-f]{24}$")]
    pub waited_as: Option<Arc<str>>,
    /// The URL at which the caller reached the server when it was created; URLs in its emails and pages start with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uri")]
    pub base_url: Option<BaseUrl>,
}

impl AgentSession {
    /// The key with which a later handoff of the same client finds its session (S8).
    #[must_use]
    pub fn handoff_key(client: &str, handoff_id: &str) -> Key {
        // Client names contain no line feed, so different pairs never give the same key.
        let mut key = String::with_capacity(client.len() + handoff_id.len() + 1);
        key.push_str(client);
        key.push('\n');
        key.push_str(handoff_id);
        key.into()
    }

    /// What its envelope and its events record about it.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin { agent_session_id: Arc::clone(&self.id), handoff_id: self.handoff_id.clone() }
    }
}

impl Record for AgentSession {
    const COLLECTION: &'static str = "agent_sessions";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.id)
    }

    fn keys(&self) -> Vec<Key> {
        if self.replayable { vec![Self::handoff_key(&self.client, &self.handoff_id)] } else { Vec::new() }
    }

    /// Tagged with the waiting handoff that it came from, so that the URLs of its answers still work.
    fn tags(&self) -> Vec<Key> {
        self.waited_as.iter().cloned().collect()
    }

    fn due(&self) -> Option<Due> {
        (self.status == SessionStatus::Open).then_some(Due { at: self.expires_at, rank: 0, tasks: 1 })
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.request.len() + 2 * self.handoff_id.len() + self.actor.size()
    }
}

/// A handoff that waits for its actor (S3 to S5).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PendingHandoff {
    /// The end of the URLs in its answers. It stays the same when the handoff is retried.
    #[schema(pattern = "^ho_[0-9a-f]{24}$")]
    pub id: Arc<str>,
    /// What the actor has to do. Only a subscription opens the session without a retry.
    #[serde(default)]
    #[schema(inline, required)]
    pub waits_for: WaitsFor,
    /// The client and the `handoff_id`. Recomputed when it is restored.
    #[schema(value_type = String)]
    pub key: Key,
    /// The client that sent it.
    #[schema(min_length = 1)]
    pub client: Arc<str>,
    pub request: HandoffRequest,
    /// The request body, as received (R1).
    #[serde(with = "raw_json")]
    #[schema(value_type = Object)]
    pub body: Arc<[u8]>,
    /// The plan for its envelope: `parties`, `reopen`, `voids` and `people` of the scenario that made it wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub plan: Option<Arc<Plan>>,
    /// The URL at which the caller reached the server; URLs of its session will start with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = "uri")]
    pub base_url: Option<BaseUrl>,
}

impl PendingHandoff {
    /// Whether it is opened as soon as the actor with this email is complete (S3).
    #[must_use]
    pub fn waits_for_subscription_of(&self, email: &str) -> bool {
        self.waits_for == WaitsFor::Subscription && self.request.actor.email.eq_ignore_ascii_case(email)
    }
}

/// What an actor must do before a handoff can succeed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitsFor {
    /// Subscribe (S3).
    #[default]
    Subscription,
    /// Verify the email (S4).
    Verification,
    /// Register (S5).
    Registration,
}

impl Record for PendingHandoff {
    const COLLECTION: &'static str = "pending_handoffs";

    fn id(&self) -> Arc<str> {
        Arc::clone(&self.key)
    }

    fn keys(&self) -> Vec<Key> {
        vec![Arc::clone(&self.id)]
    }

    /// Tagged with the actor, to find the handoffs that wait for one.
    fn tags(&self) -> Vec<Key> {
        vec![ActorState::key(&self.request.actor.email).into()]
    }

    fn size(&self) -> usize {
        size_of::<Self>() + self.body.len() + 2 * self.key.len() + self.request.actor.size()
    }
}

/// A JSON text embedded in a JSON document, neither quoted nor parsed.
mod raw_json {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, ser::Error};
    use serde_json::value::RawValue;
    use std::sync::Arc;

    pub(super) fn serialize<S: Serializer>(text: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        let raw: &RawValue = serde_json::from_slice(text).map_err(S::Error::custom)?;
        raw.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<[u8]>, D::Error> {
        let raw = Box::<RawValue>::deserialize(deserializer)?;
        Ok(Box::<str>::from(raw).into_boxed_bytes().into())
    }
}
