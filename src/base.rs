//! What every layer stands on: time, identifiers, random numbers, budgets, patterns, places in a text, URLs, log lines.
//!
//! Knows nothing of the contract. Only [`clock`] and [`ids`] read time or randomness.

pub mod budget;
pub mod chance;
pub mod clock;
pub mod document;
pub mod glob;
pub mod ids;
pub mod io_error;
pub mod log;
pub mod names;
pub mod panics;
pub mod position;
pub mod reading;
pub mod schema;
pub mod times;
pub mod urls;
