//! The agenda: tasks run in the order that it shows, however many there are.

use crate::{
    people::stage::{Stage, parties},
    signing::play::{Draft, person, signer},
};
use docendorse_mock::base::clock::ClockChange;
use futures_util::FutureExt;
use serde_json::{Value, json};
use std::pin::pin;

fn summaries(items: &[Value]) -> Vec<String> {
    let words = |item: &Value| ["due", "task", "envelope_id", "agent_id", "act"].map(|word| item[word].to_string());
    items.iter().map(|item| words(item).join(" ")).collect()
}

#[tokio::test]
async fn tasks_are_carried_out_in_the_order_of_the_agenda() {
    let stage = Stage::new(json!({})).await;
    stage.hand_off("h-1", parties(&["Alice"])).await;
    stage.script(json!({ "people": [{ "opens": "1m" }] })).await;
    stage.hand_off("h-2", parties(&["Bob"])).await;
    stage.script(json!({ "people": [{ "opens": "1m", "accepts": "0s" }] })).await;
    stage.hand_off("h-3", parties(&["Carol", "Dan"])).await;
    let agenda = stage.get("/__admin/agenda?limit=1000").await;
    let planned = summaries(agenda["agenda"].as_array().unwrap());
    assert_eq!(agenda["total"], planned.len());
    for limit in 1..planned.len() {
        let first = stage.get(&format!("/__admin/agenda?limit={limit}")).await;
        assert_eq!(summaries(first["agenda"].as_array().unwrap()), planned[..limit]);
        assert_eq!(first["total"], agenda["total"]);
    }
    // An accept is only planned once the agent has opened.
    let ran =
        summaries(&stage.advance("800h").await).into_iter().filter(|ran| planned.contains(ran)).collect::<Vec<_>>();
    assert_eq!(ran, planned);
    assert_eq!(stage.get("/__admin/agenda").await, json!({ "agenda": [], "total": 0 }));
}

/// Ten thousand people of one envelope act in order, without blocking other requests.
#[tokio::test]
async fn thousands_of_people_of_one_envelope_act_in_their_order() {
    let keys = json!({ "parties": "any_one", "people": [{ "opens": { "uniform": ["1m", "10h"] } }] });
    let stage = Stage::new(keys).await;
    let names: Vec<String> = (0..10_000).map(|number| format!("p{number}")).collect();
    stage.hand_off("h-1", parties(&names.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let sandbox = stage.api.app.sandboxes.get("play").unwrap();
    sandbox.clock.change(ClockChange::Advance(jiff::SignedDuration::from_hours(11))).unwrap();
    let mut settling = pin!(sandbox.settle());
    let mut turns = 1;
    let ran = loop {
        match settling.as_mut().now_or_never() {
            Some(ran) => break ran.unwrap(),
            None => turns += 1,
        }
    };
    assert!(turns > 10, "{turns}");
    assert_eq!(ran.iter().filter(|ran| ran.done).count(), 10_000);
    assert!(ran.is_sorted_by_key(|ran| ran.item.due));
}

/// If the caller that moved the clock hangs up, the timer runs the remaining tasks.
#[tokio::test]
async fn the_timer_resumes_abandoned_settling() {
    let stage = Stage::new(json!({ "people": [{ "opens": "1m" }] })).await;
    for number in 0..3 {
        stage.hand_off(&format!("h-{number}"), parties(&["Alice"])).await;
    }
    let sandbox = stage.api.app.sandboxes.get("play").unwrap();
    sandbox.clock.change(ClockChange::Advance(jiff::SignedDuration::from_mins(2))).unwrap();
    {
        let mut settling = pin!(sandbox.settle());
        assert!(settling.as_mut().now_or_never().is_none(), "settling finished, although two people have not acted");
    }
    assert!(sandbox.next_look().is_some_and(|at| at <= sandbox.clock.now()), "the timer looks at once");
    assert_eq!(sandbox.settle().await.unwrap().len(), 2);
    assert_eq!(sandbox.next_look(), sandbox.next_due().await.unwrap());
}

#[tokio::test]
async fn reminders_end_when_no_agent_can_act() {
    let stage = Stage::new(json!({})).await;
    let sandbox = stage.api.app.sandboxes.get("play").unwrap();
    let draft = Draft::with(&sandbox, |terms| {
        terms.reminder_initial_delay_days = 1;
        terms.reminder_repeat_interval_days = 1;
        terms.keep_declined = true;
    })
    .await;
    let (_, agents) = draft.add(signer("buyer"), vec![person("alice")]).await;
    draft.send().await;
    let reminders = |ran: Vec<Value>| -> Vec<Value> {
        ran.iter().filter(|ran| ran["task"] == "remind_envelope").map(|ran| ran["done"].clone()).collect()
    };
    assert_eq!(reminders(stage.advance("49h").await), [true, true]);
    assert_eq!(stage.act(&json!(agents[0]), "decline").await.status, 200);
    assert_eq!(reminders(stage.advance("240h").await), [false]);
    assert_eq!(stage.agenda().await, ["720h expire_envelope"]);
}
