//! Prices that may be used: Pyth accounts in, checked prices out.

pub mod policy;
pub mod pyth_pull;

pub use policy::OraclePolicy;
pub use pyth_pull::{checked_price, CheckedPrice};
