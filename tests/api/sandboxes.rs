//! Sandboxes: their lifecycle, settings, bounds and resets.

mod bounds;
mod interleavings;
pub mod lifecycle;
mod resets;
mod restarts;
mod switches;
