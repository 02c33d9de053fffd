//! The five answers, each to its end (S2 to S6), and what only looking changes.

use super::{action_of, follow, href_of, press, state, text_of, visit, with_parties};
use crate::{
    harness::{Api, BASE_URL, body_of},
    signing::play::{person, signer},
};
use axum::{body::Body, http::Request};
use docendorse_mock::sandbox::AgentSource;
use serde_json::{Value, json};

async fn hand_off(api: &Api, handoff_id: &str, email: &str) -> Value {
    api.hand_off(body_of(handoff_id, email)).await.json()
}

async fn kinds(api: &Api) -> Vec<String> {
    let events = api.get("/__admin/events?limit=1000").await.json()["events"].clone();
    events.as_array().unwrap().iter().map(|event| event["event"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn a_success_leads_to_the_agent_page() {
    let api = Api::new();
    let parties = json!([{ "name": "Bob", "email": "bob@example.com" }]);
    let answer = api.hand_off(with_parties("h-1", parties)).await.json();
    let uri = answer["handoff_uri"].as_str().unwrap();
    let page = visit(&api, uri).await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(text_of(&page.text, "summary"), "Sam wants to send an NDA.");
    assert_eq!(text_of(&page.text, "document"), "Supply contract");
    assert_eq!(text_of(&page.text, "envelope-status"), "sent");
    assert_eq!(text_of(&page.text, "mock-mark"), "MOCK");
    let signing = follow(uri.strip_prefix(BASE_URL).unwrap(), &href_of(&page.text, "sign-link"));
    assert_eq!(text_of(&visit(&api, &signing).await.text, "agent-name"), "Bob · bob@example.com");
    let known = state(&api, uri).await;
    assert_eq!(known["agent_session_id"], answer["agent_session_id"]);
    assert_eq!(known["envelope"]["recipients"][0]["agents"][0]["status"], "invited");
    let session = api.get(&format!("/__admin/sessions/{}", known["agent_session_id"].as_str().unwrap())).await.json();
    assert!(session["opened_at"].is_string(), "{session}");
    let opened = kinds(&api).await.iter().filter(|kind| *kind == "agent_session.opened").count();
    assert_eq!(opened, 1, "however often it is visited");
}

#[tokio::test]
async fn a_draft_is_sent_from_the_agent_page() {
    let api = Api::new();
    let uri = hand_off(&api, "h-1", "sam@example.com").await["handoff_uri"].as_str().unwrap().to_owned();
    let path = uri.strip_prefix(BASE_URL).unwrap();
    let page = visit(&api, &uri).await;
    assert_eq!(text_of(&page.text, "envelope-status"), "draft");
    let send = follow(path, &action_of(&page.text, "send"));
    let refused = press(&api, &send, "").await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert!(text_of(&refused.text, "problem").contains("No one would have to sign"), "{}", refused.text);

    let envelope = state(&api, &uri).await["envelope"]["id"].as_str().unwrap().to_owned();
    let bob = AgentSource { info: Some(person("bob")), ..AgentSource::default() };
    let sandbox = api.app.sandboxes.default_sandbox();
    sandbox.add_recipient(&envelope, signer("buyer"), &[bob]).await.unwrap();
    let sent = press(&api, &send, "").await;
    assert_eq!((sent.status.as_u16(), follow(&send, sent.header("location"))), (303, path.to_owned()));
    assert_eq!(text_of(&visit(&api, &uri).await.text, "envelope-status"), "sent");
}

#[tokio::test]
async fn subscribing_opens_the_session_without_a_retry() {
    let api = Api::new();
    let email = "sam+require_subscription@example.com";
    let answer = hand_off(&api, "h-1", email).await;
    let path = answer["subscription_url"].as_str().unwrap().strip_prefix(BASE_URL).unwrap().to_owned();
    let page = visit(&api, &path).await;
    assert_eq!((page.status.as_u16(), text_of(&page.text, "email")), (200, email.to_owned()));
    assert_eq!(kinds(&api).await, [""; 0], "looking changes nothing");
    let done = press(&api, &follow(&path, &action_of(&page.text, "subscribe")), "").await;
    assert_eq!(done.status, 303, "{}", done.text);
    let agent = follow(&path, done.header("location"));
    assert!(agent.starts_with("/agent/as_"), "S3: {agent}");
    assert_eq!(visit(&api, &agent).await.status, 200);
    assert!(kinds(&api).await.contains(&"actor.subscribed".to_owned()));

    let again = press(&api, &path, "").await;
    assert_eq!((again.status.as_u16(), follow(&path, again.header("location"))), (303, path.clone()), "replayed");
    let used = visit(&api, &path).await;
    assert_eq!(follow(&path, &href_of(&used.text, "continue")), agent);
    let retried = hand_off(&api, "h-1", email).await;
    assert_eq!(retried["status"], "success", "{retried}");
    assert_eq!(state(&api, &path).await["agent_session_id"], retried["agent_session_id"]);
}

#[tokio::test]
async fn an_actor_whom_a_scenario_asks_can_subscribe() {
    let api = Api::new();
    let scenario = json!({ "name": "asks", "answers": [{ "outcome": "require_subscription" }] });
    let put = Request::put("/__admin/scenarios/asks").body(Body::from(scenario.to_string())).unwrap();
    assert!(api.send(put).await.status.is_success());
    api.call("PUT", "/__admin/scenarios/asks/pin").await;
    let answer = hand_off(&api, "h-1", "sam@example.com").await;
    let path = answer["subscription_url"].as_str().unwrap().strip_prefix(BASE_URL).unwrap().to_owned();
    let page = visit(&api, &path).await;
    let done = press(&api, &follow(&path, &action_of(&page.text, "subscribe")), "").await;
    assert!(follow(&path, done.header("location")).starts_with("/agent/as_"), "{:?}", done.headers);
}

#[tokio::test]
async fn a_verified_email_lets_the_retry_succeed() {
    let api = Api::new();
    let email = "sam+verify_email@example.com";
    assert_eq!(hand_off(&api, "h-1", email).await["status"], "verify_email");
    let sandbox = api.app.sandboxes.default_sandbox();
    let waiting = sandbox.ids.handoff("h-1", 0);
    let path = format!("/verify-email/{}", sandbox.verify_link(&waiting));
    let page = visit(&api, &path).await;
    assert_eq!(page.status, 200, "{}", page.text);
    for method in ["GET", "HEAD"] {
        api.call(method, &path).await;
    }
    assert_eq!(hand_off(&api, "h-1", email).await["status"], "verify_email", "a scanner does not verify");
    let done = press(&api, &follow(&path, &action_of(&page.text, "verify")), "").await;
    assert_eq!((done.status.as_u16(), follow(&path, done.header("location"))), (303, path.clone()));
    assert_eq!(state(&api, &path).await["done"], true);
    assert_eq!(hand_off(&api, "h-1", email).await["status"], "success", "S4");
    assert_eq!(state(&api, &path).await["agent_session_id"].as_str().unwrap().len(), 27, "and the link still leads on");
    assert!(kinds(&api).await.contains(&"actor.verified".to_owned()));
    let guessed = format!("/verify-email/{}0000000000000000", &waiting[3..]);
    assert_eq!(visit(&api, &guessed).await.status, 404, "the id alone is not the link");
}

#[tokio::test]
async fn a_registered_actor_succeeds_at_the_retry() {
    let api = Api::new();
    let email = "sam+register@example.com";
    let answer = hand_off(&api, "h-1", email).await;
    let path = answer["registration_url"].as_str().unwrap().strip_prefix(BASE_URL).unwrap().to_owned();
    let page = visit(&api, &path).await;
    assert!(page.text.contains("value=\"Sam\"") && page.text.contains(&format!("value=\"{email}\"")), "{}", page.text);
    let done = press(&api, &follow(&path, &action_of(&page.text, "register")), "name=Sam").await;
    assert_eq!((done.status.as_u16(), follow(&path, done.header("location"))), (303, path.clone()));
    assert_eq!(state(&api, &path).await["done"], true);
    assert_eq!(hand_off(&api, "h-1", email).await["status"], "success", "S5");
    assert!(kinds(&api).await.contains(&"actor.registered".to_owned()));
}

#[tokio::test]
async fn an_error_has_no_page() {
    let api = Api::new();
    let answer = hand_off(&api, "h-1", "sam+error@example.com").await;
    assert!(!answer.to_string().contains("http"), "{answer}");
}

#[tokio::test]
async fn pages_of_a_named_sandbox_name_it() {
    let api = Api::new();
    for name in ["one", "two"] {
        let made = api
            .send(
                Request::post("/__admin/sandboxes")
                    .body(Body::from(json!({ "name": name, "seed": 7 }).to_string()))
                    .unwrap(),
            )
            .await
            .json();
        let token = made["credentials"]["bearer_token"].as_str().unwrap().to_owned();
        let body = body_of("h-1", "sam+require_subscription@example.com");
        let request = Request::post(crate::harness::CREATE)
            .header("authorization", format!("Bearer {token}"))
            .header("content-type", "application/json");
        let answer = api.send(request.body(Body::from(body)).unwrap()).await.json();
        let path = answer["subscription_url"].as_str().unwrap().strip_prefix(BASE_URL).unwrap().to_owned();
        assert!(path.ends_with(&format!("?sandbox={name}")), "{path}");
        let page = visit(&api, &path).await;
        let action = follow(&path, &action_of(&page.text, "subscribe"));
        assert_eq!(action, path);
        let agent = follow(&action, press(&api, &action, "").await.header("location"));
        assert!(agent.ends_with(&format!("?sandbox={name}")), "{agent}");
        assert_eq!(visit(&api, &agent).await.status, 200);
    }
    let events = async |name: &str| api.get(&format!("/__admin/events?sandbox={name}")).await.json()["events"].clone();
    assert_eq!(events("one").await.as_array().unwrap().len(), events("two").await.as_array().unwrap().len());
    assert_eq!(visit(&api, "/agent/as_1?sandbox=three").await.status, 404);
}
