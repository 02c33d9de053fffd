//! The journal: what it records, and how it is queried.

mod exchanges;
mod near_misses;
mod pending;
mod plus_in_match;
mod queries;
mod secrets;
mod waits;
