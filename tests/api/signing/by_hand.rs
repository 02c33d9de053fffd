//! Signing by hand: actions of agents in any order, every refusal with its name and the state of the recipient;
//! envelopes in full, and the team.

use crate::{
    harness::{Answer, Api, body_of, documents},
    signing::play::{Draft, act, person, post, race, signer, state},
};
use axum::{body::Body, http::Request};
use docendorse_mock::{
    Settings,
    domain::signing::{NewRecipient, RecipientType, Refusal, Terms},
};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::collections::BTreeSet;

async fn frozen() -> Api {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    api.call("POST", "/__admin/clock/freeze").await;
    post(&api, "/__admin/clock/set", json!({ "to": "2100-01-01T00:00:00Z" })).await;
    api
}

async fn minimal(api: &Api, method: &str, path: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("prefer", "return=minimal");
    api.send(request.body(Body::empty()).unwrap()).await
}

/// Checks that a command was refused by this name, and returns the recipient in the answer.
#[track_caller]
fn refused(answer: &Answer, refusal: Refusal) -> Value {
    assert_eq!(answer.status, 409, "{}", answer.text);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    let body = answer.json();
    assert_eq!(
        (&body["name"], &body["detail"], &body["status"]),
        (&json!(refusal.name()), &json!(refusal.description()), &json!(409))
    );
    assert_eq!(body["context"]["status"], body["envelope_status"]);
    assert_eq!(body["context"]["recipientId"], body["recipient"]["id"]);
    body
}

