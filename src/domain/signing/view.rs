//! Envelopes, recipients and agents as callers see them (G2, G6, G7): in the contract's words, or, for the control plane,
//! with what the contract has no word for.

use super::{
    envelope::{Envelope, EnvelopeState},
    id::{AgentId, RecipientId},
    recipient::{Recipient, RecipientState},
};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// An envelope as JSON.
#[derive(Clone, Copy, Debug)]
pub struct EnvelopeView<'e> {
    pub envelope: &'e Envelope,
    /// With what only the control plane shows: states, and where it comes from.
    pub in_full: bool,
}

/// A recipient as JSON.
#[derive(Clone, Copy, Debug)]
pub struct RecipientView<'e> {
    pub envelope: &'e Envelope,
    pub recipient: &'e Recipient,
    /// With what only the control plane shows.
    pub in_full: bool,
}

impl<'e> EnvelopeView<'e> {
    /// With the agents of its recipients, or without: those can be many.
    #[must_use]
    pub fn with_agents(self, agents: bool) -> impl Serialize + use<'e> {
        Chosen { view: self, agents }
    }
}

impl<'e> RecipientView<'e> {
    /// With its agents, or without: those can be many.
    #[must_use]
    pub fn with_agents(self, agents: bool) -> impl Serialize + use<'e> {
        Chosen { view: self, agents }
    }
}

/// A view, with agents or without.
struct Chosen<V> {
    view: V,
    agents: bool,
}

/// The agents of a recipient as JSON, a list.
#[must_use]
pub fn agents_view<'e>(envelope: &'e Envelope, recipient: &'e Recipient, in_full: bool) -> impl Serialize + use<'e> {
    Agents(RecipientView { envelope, recipient, in_full })
}

impl Serialize for EnvelopeView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_agents(true).serialize(serializer)
    }
}

impl Serialize for Chosen<EnvelopeView<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let EnvelopeView { envelope, in_full } = self.view;
        let terms = &envelope.terms;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &envelope.id)?;
        map.serialize_entry("name", &terms.name)?;
        map.serialize_entry("status", envelope.state.as_str())?;
        if let Some(context) = &terms.context {
            map.serialize_entry("context", context)?;
        }
        map.serialize_entry("expirationPeriodDays", &terms.expiration_period_days)?;
        map.serialize_entry("reminderInitialDelayDays", &terms.reminder_initial_delay_days)?;
        map.serialize_entry("reminderRepeatIntervalDays", &terms.reminder_repeat_interval_days)?;
        map.serialize_entry("reminderBeforeExpirationDays", &terms.reminder_before_expiration_days)?;
        map.serialize_entry("reopen", &terms.reopen)?;
        map.serialize_entry("createdAt", &terms.created_at)?;
        if let Some(sent_at) = envelope.state.sent_at() {
            map.serialize_entry("sentAt", &sent_at)?;
        }
        match &envelope.state {
            EnvelopeState::Draft => {}
            EnvelopeState::Sent { .. } => map.serialize_entry("expiresAt", &envelope.expires_at())?,
            EnvelopeState::Finalized { at, .. } => map.serialize_entry("completedAt", at)?,
            EnvelopeState::Voided { at, because, .. } => {
                map.serialize_entry("voidedAt", at)?;
                if in_full {
                    map.serialize_entry("voidedBecause", because)?;
                }
            }
            EnvelopeState::Expired { at, .. } => map.serialize_entry("expiredAt", at)?,
        }
        if let Some(origin) = terms.origin.as_ref().filter(|_| in_full) {
            map.serialize_entry("agentSessionId", &origin.agent_session_id)?;
            map.serialize_entry("handoffId", &origin.handoff_id)?;
        }
        map.serialize_entry("recipients", &Recipients(self))?;
        map.end()
    }
}

struct Recipients<'c, 'e>(&'c Chosen<EnvelopeView<'e>>);

