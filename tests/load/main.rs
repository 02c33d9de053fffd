//! The first acceptor wins under real load: a thousand agents accept the same opened envelope at the same moment, each
//! with a separate HTTP request, from several OS threads with a connection each.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

mod caller;
#[path = "../help/opened.rs"]
#[allow(dead_code, reason = "this binary creates envelopes through the sandbox")]
mod opened;

use caller::{Answer, Caller};
use docendorse_mock::{
    Mock, Settings,
    domain::{
        event::{Event, EventKind},
        signing::{Act, AgentId, AgentState, EffectKind, Envelope},
    },
    sandbox::{AgentSource, Sandbox},
};
use serde_json::Value;
use std::sync::{Arc, Barrier};

/// A store that ignores versions fails within about seven rounds.
const ROUNDS: usize = 25;
const AGENTS: u32 = 1000;

/// Number of threads; each has a connection and accepts for its share of the agents.
const CALLERS: usize = 16;

#[test]
fn one_of_a_thousand_concurrent_accepts_wins() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    let mock = runtime.block_on(Mock::start(Settings::default())).unwrap();
    let sandbox = mock.app().sandboxes.default_sandbox();
    let address = mock.url().strip_prefix("http://").unwrap().to_owned();
    let mut callers: Vec<Caller> = (0..CALLERS).map(|_| Caller::connect(&address)).collect();
    for round in 0..ROUNDS {
        let envelope = runtime.block_on(open_for_all(&sandbox));
        let agents: Vec<AgentId> = (1..=AGENTS).map(|number| AgentId { envelope: envelope.id, number }).collect();
        let before = runtime.block_on(sandbox.events().last()).unwrap();
        let answers = race(&mut callers, &agents);
        let winner = judge(&answers, &agents, round);
        let now = runtime.block_on(sandbox.envelope(&envelope.id.to_string())).unwrap();
        is_claimed(&now, &envelope, winner);
        let page = runtime.block_on(sandbox.events().page(before, usize::MAX, |_, _| true)).unwrap();
        is_told(&page.entries.into_iter().map(|entry| entry.entry).collect::<Vec<_>>(), winner);
    }
    runtime.block_on(mock.stop());
}

/// Sends an envelope and lets all its agents open it.
async fn open_for_all(sandbox: &Sandbox) -> Arc<Envelope> {
    let envelope = sandbox.create_envelope(opened::terms(), None).await.unwrap();
    let id = envelope.id.to_string();
    let agents: Vec<_> = (0..AGENTS)
        .map(|number| AgentSource { info: Some(opened::person(number)), ..AgentSource::default() })
        .collect();
    sandbox.add_recipient(&id, opened::signer(), &agents).await.unwrap();
    sandbox.send_envelope(&id).await.unwrap();
    for number in 1..=AGENTS {
        let agent = AgentId { envelope: envelope.id, number };
        assert!(sandbox.act(&agent.to_string(), Act::Open).await.unwrap().effective);
    }
    sandbox.envelope(&id).await.unwrap()
}

/// Lets all agents accept at the same moment: each caller's requests are prepared before the barrier opens.
fn race(callers: &mut [Caller], agents: &[AgentId]) -> Vec<(AgentId, Answer)> {
    let barrier = Barrier::new(callers.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = callers
            .iter_mut()
            .enumerate()
            .map(|(number, caller)| {
                let barrier = &barrier;
                let share: Vec<AgentId> = agents.iter().skip(number).step_by(CALLERS).copied().collect();
                scope.spawn(move || {
                    let requests: String = share.iter().map(|agent| caller.accept(*agent)).collect();
                    barrier.wait();
                    caller.send(&requests);
                    share.into_iter().map(|agent| (agent, caller.receive())).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

/// Checks that one agent gets 200 and all others get the right refusal, and returns the winner.
fn judge(answers: &[(AgentId, Answer)], agents: &[AgentId], round: usize) -> AgentId {
    assert_eq!(answers.len(), agents.len());
    let won: Vec<_> = answers.iter().filter(|(_, answer)| answer.status == 200).collect();
    let [(winner, _)] = won[..] else { panic!("{} agents won in round {round}", won.len()) };
    for (agent, answer) in answers.iter().filter(|(agent, _)| agent != winner) {
        assert_eq!(answer.status, 409, "{agent} in round {round}");
        let body: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(body["name"], "Recipient.AlreadyClaimed", "{agent} in round {round}: {body}");
        assert_eq!(body["context"]["agentId"], agent.to_string(), "round {round}");
        assert_eq!(body["context"]["primaryAgentId"], winner.to_string(), "round {round}");
    }
    *winner
}

/// Checks that one transition made the winner primary and released all others.
fn is_claimed(now: &Envelope, before: &Envelope, winner: AgentId) {
    assert_eq!(now.revision, before.revision + 1);
    let recipient = &now.recipients[0];
    assert_eq!(recipient.primary().map(|place| place + 1), Some(winner.number));
    for place in 0..AGENTS {
        let state = if place + 1 == winner.number { AgentState::Primary } else { AgentState::Released };
        assert_eq!(recipient.agent(place), Some(state));
    }
}

/// Checks that the log holds one acceptance, then one release for each other agent, and nothing else.
fn is_told(events: &[Arc<Event>], winner: AgentId) {
    let agent = |event: &Event| event.subject.agent().unwrap();
    assert_eq!((events[0].kind, agent(&events[0])), (EventKind::Signing(EffectKind::AgentAccepted), winner));
    let mut released: Vec<_> = events[1..].iter().map(|event| (event.kind, agent(event).number)).collect();
    released.sort_by_key(|(_, agent)| *agent);
    let others = (1..=AGENTS).filter(|number| *number != winner.number);
    assert_eq!(
        released,
        others.map(|number| (EventKind::Signing(EffectKind::AgentReleased), number)).collect::<Vec<_>>()
    );
    assert!(events.iter().all(|event| event.subject.envelope() == Some(winner.envelope)));
}
