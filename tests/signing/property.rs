//! Random commands on random envelopes: after each, the machine and the reference model agree.

use crate::model::{Event, Model, Part};
use docendorse_mock::domain::signing::EffectKind;
use docendorse_mock::domain::signing::{
    Act, AgentId, Command, Effect, Envelope, EnvelopeId, EnvelopeState, Judgement, Locale, NewRecipient, Person,
    RecipientType, Refusal, Spot, Terms,
};
use docendorse_mock::simulation::explore::{Machine, Rules};
use jiff::{SignedDuration, Timestamp};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestError, TestRng, TestRunner},
};
use std::{cell::RefCell, collections::BTreeSet};

const START: Timestamp = Timestamp::UNIX_EPOCH;

/// A recipient to add.
#[derive(Clone, Debug)]
struct RecipientSpec {
    kind: RecipientType,
    order: u32,
    required: bool,
    removed: bool,
    /// The index of an earlier host, modulo their number.
    host: Option<usize>,
    asks_for_code: bool,
    /// Whether each agent has a phone.
    phones: Vec<bool>,
}

/// A command to try.
#[derive(Clone, Debug)]
enum Try {
    Send,
    Void,
    Expire,
    Remind,
    /// An act of the agent with this index, modulo the number of agents.
    Act(usize, Action),
    /// An act of an agent that may not exist, by its indexes.
    Absent(u32, u32, Action),
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Open,
    Accept,
    Decline,
    Sign(Code),
}

#[derive(Clone, Copy, Debug)]
enum Code {
    None,
    Right,
    Wrong,
}

fn spec() -> impl Strategy<Value = RecipientSpec> {
    let kind = prop_oneof![
        5 => Just(RecipientType::Signer),
        1 => Just(RecipientType::Viewer),
        2 => Just(RecipientType::Host),
        1 => Just(RecipientType::InPersonSigner),
        1 => Just(RecipientType::Delegator),
    ];
    let phones = prop_oneof![
        1 => Just(Vec::new()),
        40 => prop::collection::vec(prop::bool::weighted(0.99), 1..=4),
    ];
    let flags = (prop::bool::weighted(0.75), prop::bool::weighted(0.07), prop::bool::weighted(0.35));
    let host = prop::option::weighted(0.95, 0..4_usize);
    (kind, 1..=3_u32, flags, host, phones).prop_map(|(kind, order, flags, host, phones)| {
        let (required, removed, asks_for_code) = flags;
        RecipientSpec { kind, order, required, removed, host, asks_for_code, phones }
    })
}

/// Independent recipients, and sometimes a host with an in-person signer.
fn specs() -> impl Strategy<Value = Vec<RecipientSpec>> {
    let pair = (spec(), spec(), 0..=1_u32).prop_map(|(host, guest, later)| {
        let guest =
            RecipientSpec { kind: RecipientType::InPersonSigner, order: host.order + later, host: Some(0), ..guest };
        vec![RecipientSpec { kind: RecipientType::Host, ..host }, guest]
    });
    let some = prop_oneof![4 => spec().prop_map(|spec| vec![spec]), 1 => pair];
    prop::collection::vec(some, 1..=3).prop_map(|some| some.concat())
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        8 => Just(Action::Open),
        8 => Just(Action::Accept),
        1 => Just(Action::Decline),
        1 => Just(Action::Sign(Code::None)),
        6 => Just(Action::Sign(Code::Right)),
        3 => Just(Action::Sign(Code::Wrong)),
    ]
}

/// The recipients of an envelope, whether it reopens and whether it is kept, and the commands to try.
type Case = (Vec<RecipientSpec>, (bool, bool), Vec<Try>);

