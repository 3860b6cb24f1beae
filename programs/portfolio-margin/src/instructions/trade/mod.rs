//! Exchange of positions.

pub mod deal;
pub mod exchange;
pub mod leg_markets;
pub mod legs;
#[allow(clippy::module_inception)]
pub mod trade;

pub use trade::*;
