//! Raw bytes as each body of the signing service, held to what `body.rs` holds a handoff to.

#![no_main]

#[path = "../../tests/api/agreement.rs"]
#[allow(dead_code)]
mod agreement;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| agreement::signing_holds(bytes));
