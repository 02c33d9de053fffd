//! Request bodies: properties that hold for any bytes.

pub mod agreement;
mod property;
