//! Lists an expiry in a market. What is over and held by nobody makes room, so that the places never fill up with the past.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::{Clearinghouse, ExpirySlot, Market};
use risk_core::market::MAX_TENOR_SECONDS;
use risk_core::Price;

use crate::error::{overflow, risk_error, MarginError};
use crate::event::{ExpiryAdded, ExpiryDropped};

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
        // clearinghouse, market: owner and discriminator checked by their loaders; the market is the clearing house's,
        // and open: nothing can be traded or posted before
        let market = self.market.load()?;
        require_keys_eq!(
            market.clearinghouse,
            self.clearinghouse.key(),
            MarginError::ClearinghouseMismatch
        );
        require_eq!(market.is_open, 1, MarginError::MarketClosed);
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

/// Whether an expiry is over and no position names it. Then nobody is owed what its pool holds: it is what rounding left.
fn is_done(slot: &ExpirySlot, now: i64) -> bool {
    slot.time != 0 && slot.time <= now && slot.settlement.records == 0
}

/// Removes the first expiry that is done; returns its time and its dust, which becomes a fee.
fn drop_done(market: &mut Market, now: i64) -> Result<Option<(i64, u64)>> {
    let at = market.expiries.iter().position(|slot| is_done(slot, now));
    let Some(tail) = at.and_then(|at| market.expiries.get_mut(at..)) else {
        return Ok(None);
    };
    tail.rotate_left(1);
    let Some(slot) = tail.last_mut() else {
        return Ok(None);
    };
    let (time, dust) = (slot.time, slot.settlement.pool);
    *slot = bytemuck::Zeroable::zeroed();
    market.fees = market.fees.checked_add(dust).ok_or_else(overflow)?;
    market.sequence = market.sequence.checked_add(1).ok_or_else(overflow)?;
    Ok(Some((time, dust)))
}

/// Keeps the expiries sorted by time, unused ones last.
fn insert(market: &mut Market, time: i64) -> Result<()> {
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
    market.sequence = market.sequence.checked_add(1).ok_or_else(overflow)?;
    Ok(())
}

pub fn handler(ctx: Context<AddExpiry>, time: i64) -> Result<()> {
    let now = Clock::get()?.unix_timestamp;
    ctx.accounts.validate(time, now)?;
    let key = ctx.accounts.market.key();
    let mut market = ctx.accounts.market.load_mut()?;
    while let Some((time, dust)) = drop_done(&mut market, now)? {
        emit!(ExpiryDropped {
            market: key,
            time,
            dust,
            sequence: market.sequence,
        });
    }
    insert(&mut market, time)?;
    emit!(ExpiryAdded {
        market: key,
        time,
        sequence: market.sequence,
    });
    Ok(())
}
