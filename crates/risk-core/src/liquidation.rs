//! How large a slice of an account a liquidator may take.
//!
//! A bidder takes the fraction `x` of everything the account holds except cash it received from earlier bids (`R`),
//! and pays `x B`, where `B = (equity - R)(1 - discount)`. Requirements scale with the book, so buffer health `H`
//! after the bid is `(1 - x)(H - R) + R + x B`, and the fraction that restores it is
//!
//! ```text
//! x = -H / (B + R - H)
//! ```
//! Buffer health is maintenance health less a share of the maintenance requirement, so that an account does not
//! return to the edge: a liquidation starts below maintenance and goes on until the buffer is back. `x` is floored: a
//! bid never carries an account past the buffer, but for the rounding of its legs (INV-13). At a discount of 1.0 and without
//! `R` it is 1: what nobody bought at any price goes for nothing, whole. Source: the closed form used by Derive's dutch auctions,
//! restated for signed health.
//!
//! # Every bid improves, and few are needed
//!
//! Maintenance health `M` becomes `M + x (B + R - M)`. Below maintenance `M < 0 <= B + R`. Between maintenance and the buffer share
//! `b` of the requirement, `M < equity b / (1 + b)`, and `B + R >= equity (1 - discount)`: it improves where
//! `discount (1 + b) <= 1`, which [`crate::auction::AuctionTerms::validate_beside`] asks of the fast phase; a maintained account is
//! in no other.
//!
//! A bid for all that restores the buffer, by the worst witness, needs no second one, but for rounding. Bids of a fraction `f`
//! each leave `1 - f` of the requirement, so the book of requirement `Q` is dust after `ln(Q / DUST_REQUIREMENT) / f` of
//! them, and gone with the next, if the buffer is not back before: 16,120 least bids for a billion dollars.
//!
//! An insolvent account has nothing to sell: a bidder takes a fraction of everything and is paid for it, by the insurance fund as far
//! as that goes and then by the account, which runs into a debt that is bad: at most what makes the slice worth nothing. Its
//! maintenance health becomes `(1 - x) M - y` with `y <= -x equity <= -x M`: it does not fall.

use crate::error::{check_range, Field, RiskError};
use crate::fixed::mul::{mul_div_ceil, mul_div_floor};
use crate::margin::MarginReport;
use crate::units::{Quote, Ratio, RATIO_ONE};

/// 1.0 of a [`SlicePlan::fraction`].
pub const FRACTION_ONE: u64 = 1_000_000_000;
/// Least slice, 0.1 % of the book, unless less restores the buffer: parts are rounded leg by leg, and a bidder who may
/// name any tiny fraction could choose one at which the legs it wants are rounded less than their hedges.
pub const LEAST_FRACTION: u64 = FRACTION_ONE / 1_000;

/// A book that requires no more than 100 USD is sold whole: parts of a few units round to nothing, and a bid that moves no
/// liability repairs nothing (INV-15).
pub const DUST_REQUIREMENT: i64 = 100_000_000;

/// The terms on which slices are sold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiquidationTerms {
    /// Share off the account's equity that the bidder gets, 1e-6; 0 to 1.0, by [`crate::auction`].
    pub discount: Ratio,
    /// Share of the maintenance requirement that must be free afterwards, 1e-6; 0.01 to 1.0.
    pub buffer: Ratio,
    /// Largest fee for chosen legs, share of their notional, 1e-6; 0 to 0.05.
    pub legs_fee: Ratio,
    /// Share of a liquidator's reward that goes to the insurance fund, 1e-6; 0 to 0.5: most of it stays the liquidator's.
    pub fund_share: Ratio,
}

impl LiquidationTerms {
    /// No discount, the whole requirement again as a buffer, no fees: what a literal fills its other fields from.
    pub const PLAIN: Self = Self {
        discount: Ratio::ZERO,
        buffer: Ratio::from_raw(RATIO_ONE),
        legs_fee: Ratio::ZERO,
        fund_share: Ratio::ZERO,
    };

    /// Bounds of the terms.
    pub fn validate(&self) -> Result<(), RiskError> {
        let field = Field::LiquidationTerms;
        check_range(field, self.discount.raw(), 0, RATIO_ONE)?;
        check_range(field, self.buffer.raw(), RATIO_ONE / 100, RATIO_ONE)?;
        check_range(field, self.legs_fee.raw(), 0, RATIO_ONE / 20)?;
        check_range(field, self.fund_share.raw(), 0, RATIO_ONE / 2)
    }

    /// Whether the buffer is back, so that the liquidation ends: nine tenths of it are free.
    ///
    /// Slices aim at the whole buffer but round down, leg by leg; the last tenth is what that may leave open.
    pub fn is_restored(&self, report: &MarginReport) -> Result<bool, RiskError> {
        let nearly = Ratio::from_raw(self.buffer.raw().saturating_mul(9) / 10);
        Ok(buffer_health(report, nearly)?.raw() >= 0)
    }
}

