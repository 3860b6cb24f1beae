//! Claims that a market's feed is dead; whoever knows better answers with `update_market`.
//!
//! An hour without an answer later, the market's stored price stands in for the feed in repairs and reductions: see
//! [`crate::oracle::outage`].

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::Market;

use crate::error::{overflow, MarginError};
use crate::event::OutageReported;
use crate::oracle::outage::OUTAGE_LEAST_AGE;

#[derive(Accounts)]
pub struct ReportOutage<'info> {
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
}

impl ReportOutage<'_> {
    fn validate(&self, now: i64) -> Result<()> {
        // market: owner and discriminator checked by its loader; has stored a price, none of late, and no outage is reported
        let market = self.market.load()?;
        let age = now.saturating_sub(market.spot_publish_time);
        if market.spot == 0 || market.outage_at != 0 || age < OUTAGE_LEAST_AGE {
            msg!("spot {}, outage at {}", market.spot, market.outage_at);
            return Err(error!(MarginError::OutageRefused).with_values((age, OUTAGE_LEAST_AGE)));
        }
        Ok(())
    }
}

pub fn handler(ctx: Context<ReportOutage>) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    ctx.accounts.validate(now)?;
    let mut market = ctx.accounts.market.load_mut()?;
    market.outage_at = now;
    market.sequence = market.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(OutageReported {
        market: ctx.accounts.market.key(),
        spot: market.spot,
        publish_time: market.spot_publish_time,
        outage_at: now,
        sequence: market.sequence,
    });
    Ok(())
}
