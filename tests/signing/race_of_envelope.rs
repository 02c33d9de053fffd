//! Races for an existing envelope: a draft, or one that was sent.

use docendorse_mock::{
    domain::signing::{
        Act, AgentState, Command, Envelope, EnvelopeId, NewRecipient, Person, Plan, RecipientType, Refusal, Spot, Terms,
    },
    simulation::race::{Ending, Race, RaceError},
};
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;

fn person(name: &str) -> Person {
    serde_json::from_value(json!({ "name": name, "email": format!("{name}@example.com"), "phone": "+12025550123" }))
        .unwrap()
}

fn recipient(identifier: &str, kind: RecipientType, order: u32, persons: &[&str]) -> NewRecipient {
    NewRecipient {
        kind,
        order,
        phone_verification: kind == RecipientType::Signer,
        persons: persons.iter().map(|name| person(name)).collect(),
        ..NewRecipient::signer(identifier)
    }
}

fn draft(plan: Option<Value>) -> Envelope {
    let terms = Terms {
        expiration_period_days: 1,
        plan: plan.map(|plan| Arc::new(serde_json::from_value::<Plan>(plan).unwrap())),
        ..Terms::new("NDA", Timestamp::UNIX_EPOCH)
    };
    let mut envelope = Envelope::new(EnvelopeId(9), terms);
    for new in [
        recipient("copy", RecipientType::Viewer, 1, &["vera"]),
        recipient("second", RecipientType::Delegator, 2, &["dora"]),
        recipient("first", RecipientType::Signer, 1, &["alice", "bob", "carol"]),
    ] {
        envelope.add_recipient(new, Timestamp::UNIX_EPOCH, &|_| "123456".into()).unwrap();
    }
    envelope
}

fn plan() -> Value {
    json!({ "people": [
        { "agent": "alice@*", "opens": "10m", "accepts": "1m", "signs": "1m" },
        { "agent": "bob@*", "opens": "5m", "accepts": "20m", "signs": "1m" },
    ]})
}

fn perform(envelope: &mut Envelope, command: Command<'_>, minute: i64) {
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_mins(minute);
    envelope.perform(command, now, &mut Vec::new()).unwrap();
}

#[test]
fn a_race_for_a_draft_is_for_its_first_recipient() {
    let envelope = draft(Some(plan()));
    let run = Race::of_envelope(&envelope, Timestamp::UNIX_EPOCH).unwrap().run(1, 0);
    let states: Vec<(&str, AgentState)> = run.agents.iter().map(|lane| (&*lane.name, lane.state)).collect();
    // Alice knows the code that was sent to her phone; the plan does not mention Carol.
    assert_eq!(states, [("alice", AgentState::Signed), ("bob", AgentState::Released), ("carol", AgentState::Released)]);
    assert_eq!((run.ending, run.ended_after_ms), (Ending::Finalized, Some(12 * 60_000)));
    assert_eq!(run.winner.unwrap().runner_up.unwrap().margin_ms, 14 * 60_000);
}

#[test]
fn people_without_a_plan_behave_by_default() {
    let race = Race::of_envelope(&draft(None), Timestamp::UNIX_EPOCH).unwrap();
    assert!(race.runs(1, 300).unwrap().agents.iter().all(|agent| agent.wins > 50));
}

#[test]
fn a_sent_envelope_continues_from_its_state() {
    let mut envelope = draft(Some(plan()));
    perform(&mut envelope, Command::Send, 0);
    perform(&mut envelope, Command::Act(Spot { recipient: 2, agent: 1 }, Act::Open), 1);
    let before = envelope.clone();
    let now = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(23);
    let run = Race::of_envelope(&envelope, now).unwrap().run(1, 0);
    // From now on, Bob needs 20 minutes to accept; Alice needs ten to open and one to accept.
    let winner = run.winner.as_ref().unwrap();
    assert_eq!((&*winner.name, winner.after_ms, run.ending), ("alice", 11 * 60_000, Ending::Finalized));
    assert_eq!(winner.runner_up.as_ref().unwrap().margin_ms, 9 * 60_000);
    assert!(run.timeline.iter().all(|entry| entry.after_ms > 0), "it was sent before");
    // A minute before the envelope expires, it is too late for every agent.
    let late = Race::of_envelope(&envelope, now + SignedDuration::from_mins(59)).unwrap().run(1, 0);
    assert_eq!((late.ending, late.ended_after_ms, late.winner), (Ending::Expired, Some(60_000), None));
    assert_eq!(envelope, before, "nothing changes");
}

#[test]
fn an_invalid_race_is_refused_with_the_reason() {
    let of = |envelope: &Envelope| Race::of_envelope(envelope, Timestamp::UNIX_EPOCH).unwrap_err();
    let empty = Envelope { recipients: Vec::new(), ..draft(None) };
    assert_eq!(of(&empty), RaceError::NothingOpen);
    let mut envelope = draft(None);
    perform(&mut envelope, Command::Send, 0);
    for act in [Act::Open, Act::Accept] {
        perform(&mut envelope, Command::Act(Spot { recipient: 2, agent: 0 }, act), 1);
    }
    assert_eq!(of(&envelope), RaceError::NothingOpen);
    perform(&mut envelope, Command::Void, 2);
    assert_eq!(of(&envelope), RaceError::Refused(Refusal::Voided));
}
