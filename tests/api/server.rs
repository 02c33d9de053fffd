//! The whole server: who can reach it, what sockets show, its URLs and its documents.

mod documents;
mod embedded;
mod guard;
mod guard_on_the_wire;
mod urls;
mod wire;
