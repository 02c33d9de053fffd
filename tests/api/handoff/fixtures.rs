//! The fixtures: every valid request passes; every invalid one is refused for exactly the reasons in its file.

use crate::harness::{Api, documents};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use std::{fmt::Write, path::Path};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    about: String,
    pub clause: String,
    pub body: Option<Value>,
    raw: Option<String>,
    base64: Option<String>,
    pub violations: Vec<Expected>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    pub pointer: String,
    pub rule: String,
}

pub fn files(folder: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new("fixtures").join(folder);
    let mut files: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
        .collect();
    files.sort();
    files
}

impl Case {
    pub fn bytes(&self) -> Vec<u8> {
        match (&self.body, &self.raw, &self.base64) {
            (Some(body), None, None) => serde_json::to_vec(body).unwrap(),
            (None, Some(raw), None) => raw.clone().into_bytes(),
            (None, None, Some(base64)) => decode(base64),
            _ => panic!("{}: give one of body, raw and base64", self.about),
        }
    }
}

fn decode(base64: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = base64.bytes().filter(|byte| *byte != b'=');
    let bits: Vec<usize> = digits.map(|byte| DIGITS.iter().position(|digit| *digit == byte).unwrap()).collect();
    let number = |chunk: &[usize]| chunk.iter().fold(0, |number, bits| number << 6 | bits) << (6 * (4 - chunk.len()));
    bits.chunks(4).flat_map(|chunk| number(chunk).to_be_bytes()[5..][..chunk.len() - 1].to_vec()).collect()
}

#[tokio::test]
async fn every_valid_fixture_passes() {
    let api = Api::new();
    let fixtures = files("requests/valid");
    assert!(fixtures.len() >= 20);
    for (name, body) in fixtures {
        // Many share one handoff_id, for different users.
        api.call("POST", "/__admin/reset").await;
        let answer = api.hand_off(body.clone()).await;
        assert_eq!(answer.status, StatusCode::OK, "{name}: {}", answer.text);
        let value = docendorse_mock::domain::contract::read_json(&body).unwrap();
        assert_eq!(documents().objections("HandoffRequest", &value), [""; 0], "{name}");
    }
}

#[tokio::test]
async fn every_invalid_fixture_is_refused_for_its_reasons() {
    let api = Api::new();
    let fixtures = files("requests/invalid");
    assert!(fixtures.len() >= 60, "only {}", fixtures.len());
    let mut descriptions = String::new();
    for (name, file) in fixtures {
        let case: Case = serde_json::from_slice(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
        let answer = api.hand_off(case.bytes()).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{name}: {}", answer.text);
        let exchange = api.exchange(&answer).await;
        let violations = violations_of(&exchange);
        assert_eq!(violations, case.violations, "{name}");
        for violation in &violations {
            assert!(answer.description().contains(&violation.pointer), "{name}: {}", answer.description());
        }
        assert_eq!(exchange["violations"][0]["clause"], case.clause, "{name}");
        // How strictly formats are checked depends on the reader of the document.
        let by_format = violations.iter().all(|violation| violation.rule == "format");
        if let Some(body) = case.body.as_ref().filter(|_| !by_format) {
            assert_ne!(documents().objections("HandoffRequest", body), [""; 0], "{name}: the document lets it pass");
        }
        writeln!(descriptions, "{name}\n  {}", answer.description()).unwrap();
    }
    insta::assert_snapshot!(descriptions);
}

/// The violations in the journal.
pub fn violations_of(exchange: &Value) -> Vec<Expected> {
    let told = exchange["violations"].as_array().unwrap().iter();
    told.map(|found| Expected {
        pointer: found["pointer"].as_str().unwrap().to_owned(),
        rule: found["rule"].as_str().unwrap().to_owned(),
    })
    .collect()
}

#[test]
fn every_documented_answer_keeps_the_published_schema() {
    for (name, body) in files("responses") {
        let value: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(documents().objections("HandoffAnswer", &value), [""; 0], "{name}");
    }
}
