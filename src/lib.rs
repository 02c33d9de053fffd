//! A stand-in for DocEndorse's handoff to the e-sign agent.
//!
//! To run a server inside a test, start a [`Mock`]. To mount the routes in your own server, use [`router`] with an
//! [`App`]. The program is the binary of this crate.
//!
//! This page lists the whole public API. The modules behind it exist for this crate's own tests and can change with any
//! version.

#[doc(hidden)]
pub mod app;
#[doc(hidden)]
pub mod base;
#[doc(hidden)]
pub mod cli;
#[doc(hidden)]
pub mod config;
#[doc(hidden)]
pub mod domain;
#[doc(hidden)]
pub mod http;
#[doc(hidden)]
pub mod mock;
#[doc(hidden)]
pub mod sandbox;
#[doc(hidden)]
pub mod simulation;
#[doc(hidden)]
pub mod store;

// Running the server in a test, or mounting it elsewhere.
#[doc(inline)]
pub use crate::{
    app::App,
    config::Settings,
    http::{
        router,
        server::{Server, ServerError},
    },
    mock::{ChangedActor, CreateSandbox, Mock, MockError, MockSandbox},
};
// Argument and return types of the above.
#[doc(inline)]
pub use crate::{
    config::SwitchChanges,
    domain::{
        actor::{ActorChange, ActorState},
        agenda::{Item, Task},
        event::{Event, EventKind, NumberedEvent, Subject},
        journal::{Entry, Exchange, RecordedAnswer},
        session::{AgentSession, SessionStatus},
    },
    sandbox::{Credentials, Ran},
};
