//! Margin accounts.

pub mod open_margin_account;
pub mod set_tier;

pub use open_margin_account::*;
pub use set_tier::*;
