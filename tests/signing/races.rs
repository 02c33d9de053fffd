//! Simulated races: fixed ones, random ones, and properties of all of them.

use docendorse_mock::{
    domain::signing::{AgentState, Behaviour, EffectKind},
    simulation::race::{Ending, Happening, Race, RaceAgent, RaceError, RaceFile, Run},
};
use proptest::prelude::*;
use serde_json::{Value, json};

const MINUTE: u64 = 60_000;
const DAY: u64 = 24 * 60 * MINUTE;

fn race(file: Value) -> Race {
    RaceFile::read("race.json", &file.to_string()).unwrap().race().unwrap()
}

fn usual(agents: usize) -> Race {
    Race::of_agents(&RaceAgent::usual(agents), false, None).unwrap()
}

/// The timeline in words: `5m alice agent.opened`.
fn story(run: &Run) -> Vec<String> {
    let entries = run.timeline.iter().filter(|entry| entry.after_ms > 0);
    entries
        .map(|entry| {
            let who = entry.agent.map_or("-", |agent| run.name_of(agent));
            let what = match entry.what {
                Happening::Event { event } => event.as_str().to_owned(),
                Happening::Refused { attempt, refused } => format!("{} {}", attempt.as_str(), refused.name()),
            };
            format!("{}m {who} {what}", entry.after_ms / MINUTE)
        })
        .collect()
}

fn states(run: &Run) -> Vec<AgentState> {
    run.agents.iter().map(|lane| lane.state).collect()
}

#[test]
fn the_quickest_wins_and_later_attempts_are_refused() {
    let race = race(json!({ "agents": [
        { "name": "Alice", "opens": "5m", "accepts": "10m", "signs": "20m" },
        { "name": "Bob", "opens": "1m", "accepts": "20m", "signs": "1m" },
        { "name": "Carol", "opens": "40m", "accepts": "1m" },
    ]}));
    let run = race.run(7, 0);
    assert_eq!(
        story(&run),
        [
            "1m Bob agent.opened",
            "5m Alice agent.opened",
            "15m Alice agent.accepted",
            "15m Bob agent.released",
            "15m Carol agent.released",
            "21m Bob accept Recipient.AlreadyClaimed",
            "35m Alice document.signed",
            "35m - recipient.completed",
            "35m - envelope.finalized",
            "40m Carol open Agent.Released",
        ]
    );
    let winner = run.winner.as_ref().unwrap();
    let next = winner.runner_up.as_ref().unwrap();
    assert_eq!(
        (&*winner.name, winner.after_ms, &*next.name, next.margin_ms),
        ("Alice", 15 * MINUTE, "Bob", 6 * MINUTE)
    );
    assert_eq!((run.ending, run.ended_after_ms), (Ending::Finalized, Some(35 * MINUTE)));
    assert_eq!(states(&run), [AgentState::Signed, AgentState::Released, AgentState::Released]);
    assert_eq!(run.agents[2].released_after_ms, Some(15 * MINUTE));

    let races = race.runs(7, 100).unwrap();
    let time = races.time_to_primary.unwrap();
    assert_eq!((races.agents[0].wins, races.agents[0].share, races.nobody.runs), (100, 1.0, 0));
    assert_eq!([time.min_ms, time.median_ms, time.p99_ms, time.max_ms, time.mean_ms], [15 * MINUTE; 5]);
    assert_eq!(races.margin.unwrap().median_ms, 6 * MINUTE);
}

#[test]
fn in_a_tie_the_earlier_decision_goes_first() {
    let run = race(json!({ "agents": [
        { "name": "Alice", "opens": "5m", "accepts": "5m", "signs": "1m" },
        { "name": "Bob", "opens": "2m", "accepts": "8m", "signs": "1m" },
    ]}))
    .run(1, 0);
    // Bob has been reading since the second minute, Alice since the fifth.
    let winner = run.winner.unwrap();
    assert_eq!((&*winner.name, winner.runner_up.unwrap().margin_ms), ("Bob", 0));
}

#[test]
fn nothing_happens_if_no_agent_opens() {
    let race = race(json!({ "agents": [{ "name": "Alice", "opens": "never" }, { "name": "Bob", "signs": "1m" }] }));
    let run = race.run(1, 0);
    assert_eq!((run.ending, run.ended_after_ms, &run.winner), (Ending::Stalled, None, &None));
    assert!(story(&run).is_empty());
    let races = race.runs(1, 10).unwrap();
    assert_eq!((races.nobody.runs, races.endings.stalled.runs, races.time_to_primary.clone()), (10, 10, None));
    assert!(races.table().contains("stalled") && races.svg().contains("nobody"));
    assert!(run.table().contains("winner    nobody") && run.svg().contains("Nobody won"));
}

