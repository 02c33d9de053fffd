//! The token endpoint, clients and their keys, and access tokens.

pub mod access;
pub mod client;
mod grants;
mod hostile;
mod registration;
mod scenarios;
