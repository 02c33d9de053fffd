//! Races of simulated agents who compete for one recipient, on the real state machine (G4, G5, G10).
//!
//! Races use simulated time and a seed. Each run of a seed has its own random stream, so its result does not depend on
//! which runs precede it. Times are whole milliseconds from the start. Independent of files, terminals and sandboxes.

mod axis;
mod file;
mod queue;
mod races;
mod run;
mod span;
mod spec;
mod spread;
mod svg;
mod table;
mod track;

pub use file::RaceFile;
pub use races::{Endings, Part, Races, Wins};
pub use run::{Happening, Lane, LaneEntry, Run, RunnerUp, Winner};
pub use spread::{Bin, Histogram, Scale, Spread};
pub use track::Ending;

use crate::{
    base::ids::Chance,
    domain::signing::{
        Behaviour, Command, DraftError, Effect, Envelope, EnvelopeId, EnvelopeState, Locale, NewRecipient, Person,
        Plan, Recipient, RecipientState, RecipientType, Refusal, Role, Terms,
    },
};
use jiff::Timestamp;
use track::Track;
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

/// Maximum number of agents in a race.
pub const MOST_RACERS: usize = 1_000;

/// Maximum number of runs in one simulation. Each takes 16 bytes while they are counted.
pub const MOST_RUNS: u32 = 10_000_000;

#[derive(Clone, Debug, PartialEq)]
pub struct RaceAgent {
    pub name: Box<str>,
    /// Unique among the agents, ignoring case (G10); generated if not given.
    pub email: Option<Box<str>>,
    pub behaviour: Behaviour,
}

impl PartialSchema for RaceAgent {
    fn schema() -> RefOr<Schema> {
        file::AgentFile::schema()
    }
}

impl ToSchema for RaceAgent {}

/// A sent envelope with one recipient, and the behaviour of its agents.
#[derive(Clone, Debug)]
pub struct Race {
    /// The sent envelope, with exactly one recipient.
    envelope: Envelope,
    /// The effects of sending it; empty if it was already sent.
    sending: Vec<Effect>,
    start: Timestamp,
    behaviours: Vec<Behaviour>,
    /// When the envelope expires, in milliseconds from the start.
    expires: Option<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RaceError {
    #[error("a race needs at least one agent; add one")]
    NoAgents,
    #[error("{0} agents are too many; a race has at most {MOST_RACERS}")]
    TooManyAgents(usize),
    /// Two agents have the same email (G10).
    #[error("two agents have the email {0:?}; give each a different one")]
    DuplicateAgent(String),
    /// Envelopes expire after 1 to 90 days (G6).
    #[error("{0} is not from 1 to 90 days")]
    Period(i64),
    /// The envelope has no recipient whose agents could still become primary.
    #[error("the envelope has no recipient that agents can still compete for")]
    NothingOpen,
    /// The envelope cannot be sent, or has ended.
    #[error("{}", .0.description())]
    Refused(Refusal),
    /// No runs, or too many.
    #[error("{0} is not from 1 to {MOST_RUNS} runs")]
    Runs(u32),
}

impl Race {
    /// A race of agents for the only recipient of a new envelope, which expires only if a period is given.
    ///
    /// # Errors
    /// A [`RaceError`] when there are no agents, too many, or duplicates.
    pub fn of_agents(agents: &[RaceAgent], reopen: bool, period_days: Option<i64>) -> Result<Self, RaceError> {
        let period = match period_days.map(|days| (days, u8::try_from(days))) {
            None => None,
            Some((_, Ok(days @ 1..=90))) => Some(days),
            Some((days, _)) => return Err(RaceError::Period(days)),
        };
        is_race(agents.len())?;
        let start = Timestamp::UNIX_EPOCH;
        let terms = Terms { expiration_period_days: period.unwrap_or(90), reopen, ..Terms::new("Race", start) };
        let mut envelope = Envelope::new(EnvelopeId(0), terms);
        let recipient = NewRecipient {
            persons: agents.iter().zip(1..).map(|(agent, number)| agent.person(number)).collect(),
            ..NewRecipient::signer("signer")
        };
        envelope.add_recipient(recipient, start, &|_| "".into()).map_err(|error| match error {
            DraftError::DuplicateAgent { value, .. } => RaceError::DuplicateAgent(value),
            _ => RaceError::TooManyAgents(agents.len()),
        })?;
        let mut race = Self::from_now_on(envelope, start, agents.iter().map(|agent| agent.behaviour).collect())?;
        race.expires = race.expires.filter(|_| period.is_some());
        Ok(race)
    }

