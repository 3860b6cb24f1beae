//! What leaves a bank: no more than it owes, and in a window no more than its limit.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::CollateralBank;

use crate::error::MarginError;

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
