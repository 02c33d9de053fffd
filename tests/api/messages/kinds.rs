//! Each kind of message: when it is sent, to whom, and in which words.

use super::{by_phone, messages, told};
use crate::{
    harness::{Api, body_of},
    people::stage::{Stage, parties},
    signing::play::{Draft, act, person, post, signer},
};
use docendorse_mock::{
    Settings,
    domain::signing::{Locale, NewRecipient, Person, PhoneContactMethod, RecipientType},
};
use serde_json::{Value, json};

/// A server with a seed whose clock stands still.
async fn frozen() -> Api {
    let api = Api::with(Settings { seed: Some(7), ..Settings::default() });
    api.call("POST", "/__admin/clock/freeze").await;
    post(&api, "/__admin/clock/set", json!({ "to": "2100-01-01T00:00:00Z" })).await;
    api
}

fn turkish(name: &str) -> Person {
    Person { locale: Locale::TrTr, ..person(name) }
}

/// Subject and text of each message, to be read.
fn read(messages: &[Value]) -> String {
    let one = |message: &Value| {
        let part = |name: &str| message[name].as_str().unwrap_or("-").to_owned();
        let [kind, channel, to] = ["kind", "channel", "to"].map(part);
        format!("{kind} by {channel} to {to}\nSubject: {}\n{}", part("subject"), part("text"))
    };
    messages.iter().map(one).collect::<Vec<_>>().join("\n---\n")
}

#[tokio::test]
async fn an_envelope_of_a_handoff_sends_mails() {
    let stage = Stage::new(json!({ "parties": "any_one" })).await;
    let session = stage.hand_off("h-1", parties(&["Alice", "Bob"])).await;
    let envelope = stage.envelope(&session).await;
    let alice = envelope["recipients"][0]["agents"][0]["id"].clone();
    for what in ["open", "accept", "accept", "sign"] {
        assert_eq!(stage.act(&alice, what).await.status, 200);
    }
    insta::assert_json_snapshot!(stage.get("/__admin/messages").await);
}

#[tokio::test]
async fn a_mail_is_shown_as_html_and_as_its_source() {
    let stage = Stage::new(json!({})).await;
    stage.hand_off("h-1", parties(&["Alice"])).await;
    let id = stage.get("/__admin/messages/latest").await["id"].as_str().unwrap().to_owned();
    let html = stage.ask("GET", &format!("/__admin/messages/{id}/html"), json!({})).await;
    let policy = "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";
    assert_eq!(html.header("content-security-policy"), policy);
    assert_eq!(html.header("content-type"), "text/html; charset=utf-8");
    insta::assert_snapshot!("html", html.text.replace("><", ">\n<"));
    let raw = stage.ask("GET", &format!("/__admin/messages/{id}/raw"), json!({})).await;
    assert_eq!(raw.header("content-type"), "message/rfc822");
    assert_eq!(raw.header("content-disposition"), format!("attachment; filename=\"{id}.eml\""));
    insta::assert_snapshot!("source", raw.text.replace('\r', ""));
    for answer in [&html, &raw] {
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
    }
    let again = stage.ask("GET", &format!("/__admin/messages/{id}/raw"), json!({})).await;
    assert_eq!(again.text, raw.text, "the same each time");
}

#[tokio::test]
async fn a_locale_is_the_language_of_its_messages() {
    let api = frozen().await;
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::with(&sandbox, |terms| terms.reminder_initial_delay_days = 1).await;
    let ayse = Person { phone: Some("+905550100".into()), ..turkish("ayse") };
    let cem = by_phone("Cem", "+905550101", PhoneContactMethod::Whatsapp, Locale::TrTr);
    let recipient = NewRecipient { phone_verification: true, ..signer("buyer") };
    let (_, agents) =
        draft.add(recipient, vec![ayse, cem, Person { phone: Some("+15550102".into()), ..person("sam") }]).await;
    draft.send().await;
    post(&api, "/__admin/clock/advance", json!({ "by": "24h" })).await;
    for what in ["open", "accept"] {
        act(&api, &agents[0], what).await;
    }
    let code = messages(&api, "?kind=one_time_code").await[0]["code"].clone();
    post(&api, &format!("/__admin/signing/agents/{}/sign", agents[0]), json!({ "code": code })).await;
    insta::assert_snapshot!(read(&messages(&api, "").await));
}

