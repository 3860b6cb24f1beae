//! Banks, deposits, withdrawals; interest, fees and the insurance fund.

pub mod collect_fees;
pub mod deposit_collateral;
pub mod deposit_insurance;
pub mod initialize_bank;
mod outflow;
pub mod report_bank_outage;
pub mod update_bank;
pub mod update_interest;
pub mod withdraw_collateral;
pub mod withdraw_fees;

pub use collect_fees::*;
pub use deposit_collateral::*;
pub use deposit_insurance::*;
pub use initialize_bank::*;
pub use report_bank_outage::*;
pub use update_bank::*;
pub use update_interest::*;
pub use withdraw_collateral::*;
pub use withdraw_fees::*;
