//! The competition as the sandbox runs it: an envelope in the store, with each command and its effects in one commit of
//! the update loop.

use crate::{
    opened::opened,
    orders::{drawn_orders, every_order_within},
    slot::{shelf, together},
    store::{Commit, Log, Memory, Repository, Retention, Store, Update, at_once},
};
use docendorse_mock::domain::{
    event::{Event, EventKind},
    signing::EffectKind,
    signing::{Act, AgentState, Command, Effect, Envelope, Judgement, Refusal, Spot, Terms},
};
use jiff::Timestamp;
use std::sync::Arc;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// The id of the envelope in these tests.
const ID: &str = "env_0000000000000001";

fn of(agent: u32, act: Act<'static>) -> Command<'static> {
    Command::Act(Spot { recipient: 0, agent }, act)
}

/// The result of a command: the envelope's revision and the effects, or the refusal.
type Outcome = Result<(u64, Vec<Effect>), Refusal>;

/// An envelope in a store, and the log of its sandbox.
struct World {
    envelopes: Repository<Envelope>,
    log: Log<Event>,
    start: Envelope,
}

impl World {
    fn new(start: Envelope) -> Arc<Self> {
        let store: Arc<dyn Store> = Arc::new(Memory::new(Retention::unlimited()));
        let shelf = shelf(&store);
        let envelopes = Repository::new(&shelf);
        at_once(envelopes.insert(Arc::new(start.clone()))).unwrap();
        Arc::new(Self { envelopes, log: Log::new(&shelf), start })
    }

    fn perform(&self, command: Command<'_>) -> Outcome {
        let mut effects = Vec::new();
        let next = |current: &Envelope, commit: &mut Commit| {
            effects.clear();
            if current.judge(command)? == Judgement::Repeated {
                return Ok(None);
            }
            let mut next = current.clone();
            next.perform(command, NOW, &mut effects)?;
            commit.append(Event::of_transition(&next, &effects, NOW).map(Arc::new));
            Ok(Some(next))
        };
        match at_once(self.envelopes.evolve_with(ID, next)).unwrap() {
            Update::Done(envelope) => Ok((envelope.revision, effects)),
            Update::Refused(refusal, _) => Err(refusal),
            Update::Missing => panic!("the envelope is there"),
        }
    }

    fn envelope(&self) -> Envelope {
        Envelope::clone(&at_once(self.envelopes.get(ID)).unwrap().unwrap())
    }

    /// The events in the log, in order. Agents are identified by index.
    fn logged(&self) -> Vec<(EffectKind, Option<u32>)> {
        let page = at_once(self.log.page(0, usize::MAX, |_, _| true)).unwrap();
        page.entries
            .into_iter()
            .map(|entry| {
                let EventKind::Signing(kind) = entry.entry.kind else { unreachable!("no pages here") };
                (kind, entry.entry.subject.agent().map(|agent| agent.number - 1))
            })
            .collect()
    }
}

/// Lets each thread perform its commands in order. Then performs the effective ones on one thread, in the order of
/// their revisions, and checks that the envelope, the effects and the log are the same.
fn play(start: Envelope, threads: &[&[Command<'static>]]) -> (Arc<World>, Vec<Vec<Outcome>>) {
    let world = World::new(start);
    let thread = |commands: &&[Command<'static>]| {
        let (world, commands) = (Arc::clone(&world), commands.to_vec());
        Box::new(move || commands.into_iter().map(|command| world.perform(command)).collect::<Vec<_>>()) as Box<_>
    };
    let outcomes: Vec<Vec<Outcome>> = together(threads.iter().map(thread).collect());

    let mut performed: Vec<(Command<'static>, u64, Vec<Effect>)> = Vec::new();
    for (commands, outcomes) in threads.iter().zip(&outcomes) {
        for (command, outcome) in commands.iter().zip(outcomes) {
            if let Ok((revision, effects)) = outcome
                && !effects.is_empty()
            {
                performed.push((*command, *revision, effects.clone()));
            }
        }
    }
    performed.sort_by_key(|(_, revision, _)| *revision);
    let mut alone = world.start.clone();
    let mut logged = Vec::new();
    for (command, revision, effects) in performed {
        let mut expected = Vec::new();
        alone.perform(command, NOW, &mut expected).unwrap();
        assert_eq!((alone.revision, &expected), (revision, &effects));
        logged.extend(effects.iter().map(|effect| (effect.kind, effect.agent)));
    }
    assert_eq!(world.envelope(), alone);
    assert_eq!(world.logged(), logged);
    (world, outcomes)
}

/// All of an envelope's agents accept at the same time.
fn accept_race(agents: u32) {
    let commands: Vec<_> = (0..agents).map(|agent| [of(agent, Act::Accept)]).collect();
    let threads: Vec<&[_]> = commands.iter().map(|commands| commands.as_slice()).collect();
    let (world, outcomes) = play(opened(1, agents), &threads);
    let outcomes: Vec<_> = outcomes.into_iter().flatten().collect();
    let winners: Vec<_> = (0..agents).zip(&outcomes).filter(|(_, outcome)| outcome.is_ok()).collect();
    let [(winner, Ok((_, effects)))] = winners[..] else { panic!("one accepts, not {winners:?}") };
    assert_eq!(effects[0].kind, EffectKind::AgentAccepted);
    assert_eq!(effects.len(), agents as usize, "one agent accepted, and all others were released");
    for (agent, outcome) in (0..agents).zip(&outcomes).filter(|(agent, _)| *agent != winner) {
        let Err(refusal @ Refusal::AlreadyClaimed { by }) = outcome else { panic!("{agent}: {outcome:?}") };
        assert_eq!((refusal.name(), *by), ("Recipient.AlreadyClaimed", Some(winner)));
        assert_eq!(world.envelope().recipients[0].agent(agent), Some(AgentState::Released));
    }
    assert_eq!(world.envelope().recipients[0].primary(), Some(winner));
    let mut released: Vec<_> = world.logged()[1..].to_vec();
    released.sort_by_key(|(_, agent)| *agent);
    let others = (0..agents).filter(|agent| *agent != winner);
    assert_eq!(released, others.map(|agent| (EffectKind::AgentReleased, Some(agent))).collect::<Vec<_>>());
}

#[test]
fn the_first_to_accept_is_primary_and_releases_all_others() {
    every_order_within(4, || accept_race(2));
    every_order_within(2, || accept_race(3));
    drawn_orders(1000, || accept_race(3));
    drawn_orders(200, || accept_race(8));
}

#[test]
fn concurrent_commands_are_linearizable() {
    fn body() {
        let reopens =
            Envelope { terms: Arc::new(Terms { reopen: true, ..Terms::clone(&opened(1, 3).terms) }), ..opened(1, 3) };
        play(
            reopens,
            &[
                &[of(0, Act::Accept), of(0, Act::Decline)],
                &[of(1, Act::Accept), of(1, Act::Sign { code: None })],
                &[of(2, Act::Open), of(2, Act::Accept)],
                &[Command::Void],
            ],
        );
    }
    every_order_within(1, body);
    drawn_orders(1000, body);
}

#[test]
fn the_log_has_a_signature_after_the_acceptance() {
    fn body() {
        let signs: &[_] = &[of(0, Act::Accept), of(0, Act::Sign { code: None })];
        let (world, _) = play(opened(1, 2), &[signs, signs, &[of(1, Act::Accept)]]);
        let logged = world.logged();
        let place = |kind| logged.iter().position(|(entry, _)| *entry == kind);
        assert!(place(EffectKind::AgentAccepted) == Some(0));
        assert!(place(EffectKind::DocumentSigned).is_none_or(|signed| signed > 1));
    }
    every_order_within(1, body);
    drawn_orders(1000, body);
}
