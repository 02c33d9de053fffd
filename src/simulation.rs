//! Simulates the competition between agents: randomly ([`race`]) and exhaustively ([`explore`]). Pure, built on
//! [`domain::signing`](crate::domain::signing).

pub mod explore;
pub mod race;
