//! Simulated people: what they do and when, determined by the seed alone (G4, G6, G10).

use crate::{
    harness::Api,
    people::stage::{Stage, parties},
};
use docendorse_mock::Settings;
use serde_json::{Value, json};

/// A race with many random choices.
fn race() -> Value {
    json!({
        "parties": "any_one",
        "reopen": true,
        "voids": { "after": "20d", "probability": 0.5 },
        "people": [
            { "agent": "alice@*", "opens": { "uniform": ["1m", "2h"] }, "accepts": "1m", "signs": "1h" },
            {
                "opens": { "lognormal": { "median": "10m", "sigma": 1.5 } },
                "accepts": { "uniform": ["10s", "5m"], "probability": 0.9 },
                "declines": { "after": "3m", "probability": 0.5, "instead_of": "signing" },
                "signs": { "after": { "uniform": ["1h", "3d"] }, "probability": 0.9 },
            },
        ],
    })
}

const CAST: [&str; 5] = ["Alice", "Bob", "Carol", "Dan", "Eve"];

/// The body that creates a sandbox.
fn wanted(name: &str, seed: u64) -> Value {
    json!({ "name": name, "seed": seed, "clock": { "frozen_at": crate::people::stage::START } })
}

#[tokio::test]
async fn people_act_in_order_at_their_own_times() {
    let keys = json!({
        "parties": "any_one",
        "people": [
            { "agent": "Alice@*", "opens": "5m", "accepts": "3m", "signs": { "after": "1h" } },
            { "agent": "bob@*", "opens": "7m", "accepts": "30s", "signs": "2h" },
            { "agent": "carol@*", "opens": "10m", "accepts": "1m" },
            { "opens": "1m", "declines": "90s" },
        ],
    });
    let stage = Stage::new(keys).await;
    let session = stage.hand_off("h-1", parties(&CAST)).await;
    let planned = ["1m open 4", "1m open 5", "5m open 1", "7m open 2", "10m open 3", "720h expire_envelope"];
    assert_eq!(stage.agenda().await, planned);
    let ran = stage.advance("24h").await;
    let story = [
        "1m agent.opened 4",
        "1m agent.opened 5",
        "2m 30s agent.declined 4",
        "2m 30s agent.declined 5",
        "5m agent.opened 1",
        "7m agent.opened 2",
        "7m 30s agent.accepted 2",
        "7m 30s agent.released 1",
        "7m 30s agent.released 3",
        "2h 7m 30s document.signed 2",
        "2h 7m 30s recipient.completed",
        "2h 7m 30s envelope.finalized",
    ];
    assert_eq!(stage.story().await[8..], story);
    let acts: Vec<&str> = ran.iter().filter_map(|ran| ran["act"].as_str()).collect();
    assert_eq!(acts, ["open", "open", "decline", "decline", "open", "open", "accept", "sign"]);
    assert!(ran.iter().all(|ran| ran["done"] == true), "every task has an effect: {ran:?}");
    assert_eq!(stage.agenda().await, [""; 0]);
    assert_eq!(stage.envelope(&session).await["completedAt"], "2030-01-01T02:07:30Z");
}

