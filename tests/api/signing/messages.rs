//! Messages: one-time codes from the phone to the signature, captured, listed and let go (G2).

use crate::{
    harness::Api,
    signing::play::{Draft, act, person, post, signer},
};
use docendorse_mock::{
    Settings,
    domain::signing::{Locale, NewRecipient, Person, PhoneContactMethod},
};
use serde_json::{Value, json};

fn with_phone(name: &str, phone: &str, by: PhoneContactMethod) -> Person {
    Person { phone: Some(phone.into()), phone_contact_method: Some(by), ..person(name) }
}

/// Two agents with phones compete for a recipient who signs with a code.
async fn verified(api: &Api) -> (String, Vec<String>) {
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::new(&sandbox).await;
    let alice = with_phone("alice", "+15550100", PhoneContactMethod::Sms);
    let bob = with_phone("bob", "+905550100", PhoneContactMethod::Whatsapp);
    let persons = vec![alice, Person { locale: Locale::TrTr, ..bob }];
    let (_, agents) = draft.add(NewRecipient { phone_verification: true, ..signer("buyer") }, persons).await;
    (draft.send().await, agents)
}

/// The codes among the messages.
async fn messages(api: &Api, query: &str) -> Value {
    let query = if query.is_empty() { "?" } else { &*format!("{query}&") };
    let answer = api.get(&format!("/__admin/messages{query}kind=one_time_code")).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer.json()
}

#[tokio::test]
async fn signing_requires_the_code_sent_to_the_phone() {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    api.call("POST", "/__admin/clock/freeze").await;
    post(&api, "/__admin/clock/set", json!({ "to": "2100-01-01T00:00:00Z" })).await;
    let (_, agents) = verified(&api).await;
    let bob = &agents[1];
    act(&api, bob, "open").await;
    assert_eq!(messages(&api, "").await["matching"], 0, "opening the document sends nothing");
    act(&api, bob, "accept").await;
    act(&api, bob, "accept").await;
    let sent = messages(&api, "").await;
    insta::assert_json_snapshot!(sent);
    let code = sent["messages"][0]["code"].as_str().unwrap();
    assert!(sent["messages"][0]["text"].as_str().unwrap().contains(code));
    assert_eq!(messages(&api, &format!("?agent_id={bob}")).await["matching"], 1);
    assert_eq!(messages(&api, &format!("?agent_id={}", agents[0])).await["matching"], 0, "the loser gets none");
    let path = format!("/__admin/signing/agents/{bob}/sign");
    let events = api.get("/__admin/events").await.json();
    let wrong = if code == "000000" { "000001" } else { "000000" };
    for (body, name) in [
        (json!({}), "Agent.CodeRequired"),
        (json!({ "code": null }), "Agent.CodeRequired"),
        (json!({ "code": wrong }), "Agent.CodeWrong"),
        (json!({ "code": "" }), "Agent.CodeWrong"),
        (json!({ "code": format!(" {code}") }), "Agent.CodeWrong"),
    ] {
        let refused = post(&api, &path, &body).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["name"]), (409, &json!(name)), "{body}");
        assert_eq!(refused.json()["recipient"]["state"], "claimed");
    }
    assert_eq!(api.get("/__admin/events").await.json(), events, "nothing came of it");
    let signed = post(&api, &path, json!({ "code": code })).await;
    assert_eq!((signed.status.as_u16(), &signed.json()["envelope_status"]), (200, &json!("finalized")));
}

#[tokio::test]
async fn no_code_is_sent_unless_the_recipient_requires_one() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::new(&sandbox).await;
    let alice = with_phone("alice", "+15550100", PhoneContactMethod::Sms);
    let (_, agents) = draft.add(signer("buyer"), vec![alice]).await;
    draft.send().await;
    for what in ["open", "accept", "sign"] {
        assert_eq!(act(&api, &agents[0], what).await.status, 200, "{what}");
    }
    assert_eq!(messages(&api, "").await["matching"], 0);
}

#[tokio::test]
async fn messages_are_listed_filtered_shown_and_deleted() {
    let api = Api::new();
    let (mut envelopes, mut agents) = (Vec::new(), Vec::new());
    for winner in [0, 1, 0] {
        let (envelope, both) = verified(&api).await;
        for what in ["open", "accept"] {
            act(&api, &both[winner], what).await;
        }
        envelopes.push(envelope);
        agents.push(both[winner].clone());
    }
    let of = |list: &Value| -> Vec<usize> {
        let place = |one: &Value| agents.iter().position(|agent| one["agent_id"] == *agent).unwrap();
        list["messages"].as_array().unwrap().iter().map(place).collect()
    };
    assert_eq!(of(&messages(&api, "").await), [2, 1, 0], "newest first");
    assert_eq!(of(&messages(&api, "?to=%2B15550100").await), [2, 0]);
    assert_eq!(of(&messages(&api, "?channel=whatsapp").await), [1]);
    assert_eq!(of(&messages(&api, &format!("?envelope_id={}&channel=sms", envelopes[2])).await), [2]);
    assert_eq!(of(&messages(&api, &format!("?envelope_id={}&channel=whatsapp", envelopes[2])).await), [0; 0]);
    let page = messages(&api, "?limit=1").await;
    assert_eq!((of(&page), &page["matching"]), (vec![2], &json!(3)));
    let one = &page["messages"][0];
    let path = format!("/__admin/messages/{}", one["id"].as_str().unwrap());
    assert_eq!(api.get(&path).await.json(), *one);
    for (wrong, word) in [
        ("?channel=mail", "email"),
        ("?envelope_id=env_1", "env_"),
        ("?agent_id=agt_1", "agt_"),
        ("?limit=0", "limit"),
        ("?from=me", "unknown parameter"),
    ] {
        let refused = api.get(&format!("/__admin/messages{wrong}")).await;
        assert_eq!(refused.status, 400, "{wrong}");
        assert!(refused.json()["detail"].as_str().unwrap().contains(word), "{}", refused.text);
    }
    assert_eq!(api.call("DELETE", "/__admin/messages?to=x").await.status, 400, "it takes no condition");
    assert_eq!(api.call("DELETE", "/__admin/messages").await.json(), json!({ "deleted": 12 }), "with the others");
    assert_eq!(messages(&api, "").await, json!({ "messages": [], "matching": 0, "next": null, "dropped": 0 }));
    assert_eq!(api.get(&path).await.status, 404);
}

#[tokio::test]
async fn messages_are_paged_by_after() {
    let api = Api::new();
    for _ in 0..5 {
        let (_, agents) = verified(&api).await;
        for what in ["open", "accept"] {
            act(&api, &agents[0], what).await;
        }
    }
    let ids = |list: &Value| -> Vec<String> {
        list["messages"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect()
    };
    let all = ids(&messages(&api, "").await);
    assert_eq!(all.len(), 5);
    let (mut paged, mut after) = (Vec::new(), String::new());
    for left in [5, 3, 1] {
        let page = messages(&api, &format!("?channel=sms&limit=2{after}")).await;
        assert_eq!(page["matching"], left);
        paged.extend(ids(&page));
        assert_eq!(page["next"].is_null(), left == 1, "{page}");
        after = format!("&after={}", page["next"].as_str().unwrap_or_default());
    }
    assert_eq!(paged, all);
    assert_eq!(api.get("/__admin/messages?after=msg_0").await.status, 404);
}