#[test]
fn a_declining_primary_ends_or_restarts_the_race() {
    let file = |reopen: bool| {
        json!({ "reopen": reopen, "agents": [
            { "name": "Alice", "opens": "1m", "accepts": "1m", "declines": { "after": "3m", "instead_of": "signing" } },
            { "name": "Bob", "opens": "10m", "accepts": "10m", "signs": "10m" },
            { "name": "Carol", "opens": "3m", "declines": "1m" },
        ]})
    };
    let run = race(file(false)).run(1, 0);
    assert_eq!((run.ending, run.ended_after_ms, &run.winner), (Ending::Voided, Some(5 * MINUTE), &None));
    assert_eq!(story(&run).last().unwrap(), "10m Bob open Agent.Released");

    let race = race(file(true));
    let run = race.run(1, 0);
    assert_eq!(
        story(&run),
        [
            "1m Alice agent.opened",
            "2m Alice agent.accepted",
            "2m Bob agent.released",
            "2m Carol agent.released",
            "3m Carol open Agent.Released",
            "5m Alice agent.declined",
            // The new invitation replaces what Bob had planned for the first one.
            "5m Bob agent.invited",
            "5m Carol agent.invited",
            "8m Carol agent.opened",
            "9m Carol agent.declined",
            "15m Bob agent.opened",
            "25m Bob agent.accepted",
            "35m Bob document.signed",
            "35m - recipient.completed",
            "35m - envelope.finalized",
        ]
    );
    let winner = run.winner.as_ref().unwrap();
    assert_eq!((&*winner.name, winner.after_ms, &winner.runner_up), ("Bob", 25 * MINUTE, &None));
    let races = race.runs(1, 4).unwrap();
    assert_eq!((races.reopened.runs, races.agents[1].wins, races.margin), (4, 4, None));
}

#[test]
fn a_race_ends_when_the_last_agent_declines() {
    let run = race(json!({ "agents": [
        { "name": "Alice", "opens": "1m", "declines": "1m" },
        { "name": "Bob", "opens": "2m", "declines": "1m" },
    ]}))
    .run(1, 0);
    assert_eq!((run.ending, run.ended_after_ms), (Ending::Voided, Some(3 * MINUTE)));
    assert_eq!(states(&run), [AgentState::Declined; 2]);
}

#[test]
fn expiry_comes_before_acts_at_the_same_moment() {
    let file = |opens: &str, accepts: &str| {
        json!({ "expiration_period_days": 1, "agents": [
            { "name": "Alice", "opens": opens, "accepts": accepts, "signs": "1h" },
            { "name": "Bob", "opens": "2d", "accepts": "1h" },
        ]})
    };
    let run = race(file("1d", "1m")).run(1, 0);
    assert_eq!((run.ending, run.ended_after_ms, &run.winner), (Ending::Expired, Some(DAY), &None));
    assert_eq!(
        story(&run),
        ["1440m - envelope.expired", "1440m Alice open Envelope.Expired", "2880m Bob open Envelope.Expired"]
    );
    // A primary that is too late to sign has still won, and there is no runner-up.
    let run = race(file("1h", "22h 30m")).run(1, 0);
    let winner = run.winner.as_ref().unwrap();
    assert_eq!((run.ending, &*winner.name, &winner.runner_up), (Ending::Expired, "Alice", &None));
    assert_eq!(states(&run), [AgentState::Primary, AgentState::Released]);
    // No agent acts, but the envelope expires.
    let idle = json!({ "expiration_period_days": 90, "agents": [{ "name": "Alice", "opens": "never" }] });
    assert_eq!(race(idle).run(1, 0).ended_after_ms, Some(90 * DAY));
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let reports = |race: Race, seed| {
        let (run, races) = (race.run(seed, 3), race.runs(seed, 500).unwrap());
        let json = [serde_json::to_string(&run).unwrap(), serde_json::to_string(&races).unwrap()];
        [run.table(), run.svg(), races.table(), races.svg()].into_iter().chain(json).collect::<Vec<_>>()
    };
    assert_eq!(reports(usual(5), 11), reports(usual(5), 11));
    assert_ne!(reports(usual(5), 11), reports(usual(5), 12));
}

