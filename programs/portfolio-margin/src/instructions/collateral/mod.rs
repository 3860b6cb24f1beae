//! Banks, deposits, withdrawals.

pub mod deposit_collateral;
pub mod initialize_bank;
pub mod withdraw_collateral;

pub use deposit_collateral::*;
pub use initialize_bank::*;
pub use withdraw_collateral::*;
