//! The clock of a sandbox, its agenda, and the timer.

mod agenda;
mod moves;
mod timer;
