//! One expiry of one market: forward, discounts and smile once, then its legs through the grid.

// Hot path: wrapping products on ranges that the comments state.
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::error::{check_range, Field, RiskError};
use crate::fixed::bits::leading_zeros;
use crate::fixed::exp::exp_neg;
use crate::fixed::log::ln;
use crate::fixed::mul::mul_shift_q38;
use crate::fixed::sqrt::{sqrt_tenor, tenor};
use crate::grid::{mul_q30, Discounts};
use crate::legs::{fill_grid, sizes, SmilePoint};
use crate::market::{Expiry, ExpirySource, Market, MAX_TENOR_SECONDS};
use crate::params::StaticDiscountParams;
use crate::position::{Instrument, PositionSource, MOST_VOLATILITY};
use crate::scan::Scan;
use crate::scenario::ONE_Q30;
use crate::svi::{Svi, SviSlice};
use crate::units::{Price, Quantity, Quote, Ratio, RATIO_ONE};
use crate::vol::RATIO_UNIT;

/// A smile for expiries that have none and need none.
const NO_SMILE: Svi = Svi {
    a: 0,
    b: 0,
    rho: 0,
    m: 0,
    s: 0,
    reference_tenor: 1,
};

/// What all options of an expiry share.
pub(crate) struct ExpiryContext {
    /// Forward price.
    pub forward: Price,
    /// Share of the forward that follows the spot, Q30: 1.0 but in the settlement window.
    pub share: i64,
    /// ln of the raw forward, Q40.
    pub ln_forward: i64,
    /// Seconds to expiry, at least zero.
    pub seconds: i64,
    /// Years to expiry, Q36.
    pub tenor: u64,
    /// exp(-max(r, 0) tau), Q38.
    pub discount: i64,
    /// max(r, 0) tau, Q38.
    exponent: u64,
    /// The smile at this tenor.
    pub smile: SviSlice,
    /// Multiplier of volatility, 1e-6.
    vol_move: Ratio,
}

/// What can be refused of an expiry.
pub(crate) struct CheckedForward {
    /// Forward price.
    forward: Price,
    /// Share of it that follows the spot, Q30.
    share: i64,
    /// Seconds to expiry, at least zero.
    seconds: i64,
}

impl CheckedForward {
    fn new<E>(market: &Market<'_, E>, listed: &Expiry) -> Result<Self, RiskError> {
        let seconds = listed.time.saturating_sub(market.now).max(0);
        check_range(Field::Tenor, seconds, 0, MAX_TENOR_SECONDS)?;
        let parts = listed.parts(market.spot, &market.shift, seconds)?;
        let forward = match parts.fixed {
            0 => parts.variable,
            fixed => parts.variable.saturating_add(fixed),
        };
        let forward = Price::checked(forward)?;
        let share = match parts.fixed {
            0 => ONE_Q30,
            _ => share_q30(parts.variable, forward.raw()),
        };
        Ok(Self {
            forward,
            share,
            seconds,
        })
    }
}

impl ExpiryContext {
    pub fn new<E>(market: &Market<'_, E>, listed: &Expiry) -> Result<Self, RiskError> {
        Ok(Self::of(
            &CheckedForward::new(market, listed)?,
            market,
            listed,
        ))
    }

    /// Apart from what can be refused, so that the smile is written once, in place.
    #[inline(always)]
    fn of<E>(checked: &CheckedForward, market: &Market<'_, E>, listed: &Expiry) -> Self {
        let seconds = checked.seconds;
        let tenor = tenor(seconds);
        // tenor < 2^39 and rate <= 2^20: the product stays below 2^59
        let rate = u64::from(listed.rate.max(0).unsigned_abs());
        let exponent = (tenor.wrapping_mul(rate) / RATIO_UNIT) << 2;
        Self {
            forward: checked.forward,
            share: checked.share,
            ln_forward: ln(checked.forward.raw()),
            seconds,
            tenor,
            discount: exp_neg(exponent) as i64,
            exponent,
            smile: SviSlice::new(listed.svi.as_ref().unwrap_or(&NO_SMILE), seconds),
            vol_move: market.shift.vol,
        }
    }

    /// `sigma sqrt(tau)` of an option, Q40: from its own volatility, else from the smile; `moneyness` is ln(F/K), Q40.
    #[inline(always)]
    pub fn std_dev(&self, volatility: Option<u64>, moneyness: i64) -> Result<u64, RiskError> {
        let mut nowhere = SmilePoint::NONE;
        self.std_dev_after(volatility, moneyness, &mut nowhere)
    }

