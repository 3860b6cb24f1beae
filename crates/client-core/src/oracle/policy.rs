//! How good a price, a surface or a stored price is: the limits and grades of the program.

use portfolio_margin_interface::errors::ErrorCode;
use portfolio_margin_interface::state::price::uncertain_limit;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market, PositionRecord};
use portfolio_margin_interface::Pubkey;
use risk_core::Price;

/// How far a publish time may lie ahead of the cluster's clock, seconds.
pub const MAX_CLOCK_SKEW: i64 = 15;
/// How far behind the newest price that a market has stored an opening's price may be, seconds.
pub const MAX_LAG: i64 = 10;

/// How good a price is that somebody accepts, from better to worse; a price without a doubt is better than all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grade {
    /// The newest there is, and old. Repairs, reductions and deleverages accept it.
    Stale,
    /// Of a wide confidence interval. Repairs and reductions accept it.
    Uncertain,
    /// Far from the stable price. Repairs and reductions accept it.
    Volatile,
}

/// Why an opening does not accept a price or a surface that a repair accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// How bad it is.
    pub grade: Grade,
    /// The error of an action that does not accept it.
    pub reason: ErrorCode,
    /// What is accepted, and what was found: seconds, or products of a price and a share.
    pub values: Option<(u128, u128)>,
}

impl Doubt {
    /// The worse of two; the first where they are alike.
    pub fn worse(first: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (first, other) {
            (Some(first), Some(other)) if other.grade > first.grade => Some(other),
            (None, other) => other,
            (first, _) => first,
        }
    }

    /// Something older than a limit; both in seconds.
    pub(super) fn too_old(reason: ErrorCode, limit: i64, age: i64) -> Self {
        let seconds = |value: i64| u128::from(value.max(0).unsigned_abs());
        Self {
            grade: Grade::Stale,
            reason,
            values: Some((seconds(limit), seconds(age))),
        }
    }
}

/// Why no action accepts a price.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("price account {account}: {reason}; found {found}, limit {limit}")]
pub struct PriceRefusal {
    /// The account that was shown.
    pub account: Pubkey,
    /// The error of the program.
    pub reason: ErrorCode,
    /// What was found; zero where there is no number to tell.
    pub found: i128,
    /// What it was compared with; zero where there is none.
    pub limit: i128,
}

/// Where a price comes from, and the limits that a bank or market sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OraclePolicy {
    /// Kind of the price account.
    pub kind: u8,
    /// Pyth feed; of the legacy kind, the address of the price account.
    pub feed_id: [u8; 32],
    /// Largest age, seconds.
    pub max_age: u32,
    /// Largest confidence over price, 1e-6.
    pub max_confidence: u32,
}

impl OraclePolicy {
    /// Of a market's underlying.
    pub fn of_market(market: &Market) -> Self {
        Self {
            kind: market.oracle_kind,
            feed_id: market.feed_id,
            max_age: market.oracle_max_age,
            max_confidence: market.oracle_max_confidence,
        }
    }

    /// Of a bank's asset.
    pub fn of_bank(bank: &CollateralBank) -> Self {
        Self {
            kind: bank.oracle_kind,
            feed_id: bank.feed_id,
            max_age: bank.oracle_max_age,
            max_confidence: bank.oracle_max_confidence,
        }
    }

    /// Of the quote asset.
    pub fn of_quote(house: &Clearinghouse) -> Self {
        Self {
            kind: house.quote_oracle_kind,
            feed_id: house.quote_feed_id,
            max_age: house.quote_max_age,
            max_confidence: house.quote_max_confidence,
        }
    }

    /// The doubt where a confidence interval is wider than an opening accepts; an error where it is wider than any use accepts.
    pub(super) fn check_confidence(
        &self,
        confidence: u64,
        price: u64,
    ) -> Result<Option<Doubt>, (i128, i128)> {
        let widest = products(confidence, price, uncertain_limit(self.max_confidence));
        if widest.0 < widest.1 {
            let signed = |value: u128| i128::try_from(value).unwrap_or(i128::MAX);
            return Err((signed(widest.1), signed(widest.0)));
        }
        let (allowed, width) = products(confidence, price, self.max_confidence);
        Ok((width > allowed).then_some(Doubt {
            grade: Grade::Uncertain,
            reason: ErrorCode::OracleConfidenceTooWide,
            values: Some((allowed, width)),
        }))
    }
}

/// What is compared: `price x limit` and `width x 1.0`; 64 by 32 bits.
fn products(width: u64, price: u64, limit: u32) -> (u128, u128) {
    (
        u128::from(price).saturating_mul(limit.into()),
        u128::from(width).saturating_mul(1_000_000),
    )
}

/// The worst doubt about a market's price that its own record raises: the price is older than the newest that was stored, or farther
/// from the stable price than the market's band. `publish_time`: where it is known.
pub fn doubt_spot(market: &Market, price: Price, publish_time: Option<i64>) -> Option<Doubt> {
    let lag = publish_time.map_or(0, |time| market.spot_publish_time.saturating_sub(time));
    let outdated = (lag > MAX_LAG).then(|| Doubt::too_old(ErrorCode::OracleOutdated, MAX_LAG, lag));
    Doubt::worse(outdated, doubt_volatile(market, price))
}

fn doubt_volatile(market: &Market, price: Price) -> Option<Doubt> {
    let (band, stable) = (market.rules.stable_band, market.stable_price);
    if band == 0 || stable == 0 {
        return None;
    }
    let (allowed, found) = products(price.raw().abs_diff(stable), stable, band);
    (found > allowed).then_some(Doubt {
        grade: Grade::Volatile,
        reason: ErrorCode::OracleVolatile,
        values: Some((allowed, found)),
    })
}

/// The doubt about the stored price of the quote asset: none was stored, or it is older than an opening accepts.
pub fn doubt_quote_price(house: &Clearinghouse, now: i64) -> Option<Doubt> {
    if !house.has_quote_feed() {
        return None;
    }
    let (age, limit) = (house.quote_age(now), i64::from(house.quote_max_age));
    let is_bad = house.quote_price == 0 || age > limit;
    is_bad.then(|| Doubt::too_old(ErrorCode::QuotePriceStale, limit, age))
}

/// The first doubt about the surfaces of the expiries held, of positions in this market. What has expired needs none.
pub fn doubt_surfaces(market: &Market, positions: &[PositionRecord], now: i64) -> Option<Doubt> {
    let ahead = positions.iter().filter(|record| record.expiry > now);
    let mut slots = ahead.filter_map(|record| {
        let mut slots = market.expiries.iter();
        slots.find(|slot| slot.time == record.expiry)
    });
    slots.find_map(|slot| doubt_surface_age(slot.posted_at, market.surface_max_age, now))
}

fn doubt_surface_age(posted_at: i64, max_age: u32, now: i64) -> Option<Doubt> {
    if posted_at == 0 {
        return Some(Doubt {
            grade: Grade::Stale,
            reason: ErrorCode::SurfaceMissing,
            values: None,
        });
    }
    let (age, limit) = (now.saturating_sub(posted_at), i64::from(max_age));
    (age > limit).then(|| Doubt::too_old(ErrorCode::SurfaceStale, limit, age))
}
