//! The real machine satisfies every invariant in every interleaving; scripts can be parsed and replayed.

use docendorse_mock::simulation::explore::{
    Exploration, ExploreError, ExploreOptions, Layout, MOST_COMPETITORS, Rules, Script, Setup, explore,
};

fn found(agents: u32, layout: Layout, reopen: bool) -> Exploration {
    found_in(Setup::new(agents, layout, reopen).unwrap())
}

fn found_in(setup: Setup) -> Exploration {
    explore(&Rules, ExploreOptions::of(setup)).unwrap()
}

#[test]
fn the_rules_hold_under_every_interleaving() {
    let mut table = String::new();
    for layout in Layout::ALL {
        for (reopen, keep) in [(false, false), (true, false), (false, true), (true, true)] {
            for agents in 1..=5 {
                let found = found_in(Setup::new(agents, layout, reopen).unwrap().keeping(keep));
                assert!(found.violation.is_none(), "{found}");
                let reopen = if reopen { " reopen" } else { "" };
                let keep = if keep { " keep" } else { "" };
                table += &format!(
                    "{layout} {agents}{reopen}{keep}: {} states, {} ended, {} steps, {} repeated, {} refused, {} deep\n",
                    found.states,
                    found.ended,
                    found.transitions,
                    found.repeated,
                    found.refusals.values().sum::<usize>(),
                    found.longest_path
                );
            }
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn the_states_of_one_agent_match_a_count_by_hand() {
    let found = found(1, Layout::Single, false);
    // Draft, invited, opened, primary, signed; one declined state; three voided and three expired ones.
    assert_eq!((found.states, found.ended), (5 + 1 + 3 + 3, 1 + 1 + 3 + 3));
    // Send, open, accept, sign; and three ways out of each of three states.
    assert_eq!((found.transitions, found.longest_path), (4 + 9, 4));
    // All seven commands were tried in every state.
    assert_eq!(found.transitions + found.repeated + found.refusals.values().sum::<usize>(), found.states * 7);
}

#[test]
fn a_kept_decline_leaves_the_envelope_to_its_sender() {
    let kept = found_in(Setup::new(1, Layout::Single, false).unwrap().keeping(true));
    // As without `keep`, but declined is not final: the envelope can still be voided or expire.
    assert_eq!((kept.states, kept.ended), (5 + 1 + 4 + 4, 1 + 4 + 4));
    assert!(kept.violation.is_none(), "{kept}");
}

#[test]
fn findings_are_reported_as_text_and_json() {
    let found = found(3, Layout::Hosted, true);
    insta::assert_snapshot!(found);
    insta::assert_json_snapshot!(found);
}

#[test]
fn a_state_space_too_large_to_explore_is_refused() {
    for agents in [0, MOST_COMPETITORS + 1, u32::MAX] {
        assert_eq!(Setup::new(agents, Layout::Single, false), Err(ExploreError::Agents(agents)));
    }
    let options =
        ExploreOptions { most_states: 43, ..ExploreOptions::of(Setup::new(2, Layout::Single, false).unwrap()) };
    assert_eq!(explore(&Rules, options), Err(ExploreError::TooManyStates(43)));
    assert!(explore(&Rules, ExploreOptions { most_states: 44, ..options }).is_ok());
}

#[test]
fn a_script_is_replayed_line_by_line() {
    let script = "
        # Two agents compete, and the winner declines afterwards.
        agents 2
        reopen
        agent 1 open    # too early
        send
        agent 1 accept
        agent 1 open
        agent 1 accept
        agent 1 accept
        agent 2 accept  # too late
        agent 1 decline
        agent 2 open
        agent 2 accept
        agent 2 sign
        void
    ";
    let script = Script::parse(script).unwrap();
    assert_eq!(Script::parse(&script.to_string()).unwrap(), script);
    let replay = script.replay(&Rules);
    assert_eq!(Script::parse(&replay.to_string()).unwrap(), script, "a printed replay parses as its script");
    insta::assert_snapshot!(replay);
}

#[test]
fn agents_are_numbered_through_the_envelope() {
    let script =
        Script::parse("agents 2\nlayout hosted\nsend\nagent 3 open\nagent 2 open\nagent 2 accept\nagent 3 open");
    let replay = script.unwrap().replay(&Rules);
    insta::assert_snapshot!(replay);
}

#[test]
fn a_wrong_script_names_the_place() {
    for (script, problem) in [
        ("send\n  agent 2 open", "2:3: there is no agent \"2\"; choose one from 1 to 1"),
        ("agents 2\nagent 0 open", "2:1: there is no agent \"0\"; choose one from 1 to 2"),
        ("agent 1 wait", "1:1: \"wait\" is not an action; agents open, accept, decline and sign"),
        ("agents 11", "1:1: cannot explore 11 agents; choose 1 to 10"),
        ("agents many", "1:1: \"many\" is not a number of agents"),
        ("layout double", "1:1: \"double\" is not a layout; the layouts are single, sequence, optional, hosted"),
        ("send\n\n# Later.\nreopen", "4:1: setup lines must come before the first command"),
        ("sned", "1:1: \"sned\" is not a command; write send, void, expire, or agent 1 open"),
        (&"send\n".repeat(10_001), "10001:1: a script has at most 10000 commands"),
    ] {
        let error = Script::parse(script).unwrap_err().to_string();
        assert!(error.starts_with(problem), "{error}");
    }
    assert_eq!(Script::parse("").unwrap().setup(), Setup::default());
}
