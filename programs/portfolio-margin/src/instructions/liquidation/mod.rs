//! Repair of accounts that fail.

pub mod bid_liquidation;
mod slice;
pub mod start_liquidation;
pub mod stop_liquidation;

pub use bid_liquidation::*;
pub use start_liquidation::*;
pub use stop_liquidation::*;
