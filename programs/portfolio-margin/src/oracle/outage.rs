//! What stands in for a dead feed: the last price that its market stored, once an outage was reported and nobody could answer.
//!
//! A feed can die while accounts hold what it prices. Refusing to value them would leave an account that fails on another leg
//! without liquidation, and its owner without a way to reduce. With pull oracles nobody can prove on chain that there is no younger
//! price, so its absence is *claimed and open to challenge*: anybody may report an outage once a market has stored no price for
//! [`OUTAGE_LEAST_AGE`]; any usable price that anybody shows to `update_market` ends it; only after [`OUTAGE_DELAY`] without one
//! does the market's stored price stand in. Nobody chooses that price: it is the newest that was ever stored.
//!
//! Its grade is Stale, which repairs and reductions accept and nothing else does. Whoever wants it passes the market in the place
//! of the price, for the market itself and for banks of the same feed.

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

/// A price for a margin check: from the price account, or from a market of the feed with an outage in force.
///
/// Errors: those of [`checked_price`]; `ClearinghouseMismatch`, `OracleFeedMismatch`, `OutageMissing` for a market.
pub fn shown_price<'info>(
    account: &'info AccountInfo<'info>,
    policy: &OraclePolicy,
    clearinghouse: &Pubkey,
    now: i64,
) -> Result<CheckedPrice> {
    if account.owner == &crate::ID {
        return stored_price(account, policy, clearinghouse, now);
    }
    checked_price(account, policy, now)
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
    let since = market.outage_at;
    let lasted = now.saturating_sub(since);
    if since == 0 || lasted < OUTAGE_DELAY {
        let lasted = if since == 0 { 0 } else { lasted };
        return Err(error!(MarginError::OutageMissing).with_values((lasted, OUTAGE_DELAY)));
    }
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