#[tokio::test]
async fn one_step_or_many_give_the_same_events() {
    for seed in 0..8 {
        let mut logs = Vec::new();
        for steps in [&["31d"; 1][..], &["1h"; 744], &["7m", "0s", "13h", "1ms", "9d", "30d"]] {
            let stage = Stage::with(Settings::default(), seed, race()).await;
            stage.hand_off("h-1", parties(&CAST)).await;
            stage.hand_off("h-2", parties(&CAST)).await;
            for step in steps {
                stage.advance(step).await;
            }
            logs.push(stage.events().await);
        }
        assert_eq!(logs[0], logs[1], "seed {seed}");
        assert_eq!(logs[0], logs[2], "seed {seed}");
        assert!(logs[0].len() > 20, "something happened");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_moves_of_the_clock_keep_the_order() {
    let people = json!([{
        "opens": { "uniform": ["1m", "1h"] }, "accepts": { "uniform": ["1m", "1h"] }, "signs": { "uniform": ["1m", "1h"] },
    }]);
    let run = async |movers: usize| {
        let stage = Stage::new(json!({ "people": people })).await;
        let crowd: Vec<String> = (0..100).map(|party| format!("P{party}")).collect();
        let crowd: Vec<&str> = crowd.iter().map(String::as_str).collect();
        stage.hand_off("h-1", parties(&crowd)).await;
        let stage = std::sync::Arc::new(stage);
        let movers = (0..movers).map(|_| {
            let stage = std::sync::Arc::clone(&stage);
            tokio::spawn(async move { stage.advance("1d").await.len() })
        });
        let mut ran = 0;
        for mover in movers.collect::<Vec<_>>() {
            ran += mover.await.unwrap();
        }
        (ran, stage.events().await)
    };
    let expected = run(1).await;
    for _ in 0..10 {
        assert_eq!(run(4).await, expected);
    }
}

#[tokio::test]
async fn the_same_seed_and_handoffs_give_the_same_timeline() {
    let run = async |seed: u64, noise: bool| {
        let stage = Stage::with(Settings::default(), seed, race()).await;
        let mut stories = Vec::new();
        for handoff_id in ["h-1", "h-2", "h-3"] {
            if noise {
                stage.send("h-0", json!({ "intent": "create_template" })).await;
                stage.send("h-0", json!({ "intent": "nonsense" })).await;
                stage.ask("POST", "/__admin/tokens", json!({})).await;
                stage.ask("POST", "/__admin/signing/users", json!({ "name": "Kim", "email": "kim@example.com" })).await;
                stage.get("/__admin/events").await;
                stage.api.get("/nowhere").await;
                stage.api.hand_off(crate::harness::body_of(handoff_id, "sam@example.com")).await;
            }
            let session = stage.hand_off(handoff_id, parties(&CAST)).await;
            stories.push(session["envelope_id"].clone());
            stage.advance("3h").await;
        }
        stage.advance("40d").await;
        (stories, stage.events().await.into_iter().map(without_session).collect::<Vec<_>>())
    };
    let quiet = run(7, false).await;
    assert_eq!(run(7, false).await, quiet);
    assert_eq!(run(7, true).await, quiet);
    assert_ne!(run(8, false).await.1, quiet.1);
}

/// An event without the session that created its envelope, because the ids of sessions differ.
fn without_session(mut event: Value) -> Value {
    event.as_object_mut().unwrap().remove("agent_session_id").unwrap();
    event
}

#[tokio::test]
async fn impossible_acts_leave_the_agenda() {
    let keys = json!({
        "parties": "any_one",
        "people": [{ "opens": "10m", "accepts": "10m", "signs": "10m" }],
        "voids": "5d",
    });
    let stage = Stage::new(keys.clone()).await;
    let session = stage.hand_off("h-1", parties(&["Alice", "Bob", "Carol"])).await;
    let agents = stage.envelope(&session).await["recipients"][0]["agents"].clone();
    let end = ["120h void_envelope", "720h expire_envelope"];
    let with_end = |planned: &[&'static str]| [planned, &end].concat();

    stage.advance("1m").await;
    stage.act(&agents[0]["id"], "open").await;
    assert_eq!(stage.agenda().await, with_end(&["10m open 2", "10m open 3", "11m accept 1"]), "the test acted first");
    stage.act(&agents[1]["id"], "decline").await;
    assert_eq!(stage.agenda().await, with_end(&["10m open 3", "11m accept 1"]));
    stage.act(&agents[0]["id"], "accept").await;
    assert_eq!(stage.agenda().await, with_end(&["11m sign 1"]), "released agents have no further actions");
    stage.act(&agents[0]["id"], "sign").await;
    assert_eq!(stage.agenda().await, [""; 0], "a finalized envelope has no planned actions");

    for end in ["void", "expire"] {
        let session = stage.hand_off(end, parties(&["Alice", "Bob"])).await;
        let path = format!("/__admin/signing/envelopes/{}/{end}", session["envelope_id"].as_str().unwrap());
        assert_eq!(stage.agenda().await.len(), 4);
        assert_eq!(stage.ask("POST", &path, json!({})).await.status, 200);
        assert_eq!(stage.agenda().await, [""; 0], "{end}");
    }
}

#[tokio::test]
async fn an_envelope_that_nobody_signs_expires() {
    let stage = Stage::new(json!({ "people": [{ "opens": "1h" }, { "agent": "*", "accepts": "1m" }] })).await;
    let session = stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    stage.advance("100d").await;
    let story = ["1h agent.opened 1", "1h agent.opened 2", "720h envelope.expired"];
    assert_eq!(stage.story().await[6..], story, "the first matching rule applies");
    assert_eq!(stage.envelope(&session).await["expiredAt"], "2030-01-31T00:00:00Z");
    assert_eq!(stage.agenda().await, [""; 0]);
}

#[tokio::test]
async fn an_act_at_the_moment_of_expiry_is_too_late() {
    let stage = Stage::new(json!({ "people": [{ "opens": "30d" }] })).await;
    stage.hand_off("h-1", parties(&["Alice"])).await;
    stage.advance("30d").await;
    assert_eq!(stage.story().await[4..], ["720h envelope.expired"]);
}

#[tokio::test]
async fn the_sender_voids_an_envelope() {
    let people = json!([{ "opens": "1d", "accepts": "12h", "signs": "1d" }]);
    let stage = Stage::new(json!({ "voids": { "after": "2d" }, "people": people })).await;
    let session = stage.hand_off("h-1", parties(&["Alice"])).await;
    stage.advance("3d").await;
    let story = ["24h agent.opened 1", "36h agent.accepted 1", "48h envelope.voided"];
    assert_eq!(stage.story().await[4..], story);
    assert_eq!(stage.envelope(&session).await["voidedBecause"], "sender");
    assert_eq!(stage.agenda().await, [""; 0], "no signatures are planned after the void");
}

#[tokio::test]
async fn with_reopen_a_declining_primary_brings_agents_back() {
    let keys = json!({
        "parties": "any_one",
        "reopen": true,
        "people": [
            { "agent": "alice@*", "opens": "1m", "accepts": "1m", "declines": { "after": "5m", "instead_of": "signing" } },
            { "opens": "10m", "accepts": { "uniform": ["1m", "2m"] }, "signs": "1h" },
        ],
    });
    let stage = Stage::new(keys).await;
    let session = stage.hand_off("h-1", parties(&["Alice", "Bob", "Carol"])).await;
    stage.advance("2m").await;
    assert_eq!(stage.agenda().await, ["7m decline 1", "720h expire_envelope"]);
    stage.advance("5m").await;
    assert_eq!(stage.story().await[10..], ["7m agent.declined 1", "7m agent.invited 2", "7m agent.invited 3"]);
    assert_eq!(
        stage.agenda().await,
        ["17m open 2", "17m open 3", "720h expire_envelope"],
        "the invited agents act again"
    );
    stage.advance("1d").await;
    assert_eq!(stage.envelope(&session).await["status"], "finalized");
    let signed = stage.story().await.iter().filter(|told| told.contains("document.signed")).count();
    assert_eq!(signed, 1);
}

#[tokio::test]
async fn without_reopen_a_declining_primary_ends_the_recipient() {
    let people = json!([{ "opens": "1m", "accepts": "1m", "declines": { "after": "5m", "instead_of": "signing" } }]);
    let stage = Stage::new(json!({ "parties": "any_one", "people": people })).await;
    let session = stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    stage.advance("1d").await;
    let story = ["7m agent.declined 1", "7m recipient.declined", "7m envelope.voided"];
    assert_eq!(stage.story().await[9..], story);
    assert_eq!(stage.envelope(&session).await["voidedBecause"], "declined");
}

#[tokio::test]
async fn after_a_reset_the_same_handoffs_give_the_same_events() {
    let stage = Stage::new(race()).await;
    let run = async || {
        stage.script(race()).await;
        let start: jiff::Timestamp = stage.get("/__admin/clock").await["now"].as_str().unwrap().parse().unwrap();
        stage.hand_off("h-1", parties(&CAST)).await;
        stage.advance("40d").await;
        let mut events = stage.events().await;
        for event in &mut events {
            let at: jiff::Timestamp = event["at"].as_str().unwrap().parse().unwrap();
            event["at"] = json!(at.duration_since(start).to_string());
        }
        events
    };
    let first = run().await;
    stage.hand_off("h-2", parties(&CAST)).await;
    assert!(!stage.agenda().await.is_empty());
    assert!(stage.ask("POST", "/__admin/sandboxes/play/reset", json!({})).await.status.is_success());
    assert_eq!((stage.agenda().await, stage.events().await), (Vec::new(), Vec::new()));
    assert_eq!(run().await, first);
}

#[tokio::test]
async fn shipped_people_follow_their_scenarios() {
    for (tag, party, ends) in [
        ("any-one-signs", "alice", "sent"),
        ("race-to-sign", "alice", "finalized"),
        ("first-declines", "alice+declines", "finalized"),
        ("nobody-signs", "alice", "expired"),
        ("sender-voids", "alice", "voided"),
    ] {
        let stage = Stage::in_sandbox(Api::new(), &wanted("play", 1)).await;
        let facts = json!({ "metadata": { "title": "NDA" }, "parties": [
            { "name": "Alice", "email": format!("{party}@example.com") },
            { "name": "Bob", "email": "bob@example.com" },
            { "name": "Carol", "email": "carol@example.com" },
        ] });
        let actor = json!({ "external_user_id": "usr_1", "email": format!("sam+{tag}@example.com") });
        let answer = stage.send("h-1", json!({ "actor": actor, "facts": facts })).await;
        let session = stage.session(&answer).await;
        let before_the_end = if tag == "any-one-signs" { "29d" } else { "40d" };
        stage.advance(before_the_end).await;
        let story = stage.story().await;
        assert_eq!(stage.envelope(&session).await["status"], ends, "{tag}: {story:#?}");
        let count = |what: &str| story.iter().filter(|told| told.contains(what)).count();
        match tag {
            "any-one-signs" => assert_eq!(story.len(), 6),
            "race-to-sign" => assert_eq!((count("agent.released"), count("document.signed")), (2, 1)),
            "first-declines" => assert_eq!((count("agent.declined 1"), count("agent.invited")), (1, 5)),
            "nobody-signs" => assert_eq!((count("agent.opened"), count("agent.accepted")), (3, 0)),
            _ => assert_eq!((count("agent.accepted"), count("document.signed")), (3, 0)),
        }
    }
}

#[tokio::test]
async fn with_a_running_clock_people_act_by_themselves() {
    let api = Api::new();
    let timer = tokio::spawn({
        let app = std::sync::Arc::clone(&api.app);
        async move { app.keep_time().await }
    });
    let stage = Stage::in_sandbox(api, &json!({ "name": "play" })).await;
    stage
        .script(json!({ "people": [{ "opens": "1ms", "accepts": "0s", "signs": { "uniform": ["0s", "2ms"] } }] }))
        .await;
    let sandbox = stage.api.app.sandboxes.get("play").unwrap();
    let session = stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    let until_the_end = async {
        loop {
            let happened = sandbox.happened();
            if stage.envelope(&session).await["status"] == "finalized" {
                break;
            }
            happened.await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), until_the_end).await.expect("all have signed");
    timer.abort();
}
