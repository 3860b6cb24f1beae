//! What stands in for a dead feed: the last price that its market stored, once an outage was reported and nobody could answer.
//!
//! A feed can die while accounts hold what it prices. Refusing to value them would leave an account that fails on another leg
//! without liquidation, and its owner without a way to reduce. With pull oracles nobody can prove on chain that there is no younger
//! price, so its absence is *claimed and open to challenge*: anybody may report an outage once a market has stored no price for
//! [`OUTAGE_LEAST_AGE`]; any usable price that anybody shows to `update_market` ends it; only after [`OUTAGE_DELAY`] without one
//! does the market's stored price stand in. Nobody chooses that price: it is the newest that was ever stored.
//!
//! Its grade is Stale, which repairs and reductions accept and nothing else does. Whoever wants it passes the market in the place
//! of the price, for the market itself and for banks of the same feed. One market may stand in for another of its feed (an instruction
//! shows one account per feed), but only where the other's feed was reported dead too, and with no older price than the other has
//! stored: else a market that everybody has left would price those that live.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::Market;
use risk_core::Price;

use super::policy::{Doubt, Grade};
use super::price::{checked_price, CheckedPrice, PriceWidth};
use super::OraclePolicy;
use crate::error::MarginError;

/// Least age of a market's stored price when an outage is reported, seconds.
pub const OUTAGE_LEAST_AGE: i64 = 600;
/// How long nobody may have answered a report before the stored price stands in, seconds.
pub const OUTAGE_DELAY: i64 = 3_600;

/// A price for a margin check: from the price account, or from a market of the feed with an outage in force. `priced`: the market
/// whose spot it is to be; none for a bank.
///
/// Errors: those of [`checked_price`]; `ClearinghouseMismatch`, `OracleFeedMismatch`, `OutageMissing`, `OracleOutdated` for a market.
pub fn shown_price<'info>(
    account: &'info AccountInfo<'info>,
    policy: &OraclePolicy,
    clearinghouse: &Pubkey,
    now: i64,
    priced: Option<&Market>,
) -> Result<CheckedPrice> {
    if account.owner == &crate::ID {
        let stored = stored_price(account, policy, clearinghouse, now)?;
        return match priced {
            None => Ok(stored),
            Some(market) => good_for(market, stored, now),
        };
    }
    checked_price(account, policy, now)
}

/// Passes a stored price for a market with an outage in force that has stored none younger.
#[cold]
fn good_for(market: &Market, stored: CheckedPrice, now: i64) -> Result<CheckedPrice> {
    require_outage(market, now)?;
    require_gte!(
        stored.publish_time,
        market.spot_publish_time,
        MarginError::OracleOutdated
    );
    Ok(stored)
}

/// Refuses a market without an outage in force.
fn require_outage(market: &Market, now: i64) -> Result<()> {
    let lasted = match market.outage_at {
        0 => 0,
        since => now.saturating_sub(since),
    };
    match lasted >= OUTAGE_DELAY {
        true => Ok(()),
        false => Err(error!(MarginError::OutageMissing).with_values((lasted, OUTAGE_DELAY))),
    }
}

#[cold]
#[inline(never)]
fn stored_price<'info>(
    account: &'info AccountInfo<'info>,
    policy: &OraclePolicy,
    clearinghouse: &Pubkey,
    now: i64,
) -> Result<CheckedPrice> {
    let loader = AccountLoader::<Market>::try_from(account)
        .map_err(|_| error!(MarginError::OracleOwner).with_pubkeys((*account.key, crate::ID)))?;
    let market = loader.load()?;
    require_keys_eq!(
        market.clearinghouse,
        *clearinghouse,
        MarginError::ClearinghouseMismatch
    );
    if market.feed_id != policy.feed_id || market.oracle_kind != policy.kind {
        return Err(error!(MarginError::OracleFeedMismatch).with_pubkeys((
            Pubkey::new_from_array(market.feed_id),
            Pubkey::new_from_array(policy.feed_id),
        )));
    }
    require_outage(&market, now)?;
    let age = now.saturating_sub(market.spot_publish_time);
    Ok(CheckedPrice {
        price: Price::from_raw(market.spot),
        publish_time: market.spot_publish_time,
        doubt: Some(Doubt::too_old(
            MarginError::OracleStale,
            Grade::Stale,
            policy.max_age.into(),
            age,
        )),
        width: PriceWidth::UNKNOWN,
    })
}
