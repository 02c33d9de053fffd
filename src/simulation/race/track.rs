//! Simulates one run of a race: the next agent does what it intends, and the state machine decides the result.
//!
//! Agents do not know each other's state. A released agent learns of it when its next action is refused, and then gives
//! up. What it would have done otherwise determines the margin by which it lost.

use super::{
    Race,
    queue::{Step, StepQueue},
};
use crate::{
    base::ids::Chance,
    domain::signing::{
        Act, AgentState, Command, Effect, EffectKind, Envelope, EnvelopeState, Intention, Refusal, Spot,
    },
};
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use utoipa::ToSchema;

/// How a run ends. `stalled`: no agent has anything left to do, and the envelope does not expire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RaceEnding)]
pub enum Ending {
    /// The recipient signed.
    Finalized,
    /// The primary declined, or every agent did.
    Voided,
    Expired,
    /// No agent has anything left to do, and the envelope does not expire.
    Stalled,
}

impl Ending {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finalized => "finalized",
            Self::Voided => "voided",
            Self::Expired => "expired",
            Self::Stalled => "stalled",
        }
    }
}

/// Observes a run.
pub(super) trait Watch {
    fn happened(&mut self, at: u64, effect: Effect);
    fn refused(&mut self, step: Step, refusal: Refusal);
}

/// Observes nothing.
impl Watch for () {
    fn happened(&mut self, _: u64, _: Effect) {}
    fn refused(&mut self, _: Step, _: Refusal) {}
}

/// An agent that accepts, or would have accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Claim {
    pub(super) agent: u32,
    pub(super) at: u64,
}

/// The result of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finish {
    /// The agent that is primary at the end, and when it became primary.
    pub(super) winner: Option<Claim>,
    /// The agent that would have accepted next after the winner.
    pub(super) rival: Option<Claim>,
    /// Number of times that an agent became primary.
    pub(super) claims: u32,
    pub(super) ending: Ending,
    pub(super) ended_at: Option<u64>,
}

/// Runs a race repeatedly, reusing its memory.
#[derive(Debug)]
pub(super) struct Track<'r> {
    race: &'r Race,
    envelope: Envelope,
    effects: Vec<Effect>,
    queue: StepQueue,
    claim: Option<Claim>,
    rival: Option<Claim>,
    claims: u32,
    ended_at: Option<u64>,
}

impl<'r> Track<'r> {
    pub(super) fn new(race: &'r Race) -> Self {
        let queue = StepQueue::new(race.agents());
        let (envelope, effects) = (race.envelope.clone(), Vec::new());
        Self { race, envelope, effects, queue, claim: None, rival: None, claims: 0, ended_at: None }
    }

    /// The envelope in its current state.
    pub(super) fn envelope(&self) -> &Envelope {
        &self.envelope
    }

    pub(super) fn run(&mut self, mut chance: Chance, watch: &mut impl Watch) -> Finish {
        let race = self.race;
        let random = &mut || chance.draw();
        self.reset();
        for effect in &race.sending {
            watch.happened(0, *effect);
        }
        let seats = race.recipient().map_or(&[][..], |recipient| &recipient.seats);
        for (agent, seat) in (0_u32..).zip(seats) {
            self.plan(agent, seat.state, 0, random);
        }
        while let Some(step) = self.queue.pop() {
            // Expiry was scheduled before any step was planned, so it comes first at the same time.
            self.expire_before(Some(step.at), watch);
            self.take(step, random, watch);
        }
        self.expire_before(None, watch);
        let is_primary = self.envelope.recipient_at(0).is_some_and(|recipient| recipient.primary().is_some());
        Finish {
            winner: self.claim.filter(|_| is_primary),
            rival: self.rival.filter(|_| is_primary),
            claims: self.claims,
            ending: match self.envelope.state {
                EnvelopeState::Finalized { .. } => Ending::Finalized,
                EnvelopeState::Voided { .. } => Ending::Voided,
                EnvelopeState::Expired { .. } => Ending::Expired,
                EnvelopeState::Draft | EnvelopeState::Sent { .. } => Ending::Stalled,
            },
            ended_at: self.ended_at,
        }
    }

    /// Returns to the start in place, without allocating.
    fn reset(&mut self) {
        let start = &self.race.envelope;
        self.envelope.state = start.state;
        self.envelope.revision = start.revision;
        for (recipient, start) in self.envelope.recipients.iter_mut().zip(&start.recipients) {
            recipient.state = start.state;
            recipient.seats.clone_from(&start.seats);
        }
        self.queue.clear();
        (self.claim, self.rival, self.claims, self.ended_at) = (None, None, 0, None);
    }

