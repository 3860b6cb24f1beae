//! Accounts as the program changes them. Layouts are in the interface crate; here are the rules for writing them.

pub mod authority;
pub mod book;
pub mod index_set;
pub mod interest;

pub use authority::{may_trade, require_owner};
pub use book::{AccountBook, Side};
pub use index_set::IndexSet;
pub use interest::{HouseDelta, Opened};
pub use portfolio_margin_interface::state::*;
