//! Foundations of every layer: time, ids, random numbers, budgets, patterns, text positions, URLs and log lines.
//!
//! Contains nothing specific to the contract. Only [`clock`] and [`ids`] read time or randomness.

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
