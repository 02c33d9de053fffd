//! The rules of the contract. Pure: no I/O, no runtime, no web framework, no clock and no randomness of its own.

pub mod actor;
pub mod agenda;
pub mod contract;
pub mod event;
pub mod journal;
pub mod message;
pub mod oauth;
pub mod scenario;
pub mod session;
pub mod signing;
