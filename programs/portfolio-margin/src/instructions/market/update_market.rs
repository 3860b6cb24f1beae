//! Moves a market's stable price towards its spot.
//!
//! Anybody may call it, as often as they like: the bound is a share per time, and steps add up to no more than one of their
//! whole length. Time counts from the last move, so that steps too small for one unit of price are not lost; at spot nothing
//! is saved up, nor is more than an hour where nobody calls: a thief who waits for silence must not pump the spot and take the
//! stable price along at once.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::price::stable_price_after;
use portfolio_margin_interface::state::Market;
use risk_core::Price;

use crate::error::MarginError;
use crate::event::MarketUpdated;
use crate::oracle::{checked_price, OraclePolicy};

/// Longest time that one move may count, seconds.
const MOST_SECONDS: i64 = 3_600;

#[derive(Accounts)]
pub struct UpdateMarket<'info> {
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// CHECK: a price update of the market's feed; every field is checked.
    pub price: UncheckedAccount<'info>,
}

impl UpdateMarket<'_> {
    fn validate(&self) -> Result<()> {
        // market: owner and discriminator checked by its loader
        // price: owner, layout, feed, verification, sign, age and confidence are checked as it is read
        Ok(())
    }
}

pub fn handler(ctx: Context<UpdateMarket>) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let mut market = ctx.accounts.market.load_mut()?;
    let policy = OraclePolicy {
        feed_id: market.feed_id,
        max_age: market.oracle_max_age,
        max_confidence: market.oracle_max_confidence,
    };
    let (spot, publish_time) = checked_price(&ctx.accounts.price, &policy, now)?.certain()?;
    require_gte!(
        publish_time,
        market.spot_publish_time,
        MarginError::OracleOutdated
    );
    market.spot_publish_time = publish_time;
    if market.stable_rate > 0 {
        move_stable_price(&mut market, spot, now);
    }
    emit!(MarketUpdated {
        market: ctx.accounts.market.key(),
        spot: spot.raw(),
        stable_price: market.stable_price,
        publish_time,
    });
    Ok(())
}

fn move_stable_price(market: &mut Market, spot: Price, now: i64) {
    let next = match market.stable_price() {
        None => spot,
        Some(stable) => {
            let seconds = now.saturating_sub(market.stable_updated_at);
            let seconds = seconds.min(MOST_SECONDS);
            stable_price_after(stable, spot, market.stable_rate, seconds)
        }
    };
    if next.raw() != market.stable_price || next == spot {
        market.stable_price = next.raw();
        market.stable_updated_at = now;
    }
}
