//! Which prices each action accepts: one table.
//!
//! | grade | a price | a surface, the stored price of the quote asset |
//! |---|---|---|
//! | Valid | young, narrow, near the stable price | young |
//! | Stale | of a market in an outage; older than one that the market stored | old, missing |
//! | Uncertain | confidence to 10 x the limit, at most 10 % | |
//! | Volatile | farther from the stable price than the market's band | |
//! | Invalid | anything else: too old, too wide, not positive, of another feed or owner | |
//!
//! What is Invalid is an error at once, with the reason. What only some actions accept is a *doubt*: the evaluation goes on, carries
//! the worst doubt along, and [`ACCEPTED`] decides.
//!
//! A repair does not take an older price of the caller's choice: with pull oracles the caller chooses which verified update to show,
//! so an age limit is what bounds that choice. Stale is a price that nobody chose; see [`super::outage`]. A repair does take wide
//! confidence, and surfaces of any age, because a crash widens the one and can silence the poster of the other, and neither may
//! stop a repair. An old price of the quote asset above a dollar counts as a dollar, since it makes collateral cheap and nobody has
//! to replace it.

use anchor_lang::prelude::*;
use portfolio_margin_interface::state::price::uncertain_limit;
use portfolio_margin_interface::state::{Clearinghouse, CollateralBank, Market};
use risk_core::Price;

use crate::error::MarginError;

/// How good a price is, from best to worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Grade {
    /// Good for everything.
    Valid,
    /// The newest there is, and old.
    Stale,
    /// Of a wide confidence interval.
    Uncertain,
    /// Far from the stable price.
    Volatile,
    /// Good for nothing that reads it.
    Invalid,
}

/// What a price is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Action {
    /// A trade that may raise risk, a withdrawal, a view of what can be opened.
    Open,
    /// Storing the price: spot, stable price, regime, quote asset, settlement.
    Store,
    /// Starting and stopping a liquidation, a bid, the end of an outage.
    Repair,
    /// A trade that reduces risk.
    Reduce,
    /// A deposit or repayment, which reads no price.
    Deposit,
    /// A deleverage that has waited for better prices: only what nobody chose stands in for them.
    Deleverage,
}

/// The worst grade that each action accepts.
pub const ACCEPTED: [(Action, Grade); 6] = [
    (Action::Open, Grade::Valid),
    (Action::Store, Grade::Valid),
    (Action::Repair, Grade::Volatile),
    (Action::Reduce, Grade::Volatile),
    (Action::Deposit, Grade::Invalid),
    (Action::Deleverage, Grade::Stale),
];

impl Action {
    /// The worst grade that it accepts.
    pub const fn worst(self) -> Grade {
        let [open, store, repair, reduce, deposit, deleverage] = ACCEPTED;
        match self {
            Self::Open => open.1,
            Self::Store => store.1,
            Self::Repair => repair.1,
            Self::Reduce => reduce.1,
            Self::Deposit => deposit.1,
            Self::Deleverage => deleverage.1,
        }
    }

    /// Whether a price with this doubt, or none, is good enough.
    pub fn accepts(self, doubt: Option<Doubt>) -> bool {
        doubt.map_or(Grade::Valid, |doubt| doubt.grade) <= self.worst()
    }

    /// Passes what is good enough; else the doubt as an error.
    pub fn accept(self, doubt: Option<Doubt>) -> Result<()> {
        match doubt {
            Some(doubt) if doubt.grade > self.worst() => Err(doubt.error()),
            _ => Ok(()),
        }
    }
}

/// Why not every action may use a price or a surface. A plain value: a crash makes most prices of a wide account doubtful, and
/// errors built for each of them would fill the heap, which is never freed.
#[derive(Clone, Copy, Debug)]
pub struct Doubt {
    grade: Grade,
    reason: MarginError,
    /// What is accepted, and what was found.
    values: Option<(u128, u128)>,
}

impl Doubt {
    /// As the error of an action that does not accept it.
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

    /// The worse of two; the first where they are alike.
    pub fn worse(first: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (first, other) {
            (Some(first), Some(other)) if other.grade > first.grade => Some(other),
            (None, other) => other,
            (first, _) => first,
        }
    }

    /// Something older than a limit; both in seconds.
    pub(super) fn too_old(reason: MarginError, grade: Grade, limit: i64, age: i64) -> Self {
        let seconds = |value: i64| u128::from(value.max(0).unsigned_abs());
        Self {
            grade,
            reason,
            values: Some((seconds(limit), seconds(age))),
        }
    }
}

/// Where a price comes from, and the limits that a bank or market sets.
#[derive(Clone, Copy, Debug)]
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

