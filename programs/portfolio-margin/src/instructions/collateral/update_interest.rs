//! Writes the indices of interest up to now and takes the house's share of what debtors were charged.
//!
//! Nobody depends on it: indices follow from the record and the time wherever they are read.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::Clearinghouse;

use super::collect_fees::{add_revenue, Revenue};
use crate::error::overflow;
use crate::event::InterestUpdated;

#[derive(Accounts)]
pub struct UpdateInterest<'info> {
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
}

impl UpdateInterest<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse: owner and discriminator checked by its loader
        Ok(())
    }
}

pub fn handler(ctx: Context<UpdateInterest>) -> Result<()> {
    ctx.accounts.validate()?;
    let mut house = ctx.accounts.clearinghouse.load_mut()?;
    let mut interest = house.interest.at(Clock::get()?.unix_timestamp);
    // Only what debtors were charged already: what they owe beyond it is not in the ledger yet.
    let charged = u64::try_from(interest.pool).unwrap_or(0);
    let taken = interest.house_due.min(charged);
    interest.house_due = interest.house_due.saturating_sub(taken);
    let pool = interest.pool.checked_sub_unsigned(taken);
    interest.pool = pool.ok_or_else(overflow)?;
    house.interest = interest;
    let Revenue { insurance, fees } = add_revenue(&mut house, taken)?;
    emit!(InterestUpdated {
        clearinghouse: ctx.accounts.clearinghouse.key(),
        debt_index: interest.debt_index,
        balance_index: interest.balance_index,
        debts: interest.debts,
        insurance,
        fees,
        sequence: house.sequence,
    });
    Ok(())
}