impl Serialize for Recipients<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Chosen { view: EnvelopeView { envelope, in_full }, agents } = *self.0;
        let views = envelope.recipients.iter().map(|recipient| RecipientView { envelope, recipient, in_full });
        serializer.collect_seq(views.map(|view| Chosen { view, agents }))
    }
}

impl Serialize for RecipientView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.with_agents(true).serialize(serializer)
    }
}

impl Serialize for Chosen<RecipientView<'_>> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RecipientView { envelope, recipient, in_full } = self.view;
        let role = &recipient.role;
        let id = |number| RecipientId { envelope: envelope.id, number };
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("id", &id(role.number))?;
        map.serialize_entry("identifier", &role.identifier)?;
        if let Some(name) = &role.role_name {
            map.serialize_entry("roleName", name)?;
        }
        map.serialize_entry("type", &role.kind)?;
        map.serialize_entry("order", &role.order)?;
        map.serialize_entry("required", &role.required)?;
        if let Some(color) = &role.color {
            map.serialize_entry("color", color)?;
        }
        if let Some(host) = role.hosted_by {
            map.serialize_entry("hostedById", &id(host))?;
        }
        if let Some(delegator) = role.delegated_by {
            map.serialize_entry("delegatedById", &id(delegator))?;
        }
        map.serialize_entry("phoneVerification", &role.phone_verification)?;
        if in_full {
            map.serialize_entry("state", recipient.state.as_str())?;
        }
        if let Some(activated_at) = recipient.activated_at() {
            map.serialize_entry("activatedAt", &activated_at)?;
        }
        match &recipient.state {
            RecipientState::Completed { at, .. } => map.serialize_entry("completedAt", at)?,
            RecipientState::Removed { at } => map.serialize_entry("removedAt", at)?,
            RecipientState::Declined { at, .. } if in_full => map.serialize_entry("declinedAt", at)?,
            _ => {}
        }
        if self.agents {
            map.serialize_entry("agents", &Agents(self.view))?;
        }
        map.end()
    }
}

struct Agents<'e>(RecipientView<'e>);

impl Serialize for Agents<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let view = self.0;
        let count = u32::try_from(view.recipient.seats.len()).unwrap_or(u32::MAX);
        serializer.collect_seq((0..count).map(|agent| AgentView { view, agent }))
    }
}

struct AgentView<'e> {
    view: RecipientView<'e>,
    agent: u32,
}

impl Serialize for AgentView<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let RecipientView { envelope, recipient, in_full } = self.view;
        let place = usize::try_from(self.agent).unwrap_or(usize::MAX);
        let mut map = serializer.serialize_map(None)?;
        let number = recipient.role.first_agent + self.agent;
        map.serialize_entry("id", &AgentId { envelope: envelope.id, number })?;
        if let Some(person) = recipient.role.persons.get(place) {
            map.serialize_entry("name", &person.name)?;
            if let Some(email) = &person.email {
                map.serialize_entry("email", email)?;
            }
            if let Some(phone) = &person.phone {
                map.serialize_entry("phone", phone)?;
            }
            map.serialize_entry("locale", &person.locale)?;
            if let Some(method) = person.phone_contact_method {
                map.serialize_entry("phoneContactMethod", &method)?;
            }
            map.serialize_entry("primary", &(recipient.primary() == Some(self.agent)))?;
            if let Some(context) = &person.context {
                map.serialize_entry("context", context)?;
            }
            for (name, id) in
                [("contactId", &person.contact_id), ("groupId", &person.group_id), ("userId", &person.user_id)]
            {
                if let Some(id) = id {
                    map.serialize_entry(name, id)?;
                }
            }
        }
        if let Some(seat) = recipient.seats.get(place).filter(|_| in_full) {
            map.serialize_entry("state", seat.state.as_str())?;
            map.serialize_entry("since", &seat.since)?;
        }
        map.end()
    }
}
