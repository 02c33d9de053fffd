//! Request bodies: what must hold of any bytes.

pub mod agreement;
mod property;
