//! Changes to a draft: a refused change has no effect, and no number is reused (G3, G6, G10).

use docendorse_mock::domain::signing::{
    AgentId, Command, DraftError, Envelope, EnvelopeId, Judgement, Locale, MOST_AGENTS, MOST_RECIPIENTS, NewRecipient,
    Person, RecipientChange, RecipientId, RecipientType, Refusal, Spot, Terms,
};
use jiff::Timestamp;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn draft() -> Envelope {
    let terms = Terms::new("NDA", NOW);
    Envelope::new(EnvelopeId(5), terms)
}

fn person(name: &str) -> Person {
    Person {
        name: name.into(),
        email: Some(format!("{name}@example.com").into()),
        phone: Some("+14155550123".into()),
        locale: Locale::default(),
        phone_contact_method: None,
        context: None,
        contact_id: None,
        group_id: None,
        user_id: None,
    }
}

fn signer(identifier: &str, persons: &[&str]) -> NewRecipient {
    NewRecipient { persons: persons.iter().map(|name| person(name)).collect(), ..NewRecipient::signer(identifier) }
}

fn code(agent: AgentId) -> Box<str> {
    format!("{:06}", agent.number).into()
}

fn add(draft: &mut Envelope, new: NewRecipient) -> Result<RecipientId, DraftError> {
    draft.add_recipient(new, NOW, &code)
}

fn change(draft: &mut Envelope, id: RecipientId, change: RecipientChange) -> Result<(), DraftError> {
    draft.change_recipient(&id.to_string(), change, NOW, &code)
}

fn assign(names: &[&str]) -> RecipientChange {
    RecipientChange { persons: Some(names.iter().map(|name| person(name)).collect()), ..RecipientChange::default() }
}

/// Checks that a change is refused and has no effect.
fn refused<T: std::fmt::Debug>(
    draft: &mut Envelope,
    attempt: impl FnOnce(&mut Envelope) -> Result<T, DraftError>,
) -> String {
    let before = draft.clone();
    let error = attempt(draft).unwrap_err();
    assert_eq!(*draft, before, "{error}");
    format!("{}: {error}", error.name())
}

#[test]
fn an_invalid_recipient_is_refused_with_the_reason() {
    let mut draft = draft();
    let host = add(&mut draft, NewRecipient { kind: RecipientType::Host, ..signer("host", &["carol"]) }).unwrap();
    let gone = add(&mut draft, NewRecipient { kind: RecipientType::Host, ..signer("gone", &["bob"]) }).unwrap();
    let plain = add(&mut draft, signer("buyer", &["alice"])).unwrap();
    draft.remove_recipient(&gone.to_string(), NOW).unwrap();
    let elsewhere = RecipientId { envelope: EnvelopeId(6), number: host.number };
    let hosted = |by: &str| NewRecipient { hosted_by: Some(by.to_owned()), ..signer("guest", &["sam"]) };
    let delegated = |by: &str| NewRecipient { delegated_by: Some(by.to_owned()), ..signer("guest", &["sam"]) };

    let mut problems = Vec::new();
    for wrong in [
        signer("buyer", &["sam"]),
        hosted("rcp_1"),
        hosted(&elsewhere.to_string()),
        hosted(&gone.to_string()),
        hosted(&plain.to_string()),
        delegated(""),
        delegated(&gone.to_string()),
        signer("guest", &["sam", "alice", "SAM"]),
    ] {
        problems.push(refused(&mut draft, |draft| add(draft, wrong)));
    }
    insta::assert_snapshot!(problems.join("\n"));

    add(&mut draft, hosted(&host.to_string())).unwrap();
    add(&mut draft, NewRecipient { identifier: "deputy".into(), ..delegated(&plain.to_string()) }).unwrap();
    add(&mut draft, signer("gone", &["sam"])).expect("the identifier of a removed recipient is free again");
}

