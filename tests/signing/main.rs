//! The competition alone, without a server or a store: every interleaving of a few agents, random commands compared
//! with a reference model of the rules, and simulated races.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

mod broken;
mod draft;
mod explorer;
mod model;
mod property;
mod race_of_envelope;
mod races;
