//! The in-memory store, the update loop and the competition under a model checker. The product's own source is compiled
//! with the checker's locks, so that a scheduler controls the order of all steps.
//!
//! The checker is shuttle. All shared state is behind locks, so only the order of steps can go wrong, not the order of
//! memory accesses, which loom would also model at a high cost. For few steps, shuttle tries every order; for more, it
//! tries those with few preemptions; and for any number of threads, it tries random orders, which loom cannot
//! (`orders`). A failing order can be replayed. The product needs no special build: `store` includes its source by path
//! and replaces the locks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

mod broken;
mod claims;
mod commits;
#[path = "../help/delegate.rs"]
mod delegate;
#[path = "../help/opened.rs"]
mod opened;
mod orders;
mod signing;
mod slot;
mod store;
mod tables;

// The source of the store refers to it as `crate::base`.
use docendorse_mock::base;