#[tokio::test]
async fn reminders_go_to_agents_who_can_still_act() {
    let api = frozen().await;
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::with(&sandbox, |terms| {
        (terms.reminder_initial_delay_days, terms.reminder_repeat_interval_days) = (1, 1);
    })
    .await;
    let (_, agents) = draft.add(signer("buyer"), ["a", "b", "c"].map(person).to_vec()).await;
    draft.add(NewRecipient { order: 2, ..signer("seller") }, vec![person("later")]).await;
    let envelope = draft.send().await;
    act(&api, &agents[0], "open").await;
    act(&api, &agents[2], "decline").await;
    let remind = async || {
        api.call("DELETE", "/__admin/messages").await;
        post(&api, "/__admin/clock/advance", json!({ "by": "24h" })).await;
        told(&messages(&api, "").await)
    };
    assert_eq!(remind().await, ["reminder to a@example.com", "reminder to b@example.com"]);
    act(&api, &agents[0], "accept").await;
    assert_eq!(remind().await, ["reminder to a@example.com"]);
    act(&api, &agents[0], "sign").await;
    assert_eq!(remind().await, ["reminder to later@example.com"]);
    api.call("POST", &format!("/__admin/signing/envelopes/{envelope}/void")).await;
    assert_eq!(remind().await, [""; 0]);
}

#[tokio::test]
async fn agents_are_invited_when_their_turn_comes_and_again() {
    let api = frozen().await;
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::with(&sandbox, |terms| terms.reopen = true).await;
    let (_, agents) = draft.add(signer("buyer"), ["a", "b"].map(person).to_vec()).await;
    draft.add(NewRecipient { order: 2, ..signer("seller") }, vec![person("later")]).await;
    assert_eq!(told(&messages(&api, "").await), [""; 0], "a draft invites nobody");
    draft.send().await;
    for (agent, what) in [(0, "open"), (0, "accept"), (0, "decline"), (1, "open"), (1, "accept"), (1, "sign")] {
        assert_eq!(act(&api, &agents[agent], what).await.status, 200);
    }
    assert_eq!(
        told(&messages(&api, "").await),
        [
            "invitation to a@example.com",
            "invitation to b@example.com",
            "no_longer_needed to b@example.com",
            "invitation to b@example.com",
            "invitation to later@example.com",
        ]
    );
}

#[tokio::test]
async fn hosts_and_viewers_get_messages_of_their_own() {
    let api = frozen().await;
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::new(&sandbox).await;
    let kind = |kind, identifier: &str| NewRecipient { kind, ..signer(identifier) };
    let (host, hosts) = draft.add(kind(RecipientType::Host, "host"), vec![person("hosting"), turkish("ev")]).await;
    let hosted =
        NewRecipient { hosted_by: Some(host.parse().unwrap()), ..kind(RecipientType::InPersonSigner, "guest") };
    let (_, guests) = draft.add(hosted, vec![person("guest")]).await;
    draft.add(kind(RecipientType::Viewer, "viewer"), vec![person("viewer"), person("guest")]).await;
    draft.send().await;
    for (agent, what) in [(&hosts[0], "open"), (&hosts[0], "accept"), (&guests[0], "open"), (&guests[0], "accept")] {
        assert_eq!(act(&api, agent, what).await.status, 200, "{what}");
    }
    assert_eq!(act(&api, &guests[0], "sign").await.status, 200);
    insta::assert_snapshot!(read(&messages(&api, "").await));
}

