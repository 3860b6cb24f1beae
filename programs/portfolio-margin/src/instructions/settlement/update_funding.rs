//! Moves the anchor of a market's funding index into the running hour. Nobody needs it: the index is the same without.
//!
//! It is for readers that would rather see the index of the hour than compute it, and for the event.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::Market;

use super::bump_market;
use crate::event::FundingUpdated;

#[derive(Accounts)]
pub struct UpdateFunding<'info> {
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
}

impl UpdateFunding<'_> {
    fn validate(&self) -> Result<()> {
        // market: owner and discriminator checked by its loader; any market, since nothing but its own record is used
        Ok(())
    }
}

pub fn handler(ctx: Context<UpdateFunding>) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let mut market = ctx.accounts.market.load_mut()?;
    let before = market.funding;
    market.funding.roll(now);
    if market.funding == before {
        return Ok(());
    }
    let sequence = bump_market(&mut market)?;
    emit!(FundingUpdated {
        market: ctx.accounts.market.key(),
        index: market.funding.index,
        rate: market.funding.rate,
        period_start: market.funding.period_start,
        sequence,
    });
    Ok(())
}
