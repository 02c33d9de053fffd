//! One run of a race in full detail: what each agent did and when, and how the run ended.

use super::{
    Race,
    queue::Step,
    track::{Claim, Ending, Watch},
};
use crate::base::schema::Seed;
use crate::domain::{
    signing::EffectKind,
    signing::{AgentState, Effect, Intention, Refusal},
};
use serde::{Serialize, Serializer};
use utoipa::ToSchema;

/// Maximum number of timeline entries of a run.
const MOST_ENTRIES: usize = 10_000;

/// One run. Agents are identified by their numbers, counted from 1; times are counted from the start.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RaceRun)]
pub struct Run {
    #[schema(value_type = Seed)]
    pub seed: u64,
    /// Number of the run among those of the seed, counted from 0.
    pub run: u64,
    /// Whether the released agents are invited again when a primary declines.
    pub reopen: bool,
    pub ending: Ending,
    /// When the run ended, if it did.
    #[schema(required)]
    pub ended_after_ms: Option<u64>,
    /// The agent that is primary at the end, if there is one.
    #[schema(required)]
    pub winner: Option<Winner>,
    pub agents: Vec<Lane>,
    #[schema(max_items = 10_000)]
    pub timeline: Vec<LaneEntry>,
    /// Number of timeline entries left out because there are too many.
    pub omitted: u64,
}

/// An agent in a run.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RaceLane)]
pub struct Lane {
    /// Number of the agent.
    #[schema(minimum = 1)]
    pub agent: u32,
    pub name: Box<str>,
    /// Email of the agent, unless it is reached by phone only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Box<str>>,
    pub state: AgentState,
    /// When the agent was released, if it stayed released.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub released_after_ms: Option<u64>,
}

/// The agent that is primary at the end.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RaceWinner)]
pub struct Winner {
    /// Number of the agent.
    #[schema(minimum = 1)]
    pub agent: u32,
    pub name: Box<str>,
    /// When the agent accepted.
    pub after_ms: u64,
    /// The agent that would have accepted next.
    #[schema(required)]
    pub runner_up: Option<RunnerUp>,
}

/// The agent that lost by the smallest margin.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RaceRunnerUp)]
pub struct RunnerUp {
    /// Number of the agent.
    #[schema(minimum = 1)]
    pub agent: u32,
    pub name: Box<str>,
    /// How much later it would have accepted.
    pub margin_ms: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = RaceEntry)]
pub struct LaneEntry {
    pub after_ms: u64,
    /// Number of the agent that the entry is about, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1)]
    pub agent: Option<u32>,
    #[serde(flatten)]
    pub what: Happening,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Happening {
    Event {
        event: EffectKind,
    },
    /// An agent's action that was refused.
    Refused {
        #[schema(inline)]
        attempt: Intention,
        /// The stable name of the refusal.
        #[serde(serialize_with = "name_of")]
        #[schema(value_type = String, examples("Recipient.AlreadyClaimed"))]
        refused: Refusal,
    },
}

impl Run {
    pub(super) fn of(race: &Race, seed: u64, number: u64) -> Self {
        let mut record = RunRecord { timeline: Vec::new(), omitted: 0, released: vec![None; race.agents()] };
        let mut track = race.track();
        let finish = track.run(Race::chance(seed, number), &mut record);
        let seats = track.envelope().recipient_at(0).map_or(&[][..], |recipient| &recipient.seats);
        let agents: Vec<Lane> = (1..)
            .zip(race.persons())
            .zip(seats)
            .zip(&record.released)
            .map(|(((agent, person), seat), released)| Lane {
                agent,
                name: person.name.clone(),
                email: person.email.clone(),
                state: seat.state,
                released_after_ms: released.filter(|_| seat.state == AgentState::Released),
            })
            .collect();
        let name =
            |agent: u32| usize::try_from(agent).ok().and_then(|place| agents.get(place)).map(|lane| lane.name.clone());
        let winner = finish.winner.and_then(|claim| {
            let runner_up = |rival: Claim| {
                Some(RunnerUp {
                    agent: rival.agent + 1,
                    name: name(rival.agent)?,
                    margin_ms: rival.at.saturating_sub(claim.at),
                })
            };
            let runner_up = finish.rival.and_then(runner_up);
            Some(Winner { agent: claim.agent + 1, name: name(claim.agent)?, after_ms: claim.at, runner_up })
        });
        Self {
            seed,
            run: number,
            reopen: race.reopens(),
            ending: finish.ending,
            ended_after_ms: finish.ended_at,
            winner,
            agents,
            timeline: record.timeline,
            omitted: record.omitted,
        }
    }

    /// The full name of an agent.
    #[must_use]
    pub fn name_of(&self, agent: u32) -> &str {
        let place = usize::try_from(agent).ok().and_then(|number| number.checked_sub(1));
        place.and_then(|place| self.agents.get(place)).map_or("", |lane| &lane.name)
    }
}

/// Records the visible events of a run.
struct RunRecord {
    timeline: Vec<LaneEntry>,
    omitted: u64,
    /// When each agent was last released.
    released: Vec<Option<u64>>,
}

impl RunRecord {
    fn enter(&mut self, after_ms: u64, agent: Option<u32>, what: Happening) {
        if self.timeline.len() < MOST_ENTRIES {
            self.timeline.push(LaneEntry { after_ms, agent: agent.map(|agent| agent + 1), what });
        } else {
            self.omitted += 1;
        }
    }
}

impl Watch for RunRecord {
    fn happened(&mut self, at: u64, effect: Effect) {
        if effect.kind == EffectKind::AgentReleased
            && let Some(agent) = effect.agent
            && let Some(released) = usize::try_from(agent).ok().and_then(|agent| self.released.get_mut(agent))
        {
            *released = Some(at);
        }
        self.enter(at, effect.agent, Happening::Event { event: effect.kind });
    }

    fn refused(&mut self, step: Step, refused: Refusal) {
        self.enter(step.at, Some(step.agent), Happening::Refused { attempt: step.intention, refused });
    }
}

fn name_of<S: Serializer>(refusal: &Refusal, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(refusal.name())
}
