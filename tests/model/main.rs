//! The store in memory, the update loop and the competition under a model checker: the same source that the product is
//! built from, with locks that a scheduler of our choice steps through.
//!
//! The checker is shuttle. All that is shared here lies behind locks, so what there is to get wrong is the order of
//! steps, and not that of memory, which loom models beside it and pays for. Shuttle walks every order of a few steps, and
//! of more those with few interruptions; and it draws orders of any number of threads, as loom does not (`orders`). An
//! order that fails is data, and plays again. The product needs no second build for it: `store` takes the source in by
//! its path, and puts the checker's locks in its way.

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

// The source of the store names it as `crate::base`.
use docendorse_mock::base;
