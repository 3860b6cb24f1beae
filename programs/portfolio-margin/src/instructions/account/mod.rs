//! Margin accounts.

pub mod open_margin_account;

pub use open_margin_account::*;