#[test]
fn many_runs_are_the_same_as_single_runs() {
    for agents in [3, 40] {
        let race = usual(agents);
        let mut wins = vec![0; agents];
        let mut times = Vec::new();
        for number in 0..200 {
            let winner = race.run(5, number).winner.unwrap();
            wins[winner.agent as usize - 1] += 1;
            times.push(winner.after_ms);
        }
        let races = race.runs(5, 200).unwrap();
        assert_eq!(races.agents.iter().map(|agent| agent.wins).collect::<Vec<u32>>(), wins);
        let time = races.time_to_primary.unwrap();
        assert_eq!((time.min_ms, time.max_ms), (*times.iter().min().unwrap(), *times.iter().max().unwrap()));
    }
}

#[test]
fn agents_with_equal_behaviour_win_equally_often() {
    let races = usual(3).runs(1, 3_000).unwrap();
    assert!(races.agents.iter().all(|agent| (900..1_100).contains(&agent.wins)), "{:?}", races.agents);
}

#[test]
fn a_race_is_shown_in_three_formats() {
    let race = race(json!({ "reopen": true, "expiration_period_days": 2, "agents": [
        { "name": "Alice <b>", "email": "alice@example.com" },
        { "name": "Bob", "opens": { "uniform": ["1m", "20m"] }, "accepts": "30s",
          "declines": { "after": "5m", "probability": 0.5, "instead_of": "signing" }, "signs": "10m" },
        { "name": "Carol", "opens": "1h", "declines": "1m" },
    ]}));
    let run = race.run(7, 0);
    insta::assert_snapshot!("run_table", run.table());
    insta::assert_json_snapshot!("run_json", run);
    insta::assert_snapshot!("run_svg", run.svg());
    let races = race.runs(7, 1_000).unwrap();
    insta::assert_snapshot!("races_table", races.table());
    insta::assert_json_snapshot!("races_json", races);
    insta::assert_snapshot!("races_svg", races.svg());
}

#[test]
fn an_invalid_race_is_refused() {
    let of = |agents: &[RaceAgent]| Race::of_agents(agents, false, None).unwrap_err();
    assert_eq!(of(&[]), RaceError::NoAgents);
    assert_eq!(of(&RaceAgent::usual(1_001)), RaceError::TooManyAgents(1_001));
    let [a, b] = ["a@example.com", "A@example.com"].map(|email| RaceAgent {
        name: "A".into(),
        email: Some(email.into()),
        behaviour: Behaviour::USUAL,
    });
    assert_eq!(of(&[a, b]), RaceError::DuplicateAgent("A@example.com".to_owned()));
    assert_eq!(Race::of_agents(&RaceAgent::usual(1), false, Some(91)).unwrap_err(), RaceError::Period(91));
    assert_eq!(usual(1).runs(1, 0).unwrap_err(), RaceError::Runs(0));
    assert_eq!(usual(1).runs(1, 10_000_001).unwrap_err(), RaceError::Runs(10_000_001));
}

#[test]
fn the_report_of_a_large_race_is_bounded() {
    // All accept at the same time and decline one after the other, which gives the longest timeline.
    let decline = json!({ "after": "1m", "instead_of": "signing" });
    let agents: Vec<Value> = (1..=300)
        .map(|number| json!({ "name": format!("Agent {number}"), "opens": "1m", "accepts": "1m", "declines": decline }))
        .collect();
    let race = race(json!({ "agents": agents, "reopen": true }));
    let run = race.run(1, 0);
    assert_eq!((run.ending, run.timeline.len()), (Ending::Voided, 10_000));
    assert!(run.omitted > 30_000, "{}", run.omitted);
    assert_eq!(states(&run), [AgentState::Declined; 300]);
    let picture = usual(1_000).run(1, 0).svg();
    assert!(picture.matches("text-anchor").count() < 10 && picture.contains("Not shown: 900 agents."));
    assert!(usual(1_000).runs(1, 20).unwrap().svg().contains("Not shown: 900 agents with fewer wins."));
}

