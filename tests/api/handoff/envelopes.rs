//! The envelope that a handoff opens: its intents, its recipients, replays, and its session (R7, S2).

use crate::{
    harness::{Api, body_of},
    people::stage::{START, Stage, parties},
};
use docendorse_mock::Settings;
use futures_util::FutureExt;
use serde_json::{Value, json};

/// The identifiers of an envelope's recipients, each with the emails of its agents.
fn cast(envelope: &Value) -> Value {
    let list = |value: &Value| value.as_array().unwrap().clone();
    let of = |recipient: &Value| {
        let emails: Vec<Value> = list(&recipient["agents"]).iter().map(|agent| agent["email"].clone()).collect();
        json!([recipient["identifier"], emails])
    };
    list(&envelope["recipients"]).iter().map(of).collect()
}

#[tokio::test]
async fn every_party_of_a_handoff_is_a_recipient_of_its_envelope() {
    let stage = Stage::new(json!({})).await;
    let session = stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    let envelope = stage.envelope(&session).await;
    assert_eq!(cast(&envelope), json!([["party_1", ["alice@example.com"]], ["party_2", ["bob@example.com"]]]));
    assert_eq!((&envelope["status"], &envelope["name"]), (&json!("sent"), &json!("NDA")));
    assert_eq!((&envelope["createdAt"], &envelope["sentAt"]), (&json!(START), &json!(START)), "it is sent immediately");
    assert_eq!(envelope["recipients"][1]["roleName"], "Bob");
    assert_eq!((&envelope["agentSessionId"], &envelope["handoffId"]), (&session["id"], &json!("h-1")));
    assert_eq!(
        stage.story().await,
        [
            "0s envelope.created",
            "0s envelope.sent",
            "0s recipient.activated",
            "0s agent.invited 1",
            "0s recipient.activated",
            "0s agent.invited 2"
        ]
    );
    for event in stage.events().await {
        assert_eq!((&event["agent_session_id"], &event["handoff_id"]), (&session["id"], &json!("h-1")));
    }
    assert_eq!(stage.agenda().await, ["720h expire_envelope"], "no simulated person acts");
}

#[tokio::test]
async fn with_any_one_the_parties_are_agents_of_one_recipient() {
    let stage = Stage::new(json!({ "parties": "any_one" })).await;
    let session = stage.hand_off("h-1", parties(&["Alice", "Bob", "Carol"])).await;
    let envelope = stage.envelope(&session).await;
    let all = ["alice@example.com", "bob@example.com", "carol@example.com"];
    assert_eq!(cast(&envelope), json!([["any_one", all]]));
    let agents = envelope["recipients"][0]["agents"].clone();
    for act in ["open", "accept", "sign"] {
        let done = stage.act(&agents[1]["id"], act).await;
        assert_eq!(done.status, 200, "{}", done.text);
    }
    assert_eq!(stage.envelope(&session).await["status"], "finalized");
}

#[tokio::test]
async fn without_parties_the_actor_signs_or_a_draft_waits() {
    let stage = Stage::new(json!({})).await;
    for (handoff_id, parties, intent, expected) in [
        ("h-1", json!(null), "self_sign", json!(["sent", [["party_1", ["sam@example.com"]]]])),
        ("h-2", json!([]), "self_sign", json!(["sent", [["party_1", ["sam@example.com"]]]])),
        ("h-3", parties(&["Bob"]), "self_sign", json!(["sent", [["party_1", ["bob@example.com"]]]])),
        ("h-4", json!(null), "send_e_sign_request", json!(["draft", []])),
        ("h-5", json!([]), "send_e_sign_request", json!(["draft", []])),
        ("h-6", parties(&["Bob"]), "create_template", json!(null)),
        ("h-7", parties(&["Bob"]), "use_template", json!(null)),
        ("h-8", parties(&["Bob"]), "send_crm_deal_document_for_signature", json!(null)),
    ] {
        let mut facts = json!({ "metadata": { "title": "NDA" } });
        if !parties.is_null() {
            facts["parties"] = parties;
        }
        let answer = stage.send(handoff_id, json!({ "intent": intent, "facts": facts })).await;
        let session = stage.session(&answer).await;
        let found = match session["envelope_id"].is_null() {
            true => json!(null),
            false => {
                let envelope = stage.envelope(&session).await;
                json!([envelope["status"], cast(&envelope)])
            }
        };
        assert_eq!(found, expected, "{handoff_id} {intent}");
    }
    let facts_are_left_out = stage.session(&stage.send("h-9", json!({})).await).await;
    assert_eq!(stage.envelope(&facts_are_left_out).await["name"], "Handoff");
    let nameless =
        json!({ "intent": "self_sign", "actor": { "external_user_id": "usr_1", "email": "kim@example.com" } });
    let nameless = stage.session(&stage.send("h-10", nameless).await).await;
    let nameless = stage.envelope(&nameless).await["recipients"][0]["agents"][0].clone();
    assert_eq!((&nameless["name"], &nameless["email"]), (&json!("kim@example.com"), &json!("kim@example.com")));
    assert_eq!(stage.get("/__admin/signing/envelopes").await["matching"], 7);
}

