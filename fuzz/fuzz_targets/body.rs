//! Feeds raw bytes to the handoff endpoint's body validation. Nothing panics, the fast path for clean bodies agrees
//! with full validation, the explanation agrees with the JSON Schema validator, and every place in a violation exists.

#![no_main]

#[path = "../../tests/api/bodies/agreement.rs"]
#[allow(dead_code)]
mod agreement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agreement::holds(bytes));
