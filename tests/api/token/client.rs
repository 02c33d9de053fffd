//! Helpers for the token endpoint: clients that create and send valid and invalid assertions.

use crate::{
    harness::{Answer, Api},
    sandboxes::lifecycle::create,
};
use axum::{body::Body, http::Request};
use docendorse_mock::domain::oauth::{JWT_BEARER, SigningKey, built_in};
use serde_json::{Value, json};
use std::sync::OnceLock;

pub const TOKEN: &str = "/oauth2/v2/token";

/// The current time of a sandbox created by [`Client::frozen`], in seconds.
pub const NOW: i64 = 1_772_366_400;

pub fn published_key() -> &'static SigningKey {
    static KEY: OnceLock<SigningKey> = OnceLock::new();
    KEY.get_or_init(|| SigningKey::from_pem(built_in::PRIVATE_KEY).unwrap())
}

/// A client in a frozen sandbox that checks assertions only by its own clock.
pub struct Client<'a> {
    pub api: &'a Api,
    pub id: String,
    pub secret: String,
    pub sandbox: String,
    /// The access token of the sandbox itself.
    pub bearer_token: String,
}

impl<'a> Client<'a> {
    pub async fn frozen(api: &'a Api) -> Self {
        let sandbox = json!({
            "seed": 7,
            "clock": { "frozen_at": "2026-03-01T12:00:00Z" },
            "settings": { "assertion_clock": "sandbox" },
        });
        Self::in_sandbox(api, sandbox).await
    }

    pub async fn in_sandbox(api: &'a Api, sandbox: Value) -> Self {
        let made = create(api, sandbox).await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let credentials = &made["credentials"];
        Self {
            api,
            id: text(&credentials["client_id"]),
            secret: text(&credentials["client_secret"]),
            sandbox: text(&made["name"]),
            bearer_token: text(&credentials["bearer_token"]),
        }
    }

    /// The claims of a valid assertion.
    pub fn claims(&self, jti: &str) -> Value {
        json!({
            "iss": self.id,
            "sub": "usr_123",
            "aud": "https://api.docendorse.com",
            "iat": NOW,
            "exp": NOW + 300,
            "jti": jti,
            "email": "sam@example.com",
            "given_name": "Sam",
            "family_name": "Doe",
            "scope": "openid agent_sessions:create",
        })
    }

    /// A valid assertion with some claims changed; `null` removes a claim.
    pub fn assertion(&self, jti: &str, changes: &Value) -> String {
        let mut claims = self.claims(jti);
        for (claim, value) in changes.as_object().unwrap() {
            match value {
                Value::Null => drop(claims.as_object_mut().unwrap().remove(claim)),
                value => claims[claim] = value.clone(),
            }
        }
        sign(&json!({ "alg": "RS256", "typ": "JWT" }), &claims)
    }

    pub async fn exchange(&self, jti: &str, changes: &Value) -> Answer {
        ask(self.api, &[("assertion", &self.assertion(jti, changes))]).await
    }

    /// The path of the control plane for the client's sandbox.
    pub fn path(&self, path: &str) -> String {
        format!("/__admin/{path}?sandbox={}", self.sandbox)
    }
}

pub fn sign(header: &Value, claims: &Value) -> String {
    published_key().sign(header, claims).unwrap()
}

pub fn form(pairs: &[(&str, &str)]) -> String {
    serde_urlencoded::to_string(pairs).unwrap()
}

/// A request to the token endpoint with the grant and these parameters.
pub fn token_request(pairs: &[(&str, &str)]) -> Request<Body> {
    let mut all = vec![("grant_type", JWT_BEARER)];
    all.extend(pairs);
    Request::post(TOKEN).header("content-type", "application/x-www-form-urlencoded").body(form(&all).into()).unwrap()
}

pub async fn ask(api: &Api, pairs: &[(&str, &str)]) -> Answer {
    api.send(token_request(pairs)).await
}

/// `error: error_description`, or the answer's status if it is not an error.
pub fn error_of(answer: &Answer) -> String {
    let body = answer.json();
    match (body["error"].as_str(), body["error_description"].as_str()) {
        (Some(error), Some(description)) => format!("{error}: {description}"),
        _ => answer.status.to_string(),
    }
}

/// The access token of an answer.
pub fn token_of(answer: &Answer) -> String {
    answer.json()["access_token"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}
