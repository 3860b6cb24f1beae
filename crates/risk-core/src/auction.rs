//! The clock of an auction: what share off equity a bidder gets, and what the insurance fund pays, by the time since its start.
//!
//! ```text
//! discount(t) = start + (fast - start) t / fast_seconds                       t <= fast_seconds
//!             = fast + (1 - fast) (t - fast_seconds) / slow_seconds           then, up to 1
//! payout(t)   = deficit min(t / insolvent_seconds, 1)
//! ```
//! The slow phase is for accounts below maintenance: between maintenance and the buffer nothing hurries, and a discount near 1.0
//! would take a whole book for what little is missing. Source: the auctions of Derive's matching module have these two phases.

use crate::error::{check_range, Field, RiskError};
use crate::units::{Quote, Ratio, RATIO_ONE};

/// Terms of auctions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuctionTerms {
    /// Discount at the start, 1e-6; 0 to 0.5.
    pub discount_start: Ratio,
    /// Discount at the end of the fast phase, 1e-6; from `discount_start` to 0.9.
    pub discount_fast: Ratio,
    /// Length of the fast phase, seconds; a minute to a day.
    pub fast_seconds: i64,
    /// Length of the slow phase, seconds; ten minutes to a week.
    pub slow_seconds: i64,
    /// Time in which the payout of an insolvent account grows to its maintenance deficit, seconds; a minute to a day.
    pub insolvent_seconds: i64,
}

/// A day, seconds.
const DAY: i64 = 86_400;

impl AuctionTerms {
    /// Bounds of the terms.
    pub fn validate(&self) -> Result<(), RiskError> {
        let field = Field::LiquidationTerms;
        let (start, fast) = (self.discount_start.raw(), self.discount_fast.raw());
        check_range(field, start, 0, RATIO_ONE / 2)?;
        check_range(field, fast, start, RATIO_ONE / 10 * 9)?;
        check_range(field, self.fast_seconds, 60, DAY)?;
        check_range(field, self.slow_seconds, 600, 7 * DAY)?;
        check_range(field, self.insolvent_seconds, 60, DAY)
    }

    /// Whether a bid improves maintenance health at every discount of the fast phase, down to an account that lacks nothing but a
    /// buffer of this share: `discount_fast (1 + buffer) <= 1`, see [`crate::liquidation`]. For terms that are validated.
    ///
    /// Errors: [`RiskError::OutOfRange`] with the product, 1e-12.
    pub fn validate_beside(&self, buffer: Ratio) -> Result<(), RiskError> {
        let whole = RATIO_ONE.saturating_add(buffer.raw());
        let product = self.discount_fast.raw().saturating_mul(whole);
        check_range(Field::LiquidationTerms, product, 0, RATIO_ONE * RATIO_ONE)
    }

    /// Discount `elapsed` seconds after the start, 1e-6, rounded down; an account with maintenance health (`is_maintained`) never
    /// leaves the fast phase.
    pub fn discount_floor(&self, elapsed: i64, is_maintained: bool) -> Ratio {
        let (start, fast) = (self.discount_start.raw(), self.discount_fast.raw());
        let slow = elapsed.saturating_sub(self.fast_seconds);
        if slow <= 0 || is_maintained {
            return between_floor(start, fast, elapsed, self.fast_seconds);
        }
        between_floor(fast, RATIO_ONE, slow, self.slow_seconds)
    }

    /// Whether both phases are over: a bidder gets the whole equity, and still nobody bid.
    pub fn is_exhausted(&self, elapsed: i64) -> bool {
        elapsed >= self.fast_seconds.saturating_add(self.slow_seconds)
    }

    /// What the insurance fund pays for a whole book of this maintenance deficit, `elapsed` seconds after its insolvency was
    /// proved; rounded down. Nothing for a deficit below zero.
    pub fn payout_floor(&self, deficit: Quote, elapsed: i64) -> Quote {
        Quote::from_raw(
            between_floor(0, deficit.raw().max(0), elapsed, self.insolvent_seconds).raw(),
        )
    }

    /// Whether the insolvent phase is over: the fund offered all that it may, and still nobody bid.
    pub fn is_payout_whole(&self, elapsed: i64) -> bool {
        elapsed >= self.insolvent_seconds
    }
}

/// `low + (high - low) part / whole`, floored, `part` clamped to `0..=whole`; for `0 <= low <= high`.
fn between_floor(low: i64, high: i64, part: i64, whole: i64) -> Ratio {
    let whole = whole.max(1).unsigned_abs();
    let part = u64::try_from(part).unwrap_or(0).min(whole);
    let rise = high.saturating_sub(low).max(0).unsigned_abs();
    // 63 and 64 bits; the quotient is no more than `rise`
    let risen = u128::from(rise).saturating_mul(part.into());
    let risen = risen.checked_div(whole.into()).unwrap_or(0);
    Ratio::from_raw(low.saturating_add(i64::try_from(risen).unwrap_or(i64::MAX)))
}