#[tokio::test]
async fn a_title_becomes_a_name_that_an_envelope_can_have() {
    let stage = Stage::new(json!({})).await;
    let long = format!("{} {}", "é".repeat(47), "x".repeat(100));
    for (title, name) in [
        ("UK NDA Agreement", "UK NDA Agreement"),
        ("  A  ", "Handoff"),
        ("", "Handoff"),
        (" AB ", "AB"),
        (&*long, &*"é".repeat(47)),
        (&*"🙂".repeat(49), &*"🙂".repeat(48)),
        (&*"y".repeat(48), &*"y".repeat(48)),
    ] {
        let facts = json!({ "facts": { "metadata": { "title": title } } });
        let session = stage.session(&stage.send(title, facts).await).await;
        assert_eq!(stage.envelope(&session).await["name"], name, "{title:?}");
    }
}

#[tokio::test]
async fn a_party_named_twice_signs_twice_or_competes_once() {
    let twice = json!([
        { "name": "Alice", "email": "alice@example.com", "telephone": "+15550100" },
        { "name": "", "email": "ALICE@example.com" },
        { "name": "Bob", "email": "bob@example.com" },
    ]);
    let stage = Stage::new(json!({})).await;
    let envelope = stage.envelope(&stage.hand_off("h-1", twice.clone()).await).await;
    let each = [["party_1", "alice@example.com"], ["party_2", "ALICE@example.com"], ["party_3", "bob@example.com"]];
    assert_eq!(cast(&envelope), json!(each.map(|[party, email]| json!([party, [email]]))));
    assert_eq!(
        envelope["recipients"][1]["agents"][0]["name"], "ALICE@example.com",
        "the email stands in for a missing name"
    );
    stage.script(json!({ "parties": "any_one" })).await;
    let envelope = stage.envelope(&stage.hand_off("h-2", twice).await).await;
    assert_eq!(cast(&envelope), json!([["any_one", ["alice@example.com", "bob@example.com"]]]));
    assert_eq!(envelope["recipients"][0]["agents"][0]["phone"], "+15550100");
}

#[tokio::test]
async fn parties_up_to_the_limit_become_recipients() {
    let stage = Stage::new(json!({})).await;
    let crowd = |count: usize| -> Value {
        (0..count).map(|party| json!({ "name": "P", "email": format!("p{party}@example.com") })).collect()
    };
    let recipients = async |handoff_id: &str, count| {
        let envelope = stage.envelope(&stage.hand_off(handoff_id, crowd(count)).await).await;
        let recipients = envelope["recipients"].as_array().unwrap();
        let agents = recipients.first().map_or(0, |recipient| recipient["agents"].as_array().unwrap().len());
        (envelope["status"].as_str().unwrap().to_owned(), recipients.len(), agents)
    };
    assert_eq!(recipients("h-1", 100).await, ("sent".to_owned(), 100, 1));
    assert_eq!(recipients("h-2", 101).await, ("sent".to_owned(), 101, 1));
    assert_eq!(recipients("h-5", 1_000).await, ("sent".to_owned(), 1_000, 1));
    assert_eq!(recipients("h-6", 1_001).await, ("sent".to_owned(), 1_000, 1));
    stage.script(json!({ "parties": "any_one" })).await;
    assert_eq!(recipients("h-3", 101).await, ("sent".to_owned(), 1, 101));
    assert_eq!(recipients("h-4", 10_001).await, ("sent".to_owned(), 1, 10_000));
}

