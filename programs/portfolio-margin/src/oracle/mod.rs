//! Prices that may be used: price accounts in, checked prices out.

pub mod outage;
pub mod policy;
pub mod price;
pub mod pyth_legacy;
pub mod pyth_pull;

pub use outage::{shown_price, Priced};
pub use policy::{Action, OraclePolicy};
pub use price::{checked_price, published_price, CheckedPrice};
