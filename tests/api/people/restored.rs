//! Simulated people in a restored sandbox: they continue as planned, or the snapshot is refused.

use crate::{
    harness::Api,
    people::stage::{Stage, parties},
};
use serde_json::{Value, json};

/// A sandbox restored from a snapshot on a new server.
async fn restored(snapshot: Value) -> Stage {
    let bare = Stage::in_sandbox(Api::new(), &json!({ "name": "bare" })).await;
    let made = bare.ask("POST", "/__admin/sandboxes/restore", snapshot).await;
    assert_eq!(made.status, 201, "{}", made.text);
    Stage::made(bare.api, &made.json())
}

async fn snapshot(stage: &Stage) -> Value {
    stage.get("/__admin/sandboxes/play/snapshot").await
}

/// Events without their numbers, because a restored log starts over.
async fn happened(stage: &Stage) -> Vec<Value> {
    let mut events = stage.events().await;
    for event in &mut events {
        event.as_object_mut().unwrap().remove("id");
    }
    events
}

#[tokio::test]
async fn a_restored_sandbox_continues_the_same_timeline() {
    let drawn = json!({
        "parties": "any_one",
        "reopen": true,
        "voids": { "uniform": ["1d", "60d"] },
        "people": [{
            "opens": { "lognormal": { "median": "20m", "sigma": 1 } },
            "accepts": { "uniform": ["1m", "2h"], "probability": 0.9 },
            "declines": { "after": "30m", "probability": 0.4, "instead_of": "signing" },
            "signs": { "uniform": ["1m", "3d"] },
        }],
    });
    // Many actions due at the same moment, planned in another order than after a restore.
    let at_once = json!({
        "people": [
            { "agent": "alice@*", "opens": "2h", "accepts": "1h", "signs": "2h" },
            { "agent": "bob@*", "opens": "1h", "accepts": "2h", "signs": "2h" },
            { "opens": "3h", "accepts": "0s", "signs": "2h" },
        ],
    });
    let in_a_race = json!({ "parties": "any_one", "people": at_once["people"] });
    for plan in [drawn, at_once, in_a_race] {
        let stage = Stage::new(plan.clone()).await;
        stage.hand_off("h-1", parties(&["Alice", "Bob", "Carol"])).await;
        stage.advance("10m").await;
        stage.hand_off("h-2", parties(&["Carol", "Bob", "Alice"])).await;
        let mut copies = Vec::new();
        for step in ["1m", "49m", "30m", "45m", "15m", "30m", "1h", "5h", "2d"] {
            stage.advance(step).await;
            let copy = restored(snapshot(&stage).await).await;
            assert_eq!(copy.agenda().await, stage.agenda().await, "after {step} of {plan}");
            assert_eq!(copy.events().await, [json!(null); 0], "earlier events are not repeated");
            copies.push((happened(&stage).await.len(), copy));
        }
        stage.advance("90d").await;
        let events = happened(&stage).await;
        for (before, copy) in copies {
            copy.advance("2h").await;
            copy.advance("100d").await;
            assert_eq!(events[before..], happened(&copy).await, "after {before} events of {plan}");
        }
    }
}

#[tokio::test]
async fn a_timeline_is_the_same_from_any_restore_point() {
    let plan = json!({
        "people": [
            { "agent": "alice@*", "opens": "2h", "accepts": "1h", "signs": "2h" },
            { "agent": "bob@*", "opens": "1h", "accepts": "2h", "signs": "2h" },
            { "opens": "3h", "accepts": "0s", "signs": "2h" },
        ],
        "parties": "any_one",
    });
    let whole = async |cuts: &[&str]| {
        let mut stage = Stage::new(plan.clone()).await;
        stage.hand_off("h-1", parties(&["Alice", "Bob", "Carol"])).await;
        let mut events = Vec::new();
        for step in cuts {
            stage.advance(step).await;
            events.extend(happened(&stage).await);
            stage = restored(snapshot(&stage).await).await;
        }
        stage.advance("90d").await;
        events.extend(happened(&stage).await);
        events
    };
    let uncut = whole(&[]).await;
    for cuts in [&["30m"][..], &["90m"], &["150m"], &["1h", "1h", "30m"], &["3h"], &["4h", "1h"]] {
        assert_eq!(whole(cuts).await, uncut, "{cuts:?}");
    }
}

#[tokio::test]
async fn reminders_are_sent_on_the_configured_days() {
    let stage =
        Stage::new(json!({ "people": [{ "agent": "alice@*", "opens": "4d", "accepts": "1h", "signs": "1h" }] })).await;
    stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    stage.advance("1d").await;
    let mut taken = snapshot(&stage).await;
    let terms = &mut taken["envelopes"][0]["terms"];
    terms["expiration_period_days"] = json!(10);
    terms["reminder_initial_delay_days"] = json!(3);
    terms["reminder_repeat_interval_days"] = json!(2);
    terms["reminder_before_expiration_days"] = json!(2);
    let stage = restored(taken).await;
    assert_eq!(stage.agenda().await, ["72h remind_envelope", "96h open 1", "240h expire_envelope"]);
    stage.advance("100d").await;
    let story = [
        "72h request.re-sent",
        "72h request.re-sent",
        "96h agent.opened 1",
        "97h agent.accepted 1",
        "98h document.signed 1",
        "98h recipient.completed",
        "120h request.re-sent",
        "168h request.re-sent",
        "192h request.re-sent",
        "216h request.re-sent",
        "240h envelope.expired",
    ];
    assert_eq!(stage.story().await, story);
    assert_eq!(stage.agenda().await, [""; 0]);
}