#[tokio::test]
async fn parts_that_do_not_fit_an_envelope_draw_an_advice() {
    let stage = Stage::new(json!({})).await;
    let crowd = |count: usize| -> Value {
        (0..count).map(|party| json!({ "name": "P", "email": format!("p{party}@example.com") })).collect()
    };
    let advices = async |handoff_id: &str, intent: &str, title: &str, parties: Value| -> Vec<String> {
        let facts = json!({ "metadata": { "title": title }, "parties": parties });
        let answer = stage.send(handoff_id, json!({ "intent": intent, "facts": facts })).await;
        assert_eq!(answer.json()["status"], "success", "{}", answer.text);
        let exchange = stage.get(&format!("/__admin/requests/{}", answer.header("x-mock-exchange"))).await;
        let advices = exchange["advices"].as_array().unwrap().iter().filter(|advice| advice["code"] == "not_taken");
        advices.map(|advice| format!("{} {}", advice["pointer"], advice["message"]).replace(['"', '\\'], "")).collect()
    };
    let send = "send_e_sign_request";
    assert_eq!(advices("h-1", send, "NDA", crowd(1_000)).await, [""; 0]);
    assert_eq!(
        advices("h-2", send, "NDA", crowd(1_250)).await,
        ["/facts/parties has 1250 parties, but an envelope has at most 1000 recipients; the last 250 are left out"]
    );
    assert_eq!(advices("h-2", send, "NDA", crowd(1_250)).await, [""; 0], "a replay creates no envelope");
    assert_eq!(
        advices("h-3", "create_template", &"x".repeat(99), crowd(1_250)).await,
        [""; 0],
        "nor does an intent without signatures"
    );
    assert_eq!(
        advices("h-4", "self_sign", &"x".repeat(50), json!([])).await,
        [format!(
            "/facts/metadata/title has 50 characters, but the name of an envelope has at most 48; the envelope is \
             named {}",
            "x".repeat(48)
        )]
    );
    assert_eq!(
        advices("h-5", send, "X", json!([])).await,
        [
            "/facts/metadata/title is shorter than the name of an envelope, which has at least 2 characters; the envelope \
          is named Handoff"
        ]
    );
    stage.script(json!({ "parties": "any_one" })).await;
    assert_eq!(
        advices("h-6", send, "NDA", crowd(10_002)).await,
        ["/facts/parties has 10002 parties, but a recipient has at most 10000 agents; the last 2 are left out"]
    );
    let twice = json!([{ "name": "A", "email": "a@example.com" }, { "name": "B", "email": "A@example.com" }]);
    assert_eq!(
        advices("h-7", send, "NDA", twice).await,
        ["/facts/parties repeats 1 of 2 parties; a person competes only once for a recipient"]
    );
}

#[tokio::test]
async fn a_replayed_handoff_leads_to_the_same_envelope() {
    let stage = Stage::new(json!({})).await;
    let first = stage.hand_off("h-1", parties(&["Alice"])).await;
    let again = stage.hand_off("h-1", parties(&["Alice"])).await;
    let other = stage.hand_off("h-1", parties(&["Bob"])).await;
    assert_eq!((&again, &other), (&first, &first), "the body of the replay does not matter");
    assert_eq!(stage.get("/__admin/signing/envelopes").await["matching"], 1);
    assert_eq!(stage.events().await.len(), 4);
    let next = stage.hand_off("h-2", parties(&["Alice"])).await;
    assert_ne!(next["envelope_id"], first["envelope_id"]);
}

#[tokio::test]
async fn an_obstacle_opens_no_envelope() {
    for outcome in ["verify_email", "register", "require_subscription", "error"] {
        let mut answer = json!({ "outcome": outcome });
        if outcome == "error" {
            answer["description"] = json!("x");
        }
        let stage = Stage::new(json!({ "answers": [answer] })).await;
        stage.send("h-1", json!({})).await;
        assert_eq!(stage.get("/__admin/signing/envelopes").await["matching"], 0, "{outcome}");
        assert_eq!(stage.events().await, [json!(null); 0]);
    }
}

