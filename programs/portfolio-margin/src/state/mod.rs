//! Accounts as the program changes them. Layouts are in the interface crate; here are the rules for writing them.

pub mod authority;
pub mod book;
pub mod index_set;
pub mod insolvency;
pub mod interest;
pub mod open_interest;
pub mod priced_leg;

pub use authority::{may_trade, require_owner};
pub use book::{AccountBook, Change, Side};
pub use index_set::IndexSet;
pub use interest::{HouseDelta, Opened};
pub use open_interest::{Limits, OpenInterest};
pub use portfolio_margin_interface::state::*;
pub use priced_leg::PricedLeg;
