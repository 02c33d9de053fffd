//! Raw bytes as a request body: nothing panics, the short cut for clean bodies agrees with the full judgement, the
//! explanation with the JSON Schema validator, and every place that a violation names exists.

#![no_main]

#[path = "../../tests/api/agreement.rs"]
#[allow(dead_code)]
mod agreement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agreement::holds(bytes));
