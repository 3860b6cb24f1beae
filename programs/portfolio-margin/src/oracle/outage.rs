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
//!
//! A bank that no market follows does the same for itself with `update_bank` and `report_bank_outage`, and may stand in for another of
//! its feed under the same two conditions. One that never stored a price counts for nothing: else one unit of it, which anybody may
//! deposit without a price, would keep its account from every repair for ever. Where a market of the feed exists as well, whoever
//! repairs chooses between the two; which is fair, since each is the newest that anybody cared to store, and whom the older one would
//! harm could store a newer one there as long as the feed spoke, and for an hour of the report.

use anchor_lang::prelude::*;
use anchor_lang::Discriminator;
use portfolio_margin_interface::state::{CollateralBank, Market};
use risk_core::Price;

use super::policy::{Doubt, Grade};
use super::price::{checked_price, CheckedPrice, PriceWidth};
use super::OraclePolicy;
use crate::error::MarginError;

/// Least age of a stored price when an outage is reported, seconds.
pub const OUTAGE_LEAST_AGE: i64 = 600;
/// How long nobody may have answered a report before the stored price stands in, seconds.
pub const OUTAGE_DELAY: i64 = 3_600;

/// What a price is shown for.
#[derive(Clone, Copy)]
pub enum Priced<'a> {
    /// Collateral of a bank.
    Bank(&'a CollateralBank),
    /// A market's underlying.
    Market(&'a Market),
}

/// A price for a margin check: from the price account, or from a market or a bank of the feed with an outage in force.
///
/// Errors: those of [`checked_price`]; `ClearinghouseMismatch`, `OracleFeedMismatch`, `OutageMissing`, `OracleOutdated` for an account
/// of this program.
pub fn shown_price<'info>(
    account: &'info AccountInfo<'info>,
    policy: &OraclePolicy,
    clearinghouse: &Pubkey,
    now: i64,
    priced: Priced<'_>,
) -> Result<CheckedPrice> {
    if account.owner == &crate::ID {
        return stored_price(account, policy, clearinghouse, now, priced);
    }
    checked_price(account, policy, now)
}

/// What a market or a bank stores of its feed.
struct Stored {
    clearinghouse: Pubkey,
    feed_id: [u8; 32],
    kind: u8,
    spot: u64,
    publish_time: i64,
    outage_at: i64,
    is_bank: bool,
}

impl Stored {
    /// Reads a market, or a bank where a bank is priced.
    ///
    /// Errors: `OracleOwner` for another account.
    fn read<'info>(account: &'info AccountInfo<'info>, priced: Priced<'_>) -> Result<Self> {
        let other = |_| error!(MarginError::OracleOwner).with_pubkeys((*account.key, crate::ID));
        let is_bank = matches!(priced, Priced::Bank(_))
            && account
                .try_borrow_data()?
                .starts_with(CollateralBank::DISCRIMINATOR);
        if is_bank {
            let loader = AccountLoader::<CollateralBank>::try_from(account).map_err(other)?;
            let bank = loader.load()?;
            return Ok(Self::of_bank(&bank));
        }
        let loader = AccountLoader::<Market>::try_from(account).map_err(other)?;
        let market = loader.load()?;
        Ok(Self::of_market(&market))
    }

    fn of_bank(bank: &CollateralBank) -> Self {
        Self {
            clearinghouse: bank.clearinghouse,
            feed_id: bank.feed_id,
            kind: bank.oracle_kind,
            spot: bank.spot,
            publish_time: bank.spot_publish_time,
            outage_at: bank.outage_at,
            is_bank: true,
        }
    }

    fn of_market(market: &Market) -> Self {
        Self {
            clearinghouse: market.clearinghouse,
            feed_id: market.feed_id,
            kind: market.oracle_kind,
            spot: market.spot,
            publish_time: market.spot_publish_time,
            outage_at: market.outage_at,
            is_bank: false,
        }
    }

    /// Passes what is no older than `newest`, for something whose own feed was reported dead at `outage_at`.
    fn require_good_for(&self, outage_at: i64, newest: i64, now: i64) -> Result<()> {
        require_outage(outage_at, now)?;
        require_gte!(self.publish_time, newest, MarginError::OracleOutdated);
        Ok(())
    }
}

/// Refuses what has no outage in force.
fn require_outage(outage_at: i64, now: i64) -> Result<()> {
    let lasted = match outage_at {
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
    priced: Priced<'_>,
) -> Result<CheckedPrice> {
    let stored = Stored::read(account, priced)?;
    require_keys_eq!(
        stored.clearinghouse,
        *clearinghouse,
        MarginError::ClearinghouseMismatch
    );
    if stored.feed_id != policy.feed_id || stored.kind != policy.kind {
        return Err(error!(MarginError::OracleFeedMismatch).with_pubkeys((
            Pubkey::new_from_array(stored.feed_id),
            Pubkey::new_from_array(policy.feed_id),
        )));
    }
    require_outage(stored.outage_at, now)?;
    match priced {
        Priced::Market(market) => {
            stored.require_good_for(market.outage_at, market.spot_publish_time, now)?;
        }
        Priced::Bank(bank) if stored.is_bank => {
            stored.require_good_for(bank.outage_at, bank.spot_publish_time, now)?;
        }
        // a market prices whatever bank it is passed for: the account may hold a position there too, and one account serves a feed
        Priced::Bank(_) => {}
    }
    let age = now.saturating_sub(stored.publish_time);
    Ok(CheckedPrice {
        price: Price::from_raw(stored.spot),
        publish_time: stored.publish_time,
        doubt: Some(Doubt::too_old(
            MarginError::OracleStale,
            Grade::Stale,
            policy.max_age.into(),
            age,
        )),
        width: PriceWidth::UNKNOWN,
    })
}
