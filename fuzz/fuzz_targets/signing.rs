//! Feeds raw bytes to the validation of each body of the signing service, with the same checks as `body.rs`.

#![no_main]

#[path = "../../tests/api/bodies/agreement.rs"]
#[allow(dead_code)]
mod agreement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agreement::signing_holds(bytes));