#[test]
fn an_invalid_change_is_refused_with_the_reason() {
    let mut draft = draft();
    let buyer = add(&mut draft, signer("buyer", &["alice"])).unwrap();
    let seller = add(&mut draft, signer("seller", &["bob"])).unwrap();
    let gone = add(&mut draft, signer("gone", &["carol"])).unwrap();
    draft.remove_recipient(&gone.to_string(), NOW).unwrap();
    let named =
        |identifier: &str| RecipientChange { identifier: Some(identifier.into()), ..RecipientChange::default() };
    let hosted = RecipientChange { hosted_by: Some(seller.to_string()), order: Some(9), ..RecipientChange::default() };
    let itself = RecipientChange { delegated_by: Some(buyer.to_string()), ..RecipientChange::default() };

    let mut problems = vec![
        refused(&mut draft, |draft| change(draft, buyer, named("seller"))),
        refused(&mut draft, |draft| change(draft, buyer, hosted)),
        refused(&mut draft, |draft| change(draft, buyer, itself)),
        refused(&mut draft, |draft| change(draft, buyer, assign(&["sam", "Sam"]))),
        refused(&mut draft, |draft| change(draft, gone, named("back"))),
        refused(&mut draft, |draft| draft.remove_recipient(&gone.to_string(), NOW)),
        refused(&mut draft, |draft| draft.remove_recipient("rcp_00", NOW)),
        refused(&mut draft, |draft| draft.change_recipient("env_0000000000000005", assign(&[]), NOW, &code)),
    ];
    change(&mut draft, buyer, named("buyer")).expect("a recipient may keep its own identifier");
    change(&mut draft, buyer, named("gone")).expect("and it may take that of a removed one");

    assert_eq!(draft.perform(Command::Send, NOW, &mut Vec::new()), Ok(Judgement::Effective));
    problems.push(refused(&mut draft, |draft| change(draft, buyer, assign(&["sam"]))));
    problems.push(refused(&mut draft, |draft| add(draft, signer("late", &["sam"]))));
    problems.push(refused(&mut draft, |draft| draft.remove_recipient(&seller.to_string(), NOW)));
    insta::assert_snapshot!(problems.join("\n"));
}

#[test]
fn recipients_and_agents_are_bounded() {
    let mut draft = draft();
    let many = |count: usize| -> Vec<Person> { (0..count).map(|number| person(&format!("agent-{number}"))).collect() };
    let crowd = |count| NewRecipient { persons: many(count), ..signer("crowd", &[]) };
    let problem = refused(&mut draft, |draft| add(draft, crowd(MOST_AGENTS + 1)));
    assert!(problem.starts_with("Recipient.TooManyAgents: A recipient has at most 10000 agents"), "{problem}");
    let crowd = add(&mut draft, crowd(MOST_AGENTS)).unwrap();
    let problem = refused(&mut draft, |draft| {
        change(draft, crowd, RecipientChange { persons: Some(many(MOST_AGENTS + 1)), ..RecipientChange::default() })
    });
    assert!(problem.starts_with("Recipient.TooManyAgents"), "{problem}");

    for number in 1..MOST_RECIPIENTS {
        let id = add(&mut draft, signer(&format!("role-{number}"), &["sam"])).unwrap();
        draft.remove_recipient(&id.to_string(), NOW).unwrap();
    }
    let problem = refused(&mut draft, |draft| add(draft, signer("one-more", &["sam"])));
    assert!(problem.starts_with("Envelope.TooManyRecipients"), "{problem}");
}

#[test]
fn a_draft_that_has_used_up_its_numbers_says_so() {
    let mut draft = draft();
    let buyer = add(&mut draft, signer("buyer", &["alice"])).unwrap();
    draft.next_agent = u32::MAX - 1;
    let problem = refused(&mut draft, |draft| change(draft, buyer, assign(&["sam", "bob"])));
    assert!(problem.starts_with("Recipient.TooManyAgents"), "{problem}");
    change(&mut draft, buyer, assign(&["sam"])).unwrap();
    refused(&mut draft, |draft| change(draft, buyer, assign(&["bob"])));
}

