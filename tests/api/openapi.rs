//! The published documents. Every answer that any test here sees is held to them by the harness.

use crate::harness::documents;
use docendorse_mock::domain::contract::{HANDOFF_ANSWER, HANDOFF_REQUEST};
use serde_json::Value;

#[test]
fn the_document_is_built_on_the_schema_files() {
    let schemas = &documents().contract()["components"]["schemas"];
    for (name, file) in [("HandoffRequest", HANDOFF_REQUEST), ("HandoffAnswer", HANDOFF_ANSWER)] {
        let mut file: Value = serde_json::from_str(file).unwrap();
        file.as_object_mut().unwrap().retain(|key, _| key != "$schema" && key != "$id");
        assert_eq!(schemas[name], file, "{name}");
    }
}

#[test]
fn the_document_has_the_handoff_and_where_it_is_served() {
    let document = documents().contract();
    assert_eq!(document["openapi"].as_str().unwrap().split('.').next(), Some("3"));
    assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!(document["servers"][0]["url"], crate::harness::BASE_URL);
    assert!(document["paths"][crate::harness::CREATE]["post"]["responses"].is_object());
}
