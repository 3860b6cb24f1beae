//! Stores a market's spot, moves its stable price towards it, and samples its regime.
//!
//! Anybody may call it, as often as they like: the bound is a share per time, and steps add up to no more than one of their
//! whole length. Time counts from the last move, so that steps too small for one unit of price are not lost; at spot nothing
//! is saved up, nor is more than an hour where nobody calls: a thief who waits for silence must not pump the spot and take the
//! stable price along at once.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::price::stable_price_after;
use portfolio_margin_interface::state::Market;
use risk_core::Price;

use super::regime;
use crate::error::{overflow, MarginError};
use crate::event::{MarketUpdated, OutageEnded};
use crate::oracle::policy::MAX_LAG;
use crate::oracle::{checked_price, Action, OraclePolicy};

/// Longest time that one move may count, seconds.
const MOST_SECONDS: i64 = 3_600;

#[derive(Accounts)]
pub struct UpdateMarket<'info> {
    #[account(mut)]
    pub market: AccountLoader<'info, Market>,
    /// CHECK: a price account of the market's kind and feed; every field is checked.
    pub price: UncheckedAccount<'info>,
    /// The market that the regime's covariance is measured with; without it a sample waits twice as long.
    pub reference: Option<AccountLoader<'info, Market>>,
    /// CHECK: a price account of the reference market's kind and feed; every field is checked.
    pub reference_price: Option<UncheckedAccount<'info>>,
}

impl UpdateMarket<'_> {
    fn validate(&self) -> Result<()> {
        // market: owner and discriminator checked by its loader
        // price: owner, layout, feed, verification, sign, age and confidence are checked as it is read
        // reference, reference_price: optional; the reference is another account than the market, owner and discriminator checked by
        // its loader, of the market's clearing house and the one that its regime names; its price is checked as it is read
        let Some(reference) = &self.reference else {
            return Ok(());
        };
        require_keys_neq!(
            reference.key(),
            self.market.key(),
            MarginError::MarketMismatch
        );
        let (market, reference) = (self.market.load()?, reference.load()?);
        require_keys_eq!(
            reference.clearinghouse,
            market.clearinghouse,
            MarginError::ClearinghouseMismatch
        );
        let place = reference.index.saturating_add(1);
        require_eq!(
            place,
            market.regime.reference_market,
            MarginError::MarketMismatch
        );
        Ok(())
    }

    /// The reference market's price with its time, where it was passed whole; as good as the market's own, and not behind what was
    /// stored.
    fn reference_price(&self, now: i64) -> Result<Option<(u64, i64)>> {
        let (Some(reference), Some(account)) = (&self.reference, &self.reference_price) else {
            return Ok(None);
        };
        let reference = reference.load()?;
        let policy = OraclePolicy::of_market(&reference);
        let checked = checked_price(account, &policy, now)?;
        let (price, publish_time) = checked.accepted_by(Action::Store)?;
        require_gte!(
            publish_time,
            reference.spot_publish_time,
            MarginError::OracleOutdated
        );
        Ok(Some((price.raw(), publish_time)))
    }
}

/// A reference price of the time of the market's own. Two markets that move as one look opposed to whoever samples one of them late.
fn paired((price, reference_time): (u64, i64), publish_time: i64) -> Result<u64> {
    let apart = reference_time.abs_diff(publish_time);
    let limit = MAX_LAG.unsigned_abs();
    match apart <= limit {
        true => Ok(price),
        false => Err(error!(MarginError::OracleOutdated).with_values((limit, apart))),
    }
}

pub fn handler(ctx: Context<UpdateMarket>) -> Result<()> {
    ctx.accounts.validate()?;
    let now = Clock::get()?.unix_timestamp;
    let reference = ctx.accounts.reference_price(now)?;
    let mut market = ctx.accounts.market.load_mut()?;
    let policy = OraclePolicy::of_market(&market);
    let checked = checked_price(&ctx.accounts.price, &policy, now)?;
    require_gte!(
        checked.publish_time,
        market.spot_publish_time,
        MarginError::OracleOutdated
    );
    let key = ctx.accounts.market.key();
    let is_stored = Action::Store.accepts(checked.doubt);
    if market.outage_at != 0 && Action::Repair.accepts(checked.doubt) {
        end_outage(&mut market, key, checked.publish_time)?;
        if !is_stored {
            return Ok(());
        }
    }
    let (spot, publish_time) = checked.accepted_by(Action::Store)?;
    let reference = reference
        .map(|reference| paired(reference, publish_time))
        .transpose()?;
    market.spot = spot.raw();
    market.spot_publish_time = publish_time;
    if market.stable_rate > 0 {
        move_stable_price(&mut market, spot, now);
    }
    let mut is_sampled = false;
    if market.regime.is_on() {
        is_sampled = market
            .regime
            .update(spot.raw(), reference, publish_time, now);
        regime::widen(&mut market)?;
    }
    market.sequence = market.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(MarketUpdated {
        market: key,
        spot: spot.raw(),
        stable_price: market.stable_price,
        publish_time,
        is_sampled,
        factor_initial: market.regime.factor_initial,
        factor_maintenance: market.regime.factor_maintenance,
        factor_applied: market.regime.factor_applied,
        offset_share: market.regime.share(),
        sequence: market.sequence,
    });
    Ok(())
}

/// The feed lives: its price need not be good enough to store.
fn end_outage(market: &mut Market, key: Pubkey, publish_time: i64) -> Result<()> {
    market.outage_at = 0;
    market.sequence = market.sequence.checked_add(1).ok_or_else(overflow)?;
    emit!(OutageEnded {
        market: key,
        publish_time,
        sequence: market.sequence,
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
