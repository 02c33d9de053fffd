//! Simulated people, and races among them.

pub mod late_writer;
mod restored;
mod simulations;
pub mod stage;
mod timelines;
