//! The signing page: open, accept, sign or decline, and what those see who come too late (G4, G5, G10).

use super::{action_of, follow, press, state, text_of, visit};
use crate::{
    harness::Api,
    signing::play::{Draft, person, race, signer},
};
use docendorse_mock::domain::signing::{Locale, PhoneContactMethod};
use futures_util::future::join_all;
use serde_json::json;
use std::sync::Arc;

fn link(api: &Api, agent: &str) -> String {
    format!("/sign/{}", api.app.sandboxes.default_sandbox().sign_link(agent.parse().unwrap()))
}

#[tokio::test]
async fn an_agent_opens_accepts_and_signs() {
    let api = Api::new();
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice"]).await;
    let path = link(&api, &agents[0]);
    for (button, status) in [("open", "opened"), ("accept", "primary"), ("sign", "signed")] {
        let page = visit(&api, &path).await;
        let action = follow(&path, &action_of(&page.text, button));
        let done = press(&api, &action, "").await;
        assert_eq!((done.status.as_u16(), follow(&action, done.header("location"))), (303, path.clone()), "{button}");
        assert_eq!(state(&api, &path).await["status"], status);
        let again = press(&api, &action, "").await;
        assert_eq!(again.status, 303, "a form that is sent twice: {button}");
    }
    let known = state(&api, &path).await;
    assert_eq!((&known["envelope_status"], &known["actions"]), (&json!("finalized"), &json!([])));
    assert_eq!(
        text_of(&visit(&api, &path).await.text, "envelope-state"),
        "Everyone has signed. The document is complete."
    );
}

#[tokio::test]
async fn looking_is_an_event_and_opens_nothing() {
    let api = Api::new();
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice"]).await;
    let path = link(&api, &agents[0]);
    visit(&api, &path).await;
    api.call("HEAD", &path).await;
    let viewed = api.get("/__admin/events?event=link.viewed").await.json()["events"].clone();
    assert_eq!(viewed.as_array().unwrap().len(), 1, "{viewed}");
    assert_eq!(viewed[0]["agent_id"], agents[0]);
    assert_eq!(state(&api, &path).await["status"], "invited", "G4: it takes the button");
}

#[tokio::test]
async fn released_agents_see_who_was_first() {
    let api = Api::new();
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice", "bob"]).await;
    let [alice, bob] = [link(&api, &agents[0]), link(&api, &agents[1])];
    for path in [&alice, &bob] {
        press(&api, &format!("{path}/open"), "").await;
    }
    let page = visit(&api, &bob).await;
    assert!(page.text.contains("data-testid=\"competition\""), "{}", page.text);
    assert_eq!(press(&api, &format!("{alice}/accept"), "").await.status, 303);
    let late = press(&api, &follow(&bob, &action_of(&page.text, "accept")), "").await;
    assert_eq!((late.status.as_u16(), text_of(&late.text, "first-name")), (409, "alice".to_owned()), "{}", late.text);
    let known = state(&api, &bob).await;
    assert_eq!((&known["status"], &known["first"]["name"]), (&json!("released"), &json!("alice")));
    assert!(known["first"]["at"].is_string());
}

#[tokio::test]
async fn one_of_many_buttons_pressed_at_once_wins() {
    let api = Arc::new(Api::new());
    let names: Vec<String> = (0..20).map(|number| format!("agent-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &names).await;
    let paths: Vec<String> = agents.iter().map(|agent| link(&api, agent)).collect();
    for path in &paths {
        press(&api, &format!("{path}/open"), "").await;
    }
    let accepts =
        join_all(paths.iter().map(async |path| press(&api, &format!("{path}/accept"), "").await.status)).await;
    assert_eq!(accepts.iter().filter(|status| **status == 303).count(), 1);
    assert_eq!(accepts.iter().filter(|status| **status == 409).count(), 19);
}

#[tokio::test]
async fn signing_takes_the_code_that_was_sent() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::new(&sandbox).await;
    let mut alice = person("alice");
    alice.phone = Some("+14155550123".into());
    alice.phone_contact_method = Some(PhoneContactMethod::Sms);
    let recipient = docendorse_mock::domain::signing::NewRecipient { phone_verification: true, ..signer("buyer") };
    let (_, agents) = draft.add(recipient, vec![alice]).await;
    draft.send().await;
    let path = link(&api, &agents[0]);
    press(&api, &format!("{path}/open"), "").await;
    press(&api, &format!("{path}/accept"), "").await;
    let page = visit(&api, &path).await;
    let action = follow(&path, &action_of(&page.text, "sign"));
    let without = press(&api, &action, "code=").await;
    assert_eq!((without.status.as_u16(), state(&api, &path).await["needs_code"].clone()), (409, json!(true)));
    assert_eq!(text_of(&without.text, "problem"), "Enter the code that was sent to your phone.");
    assert!(text_of(&press(&api, &action, "code=x").await.text, "problem").starts_with("That code is wrong"));
    let messages = api.get("/__admin/messages?channel=sms").await.json()["messages"].clone();
    let code = messages.as_array().unwrap().iter().find_map(|message| message["code"].as_str()).unwrap().to_owned();
    assert_eq!(press(&api, &action, &format!("code=+{code}+")).await.status, 303, "spaces around it do not matter");
    assert_eq!(state(&api, &path).await["status"], "signed");
}

#[tokio::test]
async fn the_page_speaks_the_language_of_its_agent() {
    let api = Api::new();
    let sandbox = api.app.sandboxes.default_sandbox();
    let draft = Draft::new(&sandbox).await;
    let (_, agents) = draft
        .add(signer("buyer"), vec![docendorse_mock::domain::signing::Person { locale: Locale::TrTr, ..person("ayse") }])
        .await;
    draft.send().await;
    let page = visit(&api, &link(&api, &agents[0])).await;
    assert!(page.text.contains("<html lang=\"tr\">"), "{}", page.text);
    assert_eq!(text_of(&page.text, "open"), "Belgeyi aç");
    assert_eq!(text_of(&page.text, "agent-status"), "Bu belgeyi imzalamaya davet edildiniz.");
}

#[tokio::test]
async fn a_declined_envelope_says_so() {
    let api = Api::new();
    let (_, agents) = race(&api.app.sandboxes.default_sandbox(), &["alice"]).await;
    let path = link(&api, &agents[0]);
    assert_eq!(press(&api, &format!("{path}/decline"), "").await.status, 303);
    let page = visit(&api, &path).await;
    assert_eq!(text_of(&page.text, "agent-status"), "You have declined.");
    assert!(!page.text.contains("<form"), "nothing is left to do: {}", page.text);
}
