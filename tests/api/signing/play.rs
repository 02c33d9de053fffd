//! Test envelopes: created in the sandbox directly, and acted on over HTTP.

use crate::harness::{Answer, Api};
use axum::{body::Body, http::Request};
use docendorse_mock::{
    domain::signing::{Locale, NewRecipient, Person, Plan, Terms},
    sandbox::{AgentSource, Sandbox},
};
use serde_json::Value;
use std::sync::Arc;

/// A person with the given local part of the email.
pub fn person(name: &str) -> Person {
    Person {
        name: name.into(),
        email: Some(format!("{name}@example.com").into()),
        phone: None,
        locale: Locale::EnUs,
        phone_contact_method: None,
        context: None,
        contact_id: None,
        group_id: None,
        user_id: None,
    }
}

/// A required signer without agents, which tests change.
pub fn signer(identifier: &str) -> NewRecipient {
    NewRecipient::signer(identifier)
}

/// An envelope under construction.
pub struct Draft<'a> {
    sandbox: &'a Sandbox,
    pub id: String,
}

impl<'a> Draft<'a> {
    pub async fn new(sandbox: &'a Sandbox) -> Self {
        Self::with(sandbox, |_| {}).await
    }

    pub async fn with(sandbox: &'a Sandbox, change: impl FnOnce(&mut Terms)) -> Self {
        let mut terms = Terms::new("NDA", sandbox.clock.now());
        change(&mut terms);
        let id = sandbox.create_envelope(terms, None).await.unwrap().id.to_string();
        Self { sandbox, id }
    }

    /// Simulated people, in the format of a scenario.
    pub async fn played(sandbox: &'a Sandbox, plan: Value) -> Self {
        let plan: Plan = serde_json::from_value(plan).unwrap();
        Self::with(sandbox, |terms| terms.plan = Some(Arc::new(plan))).await
    }

    /// Adds a recipient, and returns its id and those of its agents.
    pub async fn add(&self, recipient: NewRecipient, persons: Vec<Person>) -> (String, Vec<String>) {
        let source = |person| AgentSource { info: Some(person), ..AgentSource::default() };
        let sources: Vec<_> = persons.into_iter().map(source).collect();
        let id = self.sandbox.add_recipient(&self.id, recipient, &sources).await.unwrap();
        let envelope = self.sandbox.envelope(&self.id).await.unwrap();
        let first = envelope.recipients[envelope.place_of(id).unwrap()].role.first_agent;
        let agent = |place| docendorse_mock::domain::signing::AgentId { envelope: envelope.id, number: first + place };
        (id.to_string(), (0..sources.len() as u32).map(|place| agent(place).to_string()).collect())
    }

    pub async fn send(self) -> String {
        self.sandbox.send_envelope(&self.id).await.unwrap();
        self.id
    }
}

/// Sends an envelope with one recipient for which all of these compete. Returns its id and those of the agents.
pub async fn race(sandbox: &Sandbox, names: &[&str]) -> (String, Vec<String>) {
    let draft = Draft::new(sandbox).await;
    let (_, agents) = draft.add(signer("buyer"), names.iter().map(|name| person(name)).collect()).await;
    (draft.send().await, agents)
}

/// Performs an action of an agent over HTTP.
pub async fn act(api: &Api, agent: &str, act: &str) -> Answer {
    post(api, &format!("/__admin/signing/agents/{agent}/{act}"), "").await
}

pub async fn post(api: &Api, path: &str, body: impl ToString) -> Answer {
    api.send(Request::post(path).body(Body::from(body.to_string())).unwrap()).await
}

/// The state of an agent in the answer to an action.
pub fn state(answer: &Value, agent: &str) -> String {
    let agents = answer["recipient"]["agents"].as_array().unwrap();
    let agent = agents.iter().find(|one| one["id"] == agent).unwrap();
    agent["state"].as_str().unwrap().to_owned()
}
