//! What stands in for a dead feed: the last price that a market or a bank of the feed stored, once an outage of it is in force.

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::{CollateralBank, Market};
use portfolio_margin_interface::{AccountLayout, Pubkey};
use risk_core::Price;

use super::policy::{Doubt, OraclePolicy, PriceRefusal};
use super::shown::{RawAccount, ShownPrice};
use crate::account::read;

/// Least age of a stored price when an outage is reported, seconds.
pub const OUTAGE_LEAST_AGE: i64 = 600;
/// How long nobody may have answered the report of an outage before the stored price stands in, seconds.
pub const OUTAGE_DELAY: i64 = 3_600;

/// What a price is shown for.
#[derive(Clone, Copy)]
pub enum Priced<'a> {
    /// Collateral of a bank.
    Bank(&'a CollateralBank),
    /// A market's underlying.
    Market(&'a Market),
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
    fn read(data: &[u8], priced: Priced<'_>) -> Option<Self> {
        let is_bank = data.starts_with(&CollateralBank::ACCOUNT_DISCRIMINATOR);
        match priced {
            Priced::Bank(_) if is_bank => read(data).as_ref().map(Self::of_bank),
            _ => read(data).as_ref().map(Self::of_market),
        }
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
}

/// How long an outage has been reported, seconds; zero where none is.
fn lasted(outage_at: i64, now: i64) -> i64 {
    match outage_at {
        0 => 0,
        since => now.saturating_sub(since),
    }
}

/// Whether an outage that was reported at a time is in force: whether what is stored stands in for the feed.
pub fn is_in_force(outage_at: i64, now: i64) -> bool {
    lasted(outage_at, now) >= OUTAGE_DELAY
}

/// The price that an account of the program stores, where it may stand in.
pub(super) fn stored_price(
    key: &Pubkey,
    account: &RawAccount<'_>,
    policy: &OraclePolicy,
    house: &Pubkey,
    now: i64,
    priced: Priced<'_>,
) -> Result<ShownPrice, PriceRefusal> {
    let refused = |reason: ErrorCode, found: i64, limit: i64| PriceRefusal {
        account: *key,
        reason,
        found: found.into(),
        limit: limit.into(),
    };
    let stored = Stored::read(account.data, priced);
    let stored = stored.ok_or_else(|| refused(ErrorCode::OracleOwner, 0, 0))?;
    if stored.clearinghouse != *house {
        return Err(refused(ErrorCode::ClearinghouseMismatch, 0, 0));
    }
    if stored.feed_id != policy.feed_id || stored.kind != policy.kind {
        return Err(refused(ErrorCode::OracleFeedMismatch, 0, 0));
    }
    let require_outage = |outage_at: i64| match is_in_force(outage_at, now) {
        true => Ok(()),
        false => Err(refused(
            ErrorCode::OutageMissing,
            lasted(outage_at, now),
            OUTAGE_DELAY,
        )),
    };
    require_outage(stored.outage_at)?;
    let require_good_for = |outage_at: i64, newest: i64| {
        require_outage(outage_at)?;
        match stored.publish_time < newest {
            true => Err(refused(
                ErrorCode::OracleOutdated,
                stored.publish_time,
                newest,
            )),
            false => Ok(()),
        }
    };
    match priced {
        Priced::Market(market) => require_good_for(market.outage_at, market.spot_publish_time)?,
        Priced::Bank(bank) if stored.is_bank => {
            require_good_for(bank.outage_at, bank.spot_publish_time)?;
        }
        Priced::Bank(_) => {}
    }
    let age = now.saturating_sub(stored.publish_time);
    let limit = i64::from(policy.max_age);
    Ok(ShownPrice {
        price: Price::from_raw(stored.spot),
        width: (u64::MAX, 1), // nothing is known of how certain it is
        publish_time: Some(stored.publish_time),
        doubt: Some(Doubt::too_old(ErrorCode::OracleStale, limit, age)),
        refusal: None,
    })
}

/// What to show in place of a dead feed's price account, by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandIn {
    /// A market; for the markets of the feed that reported the outage too, and its banks.
    Market(u16),
    /// A bank; for the banks of the feed that reported the outage too.
    Bank(u16),
}

/// Which account stands in for a feed whose price accounts are silent: of the markets with an outage in force the one with the newest
/// price, else such a bank; `None` while no outage is in force.
///
/// The choice serves the whole feed, since an instruction takes one account per feed: give it to [`crate::Directory::set_price`].
pub fn stand_in<'a>(
    feed_id: &[u8; 32],
    markets: impl IntoIterator<Item = &'a Market>,
    banks: impl IntoIterator<Item = &'a CollateralBank>,
    now: i64,
) -> Option<StandIn> {
    let markets = markets.into_iter().filter(|market| {
        market.feed_id == *feed_id && is_in_force(market.outage_at, now) && market.spot > 0
    });
    if let Some(market) = markets.max_by_key(|market| market.spot_publish_time) {
        return Some(StandIn::Market(market.index));
    }
    let banks = banks
        .into_iter()
        .filter(|bank| bank.feed_id == *feed_id && is_in_force(bank.outage_at, now));
    let bank = banks.max_by_key(|bank| bank.spot_publish_time)?;
    Some(StandIn::Bank(bank.index))
}
