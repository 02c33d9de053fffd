//! A sandbox with a frozen clock and a scenario for its people, and views of what they do.

use crate::harness::{Answer, Api, CREATE, body_of};
use axum::{body::Body, http::Request};
use docendorse_mock::Settings;
use serde_json::{Value, json};

/// The initial time of the sandboxes in these tests.
pub const START: &str = "2030-01-01T00:00:00Z";

/// One sandbox of a server.
pub struct Stage {
    pub api: Api,
    pub sandbox: String,
    token: String,
}

impl Stage {
    /// A frozen sandbox with a seed, and a scenario `play` with the given keys for all of its handoffs.
    pub async fn new(keys: Value) -> Self {
        Self::with(Settings::default(), 7, keys).await
    }

    pub async fn with(settings: Settings, seed: u64, keys: Value) -> Self {
        let api = Api::with(settings);
        let wanted = json!({ "name": "play", "seed": seed, "clock": { "frozen_at": START } });
        let stage = Self::in_sandbox(api, &wanted).await;
        stage.script(keys).await;
        stage
    }

    /// Creates a sandbox and uses it.
    pub async fn in_sandbox(api: Api, wanted: &Value) -> Self {
        let made = ask(&api, "POST", "/__admin/sandboxes", wanted).await;
        assert_eq!(made.status, 201, "{}", made.text);
        Self::made(api, &made.json())
    }

    /// Uses an existing sandbox.
    pub fn made(api: Api, made: &Value) -> Self {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        Self { api, sandbox: text(&made["name"]), token: text(&made["credentials"]["bearer_token"]) }
    }

    pub async fn script(&self, keys: Value) {
        let mut scenario = json!({ "name": "play", "answers": [{}] });
        scenario.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let put = self.ask("PUT", "/__admin/scenarios/play", scenario).await;
        assert!(put.status.is_success(), "{}", put.text);
    }

    pub async fn ask(&self, method: &str, path: &str, body: Value) -> Answer {
        ask(&self.api, method, &self.here(path), &body).await
    }

    pub async fn get(&self, path: &str) -> Value {
        let answer = self.api.get(&self.here(path)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    fn here(&self, path: &str) -> String {
        if path.starts_with("/__admin/sandboxes") {
            // The path names the sandbox already.
            return path.to_owned();
        }
        format!("{path}{}sandbox={}", if path.contains('?') { '&' } else { '?' }, self.sandbox)
    }

    /// Sends a handoff with the given changes to the usual body.
    pub async fn send(&self, handoff_id: &str, change: Value) -> Answer {
        let mut body: Value = serde_json::from_str(&body_of(handoff_id, "sam@example.com")).unwrap();
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let request = Request::post(CREATE)
            .header("authorization", format!("Bearer {}", self.token))
            .header("content-type", "application/json");
        self.api.send(request.body(Body::from(body.to_string())).unwrap()).await
    }

    /// Sends a handoff with parties, and returns the session as the control plane shows it.
    pub async fn hand_off(&self, handoff_id: &str, parties: Value) -> Value {
        let facts = json!({ "facts": { "metadata": { "title": "NDA" }, "parties": parties } });
        let answer = self.send(handoff_id, facts).await;
        assert_eq!(answer.json()["status"], "success", "{}", answer.text);
        self.session(&answer).await
    }

    pub async fn session(&self, answer: &Answer) -> Value {
        self.get(&format!("/__admin/sessions/{}", answer.json()["agent_session_id"].as_str().unwrap())).await
    }

    /// The envelope of a session.
    pub async fn envelope(&self, session: &Value) -> Value {
        self.get(&format!("/__admin/signing/envelopes/{}", session["envelope_id"].as_str().unwrap())).await
    }

    pub async fn advance(&self, by: &str) -> Vec<Value> {
        let advanced = self.ask("POST", "/__admin/clock/advance", json!({ "by": by })).await;
        assert_eq!(advanced.status, 200, "{}", advanced.text);
        advanced.json()["ran"].as_array().unwrap().clone()
    }

    pub async fn act(&self, agent: &Value, act: &str) -> Answer {
        self.ask("POST", &format!("/__admin/signing/agents/{}/{act}", agent.as_str().unwrap()), json!({})).await
    }

    /// The agenda without the expiry of sessions: when, what, and for which agent of the envelope.
    pub async fn agenda(&self) -> Vec<String> {
        let agenda = self.get("/__admin/agenda?limit=1000").await["agenda"].as_array().unwrap().clone();
        agenda.iter().filter(|item| item["task"] != "expire_session").map(summary).collect()
    }

    /// The complete event log.
    pub async fn events(&self) -> Vec<Value> {
        self.get("/__admin/events?limit=1000").await["events"].as_array().unwrap().clone()
    }

    /// The event log in brief: the time since the start, the event, and the agent of the envelope.
    pub async fn story(&self) -> Vec<String> {
        self.events().await.iter().map(summary).collect()
    }
}

async fn ask(api: &Api, method: &str, path: &str, body: &Value) -> Answer {
    let request = Request::builder().method(method).uri(path);
    api.send(request.body(Body::from(body.to_string())).unwrap()).await
}

fn summary(item: &Value) -> String {
    let at = item.get("at").or_else(|| item.get("due")).unwrap();
    let at: jiff::Timestamp = at.as_str().unwrap().parse().unwrap();
    let since = at.duration_since(START.parse().unwrap());
    let what = item.get("event").or_else(|| item.get("act")).or_else(|| item.get("task")).unwrap().as_str().unwrap();
    let who = match item["agent_id"].as_str().map(|id| u32::from_str_radix(&id[id.len() - 8..], 16).unwrap()) {
        Some(number) => format!(" {number}"),
        None => String::new(),
    };
    format!("{since:#} {what}{who}")
}

/// Parties by name, each with a different email.
pub fn parties(names: &[&str]) -> Value {
    names.iter().map(|name| json!({ "name": name, "email": format!("{}@example.com", name.to_lowercase()) })).collect()
}
