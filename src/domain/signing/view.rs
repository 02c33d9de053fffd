//! Envelopes, recipients and agents as JSON (G2, G6, G7): as in the contract or, for the control plane, with further
//! members.

use super::{
    agent::{AgentState, Locale, PhoneContactMethod},
    envelope::{Envelope, EnvelopeState, EnvelopeStatus, VoidReason},
    id::{AgentId, EnvelopeId, RecipientId},
    recipient::{Recipient, RecipientState, RecipientType},
};
use crate::base::schema::AgentSessionId;
use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::Value;
use utoipa::ToSchema;

/// Which parts of an envelope are shown.
#[derive(Clone, Copy, Debug)]
pub struct Detail {
    /// Includes what only the control plane shows: states, and the origin of the envelope.
    pub in_full: bool,
    /// Includes the agents of recipients, of which there can be many.
    pub agents: bool,
}

impl Detail {
    /// What the contract shows.
    pub const CONTRACT: Self = Self { in_full: false, agents: true };
}

/// An envelope in full: the members of the contract, and those that only the control plane shows.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Envelope)]
pub struct EnvelopeView<'e> {
    id: EnvelopeId,
    #[schema(min_length = 2, max_length = 48)]
    name: &'e str,
    status: EnvelopeStatus,
    /// Free-form data of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    context: Option<&'e Value>,
    #[schema(minimum = 1, maximum = 90)]
    expiration_period_days: u8,
    #[schema(maximum = 30)]
    reminder_initial_delay_days: u8,
    #[schema(maximum = 30)]
    reminder_repeat_interval_days: u8,
    #[schema(maximum = 30)]
    reminder_before_expiration_days: u8,
    /// Whether the released agents are invited again when a primary declines (G10).
    reopen: bool,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    sent_at: Option<Timestamp>,
    /// When it expires, while it is sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    voided_at: Option<Timestamp>,
    /// `declined`: a required recipient declined (G10).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    voided_because: Option<VoidReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expired_at: Option<Timestamp>,
    /// The agent session that created it, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<AgentSessionId>)]
    agent_session_id: Option<&'e str>,
    /// The caller's id of that handoff (R2).
    #[serde(skip_serializing_if = "Option::is_none")]
    handoff_id: Option<&'e str>,
    #[schema(value_type = Vec<RecipientView<'e>>, max_items = 1000)]
    recipients: Recipients<'e>,
}

/// A role of an envelope, with the people who may act for it (G1, G4).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Recipient)]
pub struct RecipientView<'e> {
    id: RecipientId,
    /// A stable name chosen by the caller (G1).
    identifier: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    role_name: Option<&'e str>,
    /// The type of the recipient (G7).
    #[schema(inline)]
    r#type: RecipientType,
    /// Lower orders act first, equal ones in parallel (G7).
    order: u32,
    /// Whether the envelope waits for the recipient.
    required: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    color: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hosted_by_id: Option<RecipientId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delegated_by_id: Option<RecipientId>,
    /// Whether signing requires a one-time code.
    phone_verification: bool,
    /// `open`: its agents are invited; `claimed`: one of them is primary; `declined`: no agent is left who could act
    /// for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required, value_type = RecipientStatus, inline)]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    removed_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    declined_at: Option<Timestamp>,
    /// Omitted with `Prefer: return=minimal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<AgentView<'e>>>, max_items = 10_000)]
    agents: Option<Agents<'e>>,
}

/// The names of [`RecipientState`].
#[derive(ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "only used as a schema")]
enum RecipientStatus {
    Waiting,
    Open,
    Claimed,
    Completed,
    Declined,
    Removed,
}

/// A person who may act for a recipient (G2).
#[derive(Clone, Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Agent)]
struct AgentView<'e> {
    id: AgentId,
    #[schema(min_length = 1)]
    name: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'e str>,
    /// Phone number, as given; need not be in E.164 format (G2).
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<&'e str>,
    locale: Locale,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone_contact_method: Option<PhoneContactMethod>,
    /// The active signer: at most one agent of a recipient, and never a released one (G5).
    primary: bool,
    /// Free-form data of the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    context: Option<&'e Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    group_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required, value_type = AgentState)]
    state: Option<AgentState>,
    /// Time of the last change of state.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(required, value_type = Timestamp)]
    since: Option<Timestamp>,
}

