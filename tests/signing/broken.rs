//! Proves that the explorer can fail: each of these machines breaks one rule, and a shortest counter-example is found.

use docendorse_mock::domain::signing::EffectKind;
use docendorse_mock::domain::signing::{
    Act, AgentState, Command, Effect, Envelope, EnvelopeState, Judgement, RecipientState, Refusal, Spot, Terms,
    VoidReason,
};
use docendorse_mock::simulation::explore::{
    ExploreOptions, Invariant, Layout, Machine, Replay, Rules, Script, Setup, StepOutcome, explore,
};
use jiff::Timestamp;
use std::sync::Arc;

type Answer = Result<Judgement, Refusal>;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

/// A machine that follows the rules unless its function returns something else.
struct Broken(fn(&mut Envelope, Command<'_>, &mut Vec<Effect>) -> Option<Answer>);

impl Machine for Broken {
    fn perform(
        &self,
        envelope: &mut Envelope,
        command: Command<'_>,
        now: Timestamp,
        effects: &mut Vec<Effect>,
    ) -> Answer {
        (self.0)(envelope, command, effects).unwrap_or_else(|| Rules.perform(envelope, command, now, effects))
    }
}

fn state(envelope: &Envelope, spot: Spot) -> AgentState {
    envelope.recipients[spot.recipient as usize].agent(spot.agent).unwrap()
}

fn of(kind: EffectKind, spot: Spot) -> Effect {
    Effect { kind, recipient: Some(spot.recipient), agent: Some(spot.agent) }
}

/// Changes the state of an agent as an effective step would.
fn take(envelope: &mut Envelope, spot: Spot, to: AgentState, kind: EffectKind, effects: &mut Vec<Effect>) -> Answer {
    envelope.recipients[spot.recipient as usize].seats[spot.agent as usize].state = to;
    envelope.revision += 1;
    effects.push(of(kind, spot));
    Ok(Judgement::Effective)
}

/// Explores a machine, and checks the violation found and the script that leads to it.
fn found(machine: Broken, agents: u32, layout: Layout, invariant: Invariant, script: &str) -> Replay {
    found_in(machine, Setup::new(agents, layout, false).unwrap(), invariant, script)
}

fn found_in(machine: Broken, setup: Setup, invariant: Invariant, script: &str) -> Replay {
    let exploration = explore(&machine, ExploreOptions::of(setup)).unwrap();
    let example = exploration.violation.expect("a machine that breaks a rule is detected");
    let violation = example.replay.violation.clone().unwrap();
    assert_eq!(violation.invariant, invariant, "{example}");
    let commands: Vec<&str> = example.replay.steps.iter().map(|step| step.command.as_str()).collect();
    assert_eq!(commands.join(", "), script, "{example}");

    let again = Script::parse(&example.to_string()).unwrap();
    assert_eq!(again, example.script);
    assert_eq!(again.replay(&machine).violation, Some(violation), "{example}");
    assert!(again.replay(&Rules).violation.is_none(), "the rules themselves pass: {example}");
    assert_eq!(shortest(&machine, setup), commands.len(), "{example}");
    example.replay
}

/// The length of the shortest script that violates an invariant, found without the explorer by trying every script.
fn shortest(machine: &Broken, setup: Setup) -> usize {
    let acts = ["open", "accept", "decline", "sign"];
    let people = (1..setup.draft().next_agent).flat_map(|agent| acts.map(|act| format!("agent {agent} {act}\n")));
    let lines: Vec<String> = people.chain(["send\n", "void\n", "expire\n"].map(str::to_owned)).collect();
    let mut scripts = vec![setup.to_string()];
    for length in 1.. {
        let mut longer = Vec::new();
        for (script, line) in scripts.iter().flat_map(|script| lines.iter().map(move |line| (script, line))) {
            let script = format!("{script}{line}");
            let replay = Script::parse(&script).unwrap().replay(machine);
            if replay.violation.is_some() {
                return length;
            }
            // A refusal changes nothing, so scripts that continue after one are not needed.
            if matches!(replay.steps.last().unwrap().outcome, StepOutcome::Effective { .. }) {
                longer.push(script);
            }
        }
        scripts = longer;
    }
    unreachable!()
}

#[test]
fn an_accept_that_ignores_the_claim_makes_two_primaries() {
    let machine = Broken(|envelope, command, effects| match command {
        Command::Act(spot, Act::Accept) if state(envelope, spot) == AgentState::Released => {
            let recipient = &mut envelope.recipients[spot.recipient as usize];
            recipient.state = RecipientState::Claimed { activated_at: NOW, by: spot.agent, at: NOW };
            Some(take(envelope, spot, AgentState::Primary, EffectKind::AgentAccepted, effects))
        }
        _ => None,
    });
    let script = "send, agent 1 open, agent 1 accept, agent 2 accept";
    let replay = found(machine, 2, Layout::Single, Invariant::OnePrimary, script);
    insta::assert_snapshot!(replay);
    insta::assert_json_snapshot!(replay);
}

#[test]
fn an_accept_that_forgets_to_release_an_agent_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let Command::Act(spot, Act::Accept) = command else { return None };
        let last = Spot { agent: envelope.recipients[0].seats.len() as u32 - 1, ..spot };
        let was = state(envelope, last);
        let answer = Rules.perform(envelope, command, NOW, effects);
        if was != AgentState::Released && state(envelope, last) == AgentState::Released {
            envelope.recipients[0].seats[last.agent as usize].state = was;
            effects.retain(|effect| *effect != of(EffectKind::AgentReleased, last));
        }
        Some(answer)
    });
    found(machine, 3, Layout::Single, Invariant::ReleasedOnce, "send, agent 1 open, agent 1 accept");
}