/// What a bid asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The largest part of the book, of [`FRACTION_ONE`]; more than that is all of it.
    pub fraction: u64,
    /// The least part after clamping, of [`FRACTION_ONE`].
    pub minimum: u64,
}

impl Wanted {
    /// So much of the book or less.
    pub const fn at_most(fraction: u64) -> Self {
        Self {
            fraction,
            minimum: 0,
        }
    }

    /// Refuses a part that is less than wanted.
    fn require_minimum(&self, fraction: u64) -> Result<(), SliceError> {
        match fraction < self.minimum {
            true => Err(SliceError::BelowMinimum {
                fraction,
                minimum: self.minimum,
            }),
            false => Ok(()),
        }
    }
}

/// What a bid gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlicePlan {
    /// Part of the book that changes hands, of [`FRACTION_ONE`].
    pub fraction: u64,
    /// What the bidder pays the account for it, rounded up.
    pub price: Quote,
    /// What the bidder pays the insurance fund: its share of the reward, rounded down. Never more than the reward.
    pub fund_fee: Quote,
    /// Cash from earlier bids that stays out of the slice: what was passed in, but at most half of the account's equity
    /// and what is left of its cash. Reserving all of what there is would leave nothing to earn for a repair.
    pub reserved: Quote,
}

/// Who pays a bidder for an insolvent account, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsolventOffer {
    /// What the whole book brings its bidder now, by [`crate::auction::AuctionTerms::payout_floor`]; at least zero.
    pub payout: Quote,
    /// What the insurance fund may pay; at least zero.
    pub insurance: Quote,
}

/// What a bid on an insolvent account gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsolventSlice {
    /// Part of the book that changes hands, of [`FRACTION_ONE`]; nothing is reserved.
    pub fraction: u64,
    /// What the insurance fund pays the bidder, rounded down.
    pub insurance: Quote,
    /// What the account pays the bidder, into debt; rounded down.
    pub debt: Quote,
}

/// Why there is no slice to plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SliceError {
    /// The buffer is whole: there is nothing to repair (INV-12).
    Healthy {
        /// Maintenance health less the buffer.
        buffer_health: Quote,
    },
    /// The account has no equity left to sell at a discount.
    Insolvent {
        /// Its equity.
        equity: Quote,
    },
    /// The fraction asked for is below the least slice.
    TooSmall {
        /// What was asked for, of [`FRACTION_ONE`].
        wanted: u64,
        /// The least slice of this account: the smaller of [`LEAST_FRACTION`] and what restores the buffer.
        least: u64,
    },
    /// What restores the buffer, or what was asked for, is less than the bidder's minimum.
    BelowMinimum {
        /// The part of the book there is, of [`FRACTION_ONE`].
        fraction: u64,
        /// What the bidder wants at least.
        minimum: u64,
    },
    /// An amount left its range.
    Risk(RiskError),
}

impl From<RiskError> for SliceError {
    fn from(error: RiskError) -> Self {
        SliceError::Risk(error)
    }
}

/// Maintenance health less the buffer share of the maintenance requirement.
pub fn buffer_health(report: &MarginReport, buffer: Ratio) -> Result<Quote, RiskError> {
    report
        .maintenance_health
        .checked_sub(report.maintenance_margin().mul_ratio_ceil(buffer)?)
}

/// The slice for a bid: clamped to what restores the buffer, never refused for being too large; the whole book where it
/// is dust. `reserved` is cash from earlier bids, which is not for sale.
///
/// Errors: [`SliceError::Healthy`], [`SliceError::Insolvent`], [`SliceError::TooSmall`], [`SliceError::BelowMinimum`].
pub fn plan_slice(
    report: &MarginReport,
    terms: &LiquidationTerms,
    reserved: Quote,
    wanted: Wanted,
) -> Result<SlicePlan, SliceError> {
    let buffer_health = buffer_health(report, terms.buffer)?;
    if buffer_health.raw() >= 0 {
        return Err(SliceError::Healthy { buffer_health });
    }
    if report.equity.raw() <= 0 {
        return Err(SliceError::Insolvent {
            equity: report.equity,
        });
    }
    let half = Quote::from_raw(report.equity.raw() / 2);
    let reserved = reserved.min(half).min(report.cash).max(Quote::ZERO);
    let equity = report.equity.checked_sub(reserved)?;
    let keep = Ratio::from_raw(RATIO_ONE.saturating_sub(terms.discount.raw()));
    let book_price = equity.mul_ratio_ceil(keep)?; // ceil: rounding favours the account
    let most = restoring_fraction(buffer_health, book_price, reserved)?;
    let is_dust = report.maintenance_margin().raw() <= DUST_REQUIREMENT;
    let fraction = wanted_fraction(is_dust, wanted, most)?;
    let price = price_of_fraction_ceil(book_price, fraction)?;
    let reward = part_floor(equity.checked_sub(book_price)?, fraction)?;
    let fund_fee = reward.mul_ratio_floor(terms.fund_share)?; // floor: no more than the reward
    Ok(SlicePlan {
        fraction,
        price,
        fund_fee,
        reserved,
    })
}

