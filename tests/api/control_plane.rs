//! The control plane: what it answers, and what it refuses.

mod basics;
pub mod events;
mod nonsense;
mod problems;
mod refusals;
pub mod strictness;