    fn take(&mut self, step: Step, random: &mut dyn FnMut() -> f64, watch: &mut impl Watch) {
        let Step { at, agent, intention } = step;
        let act = match intention {
            Intention::Open => Act::Open,
            Intention::Accept => Act::Accept,
            Intention::Decline => Act::Decline,
            Intention::Sign => Act::Sign { code: self.code(agent) },
        };
        self.effects.clear();
        let command = Command::Act(Spot { recipient: 0, agent }, act);
        match self.envelope.perform(command, self.time(at), &mut self.effects) {
            Ok(_) => self.tell(at, random, watch),
            Err(refusal) => {
                watch.refused(step, refusal);
                let accepts_at = match (refusal, intention) {
                    (Refusal::AlreadyClaimed { .. }, Intention::Accept) => Some(at),
                    (Refusal::Released, Intention::Open) => match self.next(agent, AgentState::Opened, random) {
                        Some((Intention::Accept, after)) => Some(at.saturating_add(after)),
                        _ => None,
                    },
                    _ => None,
                };
                if let Some(at) = accepts_at.filter(|at| self.race.expires.is_none_or(|expires| *at < expires))
                    && self.rival.is_none_or(|rival| at < rival.at)
                {
                    self.rival = Some(Claim { agent, at });
                }
            }
        }
    }

    fn expire_before(&mut self, at: Option<u64>, watch: &mut impl Watch) {
        let due = self.race.expires.filter(|due| at.is_none_or(|at| *due <= at));
        if let Some(due) = due.filter(|_| self.ended_at.is_none()) {
            self.effects.clear();
            if self.envelope.perform(Command::Expire, self.time(due), &mut self.effects).is_ok() {
                self.tell(due, &mut || 0.0, watch);
            }
        }
    }

    /// Reports the effects of a command and plans the next step of each agent whose state changed.
    fn tell(&mut self, at: u64, random: &mut dyn FnMut() -> f64, watch: &mut impl Watch) {
        for place in 0..self.effects.len() {
            let Some(effect) = self.effects.get(place).copied() else { return };
            watch.happened(at, effect);
            match (effect.kind, effect.agent) {
                (EffectKind::AgentInvited, Some(agent)) => self.plan(agent, AgentState::Invited, at, random),
                (EffectKind::AgentOpened, Some(agent)) => self.plan(agent, AgentState::Opened, at, random),
                (EffectKind::AgentAccepted, Some(agent)) => {
                    self.claims += 1;
                    (self.claim, self.rival) = (Some(Claim { agent, at }), None);
                    self.plan(agent, AgentState::Primary, at, random);
                }
                (EffectKind::EnvelopeFinalized | EffectKind::EnvelopeVoided | EffectKind::EnvelopeExpired, _) => {
                    self.ended_at = Some(at);
                }
                _ => {}
            }
        }
    }

    fn plan(&mut self, agent: u32, state: AgentState, at: u64, random: &mut dyn FnMut() -> f64) {
        match self.next(agent, state, random) {
            Some((intention, after)) => self.queue.plan(Step { at: at.saturating_add(after), agent, intention }),
            None => self.queue.forget(agent),
        }
    }

    fn next(&self, agent: u32, state: AgentState, random: &mut dyn FnMut() -> f64) -> Option<(Intention, u64)> {
        let behaviour = self.race.behaviours.get(usize::try_from(agent).ok()?)?;
        let (intention, after) = behaviour.next(state, random)?;
        let signs = self.race.recipient().is_some_and(|recipient| recipient.role.kind.signs());
        if intention == Intention::Sign && !signs {
            return None;
        }
        Some((intention, u64::try_from(after.as_millis()).unwrap_or(0)))
    }

    /// The code sent to an agent's phone.
    fn code(&self, agent: u32) -> Option<&'r str> {
        self.race.recipient()?.role.codes.get(usize::try_from(agent).ok()?)?.as_deref()
    }

    fn time(&self, at: u64) -> Timestamp {
        let after = SignedDuration::from_millis(i64::try_from(at).unwrap_or(i64::MAX));
        self.race.start.checked_add(after).unwrap_or(Timestamp::MAX)
    }
}
