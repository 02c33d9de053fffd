//! The real binary, as a shell sees it: what it prints, how it ends, what it leaves behind.
//!
//! Golden files lie in `golden/`; set `UPDATE_GOLDEN=1` to write them anew, and read the difference.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on should say where")]
#![allow(clippy::pedantic, clippy::unit_arg, clippy::disallowed_methods, reason = "a test is read as a story")]
#![allow(missing_docs, unreachable_pub, reason = "a test binary has no outside")]

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