/// How far a publish time may lie ahead of the cluster's clock, which follows wall time by seconds.
pub const MAX_CLOCK_SKEW: i64 = 15;
/// How far behind the newest price that a market has stored an opening's price may be, seconds. Whoever picks the better of two young
/// updates gains at most the move of that time; less would refuse honest updates that were signed while a newer one was stored.
pub const MAX_LAG: i64 = 10;

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

    /// Refuses a confidence interval wider than any use accepts; returns the doubt where it is wider than an opening
    /// accepts.
    pub fn check_confidence(&self, confidence: u64, price: u64) -> Result<Option<Doubt>> {
        if is_within(confidence, price, self.max_confidence) {
            return Ok(None);
        }
        match doubt_confidence(confidence, price, uncertain_limit(self.max_confidence)) {
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
        grade: Grade::Uncertain,
        reason: MarginError::OracleConfidenceTooWide,
        values: Some((allowed, width)),
    })
}

/// The worst doubt about a market's price that its own record raises: the price is older than the newest that was stored, or
/// farther from the stable price than the market's band.
pub fn doubt_spot(market: &Market, price: Price, publish_time: i64) -> Option<Doubt> {
    let lag = market.spot_publish_time.saturating_sub(publish_time);
    let outdated = (lag > MAX_LAG)
        .then(|| Doubt::too_old(MarginError::OracleOutdated, Grade::Stale, MAX_LAG, lag));
    Doubt::worse(outdated, doubt_volatile(market, price))
}

fn doubt_volatile(market: &Market, price: Price) -> Option<Doubt> {
    let (band, stable) = (market.rules.stable_band, market.stable_price);
    if band == 0 || stable == 0 {
        return None;
    }
    let distance = price.raw().abs_diff(stable);
    if is_within(distance, stable, band) {
        return None;
    }
    let [allowed, found] = products(distance, stable, band);
    Some(Doubt {
        grade: Grade::Volatile,
        reason: MarginError::OracleVolatile,
        values: Some((allowed, found)),
    })
}

/// The doubt about the stored price of the quote asset: none was stored, or it is older than an opening accepts.
pub fn doubt_quote_price(house: &Clearinghouse, now: i64) -> Option<Doubt> {
    if !house.has_quote_feed() {
        return None;
    }
    let age = house.quote_age(now);
    let limit = i64::from(house.quote_max_age);
    let is_missing = house.quote_price == 0;
    let reason = MarginError::QuotePriceStale;
    (is_missing || age > limit).then(|| Doubt::too_old(reason, Grade::Stale, limit, age))
}

/// The doubt about a volatility surface with its forward: none was posted, or it is older than an opening accepts.
pub fn doubt_surface_age(posted_at: i64, max_age: u32, now: i64) -> Option<Doubt> {
    if posted_at == 0 {
        return Some(Doubt {
            grade: Grade::Stale,
            reason: MarginError::SurfaceMissing,
            values: None,
        });
    }
    let (age, limit) = (now.saturating_sub(posted_at), i64::from(max_age));
    let reason = MarginError::SurfaceStale;
    (age > limit).then(|| Doubt::too_old(reason, Grade::Stale, limit, age))
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

    #[test]
    fn the_table_is_in_the_order_of_the_actions_and_decides_by_grade() {
        let grades = [
            Grade::Valid,
            Grade::Stale,
            Grade::Uncertain,
            Grade::Volatile,
            Grade::Invalid,
        ];
        for (place, (action, worst)) in ACCEPTED.into_iter().enumerate() {
            assert_eq!((action as usize, action.worst()), (place, worst));
            assert!(action.accepts(None));
            for grade in grades {
                let doubt = Some(Doubt {
                    grade,
                    reason: MarginError::OracleStale,
                    values: None,
                });
                assert_eq!(action.accepts(doubt), grade <= worst);
                assert_eq!(action.accept(doubt).is_ok(), grade <= worst);
            }
        }
    }

    #[test]
    fn the_worse_doubt_stays_and_the_first_of_two_alike() {
        let of = |grade, reason| {
            Some(Doubt {
                grade,
                reason,
                values: None,
            })
        };
        let stale = of(Grade::Stale, MarginError::SurfaceStale);
        let wide = of(Grade::Uncertain, MarginError::OracleConfidenceTooWide);
        let quote = of(Grade::Stale, MarginError::QuotePriceStale);
        let code = |first, other| Doubt::worse(first, other).map(Doubt::code);
        assert_eq!(code(stale, wide), code(wide, None));
        assert_eq!(code(wide, stale), code(wide, None));
        assert_eq!(code(stale, quote), code(stale, None));
        assert_eq!(code(None, quote), code(quote, None));
        assert_eq!(code(None, None), None);
    }
}
