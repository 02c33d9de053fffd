//! A stand-in for DocEndorse's handoff to the e-sign agent.
//!
//! The map of the crate, from the inside out; imports point upwards only.
//!
//! - The core, pure: [`document`] says what can be kept; [`contract`] judges bodies and words answers, [`oauth`]
//!   judges assertions and knows access tokens, [`scenario`] decides, [`session`], [`actor`] and [`journal`] are what is
//!   decided about, [`signing`] is the competition of many agents for one signature, [`event`] what happened; [`clock`]
//!   and [`ids`] are the only readers of time and of randomness, [`chance`] says what they are drawn for.
//! - [`store`] keeps documents; [`sandbox`] puts the core to work over a store, a clock and ids.
//! - [`log`] is the way of log lines to standard error.
//! - [`app`] composes; [`http`] translates; [`server`] listens; [`cli`] is the program, and [`config`] what it is told.
//!
//! To have a server inside a test, start a [`Mock`]; to mount the routes elsewhere, take [`http::router`].

pub mod app;
pub mod base;
pub mod cli;
pub mod config;
pub mod domain;
pub mod http;
pub mod mock;
pub mod sandbox;
pub mod simulation;
pub mod store;

pub use app::App;
pub use config::Settings;
pub use domain::actor::ActorChange;
pub use domain::session::SessionStatus;
pub use http::server::{Server, ServerError};
pub use mock::{ChangedActor, CreateSandbox, Mock, MockError, MockSandbox};
