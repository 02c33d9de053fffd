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

pub mod actor;
pub mod agenda;
pub mod app;
pub mod budget;
pub mod chance;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod document;
pub mod event;
pub mod glob;
pub mod http;
pub mod ids;
pub mod journal;
pub mod log;
pub mod message;
pub mod mock;
pub mod oauth;
pub mod position;
pub mod reading;
pub mod sandbox;
pub mod scenario;
pub mod server;
pub mod session;
pub mod signing;
pub mod store;
pub mod urls;

pub use actor::ActorChange;
pub use app::App;
pub use config::Settings;
pub use mock::{ChangedActor, CreateSandbox, Mock, MockError, MockSandbox};
pub use server::{Server, ServerError};
pub use session::SessionStatus;
