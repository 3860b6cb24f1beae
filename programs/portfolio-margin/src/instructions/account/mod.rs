//! Margin accounts.

pub mod close_margin_account;
pub mod grow_margin_account;
pub mod open_margin_account;
pub mod set_delegate;
pub mod set_tier;

pub use close_margin_account::*;
pub use grow_margin_account::*;
pub use open_margin_account::*;
pub use set_delegate::*;
pub use set_tier::*;