#[tokio::test]
async fn each_answer_that_asks_for_verification_sends_a_mail() {
    let api = frozen().await;
    let verify = "sam+verify_email@example.com";
    for _ in 0..2 {
        assert_eq!(api.hand_off(body_of("h-1", verify)).await.json()["status"], "verify_email");
    }
    api.hand_off(body_of("h-2", "kim+register@example.com")).await;
    api.hand_off(body_of("h-3", "kim+require_subscription@example.com")).await;
    let sent = messages(&api, "").await;
    assert_eq!(told(&sent), [format!("verify_email to {verify}"), format!("verify_email to {verify}")]);
    assert_eq!(sent[0]["links"], sent[1]["links"], "one handoff has one link");
    assert_ne!(sent[0]["id"], sent[1]["id"]);
    insta::assert_json_snapshot!("verification", sent[0]);
    let link = sent[0]["links"][0]["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
    let sandbox = api.app.sandboxes.default_sandbox();
    assert_eq!(sandbox.waiting_of_link(&link).unwrap(), sent[0]["waiting_id"].as_str().unwrap());
    let session = api.hand_off(body_of("h-1", "sam+success@example.com")).await.json();
    let about = format!("?about={}", session["agent_session_id"].as_str().unwrap());
    assert_eq!(session["status"], "success");
    assert_eq!(told(&messages(&api, &format!("{about}&kind=verify_email")).await).len(), 2, "the session is known");
}

#[tokio::test]
async fn links_name_the_sandbox_and_the_host_of_the_caller() {
    let stage = Stage::new(json!({})).await;
    stage.hand_off("h-1", parties(&["Alice"])).await;
    let invitation = stage.get("/__admin/messages/latest").await;
    let url = invitation["links"][0]["url"].as_str().unwrap();
    let (start, end) = ("http://mock.test/sign/", "?sandbox=play");
    let link = url.strip_prefix(start).and_then(|url| url.strip_suffix(end)).unwrap_or_else(|| panic!("{url}"));
    assert!(invitation["text"].as_str().unwrap().contains(url));
    let sandbox = stage.api.app.sandboxes.get("play").unwrap();
    let (envelope, spot) = sandbox.agent_of_link(link).await.unwrap().unwrap();
    assert_eq!(envelope.agent_id(spot).unwrap().to_string(), invitation["agent_id"].as_str().unwrap());
}

#[tokio::test]
async fn a_signer_who_is_the_sender_gets_one_completion() {
    let stage = Stage::new(json!({ "people": [{ "opens": "1m", "accepts": "1m", "signs": "1m" }] })).await;
    let answer = stage.send("h-1", json!({ "intent": "self_sign" })).await;
    assert_eq!(answer.json()["status"], "success", "{}", answer.text);
    stage.advance("1h").await;
    let list = stage.get("/__admin/messages?kind=completion").await;
    assert_eq!(told(list["messages"].as_array().unwrap()), ["completion to sam@example.com"]);
    assert_eq!(list["messages"][0]["at"], "2030-01-01T00:03:00Z");
}

#[tokio::test]
async fn ten_thousand_agents_are_invited_and_released() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::new(&sandbox).await;
    let (_, agents) = draft.add(signer("buyer"), (0..10_000).map(|n| person(&format!("p{n}"))).collect()).await;
    draft.send().await;
    let health = async || api.get("/__admin/health").await.json()["messages"].clone();
    assert_eq!(health().await, json!({ "kept": 10_000, "dropped": 0 }));
    for what in ["open", "accept"] {
        assert_eq!(act(&api, &agents[0], what).await.status, 200);
    }
    assert_eq!(health().await, json!({ "kept": 10_000, "dropped": 9_999 }));
    let released = api.get("/__admin/messages?kind=no_longer_needed&limit=1").await.json();
    assert_eq!(released["matching"], 9_999);
    let first = api.get("/__admin/messages/latest?kind=invitation").await.json();
    assert_eq!(first["to"], "p9999@example.com", "the oldest are dropped first");
}