fn case() -> impl Strategy<Value = Case> {
    let next = prop_oneof![
        1 => Just(Try::Send),
        1 => Just(Try::Void),
        1 => Just(Try::Expire),
        4 => Just(Try::Remind),
        1 => (0..6_u32, 0..6_u32, action()).prop_map(|(role, agent, action)| Try::Absent(role, agent, action)),
        250 => (0..16_usize, action()).prop_map(|(agent, action)| Try::Act(agent, action)),
    ];
    let before =
        prop::collection::vec((0..16_usize, action()).prop_map(|(agent, action)| Try::Act(agent, action)), 0..2);
    let after = prop::collection::vec(next, 0..120);
    let tries = (before, after).prop_map(|(before, after)| [before, vec![Try::Send], after].concat());
    (specs(), any::<(bool, bool)>(), tries)
}

fn code_of(agent: AgentId) -> String {
    format!("{:06}", agent.number)
}

fn person(number: usize, has_phone: bool) -> Person {
    Person {
        name: format!("Agent {number}").into(),
        email: Some(format!("agent-{number}@example.com").into()),
        phone: has_phone.then(|| "+14155550123".into()),
        locale: Locale::default(),
        phone_contact_method: None,
        context: None,
        contact_id: None,
        group_id: None,
        user_id: None,
    }
}

/// The envelope, created as callers create it, and its model.
fn made(specs: &[RecipientSpec], (reopen, keep): (bool, bool)) -> (Envelope, Model) {
    let terms = Terms { reopen, keep_declined: keep, ..Terms::new("NDA", START) };
    let mut envelope = Envelope::new(EnvelopeId(7), terms);
    let mut ids: Vec<String> = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    for (place, spec) in specs.iter().enumerate() {
        let hosts: Vec<usize> = (0..place).filter(|host| parts[*host].kind == RecipientType::Host).collect();
        let hosted_by = spec.host.and_then(|host| hosts.get(host % hosts.len().max(1)).copied());
        let new = NewRecipient {
            kind: spec.kind,
            order: spec.order,
            required: spec.required,
            hosted_by: hosted_by.map(|host| ids[host].clone()),
            phone_verification: spec.asks_for_code,
            persons: spec.phones.iter().enumerate().map(|(number, has_phone)| person(number, *has_phone)).collect(),
            ..NewRecipient::signer(format!("role-{place}"))
        };
        let first = envelope.next_agent;
        let numbers = (first..).zip(&spec.phones);
        let of = |number| AgentId { envelope: envelope.id, number };
        let codes = numbers.map(|(number, has_phone)| has_phone.then(|| code_of(of(number)))).collect();
        let id = envelope.add_recipient(new, START, &|agent| code_of(agent).into()).unwrap();
        ids.push(id.to_string());
        let RecipientSpec { kind, order, required, asks_for_code, .. } = *spec;
        parts.push(Part { kind, order, required, removed: false, hosted_by, asks_for_code, codes });
    }
    for (place, id) in ids.iter().enumerate() {
        let is_bound = parts.iter().any(|part| part.hosted_by == Some(place) && !part.removed);
        parts[place].removed = specs[place].removed && !is_bound;
        if specs[place].removed {
            let removed = envelope.remove_recipient(id, START);
            assert_eq!(removed.map_err(|error| error.name()).err(), is_bound.then_some("Recipient.HostRecipientBound"));
        }
    }
    (envelope, Model { reopen, keep, parts, events: Vec::new() })
}

/// What occurred, so that a test can check the coverage.
#[derive(Debug, Default)]
struct Seen {
    refusals: BTreeSet<&'static str>,
    events: BTreeSet<&'static str>,
    states: BTreeSet<&'static str>,
    /// Numbers of envelopes that were sent and finalized.
    sent: usize,
    finalized: usize,
}

