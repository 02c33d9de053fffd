//! Simulated people in a sandbox: what they do next stands on the agenda, and follows from the sandbox's seed.

use super::{Performed, SigningError, spot_of};
use crate::{
    base::ids::Chance,
    domain::{
        agenda::Task,
        signing::{
            Act, AgentId, AgentState, Command, Effect, Envelope, EnvelopeState, Intention, Recipient, RecipientState,
            RecipientType, Seat, Spot,
        },
    },
    sandbox::Sandbox,
};
use jiff::{SignedDuration, Timestamp};

impl Sandbox {
    /// Does what a simulated person means to do; they have read the code that was sent to them.
    pub(super) async fn act_by_itself(
        &self,
        id: AgentId,
        act: Intention,
        due: Timestamp,
    ) -> Result<Performed, SigningError> {
        let (envelope, spot) = self.found(id).await?;
        let codes = envelope.recipient_at(spot.recipient).map(|recipient| &recipient.role.codes);
        let place = usize::try_from(spot.agent).unwrap_or(usize::MAX);
        let code = codes.and_then(|codes| codes.get(place)?.as_deref());
        let act = match act {
            Intention::Open => Act::Open,
            Intention::Accept => Act::Accept,
            Intention::Decline => Act::Decline,
            Intention::Sign => Act::Sign { code },
        };
        self.command(&id.envelope.to_string(), Some(due), Command::Act(spot, act)).await
    }

    /// Puts on the agenda what an agent does next, if a rule of the envelope's plan is for them, in place of what they
    /// would have done before.
    pub(super) fn plan_next(&self, envelope: &Envelope, effect: &Effect, now: Timestamp) {
        self.give_up(envelope, effect);
        if envelope.terms.plan.is_some()
            && let Some(spot) = spot_of(effect)
        {
            let _ = self.plan_agent(envelope, spot, now);
        }
    }

    /// Puts on the agenda what those do who sign in person, once their host is there.
    pub(super) fn plan_hosted(&self, envelope: &Envelope, effect: &Effect) {
        if envelope.terms.plan.is_none() {
            return;
        }
        let host = effect.recipient.and_then(|place| envelope.recipient_at(place)).map(|host| host.role.number);
        for (place, recipient) in (0_u32..).zip(&envelope.recipients) {
            if recipient.role.kind == RecipientType::InPersonSigner && recipient.role.hosted_by == host {
                self.plan_recipient(envelope, place, recipient);
            }
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

    /// Strikes off what an agent would have done who does something else, or can do nothing any more.
    pub(super) fn give_up(&self, envelope: &Envelope, effect: &Effect) {
        if envelope.terms.plan.is_some() {
            let agent = spot_of(effect).and_then(|spot| envelope.agent_id(spot));
            self.agenda.remove_acts(agent.into_iter());
        }
    }

    /// Strikes off whatever agents would have done with an envelope that has ended.
    pub(super) fn give_up_all(&self, envelope: &Envelope) {
        if envelope.terms.plan.is_none() {
            return;
        }
        let had_more_to_do =
            |seat: &Seat| matches!(seat.state, AgentState::Invited | AgentState::Opened | AgentState::Primary);
        let agents = (0_u32..).zip(&envelope.recipients).flat_map(|(place, recipient)| {
            let seats = (0_u32..).zip(&recipient.seats).filter(move |(_, seat)| had_more_to_do(seat));
            seats.filter_map(move |(agent, _)| envelope.agent_id(Spot { recipient: place, agent }))
        });
        self.agenda.remove_acts(agents);
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
            self.plan_recipient(envelope, place, recipient);
        }
    }

    fn plan_recipient(&self, envelope: &Envelope, place: u32, recipient: &Recipient) {
        for (agent, seat) in (0_u32..).zip(&recipient.seats) {
            let _ = self.plan_agent(envelope, Spot { recipient: place, agent }, seat.since);
        }
    }

    fn plan_agent(&self, envelope: &Envelope, spot: Spot, since: Timestamp) -> Option<()> {
        let recipient = envelope.recipient_at(spot.recipient)?;
        let person = recipient.role.persons.get(usize::try_from(spot.agent).ok()?)?;
        let behaviour = envelope.terms.plan.as_ref()?.behaviour_of(person)?;
        let state = recipient.agent(spot.agent)?;
        let agent_id = envelope.agent_id(spot)?;
        let since = match state {
            AgentState::Invited => since.max(may_open(envelope, recipient)?),
            // A host has done its part by accepting.
            AgentState::Primary if !matches!(recipient.state, RecipientState::Claimed { .. }) => return None,
            _ => since,
        };
        let mut chance = self.chance(envelope, agent_id.number, state);
        let (act, after) = behaviour.next(state, &mut || chance.draw())?;
        self.schedule(later(since, after), Task::Act { act, agent_id });
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

/// Since when the agents of a recipient can open, as far as that hangs on a host; not yet, where the host is not there.
fn may_open(envelope: &Envelope, recipient: &Recipient) -> Option<Timestamp> {
    let is_host = |host: &&Recipient| {
        host.role.kind == RecipientType::Host
            && Some(host.role.number) == recipient.role.hosted_by
            && !host.is_removed()
    };
    let hosted = recipient.role.kind == RecipientType::InPersonSigner;
    match envelope.recipients.iter().find(is_host).filter(|_| hosted).map(|host| host.state) {
        None => Some(Timestamp::MIN),
        Some(RecipientState::Completed { at, .. }) => Some(at),
        Some(_) => None,
    }
}

fn later(at: Timestamp, after: SignedDuration) -> Timestamp {
    at.checked_add(after).unwrap_or(Timestamp::MAX)
}
