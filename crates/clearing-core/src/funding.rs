//! Funding of a perpetual: an index that moves so that who pushes its price away from the spot pays those on the other side.
//!
//! Every fill has a *premium*: its price over spot less one, within the market's cap. The mean over an hour, weighted by
//! size, is the rate at which the index moves in the next hour; per day, on the spot of that hour's last fill. The mean is taken
//! over at least a depth, so that thin trading counts in proportion to its size, and an hour after one without fills has rate zero.
//!
//! A position of `q` has paid `q x index` since the index was zero: longs pay while the index rises, which it does while fills are
//! above spot. Entering at price `p` while the index is `i` costs `q (p - i)`; so what each side owes is the difference of two
//! indices, and both sides owe the same with opposite signs.
//!
//! The index is a function of what was stored and the time alone: it is linear within an hour, from an anchor at the hour's
//! beginning, and what the hour after it pays follows from the fills that are stored. Nobody has to call anything for it to be right,
//! and any number of steps gives the bits of a single one.

use risk_core::fixed::mul::{mul_div_ceil, mul_div_floor};
use risk_core::{Price, Quantity, Quote};

/// Length of a period, seconds; periods begin at multiples of it.
pub const PERIOD_SECONDS: i64 = 3_600;
/// Seconds in which one rate is paid.
const DAY_SECONDS: u64 = 86_400;
/// 1.0 of a premium and of a rate.
const RATE_ONE: u64 = 1_000_000_000;
/// Largest cap, 1e-9: a quarter of the price a day, 1 % an hour.
pub const FUNDING_CAP_MOST: u32 = 250_000_000;
/// Largest magnitude of an index, 1e-8 USD per base unit: a quarter of the largest price. Beyond, it stays where it is, and the
/// side that would receive gets nothing more. A unit at 100,000 USD takes over 200,000 years at the largest cap to get there.
pub const INDEX_MOST: i64 = 1 << 61;
/// Base units of a size of one.
const BASE_ONE: u64 = 1_000_000;
/// Price units of a notional: 1e-6 base units x 1e-8 USD over 1e-6 USD.
const NOTIONAL_ONE: i64 = 100_000_000;

/// What a market sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FundingTerms {
    /// Largest magnitude of a premium and of a rate, 1e-9; zero: no funding.
    pub cap: u32,
    /// Size at which the mean premium counts in full, 1e-6 base units.
    pub depth: u64,
}

impl FundingTerms {
    /// Whether they are in bounds: no cap and no depth, or a cap up to [`FUNDING_CAP_MOST`] with a depth.
    pub const fn is_valid(&self) -> bool {
        match self.cap {
            0 => self.depth == 0,
            cap => cap <= FUNDING_CAP_MOST && self.depth > 0,
        }
    }
}

/// The state of a market's funding. All zero before the first fill.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Funding {
    /// The index at `period_start`, 1e-8 USD per base unit; at most [`INDEX_MOST`] by magnitude.
    pub index: i64,
    /// Beginning of the running period, Unix time, a multiple of [`PERIOD_SECONDS`].
    pub period_start: i64,
    /// What a base unit pays per day in the running period, 1e-8 USD; signed.
    pub daily: i64,
    /// Rate of the running period per day, 1e-9; `daily` is this share of the price that it was measured on.
    pub rate: i32,
    /// Spot at the running period's last fill, 1e-8 USD: what the next rate is measured on.
    pub reference: u64,
    /// Sum of premium (1e-9) times size (base units) over the running period's fills, each rounded toward zero; saturates.
    pub premium_sum: i64,
    /// Sum of their sizes, 1e-6 base units; saturates.
    pub premium_size: u64,
}

impl Funding {
    /// The index at a time, 1e-8 USD per base unit. A time before the running period counts as its beginning.
    pub fn index_at(&self, terms: &FundingTerms, now: i64) -> i64 {
        let elapsed = now.saturating_sub(self.period_start).max(0);
        let index = moved(self.index, self.daily, elapsed);
        match elapsed > PERIOD_SECONDS && self.premium_sum != 0 {
            // The period after the stored one has its rate from the stored fills; later ones had none.
            true => moved(
                index,
                self.next(terms).1,
                elapsed.saturating_sub(PERIOD_SECONDS),
            ),
            false => index,
        }
    }

    /// Moves the anchor into the period of `now`. Changes [`Funding::index_at`] at no time from then on.
    pub fn roll(&mut self, terms: &FundingTerms, now: i64) {
        let elapsed = now.saturating_sub(self.period_start);
        if elapsed < PERIOD_SECONDS {
            return;
        }
        let next = match elapsed < PERIOD_SECONDS.saturating_mul(2) {
            true => self.next(terms),
            false => (0, 0),
        };
        // unsigned, as the VM divides; there is no time before zero
        let into = now.max(0).unsigned_abs().rem_euclid(PERIOD_SECONDS as u64) as i64;
        let period_start = now.saturating_sub(into);
        *self = Self {
            index: self.index_at(terms, period_start),
            period_start,
            rate: next.0,
            daily: next.1,
            // kept for readers: the next fill replaces it before it counts
            reference: self.reference,
            premium_sum: 0,
            premium_size: 0,
        };
    }

    /// Counts a fill of `size` (1e-6 base units) at `price` while the spot is `spot`.
    pub fn record_fill(
        &mut self,
        terms: &FundingTerms,
        spot: Price,
        price: Price,
        size: u64,
        now: i64,
    ) {
        if terms.cap == 0 {
            return;
        }
        self.roll(terms, now);
        let premium = premium(price, spot, terms.cap);
        let weighted = weighted(premium.unsigned_abs(), size);
        self.premium_sum = match premium < 0 {
            true => self.premium_sum.saturating_sub(weighted),
            false => self.premium_sum.saturating_add(weighted),
        };
        self.premium_size = self.premium_size.saturating_add(size);
        self.reference = spot.raw();
    }