/// Random behaviours within a few minutes.
fn behaviour() -> impl Strategy<Value = Value> {
    let span = (0..5_u8).prop_map(|minutes| json!(format!("{minutes}m")));
    let drawn =
        (0..3_u8, 3..9_u8).prop_map(|(least, most)| json!({ "uniform": [format!("{least}m"), format!("{most}m")] }));
    let after = prop_oneof![span, drawn];
    let habit = prop_oneof![
        1 => Just(json!("never")),
        4 => (after, 0..=4_u8).prop_map(|(after, quarters)| json!({ "after": after, "probability": f64::from(quarters) / 4.0 })),
    ];
    (habit.clone(), habit.clone(), habit.clone(), habit, any::<bool>()).prop_map(
        |(opens, accepts, mut declines, signs, late)| {
            if late && declines.is_object() {
                declines["instead_of"] = json!("signing");
            }
            json!({ "opens": opens, "accepts": accepts, "declines": declines, "signs": signs })
        },
    )
}

/// Checks the timeline of a run for properties that every run has (G4, G5).
fn judge(run: &Run) -> Result<(), String> {
    let mut states = vec![AgentState::Waiting; run.agents.len()];
    let mut ended = 0;
    for entry in &run.timeline {
        let Happening::Event { event } = entry.what else { continue };
        let Some(agent) = entry.agent.map(|agent| agent as usize - 1) else {
            let ends = [EffectKind::EnvelopeFinalized, EffectKind::EnvelopeVoided, EffectKind::EnvelopeExpired];
            ended += u32::from(ends.contains(&event));
            continue;
        };
        let (from, to): (&[AgentState], _) = match event {
            EffectKind::AgentInvited => (&[AgentState::Waiting, AgentState::Released], AgentState::Invited),
            EffectKind::AgentOpened => (&[AgentState::Invited], AgentState::Opened),
            EffectKind::AgentAccepted => (&[AgentState::Opened], AgentState::Primary),
            EffectKind::AgentReleased => (&[AgentState::Invited, AgentState::Opened], AgentState::Released),
            EffectKind::AgentDeclined => (&[AgentState::Opened, AgentState::Primary], AgentState::Declined),
            EffectKind::DocumentSigned => (&[AgentState::Primary], AgentState::Signed),
            other => return Err(format!("{other:?} is not an event of an agent")),
        };
        if !from.contains(&states[agent]) {
            return Err(format!("agent {} is {:?} before {event:?}", agent + 1, states[agent]));
        }
        if event == EffectKind::AgentAccepted && states.contains(&AgentState::Primary) {
            return Err("two are primary".to_owned());
        }
        states[agent] = to;
    }
    let reported: Vec<AgentState> = run.agents.iter().map(|lane| lane.state).collect();
    if reported != states {
        return Err(format!("the run reports {reported:?}, but its timeline leads to {states:?}"));
    }
    let holders = states.iter().filter(|state| matches!(state, AgentState::Primary | AgentState::Signed)).count();
    let racing = states.iter().filter(|state| matches!(state, AgentState::Invited | AgentState::Opened)).count();
    if holders > 1 || (holders == 1 && racing > 0) || (holders == 1) != run.winner.is_some() {
        return Err(format!("in the end {states:?}, and {:?} won", run.winner));
    }
    let has_signed = states.contains(&AgentState::Signed);
    if ended != u32::from(run.ending != Ending::Stalled) || has_signed != (run.ending == Ending::Finalized) {
        return Err(format!("it ended {ended} times, the last time {:?}", run.ending));
    }
    Ok(())
}

proptest! {
    #[test]
    fn any_race_ends_with_at_most_one_winner(
        behaviours in prop::collection::vec(behaviour(), 1..7),
        reopen: bool,
        expires: bool,
        seed: u64,
    ) {
        let agents: Vec<Value> = behaviours.into_iter().enumerate().map(|(place, mut agent)| {
            agent["name"] = json!(format!("Agent {}", place + 1));
            agent
        }).collect();
        let mut file = json!({ "agents": agents, "reopen": reopen });
        if expires {
            file["expiration_period_days"] = json!(1);
        }
        let race = race(file);
        for number in 0..10 {
            let run = race.run(seed, number);
            prop_assert_eq!(judge(&run), Ok(()), "{}", run.table());
            let times: Vec<u64> = run.timeline.iter().map(|entry| entry.after_ms).collect();
            prop_assert!(times.is_sorted());
        }
    }
}

#[test]
fn runs_stop_on_request() {
    let race = usual(3);
    let mut looks = 0;
    let stopped = race.runs_until(7, 100, || {
        looks += 1;
        looks > 10
    });
    assert_eq!((stopped, looks), (Ok(None), 11));
    assert_eq!(race.runs_until(7, 100, || false), Ok(Some(race.runs(7, 100).unwrap())));
}
