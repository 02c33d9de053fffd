//! The contract and the control plane, asked over HTTP against the router, in process.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

mod bodies;
mod clock;
mod control_plane;
#[path = "../help/delegate.rs"]
mod delegate;
#[path = "../store/encoded.rs"]
mod encoded;
mod handoff;
mod harness;
mod journal;
mod messages;
mod pages;
mod people;
mod sandboxes;
mod scenarios;
mod server;
mod signing;
mod token;
