//! One file per instruction: accounts, `validate()`, handler.

// Each file has a `handler`; they are called by module, never through these re-exports.
#![allow(ambiguous_glob_reexports)]

pub mod account;
pub mod clearinghouse;
pub mod collateral;
pub mod guard;
pub mod liquidation;
pub mod market;
pub mod quote;
pub mod settlement;
pub mod trade;
pub mod venue;
pub mod view;

pub use account::*;
pub use clearinghouse::*;
pub use collateral::*;
pub use guard::*;
pub use liquidation::*;
pub use market::*;
pub use quote::*;
pub use settlement::*;
pub use trade::*;
pub use venue::*;
pub use view::*;