    /// A race for one recipient of an envelope, starting from the current state of its agents. In a draft, it is the
    /// first recipient that signs; in a sent envelope, the first that is open. Other recipients are ignored, and the
    /// host of an in-person signer counts as present.
    ///
    /// Agents behave as the envelope's plan says; an agent that no rule matches behaves as people usually do
    /// ([`Behaviour::USUAL`]).
    ///
    /// # Errors
    /// A [`RaceError`] when there is no such recipient, the draft cannot be sent, or the envelope has ended.
    pub fn of_envelope(envelope: &Envelope, now: Timestamp) -> Result<Self, RaceError> {
        let recipient = match envelope.state {
            EnvelopeState::Draft => {
                let signs = envelope.present().filter(|(_, recipient)| recipient.role.kind.signs());
                signs.min_by_key(|(_, recipient)| recipient.role.order).map(|(_, recipient)| recipient)
            }
            EnvelopeState::Sent { .. } => {
                envelope.recipients.iter().find(|recipient| matches!(recipient.state, RecipientState::Open { .. }))
            }
            _ => {
                envelope.judge(Command::Remind).map_err(RaceError::Refused)?;
                None
            }
        };
        let recipient = recipient.ok_or(RaceError::NothingOpen)?;
        is_race(recipient.seats.len())?;
        let plan = envelope.terms.plan.as_deref().filter(|plan| !plan.people.is_empty());
        let behaviour = |person: &Person| match plan {
            Some(plan) => Plan::behaviour_of(plan, person).copied().unwrap_or(Behaviour::NOTHING),
            None => Behaviour::USUAL,
        };
        let behaviours = recipient.role.persons.iter().map(behaviour).collect();
        let alone = Envelope { recipients: vec![alone(recipient)], ..envelope.clone() };
        Self::from_now_on(alone, now, behaviours)
    }

    fn from_now_on(mut envelope: Envelope, start: Timestamp, behaviours: Vec<Behaviour>) -> Result<Self, RaceError> {
        let mut sending = Vec::new();
        if envelope.state == EnvelopeState::Draft {
            envelope.perform(Command::Send, start, &mut sending).map_err(RaceError::Refused)?;
        }
        let left = envelope.expires_at().map(|at| at.duration_since(start).as_millis());
        let expires = left.map(|left| u64::try_from(left).unwrap_or(0));
        Ok(Self { envelope, sending, start, behaviours, expires })
    }

    #[must_use]
    pub fn agents(&self) -> usize {
        self.behaviours.len()
    }

    /// Whether the released agents are invited again when a primary declines.
    #[must_use]
    pub fn reopens(&self) -> bool {
        self.envelope.terms.reopen
    }

    /// Approximate maximum number of steps of a run, as a measure of its cost.
    #[must_use]
    pub fn cost(&self) -> u64 {
        let agents = self.agents() as u64;
        // Each primary that declines lets all other agents start over.
        let rounds = 1 + self.behaviours.iter().filter(|behaviour| behaviour.may_decline_as_primary()).count() as u64;
        agents.max(1) * if self.reopens() { rounds } else { 1 }
    }

    /// Simulates one run in full detail.
    #[must_use]
    pub fn run(&self, seed: u64, number: u64) -> Run {
        Run::of(self, seed, number)
    }

    /// Simulates runs 0, 1, 2, … of a seed and returns their statistics.
    pub fn runs(&self, seed: u64, runs: u32) -> Result<Races, RaceError> {
        if !(1..=MOST_RUNS).contains(&runs) {
            return Err(RaceError::Runs(runs));
        }
        Ok(Races::of(self, seed, runs))
    }

    /// As [`Race::runs`], but returns `None` as soon as `is_over` returns true between two runs.
    pub fn runs_until(&self, seed: u64, runs: u32, is_over: impl FnMut() -> bool) -> Result<Option<Races>, RaceError> {
        if !(1..=MOST_RUNS).contains(&runs) {
            return Err(RaceError::Runs(runs));
        }
        Ok(Races::of_until(self, seed, runs, is_over))
    }

    fn track(&self) -> Track<'_> {
        Track::new(self)
    }

    fn persons(&self) -> &[Person] {
        self.recipient().map_or(&[], |recipient| &recipient.role.persons)
    }

    fn recipient(&self) -> Option<&Recipient> {
        self.envelope.recipients.first()
    }

    fn chance(seed: u64, number: u64) -> Chance {
        Chance::of(seed, "race", number)
    }
}

impl RaceAgent {
    fn person(&self, number: usize) -> Person {
        let email = self.email.clone().unwrap_or_else(|| format!("agent-{number}@example.com").into());
        Person::new(self.name.clone(), email, None, Locale::default())
    }

    /// `count` agents that behave as people usually do.
    #[must_use]
    pub fn usual(count: usize) -> Vec<Self> {
        const NAMES: [&str; 3] = ["Alice", "Bob", "Carol"];
        let agent = |place: usize| {
            let name = NAMES.get(place).filter(|_| count <= NAMES.len());
            let name = name.map_or_else(|| format!("Agent {}", place + 1), |name| (*name).to_owned());
            Self { name: name.into(), email: None, behaviour: Behaviour::USUAL }
        };
        (0..count).map(agent).collect()
    }
}

fn is_race(agents: usize) -> Result<(), RaceError> {
    match agents {
        0 => Err(RaceError::NoAgents),
        1..=MOST_RACERS => Ok(()),
        _ => Err(RaceError::TooManyAgents(agents)),
    }
}

/// A copy of the recipient whose completion or decline ends the envelope.
fn alone(recipient: &Recipient) -> Recipient {
    let kind = match recipient.role.kind {
        RecipientType::InPersonSigner => RecipientType::Signer,
        kind => kind,
    };
    let role = Role { kind, required: true, hosted_by: None, ..Role::clone(&recipient.role) };
    Recipient { role: role.into(), ..recipient.clone() }
}
