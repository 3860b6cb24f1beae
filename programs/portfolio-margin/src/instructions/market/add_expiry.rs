//! Lists an expiry in a market.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, Market};
use risk_core::market::MAX_TENOR_SECONDS;
use risk_core::Price;

use crate::error::{risk_error, MarginError};
use crate::event::ExpiryAdded;

#[derive(Accounts)]
pub struct AddExpiry<'info> {
    pub governor: Signer<'info>,
    pub clearinghouse: AccountLoader<'info, Clearinghouse>,
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
}

impl AddExpiry<'_> {
    fn validate(&self, time: i64, now: i64) -> Result<()> {
        // governor: signs, and is the clearing house's
        require_keys_eq!(
            self.clearinghouse.load()?.governor,
            self.governor.key(),
            MarginError::NotGovernor
        );
        // clearinghouse, market: owner and discriminator checked by their loaders; the market is the clearing house's
        let market = self.market.load()?;
        require_keys_eq!(
            market.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_gt!(time, now, MarginError::ExpiryOutOfRange);
        let latest = now.saturating_add(MAX_TENOR_SECONDS);
        require_gte!(latest, time, MarginError::ExpiryOutOfRange);
        if market.expiries.iter().any(|slot| slot.time == time) {
            return Err(error!(MarginError::ExpiryListed).with_values((time, now)));
        }
        check_skew(&market, time, now)
    }
}

/// A skew node whose cap is not positive at the tenor is refused. The cap is linear in the root of the tenor, and positive at
/// none: what is listed stays good until it expires.
fn check_skew(market: &Market, time: i64, now: i64) -> Result<()> {
    let (params, set) = (market.params(), market.scenarios.set());
    let set = set.map_err(risk_error)?;
    market
        .input(now, Price::ZERO, set, &params)
        .check_listing(time.saturating_sub(now))
        .map_err(risk_error)
}

pub fn handler(ctx: Context<AddExpiry>, time: i64) -> Result<()> {
    ctx.accounts.validate(time, Clock::get()?.unix_timestamp)?;
    let mut market = ctx.accounts.market.load_mut()?;
    if market.expiries.last().is_some_and(|slot| slot.time != 0) {
        return Err(error!(MarginError::ExpiriesFull)
            .with_values((market.expiries.len(), market.expiries.len())));
    }
    let at = market
        .expiries
        .iter()
        .position(|slot| slot.time == 0 || slot.time > time);
    if let Some(tail) = at.and_then(|at| market.expiries.get_mut(at..)) {
        // The last slot is unused, so what rotates to the front is zero.
        tail.rotate_right(1);
        if let Some(slot) = tail.first_mut() {
            slot.time = time;
        }
    }
    emit!(ExpiryAdded {
        market: ctx.accounts.market.key(),
        time,
    });
    Ok(())
}
