//! Simulated people in a sandbox: what they do next stands on the agenda, and follows from the sandbox's seed.

use super::spot_of;
use crate::{
    agenda::Task,
    ids::Chance,
    sandbox::Sandbox,
    signing::{AgentState, Effect, Envelope, EnvelopeState, Intention, Spot},
};
use jiff::{SignedDuration, Timestamp};

impl Sandbox {
    /// Puts on the agenda what an agent does next, if a rule of the envelope's plan is for them.
    pub(super) fn plan_next(&self, envelope: &Envelope, effect: &Effect, now: Timestamp) {
        if envelope.terms.plan.is_some()
            && let Some(spot) = spot_of(effect)
        {
            let _ = self.plan_agent(envelope, spot, now);
        }
    }

    /// Puts on the agenda when the sender calls the envelope off, if the plan says so.
    pub(super) fn plan_void(&self, envelope: &Envelope) {
        let Some(plan) = &envelope.terms.plan else { return };
        let mut chance = self.ids.chance_of("sender", envelope.id.0);
        if let (Some(after), Some(sent_at)) = (plan.voids.draw(&mut || chance.draw()), envelope.state.sent_at()) {
            self.schedule(later(sent_at, after), Task::VoidEnvelope { envelope_id: envelope.id });
        }
    }

    /// Strikes off what a released agent would have done.
    pub(super) fn give_up(&self, envelope: &Envelope, effect: &Effect) {
        if envelope.terms.plan.is_none() {
            return;
        }
        let Some(agent_id) = spot_of(effect).and_then(|spot| envelope.agent_id(spot)) else { return };
        for act in [Intention::Open, Intention::Accept, Intention::Decline, Intention::Sign] {
            self.agenda.strike(&Task::Act { agent_id, act });
        }
    }

    /// Puts on the agenda all that lies before an envelope that comes from elsewhere. Nothing of it need be kept: when
    /// somebody does something follows from the seed and from when they could.
    pub(in crate::sandbox) fn plan_anew(&self, envelope: &Envelope) {
        if !matches!(envelope.state, EnvelopeState::Sent { .. }) {
            return;
        }
        self.schedule_end(envelope, self.clock.now());
        if envelope.terms.plan.is_none() {
            return;
        }
        for (place, recipient) in (0_u32..).zip(&envelope.recipients) {
            for (agent, seat) in (0_u32..).zip(&recipient.seats) {
                let _ = self.plan_agent(envelope, Spot { recipient: place, agent }, seat.since);
            }
        }
    }

    fn plan_agent(&self, envelope: &Envelope, spot: Spot, since: Timestamp) -> Option<()> {
        let recipient = envelope.recipient_at(spot.recipient)?;
        let person = recipient.role.persons.get(usize::try_from(spot.agent).ok()?)?;
        let behaviour = envelope.terms.plan.as_ref()?.behaviour_of(person)?;
        let state = recipient.agent(spot.agent)?;
        let agent_id = envelope.agent_id(spot)?;
        let mut chance = self.chance(envelope, agent_id.number, state);
        let (act, after) = behaviour.next(state, &mut || chance.draw())?;
        self.schedule(later(since, after), Task::Act { agent_id, act });
        Some(())
    }

    /// What an agent leaves to chance: always the same at the same point, whatever else goes on in the sandbox.
    fn chance(&self, envelope: &Envelope, agent: u32, state: AgentState) -> Chance {
        let kind = match state {
            AgentState::Invited => "person/invited",
            AgentState::Opened => "person/opened",
            _ => "person/primary",
        };
        self.ids.chance_of(kind, envelope.id.0.wrapping_add(u64::from(agent)))
    }
}

fn later(at: Timestamp, after: SignedDuration) -> Timestamp {
    at.checked_add(after).unwrap_or(Timestamp::MAX)
}
