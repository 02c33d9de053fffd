//! Checks that must hold for any request body. Shared by the property tests and the fuzz target.

use docendorse_mock::domain::{
    contract::{HANDOFF_REQUEST, Schema, read_json, signing},
    session::HandoffRequest,
    signing::{AgentsRequest, ContactRequest, EnvelopeRequest, GroupRequest, RecipientChangeRequest, RecipientRequest},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{collections::BTreeSet, sync::OnceLock};

fn schema() -> &'static Schema {
    static SCHEMA: OnceLock<Schema> = OnceLock::new();
    SCHEMA.get_or_init(|| Schema::compile(HANDOFF_REQUEST).unwrap())
}

/// Checks one handoff body.
pub fn holds(bytes: &[u8]) {
    holds_of::<HandoffRequest>(schema(), bytes);
}

/// Checks one body of the signing service against each of its schemas.
pub fn signing_holds(bytes: &[u8]) {
    holds_of::<EnvelopeRequest>(signing::ENVELOPE.schema().unwrap(), bytes);
    holds_of::<RecipientRequest>(signing::RECIPIENT.schema().unwrap(), bytes);
    holds_of::<RecipientChangeRequest>(signing::RECIPIENT_CHANGE.schema().unwrap(), bytes);
    holds_of::<AgentsRequest>(signing::AGENTS.schema().unwrap(), bytes);
    holds_of::<ContactRequest>(signing::CONTACT.schema().unwrap(), bytes);
    holds_of::<GroupRequest>(signing::CONTACT_GROUP.schema().unwrap(), bytes);
}

fn holds_of<T: DeserializeOwned>(schema: &Schema, bytes: &[u8]) {
    let judged = schema.judge(bytes);
    let checked = schema.check::<T>(bytes);
    assert_eq!(judged.is_ok(), checked.is_ok(), "the fast path changed the verdict");
    if schema.is_clean(bytes) {
        let (_, advices) = judged.as_ref().expect("the fast path passed a body that full validation refuses");
        assert!(advices.is_empty(), "the fast path passed a body that needs an advice: {advices:?}");
    }
    let value: Option<Value> = read_json(bytes).ok();
    match (&judged, &value) {
        (Ok((judged, _)), Some(value)) => assert_eq!(judged, value),
        (Ok(_), None) => panic!("accepted a body that is not JSON"),
        (Err(refusal), value) => {
            assert!(!refusal.violations.is_empty());
            assert!(!refusal.description().is_empty());
            let body = value.as_ref().unwrap_or(&Value::Null);
            for violation in &refusal.violations {
                let parent = violation.pointer.rsplit_once('/').map_or("", |(parent, _)| parent);
                let missing = violation.came.is_none();
                let place = if missing { parent } else { &violation.pointer };
                assert!(body.pointer(place).is_some(), "{} does not exist in the body", violation.pointer);
                assert_eq!(missing, body.pointer(&violation.pointer).is_none(), "{}", violation.pointer);
            }
        }
    }
    if let Some(value) = &value {
        let theirs: BTreeSet<String> =
            schema.validator_findings(value).unwrap().into_iter().map(|(pointer, _)| pointer).collect();
        match judged {
            Ok(_) => assert!(theirs.is_empty(), "{theirs:?}"),
            Err(refusal) if refusal.omitted == 0 => {
                let ours: BTreeSet<String> = refusal.violations.into_iter().map(|found| found.pointer).collect();
                assert_eq!(ours, theirs, "the explanation and the validator disagree");
            }
            Err(_) => {}
        }
    }
}