/// Tries the commands, and checks the machine against the model and its own guarantees after each.
fn check_case(machine: &impl Machine, (specs, ends, tries): &Case, seen: &mut Seen) -> Result<(), TestCaseError> {
    let (mut envelope, mut model) = made(specs, *ends);
    let mut revision = envelope.revision;
    for (minute, attempt) in (1_i64..).zip(tries) {
        let now = START + SignedDuration::from_mins(minute);
        let right = right_code(&model, attempt);
        let command = command(&model, attempt, right.as_deref());
        let before = envelope.clone();
        let judged = envelope.judge(command);
        let mut effects = Vec::new();
        let result = machine.perform(&mut envelope, command, now, &mut effects);
        prop_assert_eq!(judged, result, "judge and perform differ on {:?}", command);

        let events: Vec<Event> =
            effects.iter().map(|Effect { kind, recipient, agent }| (*kind, *recipient, *agent)).collect();
        let expected = model.perform(command);
        let named = result.map(|_| events.clone()).map_err(|refusal| refusal.name());
        prop_assert_eq!(&named, &expected, "{:?} in {:?}", command, &model.events);
        prop_assert_eq!(result == Ok(Judgement::Effective), !events.is_empty(), "{:?}", command);

        if events.is_empty() {
            prop_assert_eq!(&envelope, &before, "{:?} had no effects", command);
        } else {
            revision += 1;
        }
        prop_assert_eq!(envelope.revision, revision);
        agree(&envelope, &model)?;
        times_hold(&before, &envelope, &events, now)?;

        seen.refusals.extend(expected.err());
        seen.events.extend(events.iter().map(|event| event.0.as_str()));
        seen.states.extend(envelope.recipients.iter().map(|recipient| recipient.state.as_str()));
    }
    seen.sent += usize::from(envelope.state.sent_at().is_some());
    seen.finalized += usize::from(envelope.state.as_str() == "finalized");
    let kept = serde_json::to_string(&envelope).unwrap();
    let read: Envelope = serde_json::from_str(&kept).unwrap();
    prop_assert_eq!(read.validate(), Ok(envelope), "a serialized envelope can be restored and is valid");
    Ok(())
}

fn spot(model: &Model, number: usize) -> Option<Spot> {
    let of = |place: usize| (0..model.parts[place].codes.len()).map(move |agent| (place as u32, agent as u32));
    let spots: Vec<(u32, u32)> = (0..model.parts.len()).flat_map(of).collect();
    let (recipient, agent) = *spots.get(number % spots.len().max(1))?;
    Some(Spot { recipient, agent })
}

fn right_code(model: &Model, attempt: &Try) -> Option<String> {
    let Try::Act(number, Action::Sign(Code::Right)) = attempt else { return None };
    let spot = spot(model, *number)?;
    model.parts[spot.recipient as usize].codes[spot.agent as usize].clone()
}

fn command<'c>(model: &Model, attempt: &Try, right: Option<&'c str>) -> Command<'c> {
    let act = |action| match action {
        Action::Open => Act::Open,
        Action::Accept => Act::Accept,
        Action::Decline => Act::Decline,
        Action::Sign(Code::None) => Act::Sign { code: None },
        Action::Sign(Code::Right) => Act::Sign { code: right },
        Action::Sign(Code::Wrong) => Act::Sign { code: Some("no such code") },
    };
    match *attempt {
        Try::Send => Command::Send,
        Try::Void => Command::Void,
        Try::Expire => Command::Expire,
        Try::Remind => Command::Remind,
        Try::Act(number, action) => {
            Command::Act(spot(model, number).unwrap_or(Spot { recipient: 0, agent: 0 }), act(action))
        }
        Try::Absent(recipient, agent, action) => Command::Act(Spot { recipient, agent }, act(action)),
    }
}

/// Checks that all states are those of the model.
fn agree(envelope: &Envelope, model: &Model) -> Result<(), TestCaseError> {
    prop_assert_eq!(envelope.state.as_str(), model.envelope());
    for (place, recipient) in envelope.recipients.iter().enumerate() {
        prop_assert_eq!(
            recipient.state.as_str(),
            model.recipient(place),
            "recipient {} after {:?}",
            place,
            &model.events
        );
        let seats: Vec<&str> = recipient.seats.iter().map(|seat| seat.state.as_str()).collect();
        prop_assert_eq!(seats, model.agents(place), "recipient {} after {:?}", place, &model.events);
        prop_assert_eq!(recipient.primary().map(|agent| agent as usize), model.primary(place));
    }
    Ok(())
}