#[tokio::test]
async fn the_first_to_open_and_accept_wins_and_releases_all_others() {
    let api = frozen().await;
    let (envelope, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice", "bob", "carol"]).await;
    let [alice, bob, carol] = [&agents[0], &agents[1], &agents[2]];
    let opened = act(&api, bob, "open").await.json();
    assert_eq!((&opened["effective"], &opened["envelope_status"]), (&json!(true), &json!("sent")));
    assert_eq!([alice, bob, carol].map(|agent| state(&opened, agent)), ["invited", "opened", "invited"]);
    act(&api, alice, "open").await;
    let accepted = act(&api, bob, "accept").await;
    insta::assert_json_snapshot!("accepted", accepted.json());
    let late = act(&api, alice, "accept").await;
    refused(&late, Refusal::AlreadyClaimed { by: None });
    assert_eq!(late.json()["context"]["primaryAgentId"], json!(bob));
    insta::assert_json_snapshot!("already_claimed", late.json());
    refused(&act(&api, carol, "open").await, Refusal::Released);
    let signed = act(&api, bob, "sign").await.json();
    assert_eq!((&signed["envelope_status"], &signed["recipient"]["state"]), (&json!("finalized"), &json!("completed")));
    assert_eq!([alice, bob, carol].map(|agent| state(&signed, agent)), ["released", "signed", "released"]);
    insta::assert_json_snapshot!("envelope", api.get(&format!("/__admin/signing/envelopes/{envelope}")).await.json());
}

#[tokio::test]
async fn one_of_many_concurrent_accepts_wins() {
    let api = Api::new();
    let names: Vec<String> = (0..50).map(|number| format!("agent{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &names).await;
    join_all(agents.iter().map(|agent| act(&api, agent, "open"))).await;
    let answers = join_all(agents.iter().map(|agent| act(&api, agent, "accept"))).await;
    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    for answer in lost {
        let body = refused(answer, Refusal::AlreadyClaimed { by: None });
        let states: Vec<&Value> =
            body["recipient"]["agents"].as_array().unwrap().iter().map(|agent| &agent["state"]).collect();
        assert_eq!(states.iter().filter(|state| **state == "primary").count(), 1);
        assert_eq!(states.iter().filter(|state| **state == "released").count(), 49);
    }
}

#[tokio::test]
async fn every_refusal_has_its_name_and_the_current_state() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let mut met = BTreeSet::new();
    let mut meet = async |agent: &str, what: &str, refusal: Refusal| {
        let before = api.get("/__admin/events?limit=1000").await.json();
        let body = refused(&act(&api, agent, what).await, refusal);
        assert_eq!(body["context"]["agentId"], agent);
        assert_eq!(api.get("/__admin/events?limit=1000").await.json(), before, "{what}: nothing happened");
        met.insert(refusal.name());
    };

    let draft = Draft::new(&sandbox).await;
    let (_, agents) = draft.add(signer("buyer"), vec![person("alice")]).await;
    meet(&agents[0], "open", Refusal::NotSent).await;

    let draft = Draft::new(&sandbox).await;
    let later = NewRecipient { order: 2, ..signer("later") };
    let optional = NewRecipient { required: false, ..signer("optional") };
    let viewer = NewRecipient { kind: RecipientType::Viewer, ..signer("viewer") };
    let (_, buyers) = draft.add(signer("buyer"), ["alice", "bob", "carol"].map(person).to_vec()).await;
    let (_, laters) = draft.add(later, vec![person("alice")]).await;
    let (_, optionals) = draft.add(optional, vec![person("alice")]).await;
    let (_, viewers) = draft.add(viewer, vec![person("alice")]).await;
    draft.send().await;
    meet(&viewers[0], "open", Refusal::ReadOnly).await;
    meet(&laters[0], "open", Refusal::NotInvited).await;
    meet(&buyers[0], "accept", Refusal::NotOpened).await;
    act(&api, &buyers[0], "open").await;
    meet(&buyers[0], "sign", Refusal::NotPrimary).await;
    act(&api, &buyers[2], "decline").await;
    for what in ["open", "accept", "sign"] {
        meet(&buyers[2], what, Refusal::Declined).await;
    }
    act(&api, &buyers[0], "accept").await;
    meet(&buyers[1], "accept", Refusal::AlreadyClaimed { by: None }).await;
    for what in ["open", "sign", "decline"] {
        meet(&buyers[1], what, Refusal::Released).await;
    }
    act(&api, &buyers[0], "sign").await;
    meet(&buyers[0], "decline", Refusal::Signed).await;
    for what in ["open", "accept", "sign"] {
        assert_eq!(act(&api, &laters[0], what).await.json()["effective"], true, "{what}");
    }
    meet(&optionals[0], "open", Refusal::Finalized).await;
    meet(&buyers[1], "accept", Refusal::AlreadyClaimed { by: None }).await;

    let draft = Draft::new(&sandbox).await;
    let (host, hosts) =
        draft.add(NewRecipient { kind: RecipientType::Host, ..signer("host") }, vec![person("alice")]).await;
    let guest = NewRecipient { kind: RecipientType::InPersonSigner, hosted_by: Some(host), ..signer("guest") };
    let (_, guests) = draft.add(guest, vec![person("bob")]).await;
    draft.send().await;
    meet(&guests[0], "open", Refusal::NotHosted).await;
    act(&api, &hosts[0], "open").await;
    act(&api, &hosts[0], "accept").await;
    meet(&hosts[0], "sign", Refusal::NothingToSign).await;
    meet(&hosts[0], "decline", Refusal::Completed).await;
    assert_eq!(act(&api, &guests[0], "open").await.status, 200);

    for (how, refusal) in [("void", Refusal::Voided), ("expire", Refusal::Expired)] {
        let (envelope, agents) = race(&sandbox, &["alice"]).await;
        post(&api, &format!("/__admin/signing/envelopes/{envelope}/{how}"), "").await;
        meet(&agents[0], "open", refusal).await;
    }

    // The rest concerns the sender, or codes, which have a separate test.
    let elsewhere =
        ["Envelope.NotDraft", "Envelope.NoSigner", "Recipient.NoAgents", "Recipient.NoHost", "Agent.NoPhone"];
    met.extend(["Envelope.Closed", "Envelope.NotDeletable"]);
    met.extend(elsewhere.into_iter().chain(["Agent.CodeRequired", "Agent.CodeWrong"]));
    assert_eq!(met, Refusal::ALL.map(Refusal::name).into_iter().collect());
}

#[tokio::test]
async fn repeating_a_command_is_idempotent() {
    let api = Api::new();
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice", "bob"]).await;
    for (agent, what) in [(&agents[1], "decline"), (&agents[0], "open"), (&agents[0], "accept"), (&agents[0], "sign")] {
        let first = act(&api, agent, what).await.json();
        assert_eq!(first["effective"], true, "{what}");
        let before = api.get("/__admin/events").await.json();
        let again = act(&api, agent, what).await.json();
        assert_eq!(again["effective"], false, "{what}");
        assert_eq!((&again["recipient"], &again["envelope_status"]), (&first["recipient"], &first["envelope_status"]));
        assert_eq!(api.get("/__admin/events").await.json(), before, "{what}");
    }
}

#[tokio::test]
async fn a_declining_primary_ends_or_reopens_the_recipient() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let (envelope, agents) = race(&sandbox, &["alice", "bob"]).await;
    act(&api, &agents[0], "open").await;
    act(&api, &agents[0], "accept").await;
    let declined = act(&api, &agents[0], "decline").await.json();
    assert_eq!((&declined["envelope_status"], &declined["recipient"]["state"]), (&json!("voided"), &json!("declined")));
    let shown = api.get(&format!("/__admin/signing/envelopes/{envelope}")).await.json();
    assert_eq!(shown["voidedBecause"], "declined");

    let draft = Draft::with(&sandbox, |terms| terms.reopen = true).await;
    let (_, agents) = draft.add(signer("buyer"), ["alice", "bob"].map(person).to_vec()).await;
    draft.send().await;
    act(&api, &agents[0], "open").await;
    act(&api, &agents[0], "accept").await;
    let declined = act(&api, &agents[0], "decline").await.json();
    assert_eq!((&declined["envelope_status"], &declined["recipient"]["state"]), (&json!("sent"), &json!("open")));
    assert_eq!([&agents[0], &agents[1]].map(|agent| state(&declined, agent)), ["declined", "invited"]);
    for what in ["open", "accept", "sign"] {
        assert_eq!(act(&api, &agents[1], what).await.status, 200);
    }
}

#[tokio::test]
async fn return_minimal_leaves_out_the_agents() {
    let api = Api::new();
    let (envelope, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice", "bob"]).await;
    let path = |agent: &str, act: &str| format!("/__admin/signing/agents/{agent}/{act}");
    let without = |answer: &Answer, recipient: &Value| {
        assert_eq!(answer.header("preference-applied"), "return=minimal");
        assert_eq!(recipient["identifier"], "buyer");
        assert!(recipient.get("agents").is_none(), "{recipient}");
    };
    let opened = minimal(&api, "POST", &path(&agents[0], "open")).await;
    without(&opened, &opened.json()["recipient"]);
    minimal(&api, "POST", &path(&agents[0], "accept")).await;
    let late = minimal(&api, "POST", &path(&agents[1], "accept")).await;
    refused(&late, Refusal::AlreadyClaimed { by: None });
    without(&late, &late.json()["recipient"]);
    let shown = minimal(&api, "GET", &format!("/__admin/signing/envelopes/{envelope}")).await;
    without(&shown, &shown.json()["recipients"][0]);
    let listed = minimal(&api, "GET", "/__admin/signing/envelopes").await;
    without(&listed, &listed.json()["envelopes"][0]["recipients"][0]);
    let voided = minimal(&api, "POST", &format!("/__admin/signing/envelopes/{envelope}/void")).await;
    without(&voided, &voided.json()["envelope"]["recipients"][0]);
    let whole = api.get(&format!("/__admin/signing/envelopes/{envelope}")).await;
    assert!(whole.headers.get("preference-applied").is_none());
    assert_eq!(whole.json()["recipients"][0]["agents"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn unknown_ids_and_acts_are_refused() {
    let api = Api::new();
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice"]).await;
    for agent in ["agt_0123456789abcdef00000001", "agt_none", &agents[0].replace("00000001", "00000002")] {
        let missing = act(&api, agent, "open").await;
        assert_eq!(missing.status, 404, "{}", missing.text);
        assert_eq!(missing.json()["name"], "Agent.NotFound");
        assert_eq!(missing.json()["context"], json!({ "agentId": agent }));
    }
    for path in ["env_0123456789abcdef", "env_none"] {
        for answer in [
            api.get(&format!("/__admin/signing/envelopes/{path}")).await,
            post(&api, &format!("/__admin/signing/envelopes/{path}/void"), "").await,
        ] {
            assert_eq!((answer.status.as_u16(), &answer.json()["name"]), (404, &json!("Envelope.NotFound")));
        }
    }
    let path = |act: &str| format!("/__admin/signing/agents/{}/{act}", agents[0]);
    for (act, body) in [("open", "{\"code\": \"1\"}"), ("sign", "{\"code\": 123456}"), ("sign", "[]"), ("accept", "{")]
    {
        assert_eq!(post(&api, &path(act), body).await.status, 400, "{act} {body}");
    }
    assert_eq!(api.get(&path("open")).await.status, 405);
    assert_eq!(act(&api, &agents[0], "sing").await.status, 404);
    let elsewhere = post(&api, &format!("{}?sandbox=nobody", path("open")), "").await;
    assert_eq!(elsewhere.status, 404);
}

#[tokio::test]
async fn an_envelope_ends_by_hand_once() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    for (how, status, name) in [("void", "voided", "Envelope.Closed"), ("expire", "expired", "Envelope.Expired")] {
        let (envelope, _) = race(&sandbox, &["alice"]).await;
        let path = format!("/__admin/signing/envelopes/{envelope}/{how}");
        assert_eq!(api.get("/__admin/agenda").await.json()["total"], 1);
        let ended = post(&api, &path, "").await.json();
        assert_eq!((&ended["effective"], &ended["envelope"]["status"]), (&json!(true), &json!(status)));
        assert_eq!(api.get("/__admin/agenda").await.json()["total"], 0, "an ended envelope has no tasks");
        let again = post(&api, &path, "").await;
        assert_eq!(again.status, 409);
        assert_eq!((&again.json()["name"], &again.json()["envelope"]), (&json!(name), &ended["envelope"]));
    }
    let draft = Draft::new(&sandbox).await;
    let unsent = post(&api, &format!("/__admin/signing/envelopes/{}/expire", draft.id), "").await;
    assert_eq!(unsent.json()["name"], "Envelope.NotSent");
}

#[tokio::test]
async fn envelopes_are_listed_filtered_and_paged() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.insert(0, race(&sandbox, &["alice"]).await.0);
    }
    post(&api, &format!("/__admin/signing/envelopes/{}/void", ids[1]), "").await;
    let session = api.hand_off(body_of("h-1", "sam@example.com")).await.json()["agent_session_id"].clone();
    let session = api.get(&format!("/__admin/sessions/{}", session.as_str().unwrap())).await.json();
    ids.insert(0, session["envelope_id"].as_str().unwrap().to_owned());
    let list = async |query: &str| api.get(&format!("/__admin/signing/envelopes{query}")).await.json();
    let listed = |list: &Value| -> Vec<String> {
        list["envelopes"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(listed(&list("").await), ids);
    assert_eq!(listed(&list("?status=voided").await), [ids[2].as_str()]);
    assert_eq!(listed(&list("?status=sent").await), [ids[1].as_str(), &ids[3]]);
    assert_eq!(listed(&list("?handoff_id=h-1").await), [ids[0].as_str()]);
    let by_session = list(&format!("?agent_session_id={}", session["id"].as_str().unwrap())).await;
    assert_eq!(listed(&by_session), [ids[0].as_str()]);
    assert_eq!(by_session["envelopes"][0]["agentSessionId"], session["id"]);
    assert_eq!(listed(&list("?handoff_id=h-2").await), [""; 0]);
    let page = list("?limit=3").await;
    assert_eq!((listed(&page).as_slice(), &page["matching"]), (&ids[..3], &json!(4)));
    let rest = list(&format!("?limit=3&after={}", page["next"].as_str().unwrap())).await;
    assert_eq!((listed(&rest).as_slice(), &rest["next"]), (&ids[3..], &json!(null)));
    for wrong in ["?status=open", "?limit=0", "?state=sent"] {
        assert_eq!(api.get(&format!("/__admin/signing/envelopes{wrong}")).await.status, 400, "{wrong}");
    }
    let lost = api.get("/__admin/signing/envelopes?after=env_0000000000000000").await;
    assert_eq!(lost.status, 404);
}

#[tokio::test]
async fn the_agenda_lists_the_future_of_envelopes() {
    let api = frozen().await;
    let sandbox = api.app.sandboxes.default_sandbox();
    let plan = json!({ "voids": "3d", "people": [{ "agent": "*", "opens": "1h", "accepts": "1h", "signs": "never" }] });
    let draft = Draft::played(&sandbox, plan).await;
    let envelope = draft.id.clone();
    let (_, agents) = draft.add(signer("buyer"), vec![person("alice")]).await;
    draft.send().await;
    let change = |terms: &mut Terms| (terms.reminder_initial_delay_days, terms.expiration_period_days) = (2, 31);
    let reminded = Draft::with(&sandbox, change).await;
    reminded.add(signer("buyer"), vec![person("bob")]).await;
    let reminded = reminded.send().await;
    let agenda = api.get("/__admin/agenda").await.json();
    assert_eq!(
        agenda["agenda"],
        json!([
            { "due": "2100-01-01T01:00:00Z", "task": "act", "agent_id": agents[0], "act": "open" },
            { "due": "2100-01-03T00:00:00Z", "task": "remind_envelope", "envelope_id": reminded },
            { "due": "2100-01-04T00:00:00Z", "task": "void_envelope", "envelope_id": envelope },
            { "due": "2100-01-31T00:00:00Z", "task": "expire_envelope", "envelope_id": envelope },
            { "due": "2100-02-01T00:00:00Z", "task": "expire_envelope", "envelope_id": reminded },
        ])
    );
    let ran = post(&api, "/__admin/clock/advance", json!({ "by": "40d" })).await.json();
    let ran: Vec<(&str, &str)> = ran["ran"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| (item["task"].as_str().unwrap(), item["due"].as_str().unwrap()))
        .collect();
    assert_eq!(
        ran,
        [
            ("act", "2100-01-01T01:00:00Z"),
            ("act", "2100-01-01T02:00:00Z"),
            ("remind_envelope", "2100-01-03T00:00:00Z"),
            ("void_envelope", "2100-01-04T00:00:00Z"),
            ("expire_envelope", "2100-02-01T00:00:00Z"),
        ]
    );
    let status = async |id: &str| api.get(&format!("/__admin/signing/envelopes/{id}")).await.json()["status"].clone();
    assert_eq!((status(&envelope).await, status(&reminded).await), (json!("voided"), json!("expired")));
}

#[tokio::test]
async fn users_are_managed_by_the_control_plane() {
    let api = frozen().await;
    let path = "/__admin/signing/users";
    let sam =
        json!({ "id": "usr_sam", "name": "Sam", "email": "sam@example.com", "phone": "+15550100", "locale": "tr-TR" });
    let made = post(&api, path, &sam).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let mut wanted = sam.clone();
    wanted["createdAt"] = json!("2100-01-01T00:00:00Z");
    assert_eq!(made.json(), wanted);
    assert_eq!(api.get(&format!("{path}/usr_sam")).await.json(), wanted);
    let alice = post(&api, path, json!({ "name": "Alice", "email": "alice@example.com" })).await.json();
    assert_eq!((&alice["locale"], alice.get("phone")), (&json!("en-US"), None));
    assert!(alice["id"].as_str().unwrap().starts_with("usr_"));
    assert_eq!(api.get(path).await.json(), json!({ "users": [alice, wanted], "matching": 2, "next": null }));
    let again = post(&api, path, &sam).await;
    assert_eq!((again.status.as_u16(), &again.json()["name"]), (409, &json!("User.Exists")));
    assert_eq!(api.call("DELETE", &format!("{path}/usr_sam")).await.status, 204);
    assert_eq!(api.call("DELETE", &format!("{path}/usr_sam")).await.status, 404);
    let gone = api.get(&format!("{path}/usr_sam")).await;
    assert_eq!((gone.status.as_u16(), &gone.json()["name"]), (404, &json!("User.NotFound")));
}

#[tokio::test]
async fn a_user_without_an_id_gets_an_unused_one() {
    let path = "/__admin/signing/users";
    let mut sam = json!({ "name": "Sam", "email": "sam@example.com" });
    let drawn = post(&frozen().await, path, &sam).await.json()["id"].clone();
    let api = frozen().await;
    sam["id"] = drawn.clone();
    assert_eq!(post(&api, path, &sam).await.status, 201);
    let alice = post(&api, path, json!({ "name": "Alice", "email": "alice@example.com" })).await;
    assert_eq!(alice.status, 201, "{}", alice.text);
    assert_ne!(alice.json()["id"], drawn);
}

#[tokio::test]
async fn an_invalid_user_is_refused() {
    let api = Api::new();
    let mut problems = String::new();
    let good = json!({ "name": "Sam", "email": "sam@example.com" });
    for (field, value) in [
        ("name", json!("")),
        ("name", json!("  ")),
        ("name", json!("s".repeat(201))),
        ("name", json!(null)),
        ("email", json!("sam")),
        ("email", json!("")),
        ("phone", json!("")),
        ("phone", json!("by letter")),
        ("locale", json!("en")),
        ("id", json!("")),
        ("id", json!("a b")),
        ("id", json!("..")),
        ("age", json!(40)),
    ] {
        let mut user = good.clone();
        user[field] = value;
        let refused = post(&api, "/__admin/signing/users", &user).await;
        assert_eq!(refused.status, 400, "{user}");
        let shown = refused.json()["detail"].as_str().unwrap().to_owned();
        problems += &format!("{field}: {shown}\n");
    }
    insta::assert_snapshot!(problems);
    assert_eq!(api.get("/__admin/signing/users").await.json()["matching"], 0);
}

#[tokio::test]
async fn health_counts_envelopes_events_and_messages() {
    let api = Api::new();
    race(&api.app.sandboxes.default_sandbox(), &["alice"]).await;
    let health = api.get("/__admin/health").await.json();
    assert_eq!(health["envelopes"], json!({ "kept": 1, "dropped": 0 }));
    assert_eq!(health["events"], json!({ "kept": 4, "dropped": 0 }));
    assert_eq!(health["messages"], json!({ "kept": 1, "dropped": 0 }));
}

#[test]
fn the_document_lists_every_error_name() {
    let names = &documents().control()["components"]["schemas"]["ErrorName"]["enum"];
    let beside = ["Envelope.NotFound", "Agent.NotFound", "User.NotFound", "User.Exists"];
    // A draft can only be deleted through the contract.
    let refusals = Refusal::ALL.map(Refusal::name).into_iter().filter(|name| *name != "Envelope.NotDeletable");
    let wanted: BTreeSet<&str> = refusals.chain(beside).collect();
    let known: BTreeSet<&str> = names.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    assert_eq!(known, wanted);
}
