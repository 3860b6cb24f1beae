//! Repair of accounts that fail.

pub mod auto_deleverage;
pub mod bid_insolvent;
pub mod bid_liquidation;
mod handover;
pub mod liquidate_legs;
mod parties;
mod profile;
pub mod prove_insolvency;
pub mod recovery;
pub mod resolve_bankruptcy;
pub mod restart_auction;
mod slice;
pub mod start_liquidation;
pub mod stop_liquidation;

pub use auto_deleverage::*;
pub use bid_insolvent::*;
pub use bid_liquidation::*;
pub use liquidate_legs::*;
pub use prove_insolvency::*;
pub use recovery::*;
pub use resolve_bankruptcy::*;
pub use start_liquidation::*;
