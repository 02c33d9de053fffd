//! Helpers for scenarios: a server with a socket, and scenarios that tests put.

use crate::{
    harness::{Answer, Api, CREATE, body_of},
    sandboxes::lifecycle::send,
};
use docendorse_mock::{Mock, Settings};
use serde_json::{Value, json};

/// A server with a socket, and a client that opens a connection for each request.
pub struct Live {
    pub mock: Mock,
    pub client: reqwest::Client,
}

impl Live {
    pub async fn start() -> Self {
        Self::seeded(None).await
    }

    pub async fn seeded(seed: Option<u64>) -> Self {
        let mock = Mock::start(Settings { seed, ..Settings::default() }).await.unwrap();
        Self { mock, client: reqwest::Client::builder().pool_max_idle_per_host(0).build().unwrap() }
    }

    pub async fn hand_off(&self, handoff_id: &str, email: &str) -> reqwest::Result<reqwest::Response> {
        let request = self.client.post(format!("{}{CREATE}", self.mock.url())).bearer_auth("x");
        request.header("content-type", "application/json").body(body_of(handoff_id, email)).send().await
    }

    /// The JSON answer to a handoff of the actor whose tag selects a shipped scenario.
    pub async fn json(&self, name: &str) -> Value {
        let answer = self.hand_off("h-1", &sam(name)).await.unwrap();
        assert_eq!(answer.status(), 200);
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }

    /// The status and the body, as far as they arrive.
    pub async fn outcome(&self, handoff_id: &str, email: &str) -> (u16, String) {
        let answer = self.hand_off(handoff_id, email).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }

    pub async fn put(&self, scenario: Value) {
        let path = format!("{}/__admin/scenarios/{}", self.mock.url(), scenario["name"].as_str().unwrap());
        let answer = self.client.put(path).json(&scenario).send().await.unwrap();
        assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    }

    /// The ids of all sessions, from the control plane.
    pub async fn sessions(&self) -> Vec<Value> {
        let answer = self.client.get(format!("{}/__admin/sessions", self.mock.url())).send().await.unwrap();
        let list: Value = answer.json().await.unwrap();
        list["sessions"].as_array().unwrap().iter().map(|session| session["id"].clone()).collect()
    }

    /// A retry of the handoff finds the session that the client does not know of (S8).
    pub async fn assert_retry_finds_the_session(&self, email: &str) {
        let hidden = self.sessions().await;
        assert_eq!(hidden.len(), 1, "the session exists, although the client got no answer");
        let (status, body) = self.outcome("h-1", email).await;
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!((status, &body["status"], &body["agent_session_id"]), (200, &json!("success"), &hidden[0]));
        assert_eq!(self.sessions().await, hidden);
    }
}

/// The email whose tag selects a shipped scenario.
pub fn sam(name: &str) -> String {
    format!("sam+{name}@example.com")
}

pub async fn hand_off(api: &Api, handoff_id: &str, email: &str) -> Answer {
    api.hand_off(body_of(handoff_id, email)).await
}

pub async fn word(api: &Api, handoff_id: &str, email: &str) -> Value {
    hand_off(api, handoff_id, email).await.json()["status"].clone()
}

pub async fn patch(api: &Api, email: &str, change: Value) -> Value {
    let changed = send(api, "PATCH", &format!("/__admin/actors/{email}"), change).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    changed.json()
}

pub async fn put(api: &Api, scenario: Value) {
    let path = format!("/__admin/scenarios/{}", scenario["name"].as_str().unwrap());
    let answer = send(api, "PUT", &path, scenario).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["put"].is_string()), (200, &true), "{}", answer.text);
}

/// A scenario whose answers are errors of the contract with these descriptions, in order.
pub fn errors(name: &str, descriptions: &[&str]) -> Value {
    let answers = descriptions.iter().map(|text| json!({ "outcome": "error", "description": text }));
    json!({ "name": name, "answers": answers.collect::<Vec<_>>() })
}

pub fn with(mut scenario: Value, key: &str, value: Value) -> Value {
    scenario[key] = value;
    scenario
}

/// The description of an error, or `success`.
pub async fn said(api: &Api, handoff_id: &str, email: &str) -> String {
    let answer = hand_off(api, handoff_id, email).await.json();
    answer.get("description").unwrap_or(&answer["status"]).as_str().unwrap().to_owned()
}
