//! Tests of the real binary as a shell sees it: its output, its exit codes, and the files it leaves behind.
//!
//! Golden files are in `golden/`. Set `UPDATE_GOLDEN=1` to rewrite them, and review the diff.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "tests favour readability")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary exports nothing")]

mod completion;
mod config;
#[cfg(unix)]
mod endings;
mod exit_codes;
mod finding;
mod folders;
mod guard;
mod harness;
mod help;
mod limits;
mod listen;
mod messages;
mod nonsense;
mod race;
mod reading;
mod reload;
mod scenarios;
mod serve;
mod tokens;
mod validate;