#[test]
fn a_released_agent_who_can_sign_is_found() {
    let machine = Broken(|envelope, command, effects| match command {
        Command::Act(spot, Act::Sign { .. }) if state(envelope, spot) == AgentState::Released => {
            Some(take(envelope, spot, AgentState::Signed, EffectKind::DocumentSigned, effects))
        }
        _ => None,
    });
    let script = "send, agent 1 open, agent 1 accept, agent 2 sign";
    found(machine, 2, Layout::Single, Invariant::OnlyPrimarySigns, script);
}

#[test]
fn a_decliner_who_is_invited_beside_a_primary_is_found() {
    let machine = Broken(|envelope, command, effects| match command {
        Command::Act(spot, Act::Open)
            if state(envelope, spot) == AgentState::Declined && envelope.recipients[0].primary().is_some() =>
        {
            Some(take(envelope, spot, AgentState::Invited, EffectKind::AgentInvited, effects))
        }
        _ => None,
    });
    let script = "send, agent 1 open, agent 2 decline, agent 1 accept, agent 2 open";
    found(machine, 2, Layout::Single, Invariant::PrimaryIsAlone, script);
}

#[test]
fn a_repeated_event_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let answer = Rules.perform(envelope, command, NOW, effects);
        effects.extend(effects.iter().find(|effect| effect.kind == EffectKind::DocumentSigned).copied());
        Some(answer)
    });
    let script = "send, agent 1 open, agent 1 accept, agent 1 sign";
    found(machine, 1, Layout::Single, Invariant::NoEventLostOrDoubled, script);
}

#[test]
fn an_event_that_is_lost_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let answer = Rules.perform(envelope, command, NOW, effects);
        effects.retain(|effect| *effect != of(EffectKind::AgentReleased, Spot { recipient: 0, agent: 2 }));
        Some(answer)
    });
    let script = "send, agent 1 open, agent 1 accept";
    found(machine, 3, Layout::Single, Invariant::NoEventLostOrDoubled, script);
}

#[test]
fn a_step_that_is_not_counted_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let revision = envelope.revision;
        let answer = Rules.perform(envelope, command, NOW, effects);
        envelope.revision = if command == Command::Void { revision } else { envelope.revision };
        Some(answer)
    });
    found(machine, 1, Layout::Single, Invariant::NoEventLostOrDoubled, "send, void");
}

#[test]
fn a_cycle_of_steps_is_found() {
    let machine = Broken(|envelope, command, effects| match command {
        Command::Act(spot, Act::Open)
            if state(envelope, spot) == AgentState::Opened && envelope.judge(Command::Void).is_ok() =>
        {
            Some(take(envelope, spot, AgentState::Invited, EffectKind::AgentInvited, effects))
        }
        _ => None,
    });
    let script = "send, agent 1 open, agent 1 open";
    insta::assert_snapshot!(found(machine, 3, Layout::Single, Invariant::EveryPathEnds, script));
}

#[test]
fn a_repetition_that_counts_as_a_step_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let answer = Rules.perform(envelope, command, NOW, effects);
        if answer == Ok(Judgement::Repeated) && !envelope.state.has_ended() {
            envelope.revision += 1;
            return Some(Ok(Judgement::Effective));
        }
        Some(answer)
    });
    found(machine, 2, Layout::Single, Invariant::EveryPathEnds, "send, agent 1 open, agent 1 open");
}

#[test]
fn a_primary_who_can_neither_sign_nor_decline_is_found() {
    let machine = Broken(|envelope, command, _| match command {
        Command::Act(spot, Act::Sign { .. } | Act::Decline) if state(envelope, spot) == AgentState::Primary => {
            Some(Err(Refusal::NotPrimary))
        }
        _ => None,
    });
    let script = "send, agent 1 open, agent 1 accept";
    insta::assert_snapshot!(found(machine, 2, Layout::Single, Invariant::EveryPathEnds, script));
}

