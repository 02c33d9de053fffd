//! The signing service, and acting as an agent through the control plane.

mod address_book;
mod agents;
mod assignment;
mod bodies;
mod by_hand;
mod keys;
pub mod lifecycle;
mod lists;
mod messages;
pub mod play;
mod status;