    /// The same after another option of the expiry: options of one strike, and those beyond what the smile is trusted for,
    /// read it once.
    #[inline(always)]
    pub fn std_dev_after(
        &self,
        volatility: Option<u64>,
        moneyness: i64,
        last: &mut SmilePoint,
    ) -> Result<u64, RiskError> {
        let std_dev = match volatility {
            None => {
                let k = self.smile.trusted(moneyness.wrapping_neg());
                if k != last.k {
                    *last = SmilePoint {
                        k,
                        std_dev: self.smile.std_dev_at(k),
                    };
                }
                last.std_dev
            }
            Some(volatility) => explicit_std_dev(volatility, self.seconds)?,
        };
        Ok(match self.vol_move.raw() {
            RATIO_ONE => std_dev,
            moved => moved_std_dev(std_dev, moved),
        })
    }

    /// The discounts of the expiry's value by sign.
    pub fn discounts(&self, params: &StaticDiscountParams) -> Discounts {
        if *params == StaticDiscountParams::NONE {
            return Discounts::plain(self.discount);
        }
        let ratio = |ratio: Ratio, most: u64| (ratio.raw().max(0) as u64).min(most);
        // r+ tau is at most 4.0 in Q38, times 2^23.3 / 1e6; tenor < 2^39 in Q36, times 2^21: all below 2^63
        let exponent = |multiplier: Ratio, add: Ratio| {
            let rate =
                (self.exponent >> 2).wrapping_mul(ratio(multiplier, 10 * RATIO_UNIT)) / RATIO_UNIT;
            let added = self.tenor.wrapping_mul(ratio(add, 2 * RATIO_UNIT)) / RATIO_UNIT;
            rate.wrapping_add(added) << 2
        };
        let based =
            |value: u64, base: Ratio| value.wrapping_mul(ratio(base, 2 * RATIO_UNIT)) / RATIO_UNIT;
        let long = exp_neg(exponent(params.long_multiplier, params.long_add));
        let long = based(long, params.long_base) as i64;
        // D N = min(1, short_base exp(x - r+ tau)): one as soon as x reaches r+ tau
        let short = exponent(params.short_multiplier, params.short_add);
        let one = 1 << 38;
        let short = match self.exponent.saturating_sub(short) {
            0 => one,
            rest => based(exp_neg(rest), params.short_base)
                .wrapping_add(1)
                .min(one),
        };
        Discounts {
            mark: self.discount,
            long: mul_shift_q38(long, self.discount),
            short: short as i64,
        }
    }
}

/// `variable / total` in Q30, to nearest; only inside the settlement window.
fn share_q30(variable: u64, total: u64) -> i64 {
    let scaled = (u128::from(variable) << 30).wrapping_add(u128::from(total) / 2);
    scaled
        .checked_div(total.into())
        .and_then(|share| i64::try_from(share).ok())
        .map_or(ONE_Q30, |share| share.min(ONE_Q30))
}

/// `volatility sqrt(tau)`, Q40, floored, for a volatility of 1e-9.
fn explicit_std_dev(volatility: u64, seconds: i64) -> Result<u64, RiskError> {
    if volatility > MOST_VOLATILITY {
        return Err(RiskError::OutOfRange {
            field: Field::Volatility,
            value: i64::try_from(volatility).unwrap_or(i64::MAX),
            least: 0,
            most: MOST_VOLATILITY as i64,
        });
    }
    // 1e10 * 2^39: 128 bits, as no account on chain holds such a position
    let product = u128::from(volatility).wrapping_mul((sqrt_tenor(seconds) << 2).into());
    Ok(u64::try_from(product.div_euclid(1_000_000_000)).unwrap_or(u64::MAX))
}

/// `std_dev moved` for a multiplier of 1e-6.
#[inline(never)]
fn moved_std_dev(std_dev: u64, moved: i64) -> u64 {
    let product = u128::from(std_dev).wrapping_mul(moved.unsigned_abs().into());
    u64::try_from(product.div_euclid(1_000_000)).unwrap_or(u64::MAX)
}

