//! Which prices each use accepts, in one place.
//!
//! | use | age of the price | confidence | age of the volatility surface |
//! |---|---|---|---|
//! | opening: a trade that may raise risk; a withdrawal; a view | market's limit | market's limit | market's limit |
//! | repair: start, bid, stop; a trade that reduces risk | market's limit | 10 x the limit, at most 10 % | any |
//! | storing: the quote asset's price, the stable price | own limit | own limit | |
//!
//! The quote asset's stored price is judged like a surface: an opening needs it young, a repair takes it at any age; an old
//! one above a dollar as a dollar, since it makes collateral cheap and nobody has to replace it.
//!
//! What no use accepts is an error at once. What only a repair accepts is a *doubt*: the evaluation goes on, carries the
//! first doubt along, and whoever asked decides.
//!
//! A repair does not take older prices than an opening: with pull oracles the caller chooses which verified update to
//! show, so an age limit is what bounds that choice. It does take wide confidence, and surfaces of any age, because a
//! crash widens the one and can silence the poster of the other, and neither may stop a repair.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::price::repair_limit;
use portfolio_margin_interface::state::Clearinghouse;

use crate::error::MarginError;

/// Why only a repair may use a price or a surface. A plain value: a crash makes most prices of a wide account doubtful, and
/// errors built for each of them would fill the heap, which is never freed.
#[derive(Clone, Copy, Debug)]
pub struct Doubt {
    reason: MarginError,
    /// What is accepted, and what was found.
    values: Option<(u128, u128)>,
}

impl Doubt {
    /// As the error of a use that accepts no doubt.
    pub fn error(self) -> Error {
        let error = error!(self.reason);
        match self.values {
            None => error,
            Some(values) => error.with_values(values),
        }
    }

    /// The number by which clients know it.
    pub fn code(self) -> u32 {
        self.reason.into()
    }
}

/// Limits that a bank or market sets.
#[derive(Clone, Copy, Debug)]
pub struct OraclePolicy {
    /// Pyth feed.
    pub feed_id: [u8; 32],
    /// Largest age, seconds.
    pub max_age: u32,
    /// Largest confidence over price, 1e-6.
    pub max_confidence: u32,
}

/// How far a publish time may lie ahead of the cluster's clock, which follows wall time by seconds.
pub const MAX_CLOCK_SKEW: i64 = 15;

impl OraclePolicy {
    /// Refuses a price that is too old or from the future.
    pub fn check_age(&self, publish_time: i64, now: i64) -> Result<()> {
        let latest = now.saturating_add(MAX_CLOCK_SKEW);
        require_gte!(latest, publish_time, MarginError::OracleFuture);
        let age = now.saturating_sub(publish_time);
        require_gte!(i64::from(self.max_age), age, MarginError::OracleStale);
        Ok(())
    }

    /// Refuses a confidence interval wider than a repair accepts; returns the doubt where it is wider than an opening
    /// accepts.
    pub fn check_confidence(&self, confidence: u64, price: u64) -> Result<Option<Doubt>> {
        if is_within(confidence, price, self.max_confidence) {
            return Ok(None);
        }
        match doubt_confidence(confidence, price, repair_limit(self.max_confidence)) {
            Some(doubt) => Err(doubt.error()),
            None => Ok(doubt_confidence(confidence, price, self.max_confidence)),
        }
    }
}

/// Whether `confidence / price <= limit`, cross-multiplied, so that there is nothing to round.
fn is_within(confidence: u64, price: u64, limit: u32) -> bool {
    // The usual sizes fit 64 bits: 2^44 x 1e6, 2^44 x 2^20. Wider products cost several times as much.
    if (confidence | price) >> 44 == 0 && limit >> 20 == 0 {
        return price.wrapping_mul(limit.into()) >= confidence.wrapping_mul(1_000_000);
    }
    let [allowed, width] = products(confidence, price, limit);
    allowed >= width
}

/// What is compared: `price x limit` and `confidence x 1.0`.
fn products(confidence: u64, price: u64, limit: u32) -> [u128; 2] {
    [
        u128::from(price).saturating_mul(limit.into()),
        u128::from(confidence).saturating_mul(1_000_000),
    ]
}

fn doubt_confidence(confidence: u64, price: u64, limit: u32) -> Option<Doubt> {
    let [allowed, width] = products(confidence, price, limit);
    (width > allowed).then_some(Doubt {
        reason: MarginError::OracleConfidenceTooWide,
        values: Some((allowed, width)),
    })
}

/// The doubt about the stored price of the quote asset: none was stored, or it is older than an opening accepts.
pub fn doubt_quote_price(house: &Clearinghouse, now: i64) -> Option<Doubt> {
    if !house.has_quote_feed() {
        return None;
    }
    let age = house.quote_age(now);
    let limit = house.quote_max_age;
    let is_missing = house.quote_price == 0;
    (is_missing || age > i64::from(limit))
        .then(|| too_old(MarginError::QuotePriceStale, limit, age))
}

/// The doubt about a volatility surface with its forward: none was posted, or it is older than an opening accepts.
pub fn doubt_surface_age(posted_at: i64, max_age: u32, now: i64) -> Option<Doubt> {
    if posted_at == 0 {
        return Some(Doubt {
            reason: MarginError::SurfaceMissing,
            values: None,
        });
    }
    let age = now.saturating_sub(posted_at);
    (age > i64::from(max_age)).then(|| too_old(MarginError::SurfaceStale, max_age, age))
}

fn too_old(reason: MarginError, limit: u32, age: i64) -> Doubt {
    Doubt {
        reason,
        values: Some((limit.into(), age.max(0).unsigned_abs().into())),
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;

    #[test]
    fn narrow_and_wide_widths_are_judged_alike() {
        let exact = |confidence: u64, price: u64, limit: u32| {
            u128::from(confidence) * 1_000_000 <= u128::from(price) * u128::from(limit)
        };
        for bits in 1..64 {
            let price = (1u64 << bits) + (1u64 << (bits / 2));
            for limit in [1, 9_999, 50_000, 100_000, 1 << 20, u32::MAX] {
                let edge = u128::from(price) * u128::from(limit) / 1_000_000;
                let edge = u64::try_from(edge).unwrap_or(u64::MAX - 2);
                for width in [0, edge.saturating_sub(1), edge, edge + 1, edge + 2] {
                    let (is, want) = (is_within(width, price, limit), exact(width, price, limit));
                    assert_eq!(is, want, "{width} {price} {limit}");
                    assert_eq!(doubt_confidence(width, price, limit).is_none(), want);
                }
            }
        }
    }
}
