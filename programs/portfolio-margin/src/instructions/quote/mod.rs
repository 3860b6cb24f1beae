//! Quotes that makers sign off chain.

pub mod cancel_quotes;
pub mod fill_quote;
pub mod open_quotes;
pub mod signature;

pub use cancel_quotes::*;
pub use fill_quote::*;
pub use open_quotes::*;