#[test]
fn a_refusal_that_leaves_a_trace_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let answer = Rules.perform(envelope, command, NOW, effects);
        if let (Command::Act(spot, Act::Sign { .. }), Err(Refusal::NotPrimary)) = (command, answer) {
            envelope.recipients[spot.recipient as usize].seats[spot.agent as usize].since = Timestamp::MAX;
        }
        Some(answer)
    });
    let script = "send, agent 1 open, agent 1 sign";
    found(machine, 2, Layout::Single, Invariant::RefusalChangesNothing, script);
}

#[test]
fn an_accept_without_open_is_found() {
    let machine = Broken(|envelope, command, effects| match command {
        Command::Act(spot, Act::Accept) if state(envelope, spot) == AgentState::Invited => {
            envelope.recipients[0].seats[spot.agent as usize].state = AgentState::Opened;
            Some(Rules.perform(envelope, command, NOW, effects))
        }
        _ => None,
    });
    found(machine, 2, Layout::Single, Invariant::OwnStepsOnly, "send, agent 1 accept");
}

#[test]
fn an_envelope_that_does_not_stay_finalized_is_found() {
    let machine = Broken(|envelope, command, effects| match (command, envelope.state) {
        (Command::Void, EnvelopeState::Finalized { sent_at, .. }) => {
            envelope.state = EnvelopeState::Voided { sent_at, at: NOW, because: VoidReason::Sender };
            envelope.revision += 1;
            effects.push(Effect { kind: EffectKind::EnvelopeVoided, recipient: None, agent: None });
            Some(Ok(Judgement::Effective))
        }
        _ => None,
    });
    let script = "send, agent 1 open, agent 1 accept, agent 1 sign, void";
    found(machine, 1, Layout::Single, Invariant::EndedIsFinal, script);
}

#[test]
fn a_recipient_that_outlasts_its_last_agent_is_found() {
    let machine = Broken(|envelope, command, effects| match command {
        Command::Act(spot, Act::Decline) if state(envelope, spot) == AgentState::Invited => {
            Some(take(envelope, spot, AgentState::Declined, EffectKind::AgentDeclined, effects))
        }
        _ => None,
    });
    let script = "send, agent 1 decline, agent 2 decline";
    found(machine, 2, Layout::Single, Invariant::DeclineEndsRecipient, script);
}

#[test]
fn an_envelope_that_ends_with_its_first_signature_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let was = envelope.state;
        let answer = Rules.perform(envelope, command, NOW, effects);
        let signed = effects.iter().any(|effect| effect.kind == EffectKind::DocumentSigned);
        if let (true, EnvelopeState::Sent { sent_at }) = (signed, was) {
            envelope.state = EnvelopeState::Finalized { sent_at, at: NOW };
        }
        Some(answer)
    });
    let script = "send, agent 1 open, agent 1 accept, agent 1 sign";
    found(machine, 1, Layout::Sequence, Invariant::SignedMeansFinalized, script);
}

#[test]
fn an_early_invitation_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let answer = Rules.perform(envelope, command, NOW, effects);
        if command == Command::Send && answer.is_ok() {
            let early = Spot { recipient: 1, agent: 0 };
            envelope.recipients[1].state = RecipientState::Open { activated_at: NOW };
            envelope.recipients[1].seats[0].state = AgentState::Invited;
            effects.push(of(EffectKind::AgentInvited, early));
            effects.push(Effect { agent: None, ..of(EffectKind::RecipientActivated, early) });
        }
        Some(answer)
    });
    found(machine, 1, Layout::Sequence, Invariant::EachInTurn, "send");
}

#[test]
fn a_decline_that_voids_a_kept_envelope_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let Command::Act(_, Act::Decline) = command else { return None };
        let terms = Arc::clone(&envelope.terms);
        envelope.terms = Arc::new(Terms { keep_declined: false, ..Terms::clone(&terms) });
        let answer = Rules.perform(envelope, command, NOW, effects);
        envelope.terms = terms;
        Some(answer)
    });
    let setup = Setup::new(1, Layout::Single, false).unwrap().keeping(true);
    found_in(machine, setup, Invariant::DeclineEndsRecipient, "send, agent 1 decline");
}

#[test]
fn a_kept_decline_that_lets_the_next_order_go_on_is_found() {
    let machine = Broken(|envelope, command, effects| {
        let answer = Rules.perform(envelope, command, NOW, effects);
        let declined = effects.iter().any(|effect| effect.kind == EffectKind::RecipientDeclined);
        if declined && envelope.recipients[1].state == RecipientState::Waiting {
            let next = Spot { recipient: 1, agent: 0 };
            envelope.recipients[1].state = RecipientState::Open { activated_at: NOW };
            envelope.recipients[1].seats[0].state = AgentState::Invited;
            effects.push(of(EffectKind::AgentInvited, next));
            effects.push(Effect { agent: None, ..of(EffectKind::RecipientActivated, next) });
        }
        Some(answer)
    });
    let setup = Setup::new(1, Layout::Sequence, false).unwrap().keeping(true);
    found_in(machine, setup, Invariant::EachInTurn, "send, agent 1 decline");
}