/// Checks that a changed state has the current time, and an unchanged one keeps its time.
fn times_hold(before: &Envelope, after: &Envelope, events: &[Event], now: Timestamp) -> Result<(), TestCaseError> {
    for (place, (was, is)) in before.recipients.iter().zip(&after.recipients).enumerate() {
        for (was, is) in was.seats.iter().zip(&is.seats) {
            prop_assert_eq!(is.since, if was.state == is.state { was.since } else { now });
        }
        let is_activated = events.contains(&(EffectKind::RecipientActivated, Some(place as u32), None));
        let activated_at = if is_activated { Some(now) } else { was.activated_at() };
        prop_assert_eq!(is.activated_at(), activated_at, "recipient {}", place);
    }
    let sent_at =
        if events.contains(&(EffectKind::EnvelopeSent, None, None)) { Some(now) } else { before.state.sent_at() };
    prop_assert_eq!(after.state.sent_at(), sent_at);
    if let EnvelopeState::Finalized { at, .. } | EnvelopeState::Voided { at, .. } | EnvelopeState::Expired { at, .. } =
        after.state
    {
        prop_assert!(at == now || before.state == after.state);
    }
    Ok(())
}

/// Tries 500 random cases, the same in every run.
fn check_cases(machine: &impl Machine, seen: &RefCell<Seen>) -> Result<(), TestError<Case>> {
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(ProptestConfig { cases: 500, ..config() }, random);
    runner.run(&case(), |case| check_case(machine, &case, &mut seen.borrow_mut()))
}

fn config() -> ProptestConfig {
    ProptestConfig { cases: 250, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_machine_and_the_model_agree_on_random_commands(case in case()) {
        check_case(&Rules, &case, &mut Seen::default())?;
    }
}

#[test]
fn random_commands_cover_everything_that_can_happen() {
    let seen = RefCell::default();
    check_cases(&Rules, &seen).unwrap();
    let Seen { refusals, events, states, sent, finalized } = seen.into_inner();
    // Deletion is not a command, because no envelope is left.
    let every = Refusal::ALL.into_iter().filter(|refusal| *refusal != Refusal::NotDeletable);
    assert_eq!(refusals, every.map(Refusal::name).collect(), "every refusal occurs");
    let every = EffectKind::ALL.into_iter().filter(|kind| *kind != EffectKind::EnvelopeCreated);
    assert_eq!(events, every.map(EffectKind::as_str).collect(), "every event occurs");
    assert_eq!(states.len(), 6, "every state of a recipient occurs: {states:?}");
    assert!(sent > 200 && finalized > 50, "of 500 envelopes {sent} were sent and {finalized} finalized");
}

/// A machine that omits the event of the last agent that an accept releases.
struct Forgetful;

impl Machine for Forgetful {
    fn perform(
        &self,
        envelope: &mut Envelope,
        command: Command<'_>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Result<Judgement, Refusal> {
        let result = Rules.perform(envelope, command, now, effects);
        let last = effects.iter().rposition(|effect| effect.kind == EffectKind::AgentReleased);
        last.map(|last| effects.remove(last));
        result
    }
}

#[test]
fn random_commands_detect_a_machine_that_breaks_the_rules() {
    let Err(TestError::Fail(_, (specs, _, tries))) = check_cases(&Forgetful, &RefCell::default()) else {
        panic!("a machine that forgets an event agrees with the model")
    };
    assert!(specs.len() <= 2 && tries.len() <= 5, "{specs:?} {tries:?}");
    assert!(matches!(tries.last(), Some(Try::Act(_, Action::Accept))), "{tries:?}");
}
