//! Repair of accounts that fail.

pub mod bid_liquidation;
pub mod restart_auction;
pub mod prove_insolvency;
pub mod resolve_bankruptcy;
mod slice;
pub mod start_liquidation;
pub mod stop_liquidation;

pub use bid_liquidation::*;
pub use restart_auction::*;
pub use prove_insolvency::*;
pub use resolve_bankruptcy::*;
pub use start_liquidation::*;
pub use stop_liquidation::*;
