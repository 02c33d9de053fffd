//! Consequences of an envelope's transition: events, messages, and the next actions of simulated people.

use crate::{
    base::ids::Chance,
    domain::{
        event::Event,
        signing::{
            Act, AgentId, AgentState, Effect, EffectKind, Envelope, EnvelopeState, Intention, PlannedAct, Recipient,
            RecipientState, RecipientType, Spot, Upcoming,
        },
    },
    sandbox::Sandbox,
    store::Commit,
};
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

impl Sandbox {
    /// Plans the envelope's next automatic actions, and adds the consequences of a transition to the commit: its
    /// events and messages. `envelope` is the state after the transition.
    pub(super) fn follow_up(&self, envelope: &mut Envelope, effects: &[Effect], now: Timestamp, commit: &mut Commit) {
        if effects.is_empty() {
            return;
        }
        self.plan_next(envelope, effects, now);
        self.notify(envelope, effects, now, commit);
        commit.append(Event::of_transition(envelope, effects, now).map(Arc::new));
    }

    fn plan_next(&self, envelope: &mut Envelope, effects: &[Effect], now: Timestamp) {
        if envelope.state.has_ended() {
            envelope.upcoming = Upcoming::default();
            return;
        }
        if effects.iter().any(|effect| effect.kind == EffectKind::EnvelopeSent) {
            envelope.upcoming.remind = envelope.next_reminder(now);
            envelope.upcoming.void = self.void_due(envelope);
        }
        if envelope.terms.plan.is_none() {
            return;
        }
        // Agents that acted, can act, or can no longer act.
        let (mut agents, mut acts) = (Vec::new(), Vec::new());
        for effect in effects {
            match effect.kind {
                EffectKind::AgentInvited | EffectKind::AgentOpened | EffectKind::AgentAccepted => {
                    let Some(spot) = spot_of(effect) else { continue };
                    agents.extend(number_at(envelope, spot));
                    acts.extend(self.plan_agent(envelope, spot, now));
                }
                EffectKind::AgentReleased | EffectKind::AgentDeclined | EffectKind::DocumentSigned => {
                    agents.extend(spot_of(effect).and_then(|spot| number_at(envelope, spot)));
                }
                EffectKind::RecipientCompleted => {
                    let hosted = self.plan_hosted(envelope, effect);
                    agents.extend(hosted.iter().map(|planned| planned.agent));
                    acts.extend(hosted);
                }
                _ => {}
            }
        }
        // An agent invited by the transition in which the host accepts is planned twice, with the same result.
        acts.sort_unstable();
        acts.dedup();
        envelope.upcoming.replan(&mut agents, &acts);
    }

    /// Plans the future of an envelope from another source, such as a snapshot, which need not contain it: the seed and
    /// the time at which an agent became able to act determine when it acts.
    pub(in crate::sandbox) fn plan_again(&self, envelope: &mut Envelope) {
        envelope.upcoming = Upcoming::default();
        if !matches!(envelope.state, EnvelopeState::Sent { .. }) {
            return;
        }
        envelope.upcoming.remind = envelope.next_reminder(self.clock.now());
        envelope.upcoming.void = self.void_due(envelope);
        let places = (0_u32..).zip(&envelope.recipients);
        let acts: Vec<_> =
            places.flat_map(|(place, recipient)| self.plan_recipient(envelope, place, recipient)).collect();
        envelope.upcoming.replan(&mut [], &acts);
    }

    /// When the sender voids the envelope, if the plan says so.
    fn void_due(&self, envelope: &Envelope) -> Option<Timestamp> {
        let plan = envelope.terms.plan.as_ref()?;
        let mut chance = self.ids.chance_of("sender", envelope.id.0);
        let after = plan.voids.draw(&mut || chance.draw())?;
        Some(later(envelope.state.sent_at()?, after))
    }

    /// The actions of in-person signers once their host is present.
    fn plan_hosted(&self, envelope: &Envelope, effect: &Effect) -> Vec<PlannedAct> {
        let host = effect.recipient.and_then(|place| envelope.recipient_at(place)).map(|host| host.role.number);
        let is_hosted = |recipient: &Recipient| {
            recipient.role.kind == RecipientType::InPersonSigner && recipient.role.hosted_by == host
        };
        let hosted = (0_u32..).zip(&envelope.recipients).filter(|(_, recipient)| is_hosted(recipient));
        hosted.flat_map(|(place, recipient)| self.plan_recipient(envelope, place, recipient)).collect()
    }

    fn plan_recipient(
        &self,
        envelope: &Envelope,
        place: u32,
        recipient: &Recipient,
    ) -> impl Iterator<Item = PlannedAct> {
        (0_u32..)
            .zip(&recipient.seats)
            .filter_map(move |(agent, seat)| self.plan_agent(envelope, Spot { recipient: place, agent }, seat.since))
    }

    /// An agent's next action, if a rule of the envelope's plan applies to it.
    fn plan_agent(&self, envelope: &Envelope, spot: Spot, since: Timestamp) -> Option<PlannedAct> {
        let recipient = envelope.recipient_at(spot.recipient)?;
        let person = recipient.role.persons.get(usize::try_from(spot.agent).ok()?)?;
        let behaviour = envelope.terms.plan.as_ref()?.behaviour_of(person)?;
        let state = recipient.agent(spot.agent)?;
        let agent = number_at(envelope, spot)?;
        let since = match state {
            AgentState::Invited => since.max(may_open(envelope, recipient)?),
            // A host's part is done by accepting.
            AgentState::Primary if !matches!(recipient.state, RecipientState::Claimed { .. }) => return None,
            _ => since,
        };
        let mut chance = self.chance(envelope, agent, state);
        let (act, after) = behaviour.next(state, &mut || chance.draw())?;
        Some(PlannedAct { due: later(since, after), act, agent })
    }

    /// The random stream of an agent at one point: always the same there, regardless of what else happens in the
    /// sandbox.
    fn chance(&self, envelope: &Envelope, agent: u32, state: AgentState) -> Chance {
        let kind = match state {
            AgentState::Invited => "person/invited",
            AgentState::Opened => "person/opened",
            _ => "person/primary",
        };
        self.ids.chance_of(kind, envelope.id.0.wrapping_add(u64::from(agent)))
    }

    /// An agent's one-time code: always the same, so it need not be stored.
    pub(super) fn code(&self, agent: AgentId) -> Box<str> {
        self.ids.code(agent.envelope.0 ^ u64::from(agent.number).rotate_left(32)).into()
    }
}

/// The action of a simulated person; `code` is the code sent to them.
pub(super) fn act_of(act: Intention, code: Option<&str>) -> Act<'_> {
    match act {
        Intention::Open => Act::Open,
        Intention::Accept => Act::Accept,
        Intention::Decline => Act::Decline,
        Intention::Sign => Act::Sign { code },
    }
}

/// The one-time code sent to an agent.
pub(super) fn code_of(envelope: &Envelope, spot: Spot) -> Option<Box<str>> {
    let codes = &envelope.recipient_at(spot.recipient)?.role.codes;
    codes.get(usize::try_from(spot.agent).ok()?)?.clone()
}

/// The position of the agent that the effect is about.
pub(super) fn spot_of(effect: &Effect) -> Option<Spot> {
    Some(Spot { recipient: effect.recipient?, agent: effect.agent? })
}

/// The number of the agent at a position.
pub(super) fn number_at(envelope: &Envelope, spot: Spot) -> Option<u32> {
    envelope.agent_id(spot).map(|id| id.number)
}

/// The time from which a recipient's agents can open, as far as it depends on a host; `None` while the host is absent.
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