#[tokio::test]
async fn a_simulated_person_knows_the_code_sent_to_them() {
    let stage = Stage::new(json!({ "people": [{ "opens": "1m", "accepts": "1m", "signs": "5m" }] })).await;
    let party = json!([{ "name": "Alice", "email": "alice@example.com", "telephone": "+14155550123" }]);
    stage.hand_off("h-1", party).await;
    let mut taken = snapshot(&stage).await;
    let role = &mut taken["envelopes"][0]["recipients"][0]["role"];
    role["phone_verification"] = json!(true);
    for code in ["654321", "123456"] {
        taken["envelopes"][0]["recipients"][0]["role"]["codes"] = json!([code]);
        let stage = restored(taken.clone()).await;
        stage.advance("2m").await;
        let messages = stage.get("/__admin/messages").await["messages"].clone();
        assert_eq!((&messages[0]["to"], &messages[0]["code"]), (&json!("+14155550123"), &json!(code)));
        assert_eq!(messages[0]["at"], "2030-01-01T00:02:00Z");
        stage.advance("5m").await;
        assert_eq!(stage.story().await.last().unwrap(), "7m envelope.finalized", "{code}");
    }
}

#[tokio::test]
async fn an_in_person_signer_waits_for_the_host() {
    let people = json!([
        { "agent": "alice@*", "opens": "1h", "accepts": "1m", "signs": "1m" },
        { "opens": "5m", "accepts": "1m", "signs": "1m" },
    ]);
    let stage = Stage::new(json!({ "people": people })).await;
    stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    let mut taken = snapshot(&stage).await;
    let recipients = &mut taken["envelopes"][0]["recipients"];
    recipients[0]["role"]["kind"] = json!("host");
    recipients[1]["role"]["kind"] = json!("in_person_signer");
    recipients[1]["role"]["hosted_by"] = json!(1);
    let stage = restored(taken).await;
    assert_eq!(stage.agenda().await, ["1h open 1", "720h expire_envelope"]);
    stage.advance("61m").await;
    assert_eq!(stage.agenda().await, ["1h 6m open 2", "720h expire_envelope"]);
    let again = restored(snapshot(&stage).await).await;
    assert_eq!(again.agenda().await, stage.agenda().await);
    stage.advance("7m").await;
    assert_eq!(stage.story().await.last().unwrap(), "1h 8m envelope.finalized");
}

#[tokio::test]
async fn an_invalid_envelope_is_refused_with_the_reason() {
    let stage = Stage::new(json!({ "people": [{ "opens": "1h" }] })).await;
    stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    let taken = snapshot(&stage).await;
    let id = taken["envelopes"][0]["id"].as_str().unwrap().to_owned();
    for (pointer, value, reason) in [
        ("/revision", json!(0), format!("The envelope {id} cannot be restored: its revision cannot be 0")),
        ("/recipients/1/role/first_agent", json!(1), "two of its agents have the same number".to_owned()),
        ("/recipients/0/seats/0/state", json!("primary"), "disagree on who is primary".to_owned()),
        ("/recipients/0/role/number", json!(4_294_967_295_u32), "numbered from 1, but".to_owned()),
        ("/terms/expiration_period_days", json!(-1), "days: -1 is not from 1 to 90".to_owned()),
        ("/terms/expiration_period_days", json!(256), "days: 256 is not from 1 to 90".to_owned()),
        ("/terms/reminder_initial_delay_days", json!(31), "days: 31 is not from 0 to 30".to_owned()),
        (
            "/terms/expiration_period_days",
            json!(200),
            "/terms/expiration_period_days: 200 is not from 1 to 90".to_owned(),
        ),
        ("/terms/plan/people/0/opens", json!("1 year"), "is not a span of time".to_owned()),
        ("/id", json!("env_1"), "is not an id of this kind; write \"env_\" followed by 16".to_owned()),
    ] {
        let mut changed = taken.clone();
        *changed["envelopes"][0].pointer_mut(pointer).unwrap() = value;
        let refused = stage.ask("POST", "/__admin/sandboxes/restore?name=again", changed).await;
        assert_eq!(refused.status, 400, "{pointer}: {}", refused.text);
        let detail = refused.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(&reason), "{pointer}: {detail}");
        assert_eq!(stage.api.get("/__admin/sandboxes/again").await.status, 404, "nothing is left behind");
    }
    let mut doubled = taken.clone();
    doubled["envelopes"] = json!([taken["envelopes"][0], taken["envelopes"][0]]);
    let refused = stage.ask("POST", "/__admin/sandboxes/restore?name=again", doubled).await;
    assert!(refused.text.contains("Two of the snapshot's envelopes have the same id"), "{}", refused.text);
}
