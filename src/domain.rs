//! The rules of the contract. Pure: no I/O, runtime or web framework, and no direct access to time or randomness.

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
