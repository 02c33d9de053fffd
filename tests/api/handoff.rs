//! The handoff: its answers, the rules that choose among them, and what a client must send.

mod answers;
mod credentials;
mod envelopes;
mod examples;
pub mod fixtures;
mod ids;
mod journeys;
mod judging;