/// Adds the legs of one expiry to the scan: at most one future, then options by strike.
#[inline(never)]
pub(crate) fn scan_expiry<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    listed: &Expiry,
    legs: &[P],
    scan: &mut Scan<'_>,
) -> Result<(), RiskError> {
    let checked = CheckedForward::new(market, listed)?;
    let context = ExpiryContext::of(&checked, market, listed);
    let first = legs.first().map(PositionSource::position);
    let (future, options) = match first {
        Some(leg) if leg.instrument == Instrument::Future => {
            (Some(leg), legs.get(1..).unwrap_or_default())
        }
        _ => (None, legs),
    };
    let mut size = 0;
    let mut future_notional = 0;
    if let Some(future) = &future {
        size = future.quantity.raw().unsigned_abs();
        future_notional = scan.add_future(market, &context, future)?;
    }
    let mut basis = [0; 2];
    if !options.is_empty() {
        let (option_size, changes) = scan_options(market, listed, &context, options, scan)
            .map_err(|error| at_offset(error, legs.len().wrapping_sub(options.len())))?;
        size = size.saturating_add(option_size);
        basis = changes;
    }
    scan.add_basis(market, context.tenor, basis, future_notional)?;
    scan.charge_expiry_confidence(market, listed, size)
}

/// Adds the options of an expiry; returns the sum of their sizes and what the basis nodes change, with the error of the grid.
fn scan_options<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    listed: &Expiry,
    context: &ExpiryContext,
    options: &[P],
    scan: &mut Scan<'_>,
) -> Result<(u64, [i64; 2]), RiskError> {
    if listed.svi.is_none() && options.iter().any(|option| option.volatility().is_none()) {
        return Err(RiskError::SurfaceMissing {
            expiry: listed.time,
        });
    }
    let sizes = sizes(options, context.forward)?;
    let gross = sizes.gross;
    let is_split = context.share != ONE_Q30;
    if is_split {
        scan.grid.split(context.share);
    }
    scan.grid.open(gross)?;
    let sums = fill_grid(market, context, options, sizes.is_small, scan)?;
    let shift = scan.grid.shift();
    let discounts = context.discounts(&market.params.discount);
    scan.bound_pnl(gross)?;
    let value = scan.grid.close(&discounts, scan.pnl);
    scan.risk.mark = scan.risk.mark.checked_add(Quote::from_raw(value.mark))?;
    if is_split {
        scan.load_grid(market);
    }

    // One unit per option for the rounding of its weights, in units of the shift.
    let rounding = (options.len() as u64).saturating_add(2) << shift;
    let split_error = if is_split { gross >> 28 } else { 0 };
    let error = scan.add_gross(market, gross, rounding.wrapping_add(split_error))?;
    scan.add_naked(market, Quantity::from_raw(sums.naked))?;

    let scaled = |value: i64| mul_q30(value, context.share);
    // What the grid's 23-bit reciprocal and its table can be wrong by in N: 2^-24 of gross below v = 1, four times that per
    // doubling of v up to 16.
    let lost = match sums.widest.unsigned_abs() >> 36 {
        0 => 0,
        excess => 64u32.wrapping_sub(leading_zeros(excess)) << 1, // at most ten bits
    };
    let narrow = sums.narrow << shift; // below 2^40, shifted by at most 19
    let delta_error = (gross >> 24u32.saturating_sub(lost))
        .saturating_add(rounding)
        .saturating_add(narrow);
    scan.delta.add_expiry(scaled(value.delta), delta_error)?;
    if market.params.min_delta.hedged.raw() > 0 {
        let cash = |sum: i64| scaled(mul_shift_q38(sum, context.discount) << shift);
        scan.delta
            .add_legs(cash(sums.positive), cash(sums.negative))?;
    }
    if sums.vega != 0 {
        let root = sqrt_tenor(context.seconds) as i64;
        let vega = mul_shift_q38(sums.vega >> 19, context.discount);
        let vega = mul_shift_q38(vega, root) << shift;
        let narrow = mul_shift_q38(sums.narrow as i64, root).wrapping_add(1) << shift;
        let error = (gross >> 36).saturating_add(rounding << 1);
        scan.add_vega(vega, error.saturating_add(narrow.unsigned_abs()))?;
    }
    let mut basis = value.basis;
    for change in &mut basis {
        *change = change.wrapping_sub(error); // below 2^62, the error below 2^34
    }
    Ok((sizes.size, basis))
}

/// Turns an index within an expiry's options into one within its legs.
pub(crate) fn at_offset(error: RiskError, offset: usize) -> RiskError {
    match error {
        RiskError::Unsorted { index } => RiskError::Unsorted {
            index: index.saturating_add(offset),
        },
        other => other,
    }
}