#[test]
fn numbers_of_agents_and_recipients_are_never_reused() {
    let mut draft = draft();
    let mut seen = std::collections::HashSet::new();
    let mut ids = |draft: &Envelope, place: u32| -> Vec<AgentId> {
        let agents = 0..draft.recipients[place as usize].seats.len() as u32;
        let ids: Vec<AgentId> = agents.map(|agent| draft.agent_id(Spot { recipient: place, agent }).unwrap()).collect();
        assert!(ids.iter().all(|id| seen.insert(*id)), "{ids:?} were used before");
        ids
    };
    let buyer = add(&mut draft, signer("buyer", &["alice", "bob"])).unwrap();
    let first = ids(&draft, 0);
    let seller = add(&mut draft, signer("seller", &["carol"])).unwrap();
    let second = ids(&draft, 1);
    change(&mut draft, buyer, assign(&["alice", "bob", "sam"])).unwrap();
    let third = ids(&draft, 0);
    change(&mut draft, seller, assign(&[])).unwrap();
    assert!(ids(&draft, 1).is_empty());
    draft.remove_recipient(&seller.to_string(), NOW).unwrap();
    let again = add(&mut draft, signer("seller", &["carol"])).unwrap();
    let fourth = ids(&draft, 2);
    assert_ne!(again, seller, "a recipient that was removed keeps its number");

    for (agent, id) in (0..).zip(&third) {
        assert_eq!(draft.spot_of(*id), Some(Spot { recipient: 0, agent }));
    }
    assert_eq!(draft.spot_of(fourth[0]), Some(Spot { recipient: 2, agent: 0 }));
    for gone in first.iter().chain(&second) {
        assert_eq!(draft.spot_of(*gone), None, "a replaced agent is not found");
    }
    assert_eq!(draft.spot_of(AgentId { envelope: EnvelopeId(6), ..third[0] }), None, "another envelope has its own");
    for nowhere in [0, draft.next_agent, u32::MAX] {
        assert_eq!(draft.spot_of(AgentId { envelope: draft.id, number: nowhere }), None);
    }
}

#[test]
fn a_change_that_keeps_the_agents_keeps_their_ids_and_codes() {
    let mut draft = draft();
    let buyer = add(&mut draft, signer("buyer", &["alice", "bob"])).unwrap();
    let before = draft.clone();
    let other = RecipientChange {
        kind: Some(RecipientType::Delegator),
        role_name: Some("Buyer".into()),
        order: Some(3),
        required: Some(false),
        color: Some("#00aa00".into()),
        phone_verification: Some(true),
        ..RecipientChange::default()
    };
    change(&mut draft, buyer, other).unwrap();
    let (was, is) = (&before.recipients[0].role, &draft.recipients[0].role);
    assert_eq!((is.number, is.first_agent, &is.persons), (was.number, was.first_agent, &was.persons));
    assert_eq!((was.codes.len(), is.codes[0].as_deref()), (0, Some("000001")), "a code if the role requires one");
    assert_eq!(draft.next_agent, before.next_agent);
    assert_eq!((is.kind, is.order, is.required, is.phone_verification), (RecipientType::Delegator, 3, false, true));
    change(&mut draft, buyer, RecipientChange::default()).unwrap();
    assert_eq!(draft.recipients[0].role.role_name.as_deref(), Some("Buyer"), "omitted members do not change");
}

#[test]
fn codes_are_for_phones_of_roles_that_require_verification() {
    let mut draft = draft();
    let buyer = add(&mut draft, NewRecipient { phone_verification: true, ..signer("buyer", &["alice"]) }).unwrap();
    let persons = vec![person("bob"), Person { phone: None, ..person("carol") }, person("sam")];
    change(&mut draft, buyer, RecipientChange { persons: Some(persons), ..RecipientChange::default() }).unwrap();
    let codes: Vec<Option<&str>> = draft.recipients[0].role.codes.iter().map(Option::as_deref).collect();
    assert_eq!(codes, [Some("000002"), None, Some("000004")]);
    let off = RecipientChange { phone_verification: Some(false), ..RecipientChange::default() };
    change(&mut draft, buyer, off).unwrap();
    assert_eq!(draft.recipients[0].role.codes, []);
}

