//! The token endpoint, clients and their keys, and what a token permits.

pub mod access;
pub mod client;
mod grants;
mod hostile;
mod registration;
mod scenarios;
