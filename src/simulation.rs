//! The competition played through: by chance ([`race`]), and exhaustively ([`explore`]). Pure, on top of
//! [`domain::signing`](crate::domain::signing).

pub mod explore;
pub mod race;