#[test]
fn a_recipient_that_another_one_refers_to_is_kept() {
    let mut draft = draft();
    let host = add(&mut draft, NewRecipient { kind: RecipientType::Host, ..signer("host", &["carol"]) }).unwrap();
    let other = add(&mut draft, NewRecipient { kind: RecipientType::Host, ..signer("other", &["dan"]) }).unwrap();
    let guest = NewRecipient { kind: RecipientType::InPersonSigner, ..signer("guest", &["sam"]) };
    let guest = add(&mut draft, NewRecipient { hosted_by: Some(host.to_string()), ..guest }).unwrap();
    let boss = add(&mut draft, signer("boss", &["alice"])).unwrap();
    let deputy = NewRecipient { kind: RecipientType::Delegator, ..signer("deputy", &["bob"]) };
    let deputy = add(&mut draft, NewRecipient { delegated_by: Some(boss.to_string()), ..deputy }).unwrap();
    let kind = |kind| RecipientChange { kind: Some(kind), ..RecipientChange::default() };
    let remove = |draft: &mut Envelope, id: RecipientId| draft.remove_recipient(&id.to_string(), NOW);
    let order = RecipientChange { order: Some(9), ..RecipientChange::default() };

    assert_eq!(remove(&mut draft, host), Err(DraftError::HostBound(guest)));
    assert_eq!(change(&mut draft, host, kind(RecipientType::Signer)), Err(DraftError::HostBound(guest)));
    assert_eq!(remove(&mut draft, boss), Err(DraftError::DelegatorBound(deputy)));
    change(&mut draft, boss, kind(RecipientType::Viewer)).expect("a recipient of any type may delegate");
    change(&mut draft, host, order).expect("its order is checked when the envelope is sent");

    let moved = RecipientChange { hosted_by: Some(other.to_string()), ..RecipientChange::default() };
    change(&mut draft, guest, moved).unwrap();
    remove(&mut draft, host).expect("another one hosts");
    change(&mut draft, guest, kind(RecipientType::Signer)).unwrap();
    remove(&mut draft, other).expect("a signer has no host");
    remove(&mut draft, deputy).unwrap();
    remove(&mut draft, boss).expect("a removed recipient refers to no other");
}

#[test]
fn a_draft_is_sent_only_if_every_recipient_can_act() {
    let mut draft = draft();
    let send = |draft: &mut Envelope| draft.clone().perform(Command::Send, NOW, &mut Vec::new());
    assert_eq!(send(&mut draft), Err(Refusal::NoSigner));
    let host = add(&mut draft, NewRecipient { kind: RecipientType::Host, order: 2, ..signer("host", &[]) }).unwrap();
    let viewer = NewRecipient { kind: RecipientType::Viewer, ..signer("viewer", &["bob"]) };
    add(&mut draft, viewer).unwrap();
    add(&mut draft, NewRecipient { required: false, ..signer("witness", &["alice"]) }).unwrap();
    assert_eq!(send(&mut draft), Err(Refusal::NoSigner), "hosts, viewers and optional signers do not have to sign");

    let guest = NewRecipient { kind: RecipientType::InPersonSigner, phone_verification: true, ..signer("guest", &[]) };
    let guest = add(&mut draft, NewRecipient { hosted_by: Some(host.to_string()), ..guest }).unwrap();
    assert_eq!(send(&mut draft), Err(Refusal::NoAgents { recipient: 0 }));
    change(&mut draft, host, assign(&["carol"])).unwrap();
    assert_eq!(send(&mut draft), Err(Refusal::NoAgents { recipient: 3 }));
    let silent = vec![person("sam"), Person { phone: None, ..person("alice") }];
    change(&mut draft, guest, RecipientChange { persons: Some(silent), ..RecipientChange::default() }).unwrap();
    assert_eq!(send(&mut draft), Err(Refusal::NoHost { recipient: 3 }), "the host's turn comes later");
    change(&mut draft, guest, RecipientChange { order: Some(2), ..RecipientChange::default() }).unwrap();
    assert_eq!(send(&mut draft), Err(Refusal::NoPhone { spot: Spot { recipient: 3, agent: 1 } }));
    change(&mut draft, guest, assign(&["sam"])).unwrap();
    assert_eq!(send(&mut draft), Ok(Judgement::Effective));

    draft.remove_recipient(&guest.to_string(), NOW).unwrap();
    draft.remove_recipient(&host.to_string(), NOW).unwrap();
    assert_eq!(send(&mut draft), Err(Refusal::NoSigner), "no required signer is left");
}
