//! Exchange of positions.

pub mod deal;
pub mod legs;
#[allow(clippy::module_inception)]
pub mod trade;

pub use trade::*;