impl<'e> EnvelopeView<'e> {
    #[must_use]
    pub fn of(envelope: &'e Envelope, detail: Detail) -> Self {
        let (terms, state) = (&envelope.terms, &envelope.state);
        let origin = terms.origin.as_deref().filter(|_| detail.in_full);
        let (mut completed_at, mut voided_at, mut voided_because, mut expired_at) = (None, None, None, None);
        match *state {
            EnvelopeState::Draft | EnvelopeState::Sent { .. } => {}
            EnvelopeState::Finalized { at, .. } => completed_at = Some(at),
            EnvelopeState::Voided { at, because, .. } => {
                voided_at = Some(at);
                voided_because = Some(because).filter(|_| detail.in_full);
            }
            EnvelopeState::Expired { at, .. } => expired_at = Some(at),
        }
        Self {
            id: envelope.id,
            name: &terms.name,
            status: state.status(),
            context: terms.context.as_ref(),
            expiration_period_days: terms.expiration_period_days,
            reminder_initial_delay_days: terms.reminder_initial_delay_days,
            reminder_repeat_interval_days: terms.reminder_repeat_interval_days,
            reminder_before_expiration_days: terms.reminder_before_expiration_days,
            reopen: terms.reopen,
            created_at: terms.created_at,
            sent_at: state.sent_at(),
            expires_at: if matches!(state, EnvelopeState::Sent { .. }) { envelope.expires_at() } else { None },
            completed_at,
            voided_at,
            voided_because,
            expired_at,
            agent_session_id: origin.map(|origin| &*origin.agent_session_id),
            handoff_id: origin.map(|origin| &*origin.handoff_id),
            recipients: Recipients { envelope, detail },
        }
    }
}

impl<'e> RecipientView<'e> {
    #[must_use]
    pub fn of(envelope: &'e Envelope, recipient: &'e Recipient, detail: Detail) -> Self {
        let (role, state) = (&recipient.role, &recipient.state);
        let id = |number| RecipientId { envelope: envelope.id, number };
        let (mut completed_at, mut removed_at, mut declined_at) = (None, None, None);
        match *state {
            RecipientState::Completed { at, .. } => completed_at = Some(at),
            RecipientState::Removed { at } => removed_at = Some(at),
            RecipientState::Declined { at, .. } if detail.in_full => declined_at = Some(at),
            _ => {}
        }
        Self {
            id: id(role.number),
            identifier: &role.identifier,
            role_name: role.role_name.as_deref(),
            r#type: role.kind,
            order: role.order,
            required: role.required,
            color: role.color.as_deref(),
            hosted_by_id: role.hosted_by.map(id),
            delegated_by_id: role.delegated_by.map(id),
            phone_verification: role.phone_verification,
            state: detail.in_full.then(|| state.as_str()),
            activated_at: recipient.activated_at(),
            completed_at,
            removed_at,
            declined_at,
            agents: detail.agents.then_some(Agents { envelope, recipient, in_full: detail.in_full }),
        }
    }
}

impl<'e> AgentView<'e> {
    /// The agent at an index of a recipient. Each index has a person and a seat.
    fn of(envelope: &'e Envelope, recipient: &'e Recipient, agent: u32, in_full: bool) -> Option<Self> {
        let place = usize::try_from(agent).ok()?;
        let person = recipient.role.persons.get(place)?;
        let seat = recipient.seats.get(place).filter(|_| in_full);
        Some(Self {
            id: AgentId { envelope: envelope.id, number: recipient.role.first_agent + agent },
            name: &person.name,
            email: person.email.as_deref(),
            phone: person.phone.as_deref(),
            locale: person.locale,
            phone_contact_method: person.phone_contact_method,
            primary: recipient.primary() == Some(agent),
            context: person.context.as_ref(),
            contact_id: person.contact_id.as_deref(),
            group_id: person.group_id.as_deref(),
            user_id: person.user_id.as_deref(),
            state: seat.map(|seat| seat.state),
            since: seat.map(|seat| seat.since),
        })
    }
}

/// The recipients of an envelope, each converted when it is written.
#[derive(Clone, Copy, Debug)]
struct Recipients<'e> {
    envelope: &'e Envelope,
    detail: Detail,
}

impl Serialize for Recipients<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { envelope, detail } = *self;
        serializer
            .collect_seq(envelope.recipients.iter().map(|recipient| RecipientView::of(envelope, recipient, detail)))
    }
}

/// The agents of a recipient as a JSON list. Each is converted when it is written, because there can be thousands.
#[derive(Clone, Copy, Debug)]
pub struct Agents<'e> {
    pub envelope: &'e Envelope,
    pub recipient: &'e Recipient,
    /// Includes what only the control plane shows.
    pub in_full: bool,
}

impl Serialize for Agents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { envelope, recipient, in_full } = *self;
        let count = u32::try_from(recipient.seats.len()).unwrap_or(u32::MAX);
        let agents = (0..count).filter_map(|agent| AgentView::of(envelope, recipient, agent, in_full));
        // The length is not known in advance, and JSON does not need it.
        serializer.collect_seq(agents)
    }
}
