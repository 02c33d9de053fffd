//! A stand-in for DocEndorse's handoff to the e-sign agent.
//!
//! To have a server inside a test, start a [`Mock`]. To mount the routes in a server of your own, take [`router`] over an
//! [`App`]. The program is the binary of this crate.
//!
//! Everything that is public is on this page. The modules behind it are for this crate's own tests and may change with
//! any version.

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

// The server in a test, and mounted elsewhere.
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
// What they take and answer with.
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
