//! Statistics of many runs of a race: who wins, how runs end, and how long they take.

use super::{
    Race,
    spread::Spread,
    track::{Ending, Finish},
};
use crate::base::schema::Seed;
use serde::Serialize;
use utoipa::ToSchema;

/// The statistics of several runs.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub struct Races {
    #[schema(value_type = Seed)]
    pub seed: u64,
    #[schema(minimum = 2)]
    pub runs: u32,
    /// Whether the released agents are invited again when a primary declines.
    pub reopen: bool,
    /// The agents, and how often each of them won.
    pub agents: Vec<Wins>,
    /// Runs without a primary at the end.
    pub nobody: Part,
    pub endings: Endings,
    /// Runs in which more than one agent became primary, one after the other.
    pub reopened: Part,
    /// Time from the start until the winner accepted.
    #[schema(required)]
    pub time_to_primary: Option<Spread>,
    /// Time from the winner's accept until the next agent would have accepted.
    #[schema(required)]
    pub margin: Option<Spread>,
}

/// How often an agent won.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RaceWins)]
pub struct Wins {
    /// Number of the agent, counted from 1.
    #[schema(minimum = 1)]
    pub agent: u32,
    pub name: Box<str>,
    /// Email of the agent, unless it is reached by phone only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<Box<str>>,
    /// Runs in which the agent was primary at the end.
    pub wins: u32,
    /// Fraction of all runs, to four digits.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f64,
}

/// A subset of the runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RacePart)]
pub struct Part {
    pub runs: u32,
    /// Fraction of all runs, to four digits.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f64,
}

/// How runs ended.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = RaceEndings)]
pub struct Endings {
    pub finalized: Part,
    pub voided: Part,
    pub expired: Part,
    pub stalled: Part,
}

impl Endings {
    /// Each ending with the runs that ended so.
    #[must_use]
    pub fn all(&self) -> [(Ending, Part); 4] {
        [
            (Ending::Finalized, self.finalized),
            (Ending::Voided, self.voided),
            (Ending::Expired, self.expired),
            (Ending::Stalled, self.stalled),
        ]
    }
}

impl Races {
    pub(super) fn of(race: &Race, seed: u64, runs: u32) -> Self {
        let mut tally = RaceTally::new(race.agents());
        let mut track = race.track();
        for number in 0..u64::from(runs) {
            tally.add(&track.run(Race::chance(seed, number), &mut ()));
        }
        tally.close(race, seed, runs)
    }

    pub(super) fn of_until(race: &Race, seed: u64, runs: u32, mut is_over: impl FnMut() -> bool) -> Option<Self> {
        let mut tally = RaceTally::new(race.agents());
        let mut track = race.track();
        for number in 0..u64::from(runs) {
            if is_over() {
                return None;
            }
            tally.add(&track.run(Race::chance(seed, number), &mut ()));
        }
        Some(tally.close(race, seed, runs))
    }
}

/// Collects the statistics.
struct RaceTally {
    wins: Vec<u32>,
    endings: [u32; 4],
    reopened: u32,
    /// In milliseconds, for each run with a winner.
    times: Vec<u64>,
    /// In milliseconds, for each run in which another agent would have accepted.
    margins: Vec<u64>,
}

impl RaceTally {
    fn new(agents: usize) -> Self {
        Self { wins: vec![0; agents], endings: [0; 4], reopened: 0, times: Vec::new(), margins: Vec::new() }
    }

    fn add(&mut self, finish: &Finish) {
        let ending = match finish.ending {
            Ending::Finalized => 0,
            Ending::Voided => 1,
            Ending::Expired => 2,
            Ending::Stalled => 3,
        };
        if let Some(count) = self.endings.get_mut(ending) {
            *count += 1;
        }
        self.reopened += u32::from(finish.claims > 1);
        let Some(winner) = finish.winner else { return };
        if let Some(wins) = usize::try_from(winner.agent).ok().and_then(|place| self.wins.get_mut(place)) {
            *wins += 1;
        }
        self.times.push(winner.at);
        if let Some(rival) = finish.rival {
            self.margins.push(rival.at.saturating_sub(winner.at));
        }
    }

    fn close(self, race: &Race, seed: u64, runs: u32) -> Races {
        let part = |count| Part { runs: count, share: share(count, runs) };
        let [finalized, voided, expired, stalled] = self.endings.map(part);
        let won: u32 = self.wins.iter().sum();
        let persons = race.persons();
        let agents = (1..).zip(persons).zip(&self.wins).map(|((agent, person), wins)| Wins {
            agent,
            name: person.name.clone(),
            email: person.email.clone(),
            wins: *wins,
            share: share(*wins, runs),
        });
        Races {
            seed,
            runs,
            reopen: race.reopens(),
            agents: agents.collect(),
            nobody: part(runs - won),
            endings: Endings { finalized, voided, expired, stalled },
            reopened: part(self.reopened),
            time_to_primary: Spread::of(self.times, true),
            margin: Spread::of(self.margins, false),
        }
    }
}

/// Rounded with integers, so that the result is the same on every machine.
fn share(count: u32, of: u32) -> f64 {
    let (count, of) = (u64::from(count), u64::from(of).max(1));
    let parts = (count * 10_000 + of / 2) / of;
    f64::from(u32::try_from(parts).unwrap_or(u32::MAX)) / 10_000.0
}
