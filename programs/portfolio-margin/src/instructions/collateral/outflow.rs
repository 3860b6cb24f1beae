//! What leaves a bank: no more than it owes, in a window no more than its limit, and of the quote asset nothing while the house is
//! proven to lack more than its insurance fund holds.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank};

use crate::error::MarginError;

/// Refuses to let quote tokens leave while proven insolvency exceeds the insurance fund: the rest is a loss of all quote balances,
/// which whoever leaves first would leave to the others.
///
/// Errors: `WithdrawalsPaused` with what is proven and what the fund holds.
pub fn require_not_paused(house: &Clearinghouse) -> Result<()> {
    match house.is_withdrawal_paused() {
        false => Ok(()),
        true => Err(error!(MarginError::WithdrawalsPaused)
            .with_values((house.proven_insolvency, house.insurance))),
    }
}

/// Takes tokens off what a bank owes and counts them against its limit.
///
/// Errors: `BalanceInsufficient` where the tokens are lent out, `WithdrawalLimit`.
pub fn count_outflow(bank: &mut CollateralBank, amount: u64, now: i64) -> Result<()> {
    let total = bank.total_deposits;
    let Some(rest) = total.checked_sub(amount) else {
        return Err(error!(MarginError::BalanceInsufficient).with_values((total, amount)));
    };
    bank.total_deposits = rest;
    let limit = bank.withdrawal_limit;
    if limit == 0 {
        return Ok(());
    }
    let outflow = bank.outflow_at(now).plus(amount);
    if !outflow.is_within(limit) {
        return Err(error!(MarginError::WithdrawalLimit).with_values((outflow.net, limit)));
    }
    bank.set_outflow(outflow);
    Ok(())
}