#[tokio::test]
async fn a_waiting_handoff_opens_its_envelope_by_its_first_plan() {
    let keys = json!({
        "parties": "any_one",
        "people": [{ "agent": "bob@*", "opens": "5m" }],
        "answers": [{ "outcome": "require_subscription", "until": "subscribed" }, {}],
    });
    let stage = Stage::new(keys).await;
    let facts = json!({ "facts": { "metadata": { "title": "NDA" }, "parties": parties(&["Alice", "Bob"]) } });
    assert_eq!(stage.send("h-1", facts.clone()).await.json()["status"], "require_subscription");
    stage.script(json!({})).await;
    stage.advance("1h").await;
    let snapshot = stage.get("/__admin/sandboxes/play/snapshot").await;
    assert_eq!(snapshot["pending_handoffs"][0]["plan"]["parties"], "any_one");

    let changed = stage.ask("PATCH", "/__admin/actors/sam@example.com", json!({ "subscribed": true })).await.json();
    let opened = changed["opened_sessions"][0].as_str().unwrap();
    let session = stage.get(&format!("/__admin/sessions/{opened}")).await;
    let envelope = stage.envelope(&session).await;
    assert_eq!(cast(&envelope), json!([["any_one", ["alice@example.com", "bob@example.com"]]]));
    assert_eq!(envelope["sentAt"], "2030-01-01T01:00:00Z", "not before its session");
    assert_eq!(stage.agenda().await, ["1h 5m open 2", "721h expire_envelope"]);
    let retried = stage.session(&stage.send("h-1", facts).await).await;
    assert_eq!(retried["envelope_id"], session["envelope_id"]);
}

#[tokio::test]
async fn an_envelope_outlives_its_session() {
    let stage = Stage::new(json!({ "people": [{ "opens": "48h", "accepts": "1m", "signs": "1m" }] })).await;
    let first = stage.hand_off("h-1", parties(&["Alice"])).await;
    stage.advance("24h").await;
    let ended = stage.get(&format!("/__admin/sessions/{}", first["id"].as_str().unwrap())).await;
    assert_eq!((&ended["status"], &ended["envelope_id"]), (&json!("expired"), &first["envelope_id"]));
    assert_eq!(stage.envelope(&first).await["status"], "sent");
    let second = stage.hand_off("h-1", parties(&["Alice"])).await;
    assert_ne!(second["envelope_id"], first["envelope_id"], "the handoff_id is free again");
    stage.api.call("DELETE", &format!("/__admin/sessions/{}?sandbox=play", second["id"].as_str().unwrap())).await;
    stage.advance("49h").await;
    for session in [&first, &second] {
        assert_eq!(stage.envelope(session).await["status"], "finalized");
    }
}

#[tokio::test]
async fn the_id_of_a_restored_envelope_is_not_reused() {
    let stage = Stage::new(json!({})).await;
    let first = stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    let mut snapshot = stage.get("/__admin/sandboxes/play/snapshot").await;
    // With a counter that is too low, the next envelope would get the first one's id.
    snapshot["ids"]["envelopes"] = json!(0);
    let restored = stage.ask("POST", "/__admin/sandboxes/restore?name=again", snapshot).await;
    assert_eq!(restored.status, 201, "{}", restored.text);
    let again = Stage::made(stage.api, &restored.json());
    let second = again.hand_off("h-2", parties(&["Carol", "Dan"])).await;
    assert_ne!(second["envelope_id"], first["envelope_id"]);
    let envelope = again.envelope(&second).await;
    assert_eq!(cast(&envelope), json!([["party_1", ["carol@example.com"]], ["party_2", ["dan@example.com"]]]));
    assert_eq!((&envelope["status"], &envelope["agentSessionId"]), (&json!("sent"), &second["id"]));
}

#[tokio::test]
async fn a_handoff_wakes_event_listeners() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let happened = sandbox.happened();
    assert_eq!(api.hand_off(body_of("h-1", "sam@example.com")).await.status, 200);
    assert!(happened.now_or_never().is_some());
    let happened = sandbox.happened();
    assert_eq!(api.hand_off(body_of("h-1", "sam@example.com")).await.status, 200);
    assert!(happened.now_or_never().is_none(), "a replay causes no event");
    let page = sandbox.events().page(0, 10, |_, _| true).await.unwrap();
    assert!(page.entries.iter().all(|entry| *entry.entry.origin.as_ref().unwrap().handoff_id == *"h-1"));
}

#[tokio::test]
async fn the_oldest_envelopes_beyond_the_limit_are_dropped() {
    let api = Api::with(Settings { max_sessions: 2, ..Settings::default() });
    for handoff_id in ["h-1", "h-2", "h-3"] {
        assert_eq!(api.hand_off(body_of(handoff_id, "sam@example.com")).await.status, 200);
    }
    let health = api.get("/__admin/health").await.json();
    assert_eq!(health["envelopes"], json!({ "kept": 2, "dropped": 1 }));
    assert_eq!(health["events"]["kept"], 3, "events outlive their envelopes");
}
