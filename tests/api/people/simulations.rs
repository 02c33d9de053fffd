//! Simulated races, requested through the control plane.

use crate::harness::{Answer, Api};
use axum::{
    body::Body,
    http::{Request, StatusCode},
};
use docendorse_mock::{
    Settings,
    base::clock::Deadline,
    domain::signing::{Command, Envelope, EnvelopeId, NewRecipient, Terms},
};
use jiff::Timestamp;
use serde_json::{Value, json};
use std::sync::{Arc, mpsc};
use tokio::{sync::oneshot, task::JoinSet};

const PATH: &str = "/__admin/signing/simulations";

async fn simulate(api: &Api, path: &str, body: Value) -> Answer {
    api.send(Request::post(path).body(Body::from(body.to_string())).unwrap()).await
}

fn three() -> Value {
    json!([{ "name": "Alice" }, { "name": "Bob" }, { "name": "Carol" }])
}

fn envelope(number: u64) -> Envelope {
    let now = Timestamp::UNIX_EPOCH;
    let terms = Terms { expiration_period_days: 90, ..Terms::new("NDA", now) };
    let persons = ["Alice", "Bob"]
        .map(|name| serde_json::from_value(json!({ "name": name, "email": format!("{name}@example.com") })).unwrap());
    let recipient = NewRecipient { persons: persons.into(), ..NewRecipient::signer("signer") };
    let mut envelope = Envelope::new(EnvelopeId(number), terms);
    envelope.add_recipient(recipient, now, &|_| "".into()).unwrap();
    envelope
}

#[tokio::test]
async fn one_run_is_shown_in_full_and_many_in_figures() {
    let api = Api::new();
    let agents = json!([
        { "name": "Alice", "opens": "5m", "accepts": "10m", "signs": "1m" },
        { "name": "Bob", "email": "bob@example.com", "opens": "5m", "accepts": "20m",
          "declines": { "after": "1m", "probability": 0.5, "instead_of": "signing" } },
    ]);
    let run = simulate(&api, PATH, json!({ "agents": agents, "seed": 7 })).await.json();
    assert_eq!(
        (&run["seed"], &run["ending"], &run["ended_after_ms"]),
        (&json!(7), &json!("finalized"), &json!(960_000))
    );
    assert_eq!(
        run["winner"],
        json!({ "agent": 1, "name": "Alice", "after_ms": 900_000,
                "runner_up": { "agent": 2, "name": "Bob", "margin_ms": 600_000 } })
    );
    assert_eq!(
        run["timeline"].as_array().unwrap().last().unwrap(),
        &json!({ "after_ms": 1_500_000, "agent": 2, "attempt": "accept", "refused": "Recipient.AlreadyClaimed" })
    );
    let races = simulate(&api, PATH, json!({ "agents": three(), "seed": 7, "runs": 500 })).await.json();
    let wins: u64 = races["agents"].as_array().unwrap().iter().map(|agent| agent["wins"].as_u64().unwrap()).sum();
    assert_eq!((wins, &races["nobody"]), (500, &json!({ "runs": 0, "share": 0.0 })));
    assert!(races["time_to_primary"]["histogram"]["bins"].as_array().unwrap().len() > 5);
}

#[tokio::test]
async fn a_simulation_is_shown_as_a_picture_or_a_table() {
    let api = Api::new();
    for runs in [1, 50] {
        let body = json!({ "agents": three(), "runs": runs });
        let picture = simulate(&api, &format!("{PATH}?format=svg"), body.clone()).await;
        assert_eq!(picture.header("content-type"), "image/svg+xml");
        assert!(picture.text.starts_with("<svg "));
        let accepts = |media_type: &str| {
            Request::post(PATH).header("accept", media_type).body(Body::from(body.to_string())).unwrap()
        };
        assert_eq!(api.send(accepts("image/svg+xml;q=0.9, */*")).await.text, picture.text);
        let table = simulate(&api, &format!("{PATH}?format=table&sandbox=default"), body.clone()).await;
        assert_eq!(table.header("content-type"), "text/plain; charset=utf-8");
        assert_eq!(api.send(accepts("text/plain")).await.text, table.text);
        assert_eq!(api.send(accepts("text/html, */*")).await.header("content-type"), "application/json");
    }
}

#[tokio::test]
async fn random_choices_follow_from_the_sandboxs_seed() {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    let unseeded = simulate(&api, PATH, json!({ "agents": three() })).await.text;
    assert_eq!(unseeded, simulate(&api, PATH, json!({ "agents": three(), "seed": 7 })).await.text);
    assert_ne!(unseeded, simulate(&api, PATH, json!({ "agents": three(), "seed": 8 })).await.text);
}

