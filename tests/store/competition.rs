//! The competition on every store: a hundred agents have opened one envelope and accept at the same time.

use crate::{
    backends,
    opened::opened,
    races::{CALLERS, block, race},
};
use docendorse_mock::{
    domain::signing::{Act, AgentState, Command, Effect, EffectKind, Envelope, Refusal, Spot},
    store::{Repository, Shelf, Update},
};
use jiff::Timestamp;
use std::sync::Arc;

#[test]
fn a_hundred_agents_accept_and_one_is_primary() {
    for (name, store) in backends(None) {
        let envelopes: Repository<Envelope> = Repository::new(&Arc::new(Shelf::new(store, "default".into())));
        for round in 1..=10 {
            let envelope = Arc::new(opened(round, CALLERS as u32));
            let id = envelope.id.to_string();
            block(envelopes.insert(Arc::clone(&envelope))).unwrap();
            let outcomes = race(|agent| accept(&envelopes, &id, agent as u32));

            let accepted = |(_, outcome): &(usize, &Outcome)| outcome.is_ok();
            let winners: Vec<_> = outcomes.iter().enumerate().filter(accepted).collect();
            let [(winner, Ok(effects))] = winners[..] else { panic!("{name}: {} accepted", winners.len()) };
            let count = |kind| effects.iter().filter(|effect| effect.kind == kind).count();
            assert_eq!(
                (count(EffectKind::AgentAccepted), count(EffectKind::AgentReleased)),
                (1, CALLERS - 1),
                "{name}"
            );
            assert_eq!(effects.len(), CALLERS, "{name}");

            let winner = winner as u32;
            let too_late = Err(Refusal::AlreadyClaimed { by: Some(winner) });
            assert_eq!(outcomes.iter().filter(|outcome| **outcome == too_late).count(), CALLERS - 1, "{name}");
            let now = block(envelopes.get(&id)).unwrap().unwrap();
            assert_eq!(now.revision, envelope.revision + 1, "{name}: one transition");
            assert_eq!(now.recipients[0].primary(), Some(winner), "{name}");
            for agent in 0..CALLERS as u32 {
                let state = if agent == winner { AgentState::Primary } else { AgentState::Released };
                assert_eq!(now.recipients[0].agent(agent), Some(state), "{name}");
            }
        }
    }
}

type Outcome = Result<Vec<Effect>, Refusal>;

/// The effects of an agent's accept, or its refusal.
fn accept(envelopes: &Repository<Envelope>, id: &str, agent: u32) -> Outcome {
    let accept = Command::Act(Spot { recipient: 0, agent }, Act::Accept);
    let mut effects = Vec::new();
    let accepted = envelopes.evolve(id, |current| {
        effects.clear();
        // A refused command copies nothing.
        current.judge(accept)?;
        let mut next = current.clone();
        next.perform(accept, Timestamp::UNIX_EPOCH, &mut effects)?;
        Ok(Some(next))
    });
    match block(accepted).unwrap() {
        Update::Done(_) => Ok(effects),
        Update::Refused(refusal, _) => Err(refusal),
        Update::Missing => panic!("the envelope is there"),
    }
}