/// The slice for a bid on an account whose insolvency was proved: any part of the book up to the whole, whatever buffer that
/// leaves. The insurance fund pays first; what it lacks the account pays into debt, up to what makes the slice worth nothing, so
/// that bad debt is shared by others but never an incentive. Dust is sold whole where that costs
/// its bidder no more than dust.
///
/// Errors: [`SliceError::Healthy`] with maintenance health where that is not below zero, [`SliceError::TooSmall`],
/// [`SliceError::BelowMinimum`].
pub fn plan_insolvent_slice(
    report: &MarginReport,
    offer: &InsolventOffer,
    wanted: Wanted,
) -> Result<InsolventSlice, SliceError> {
    if report.maintenance_health.raw() >= 0 {
        return Err(SliceError::Healthy {
            buffer_health: report.maintenance_health,
        });
    }
    let lacking = Quote::ZERO.checked_sub(report.equity)?.max(Quote::ZERO);
    // What the whole book would bring: a part brings its part of that, so that the first of many slices finds no more in the fund
    // than the last, and together they cost what one bidder would.
    let whole = offer.payout.min(offer.insurance.max(lacking));
    // A book that requires little may lack much, which comes back to its bidder only with time: until then nobody is given more of it
    // than it asked for.
    let is_borne = lacking.checked_sub(whole)?.raw() <= DUST_REQUIREMENT;
    let is_dust = is_borne && report.maintenance_margin().raw() <= DUST_REQUIREMENT;
    let fraction = wanted_fraction(is_dust, wanted, FRACTION_ONE)?;
    let received = part_floor(whole.max(Quote::ZERO), fraction)?;
    let insurance = received.min(offer.insurance).max(Quote::ZERO);
    Ok(InsolventSlice {
        fraction,
        insurance,
        debt: received.checked_sub(insurance)?.max(Quote::ZERO),
    })
}

/// The part of the book that a bid takes of at most `most`: all of dust, else what it asks for.
fn wanted_fraction(is_dust: bool, wanted: Wanted, most: u64) -> Result<u64, SliceError> {
    let least = LEAST_FRACTION.min(most).max(1);
    if wanted.fraction < least {
        return Err(SliceError::TooSmall {
            wanted: wanted.fraction,
            least,
        });
    }
    let fraction = match is_dust {
        true => FRACTION_ONE,
        false => wanted.fraction.min(most).max(1),
    };
    wanted.require_minimum(fraction)?;
    Ok(fraction)
}

/// `-H / (B + R - H)` of [`FRACTION_ONE`], floored; between 0 and 1 because H < 0 and B, R >= 0.
fn restoring_fraction(health: Quote, book_price: Quote, reserved: Quote) -> Result<u64, RiskError> {
    let deficit = Quote::ZERO.checked_sub(health)?;
    let whole = book_price.checked_add(reserved)?.checked_add(deficit)?;
    let fraction = mul_div_floor(
        deficit.raw().max(0),
        FRACTION_ONE as i64,
        whole.raw().max(1),
    );
    fraction
        .and_then(|fraction| u64::try_from(fraction).ok())
        .map(|fraction| fraction.min(FRACTION_ONE))
        .ok_or(RiskError::Overflow(Field::Quote))
}

/// `book_price x fraction`, rounded up: the account is never paid short.
fn price_of_fraction_ceil(book_price: Quote, fraction: u64) -> Result<Quote, RiskError> {
    let (price, fraction) = (book_price.raw(), i64::try_from(fraction));
    fraction
        .ok()
        .and_then(|fraction| mul_div_ceil(price, fraction, FRACTION_ONE as i64))
        .map(Quote::from_raw)
        .ok_or(RiskError::Overflow(Field::Quote))
}

/// `amount x fraction`, rounded down; for amounts at least zero and fractions up to [`FRACTION_ONE`].
fn part_floor(amount: Quote, fraction: u64) -> Result<Quote, RiskError> {
    i64::try_from(fraction)
        .ok()
        .and_then(|fraction| mul_div_floor(amount.raw(), fraction, FRACTION_ONE as i64))
        .map(Quote::from_raw)
        .ok_or(RiskError::Overflow(Field::Quote))
}
