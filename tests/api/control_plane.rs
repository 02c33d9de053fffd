//! The control plane: its answers and its errors.

mod basics;
pub mod events;
mod nonsense;
mod problems;
mod refusals;
pub mod strictness;
