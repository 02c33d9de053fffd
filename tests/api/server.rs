//! The server as a whole: access, sockets, URLs and documents.

mod documents;
mod embedded;
mod guard;
mod guard_on_the_wire;
mod urls;
mod wire;
