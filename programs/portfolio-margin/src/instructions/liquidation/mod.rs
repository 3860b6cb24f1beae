//! Repair of accounts that fail.

pub mod bid_liquidation;
pub mod restart_auction;
mod slice;
pub mod start_liquidation;
pub mod stop_liquidation;

pub use bid_liquidation::*;
pub use restart_auction::*;
pub use start_liquidation::*;
pub use stop_liquidation::*;
