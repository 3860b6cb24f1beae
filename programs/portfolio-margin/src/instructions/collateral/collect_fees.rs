//! Moves the fees of a market to the clearing house: the insurance fund's share and the rest.
//!
//! Fees stay in their market as trades pay them, so that trades in different markets write nothing in common.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, Market};

use crate::error::{overflow, MarginError};
use crate::event::FeesCollected;

/// 1.0 of a share.
const ONE: u64 = 1_000_000;

#[derive(Accounts)]
pub struct CollectFees<'info> {
    #[account(mut)]
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
}

impl CollectFees<'_> {
    fn validate(&self) -> Result<()> {
        // clearinghouse, market: owner and discriminator checked by their loaders; the market is the clearing house's
        let market = self.market.load()?;
        require_keys_eq!(
            market.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_gt!(market.fees, 0, MarginError::ZeroAmount);
        Ok(())
    }
}

/// What came in for the house, 1e-6 USD, by where it went.
pub struct Revenue {
    /// To the insurance fund.
    pub insurance: u64,
    /// To the governor's fees.
    pub fees: u64,
}

/// Adds revenue that the ledger held elsewhere to the insurance fund, its share rounded up, and to fees. It backs balances no more.
pub fn add_revenue(house: &mut Clearinghouse, amount: u64) -> Result<Revenue> {
    let share = u64::from(house.insurance_share).min(ONE);
    let insurance = u128::from(amount)
        .saturating_mul(share.into())
        .div_ceil(ONE.into()); // no more than the amount
    let insurance = u64::try_from(insurance).map_err(|_| overflow())?;
    let fees = amount.checked_sub(insurance).ok_or_else(overflow)?;
    let sums = house
        .insurance
        .checked_add(insurance)
        .zip(house.fees.checked_add(fees));
    (house.insurance, house.fees) = sums.ok_or_else(overflow)?;
    let funds = house.interest.funds.checked_sub_unsigned(amount);
    house.interest.funds = funds.ok_or_else(overflow)?;
    house.sequence = house.sequence.checked_add(1).ok_or_else(overflow)?;
    Ok(Revenue { insurance, fees })
}

pub fn handler(ctx: Context<CollectFees>) -> Result<()> {
    ctx.accounts.validate()?;
    let amount = {
        let mut market = ctx.accounts.market.load_mut()?;
        core::mem::take(&mut market.fees)
    };
    let mut house = ctx.accounts.clearinghouse.load_mut()?;
    house.interest = house.interest.at(Clock::get()?.unix_timestamp);
    let Revenue { insurance, fees } = add_revenue(&mut house, amount)?;
    emit!(FeesCollected {
        clearinghouse: ctx.accounts.clearinghouse.key(),
        market: ctx.accounts.market.key(),
        insurance,
        fees,
        sequence: house.sequence,
    });
    Ok(())
}