    /// Rate per day (1e-9) and what a base unit pays per day (1e-8 USD) in the period after the stored one, rounded toward zero.
    fn next(&self, terms: &FundingTerms) -> (i32, i64) {
        let size = self.premium_size.max(terms.depth);
        let sum = self.premium_sum.unsigned_abs();
        let mean = match sum.checked_mul(BASE_ONE) {
            Some(scaled) => scaled.checked_div(size).unwrap_or(0),
            None => wide_mean(sum, size),
        };
        // at most the cap, which is below 2^28: so is the cast, and `whole x rate` is below 2^34 x 2^28
        let rate = mean.min(terms.cap.min(FUNDING_CAP_MOST).into());
        let reference = self.reference.min(Price::MOST);
        let whole = reference.div_euclid(RATE_ONE).saturating_mul(rate);
        let part = reference.rem_euclid(RATE_ONE).saturating_mul(rate);
        let daily = whole.saturating_add(part.div_euclid(RATE_ONE));
        let (rate, daily) = (
            i32::try_from(rate).unwrap_or(0),
            i64::try_from(daily).unwrap_or(0),
        );
        match self.premium_sum < 0 {
            true => (rate.saturating_neg(), daily.saturating_neg()),
            false => (rate, daily),
        }
    }
}

/// An index after at most a period of a pay per day, rounded toward where it was.
fn moved(index: i64, daily: i64, seconds: i64) -> i64 {
    if daily == 0 {
        return index;
    }
    let seconds = seconds.clamp(0, PERIOD_SECONDS).unsigned_abs();
    let daily_size = daily.unsigned_abs();
    // below 2^63 / 86,400 x 3,600 and 86,400 x 3,600
    let whole = daily_size.div_euclid(DAY_SECONDS).saturating_mul(seconds);
    let part = daily_size.rem_euclid(DAY_SECONDS).saturating_mul(seconds);
    let step = whole.saturating_add(part.div_euclid(DAY_SECONDS));
    let step = i64::try_from(step).unwrap_or(i64::MAX);
    let index = match daily < 0 {
        true => index.saturating_sub(step),
        false => index.saturating_add(step),
    };
    index.clamp(-INDEX_MOST, INDEX_MOST)
}

/// `price / spot - 1` within the cap, 1e-9, rounded toward zero. Zero for a spot of zero.
fn premium(price: Price, spot: Price, cap: u32) -> i64 {
    let (price, spot) = (price.raw(), spot.raw());
    if spot == 0 {
        return 0;
    }
    let share = share(price.abs_diff(spot), spot).min(cap.into());
    let share = i64::try_from(share).unwrap_or(0); // at most the cap
    match price < spot {
        true => share.saturating_neg(),
        false => share,
    }
}

/// `part / whole`, 1e-9, floored; 1.0 for a part that is not below the whole.
fn share(part: u64, whole: u64) -> u64 {
    if part >= whole {
        return RATE_ONE;
    }
    if whole >> 54 != 0 {
        let scaled = u128::from(part).saturating_mul(RATE_ONE.into());
        let share = scaled.checked_div(whole.into()).unwrap_or(0);
        return u64::try_from(share).unwrap_or(RATE_ONE);
    }
    // Long division by three digits of a thousand: rests stay below the whole, so products stay below 2^64.
    let (mut quotient, mut rest) = (0u64, part);
    for _ in 0..3 {
        let scaled = rest.saturating_mul(1_000);
        let digit = scaled.checked_div(whole).unwrap_or(0);
        quotient = quotient.saturating_mul(1_000).saturating_add(digit);
        rest = scaled.checked_rem(whole).unwrap_or(0);
    }
    quotient
}

/// `premium x size / 1e6`, floored; saturates at `i64::MAX`.
fn weighted(premium: u64, size: u64) -> i64 {
    let part = size.rem_euclid(BASE_ONE).saturating_mul(premium); // below 2^20 x 2^28
    let whole = size.div_euclid(BASE_ONE).saturating_mul(premium);
    let sum = whole.saturating_add(part.div_euclid(BASE_ONE));
    i64::try_from(sum).unwrap_or(i64::MAX)
}

#[cold]
fn wide_mean(sum: u64, size: u64) -> u64 {
    let scaled = u128::from(sum).saturating_mul(BASE_ONE.into());
    let mean = scaled.checked_div(size.into()).unwrap_or(0);
    u64::try_from(mean).unwrap_or(u64::MAX)
}

/// What entering a position costs at a price while the index is `index`: `q (price - index)`, 1e-6 USD, rounded toward zero, so
/// that both sides of a fill have the same magnitude. `None` where it leaves its range.
pub fn entry_cost(quantity: Quantity, price: Price, index: i64) -> Option<Quote> {
    let price = i64::try_from(price.raw()).ok()?;
    let net = price.checked_sub(index)?;
    let cost = match (quantity.raw() < 0) == (net < 0) {
        true => mul_div_floor(quantity.raw(), net, NOTIONAL_ONE),
        false => mul_div_ceil(quantity.raw(), net, NOTIONAL_ONE),
    };
    cost.map(Quote::from_raw)
}

/// What a position has paid in funding since the index was zero: `q x index`, 1e-6 USD, rounded up, against the account. `None`
/// where it leaves its range.
pub fn paid_ceil(quantity: Quantity, index: i64) -> Option<Quote> {
    mul_div_ceil(quantity.raw(), index, NOTIONAL_ONE).map(Quote::from_raw)
}

#[cfg(test)]
mod tests;
