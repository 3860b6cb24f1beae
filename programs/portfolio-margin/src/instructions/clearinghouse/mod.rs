//! The clearing house itself.

pub mod initialize_clearinghouse;
pub mod update_quote_price;

pub use initialize_clearinghouse::*;
pub use update_quote_price::*;
