//! One path from a price account of any kind to a checked price.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::oracle::{PYTH_LEGACY, PYTH_PULL};
use portfolio_margin_interface::state::price::{price_confidence, uncertain_limit};
use risk_core::{Price, Ratio};

use super::policy::{Action, Doubt, OraclePolicy, MAX_CLOCK_SKEW};
use super::{pyth_legacy, pyth_pull};
use crate::error::MarginError;

/// Decimal exponent of [`Price`].
const PRICE_EXPONENT: i32 = -8;

/// What a price account of any kind says, once it is known to be genuine, of the right feed, and whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RawPrice {
    /// In units of ten to the `exponent` USD.
    pub price: i64,
    /// Half-width of the confidence interval, same unit.
    pub confidence: u64,
    /// Decimal exponent.
    pub exponent: i32,
    /// Unix time.
    pub publish_time: i64,
}

/// A price that some use accepts.
pub struct CheckedPrice {
    /// In 1e-8 USD.
    pub price: Price,
    /// Unix time.
    pub publish_time: i64,
    /// Why not every use accepts it.
    pub doubt: Option<Doubt>,
    /// How certain it is.
    pub width: PriceWidth,
}

/// Confidence interval and price as they were published.
#[derive(Clone, Copy, Debug)]
pub struct PriceWidth {
    confidence: u64,
    price: u64,
}

impl PriceWidth {
    /// Nothing is known of how certain the price is.
    pub const UNKNOWN: Self = Self {
        confidence: u64::MAX,
        price: 1,
    };

    /// Confidence in the price, 1e-6: nothing is left at the widest interval that any use accepts, where an opening accepts
    /// `limit` (over price, 1e-6).
    pub fn confidence(self, limit: u32) -> Ratio {
        price_confidence(self.confidence, self.price, uncertain_limit(limit))
    }
}

impl CheckedPrice {
    /// The price with its time, for an action that accepts its grade.
    pub fn accepted_by(self, action: Action) -> Result<(Price, i64)> {
        action.accept(self.doubt)?;
        Ok((self.price, self.publish_time))
    }

    /// The price with its time, for a use that accepts no doubt.
    pub fn certain(self) -> Result<(Price, i64)> {
        self.accepted_by(Action::Open)
    }
}

/// Reads a price. Checks owner, layout, feed, that it is verified or trading, sign, age, confidence and exponent, in this order.
///
/// Errors: `OracleKind`, `OracleOwner`, `OracleMalformed`, `OracleFeedMismatch`, `OracleUnverified` or `OracleNotTrading`,
/// `OracleNonPositive`, `OracleFuture`, `OracleStale`, `OracleConfidenceTooWide`, `OracleExponent`: no action accepts them.
pub fn checked_price(
    account: &AccountInfo<'_>,
    policy: &OraclePolicy,
    now: i64,
) -> Result<CheckedPrice> {
    check(account, policy, now, Some(policy.max_age))
}

/// The same for a price of any age, for what asks when it was published: a sample of a settlement.
///
/// Errors: those of [`checked_price`] but `OracleStale`.
pub fn published_price(
    account: &AccountInfo<'_>,
    policy: &OraclePolicy,
    now: i64,
) -> Result<CheckedPrice> {
    check(account, policy, now, None)
}

#[inline]
fn check(
    account: &AccountInfo<'_>,
    policy: &OraclePolicy,
    now: i64,
    max_age: Option<u32>,
) -> Result<CheckedPrice> {
    let raw = match policy.kind {
        PYTH_PULL => pyth_pull::read(account, &policy.feed_id),
        PYTH_LEGACY => pyth_legacy::read(account, &policy.feed_id),
        other => Err(unknown_kind(other)),
    }?;
    require_gt!(raw.price, 0, MarginError::OracleNonPositive);
    let width = PriceWidth {
        confidence: raw.confidence,
        price: raw.price.unsigned_abs(),
    };
    check_time(raw.publish_time, now, max_age)?;
    let doubt = policy.check_confidence(width.confidence, width.price)?;
    Ok(CheckedPrice {
        price: rescale(width.price, raw.exponent)?,
        publish_time: raw.publish_time,
        doubt,
        width,
    })
}

/// Refuses a price from the future, and one that is too old where there is a limit, seconds.
fn check_time(publish_time: i64, now: i64, max_age: Option<u32>) -> Result<()> {
    let latest = now.saturating_add(MAX_CLOCK_SKEW);
    require_gte!(latest, publish_time, MarginError::OracleFuture);
    if let Some(limit) = max_age {
        let age = now.saturating_sub(publish_time);
        require_gte!(i64::from(limit), age, MarginError::OracleStale);
    }
    Ok(())
}

/// Refuses a kind of price account that this program does not read.
pub fn require_known_kind(kind: u8) -> Result<()> {
    match kind {
        PYTH_PULL | PYTH_LEGACY => Ok(()),
        other => Err(unknown_kind(other)),
    }
}

fn unknown_kind(kind: u8) -> Error {
    error!(MarginError::OracleKind).with_values((kind, PYTH_LEGACY))
}

/// `price x 10^exponent` USD in 1e-8 USD, floored.
fn rescale(price: u64, exponent: i32) -> Result<Price> {
    let out_of_range = || error!(MarginError::OracleExponent).with_values((price, exponent));
    if exponent == PRICE_EXPONENT {
        return Price::checked(price).map_err(|_| out_of_range());
    }
    let shift = exponent
        .checked_sub(PRICE_EXPONENT)
        .ok_or_else(out_of_range)?;
    let power = 10u64
        .checked_pow(shift.unsigned_abs())
        .ok_or_else(out_of_range)?;
    let scaled = if shift < 0 {
        price.checked_div(power)
    } else {
        price.checked_mul(power)
    };
    Price::checked(scaled.ok_or_else(out_of_range)?).map_err(|_| out_of_range())
}