#[tokio::test]
async fn a_race_for_an_envelope_leaves_it_unchanged() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let (draft, mut voided) = (envelope(1), envelope(2));
    let now = sandbox.clock.now();
    for command in [Command::Send, Command::Void] {
        voided.perform(command, now, &mut Vec::new()).unwrap();
    }
    let ids = [draft.id.to_string(), voided.id.to_string()];
    for envelope in [&draft, &voided] {
        sandbox.plant(Arc::new(envelope.clone())).await.unwrap();
    }
    let run = simulate(&api, PATH, json!({ "envelope_id": ids[0], "seed": 1 })).await.json();
    assert_eq!((&run["ending"], &run["agents"][1]["name"]), (&json!("finalized"), &json!("Bob")));
    assert_eq!(*sandbox.envelopes().get(&ids[0]).await.unwrap().unwrap(), draft);

    let refused = simulate(&api, PATH, json!({ "envelope_id": ids[1] })).await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert_eq!(
        refused.json()["detail"],
        "The race cannot be simulated: The envelope was voided and cannot change any more."
    );
    let unknown = simulate(&api, PATH, json!({ "envelope_id": "env_0000000000000003" })).await;
    assert_eq!(unknown.status, StatusCode::NOT_FOUND);
    let both = simulate(&api, PATH, json!({ "envelope_id": ids[0], "reopen": true })).await;
    assert_eq!(both.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn an_invalid_simulation_is_refused_with_the_fix() {
    let api = Api::new();
    let crowd: Vec<Value> = (0..1_000).map(|number| json!({ "name": format!("Agent {number}") })).collect();
    let decline = json!({ "after": "1m", "instead_of": "signing" });
    let undecided: Vec<Value> =
        (0..100).map(|number| json!({ "name": format!("{number}"), "declines": decline })).collect();
    for (body, problem) in [
        (json!({}), "neither \"agents\" nor \"envelope_id\" is given"),
        (json!({ "agents": three(), "envelope_id": "env_0000000000000001" }), "cannot be given together"),
        (json!({ "agents": [] }), "agents: a race needs at least one agent; add one."),
        (json!({ "agents": [{ "name": "" }] }), "\"name\" must have 1 to 256 characters"),
        (json!({ "agents": [{ "name": "A", "email": "a" }] }), "is not an email address"),
        (json!({ "agents": [{ "name": "A", "reads": "5m" }] }), "/agents/0/reads: unknown member"),
        (json!({ "agents": [{ "name": "A", "opens": "soon" }] }), "is not a span of time"),
        (
            json!({ "agents": three(), "expiration_period_days": 0 }),
            "expiration_period_days: 0 is not from 1 to 90 days",
        ),
        (json!({ "agents": three(), "expiration_period_days": 300 }), "300 is not from 1 to 90 days"),
        (json!({ "agents": three(), "expiration_period_days": -1 }), "-1 is not from 1 to 90 days"),
        (json!({ "agents": three(), "runs": -1 }), "runs: -1 is not from 1 to 100000"),
        (json!({ "agents": three(), "runs": 5_000_000_000_u64 }), "runs: 5000000000 is not from 1 to 100000"),
        (json!({ "agents": three(), "runs": 0 }), "runs: 0 is not from 1 to 100000"),
        (json!({ "agents": three(), "runs": 100_001 }), "runs: 100001 is not from 1 to 100000"),
        (json!({ "agents": crowd, "runs": 1_001 }), "runs: 1001 is not from 1 to 1000"),
        (json!({ "agents": undecided, "runs": 100, "reopen": true }), "runs: 100 is not from 1 to 99"),
    ] {
        let answer = simulate(&api, PATH, body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{problem}");
        let detail = answer.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains(problem), "{detail}");
    }
    assert_eq!(simulate(&api, &format!("{PATH}?format=png"), json!({})).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn two_simulations_run_and_others_are_refused() {
    let api = Arc::new(Api::new());
    let mut callers = JoinSet::new();
    let mut releases = Vec::new();
    for _ in 0..2 {
        let (release, released) = mpsc::channel::<()>();
        let (started, has_started) = oneshot::channel();
        let api = Arc::clone(&api);
        callers.spawn(async move {
            let endless = move |_: &Deadline| {
                let _ = started.send(());
                released.recv().ok()
            };
            api.app.simulations.run(endless).await
        });
        has_started.await.unwrap();
        releases.push(release);
    }
    // Their callers leave, but the computations continue.
    callers.shutdown().await;
    for _ in 0..600 {
        let refused = simulate(&api, PATH, json!({ "agents": three(), "runs": 100 })).await;
        assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (503, "1"), "{}", refused.text);
        assert!(refused.text.contains("Too many long-running requests"), "{}", refused.text);
    }
    drop(releases);
    // The places are returned as soon as the threads have noticed the stop.
    while simulate(&api, PATH, json!({ "agents": three() })).await.status != 200 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stop_ends_and_refuses_simulations() {
    let api = Api::new();
    api.app.begin_stop();
    let refused = simulate(&api, PATH, json!({ "agents": three(), "runs": 100 })).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["detail"]), (503, &json!("The server is stopping.")));
}
