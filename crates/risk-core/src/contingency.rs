//! Charges that a grid of scenarios cannot see, each kept apart so that a report can name it.
//!
//! | charge | requirement | base |
//! |---|---|---|
//! | perpetuals, naked shorts, haircuts | both, and a further share in the initial one | notional, value |
//! | cushion | both | what the arithmetic can be wrong by |
//! | confidence | initial | notional of perpetual, each expiry, each collateral |
//! | stable price | initial | net delta: the worse of live and delayed price, to first order |
//! | concentration | initial | net delta and net vega: a hedged book of any size pays nothing |
//!
//! Every charge is at least zero and rounds up.

// Hot path: wrapping products on ranges that the comments state.
#![allow(clippy::arithmetic_side_effects, clippy::cast_possible_truncation)]

use crate::error::{check_range, Field, RiskError};
use crate::fixed::mul::mul_div_ceil;
use crate::fixed::normal::pdf;
use crate::fixed::sqrt::sqrt_tenor;
use crate::grid::GridOption;
use crate::market::{Expiry, ExpirySource, Market, MAX_TENOR_SECONDS};
use crate::params::{ConcentrationParams, ConfidenceParams};
use crate::position::PositionSource;
use crate::scan::Scan;
use crate::units::{Price, Quantity, Quote, Ratio, RATIO_ONE};

/// Part of notional, 1 %, that the initial requirement asks for while samples of a settlement average are provisional: an earlier one of
/// its minute may replace each. Ten times what a coin's price moves within a minute. Without it the fixed part of a forward would
/// need no margin at all, and any size could be opened on a price that is about to be corrected.
const PROVISIONAL_PART: u64 = 100;
/// A numerical error is below 2^-30 of gross notional times the set's reach; the requirement carries it as a cushion.
const CUSHION_BITS: u32 = 30;

/// The charges of a market or an account, 1e-6 USD, each at least zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Contingencies {
    /// Perpetuals, both requirements.
    pub perp_maintenance: Quote,
    /// Perpetuals, initial only.
    pub perp_initial: Quote,
    /// Naked shorts, both requirements.
    pub option_maintenance: Quote,
    /// Naked shorts, initial only.
    pub option_initial: Quote,
    /// Haircuts of collateral, both requirements.
    pub haircut_maintenance: Quote,
    /// Haircuts of collateral, initial only.
    pub haircut_initial: Quote,
    /// Uncertain inputs, initial only.
    pub confidence: Quote,
    /// Distance of spot to the stable price on the net delta, initial only.
    pub stable_price: Quote,
    /// Concentration of the net delta, initial only.
    pub concentration_delta: Quote,
    /// Concentration of the net vega, initial only.
    pub concentration_vega: Quote,
    /// Numerical cushion, both requirements.
    pub cushion: Quote,
}

impl Contingencies {
    /// What both requirements carry.
    pub fn maintenance(&self) -> Result<Quote, RiskError> {
        Quote::checked_sum([
            self.perp_maintenance,
            self.option_maintenance,
            self.haircut_maintenance,
            self.cushion,
        ])
    }

    /// What the initial requirement carries on top.
    pub fn initial(&self) -> Result<Quote, RiskError> {
        Quote::checked_sum([
            self.perp_initial,
            self.option_initial,
            self.haircut_initial,
            self.confidence,
            self.stable_price,
            self.concentration_delta,
            self.concentration_vega,
        ])
    }

    /// Both, charge by charge.
    pub fn checked_add(&self, other: &Self) -> Result<Self, RiskError> {
        let mut overflow = 0;
        let mut add = |a: Quote, b: Quote| {
            let (sum, flag) = a.adding(b);
            overflow |= flag;
            sum
        };
        let sum = Self {
            perp_maintenance: add(self.perp_maintenance, other.perp_maintenance),
            perp_initial: add(self.perp_initial, other.perp_initial),
            option_maintenance: add(self.option_maintenance, other.option_maintenance),
            option_initial: add(self.option_initial, other.option_initial),
            haircut_maintenance: add(self.haircut_maintenance, other.haircut_maintenance),
            haircut_initial: add(self.haircut_initial, other.haircut_initial),
            confidence: add(self.confidence, other.confidence),
            stable_price: add(self.stable_price, other.stable_price),
            concentration_delta: add(self.concentration_delta, other.concentration_delta),
            concentration_vega: add(self.concentration_vega, other.concentration_vega),
            cushion: add(self.cushion, other.cushion),
        };
        if overflow < 0 {
            return Err(RiskError::Overflow(Field::Quote));
        }
        Ok(sum)
    }
}

impl ConfidenceParams {
    /// `(1 - confidence) factor notional` where the confidence is below the threshold, rounded up; `notional` by magnitude.
    ///
    /// Errors: [`Field::Confidence`] outside 0 to 1.0.
    pub fn charge(&self, confidence: Ratio, notional: Quote) -> Result<Quote, RiskError> {
        check_range(Field::Confidence, confidence.raw(), 0, RATIO_ONE)?;
        if confidence >= self.threshold {
            return Ok(Quote::ZERO);
        }
        let doubt = Ratio::from_raw(RATIO_ONE.wrapping_sub(confidence.raw()));
        notional
            .saturating_abs()
            .mul_ratio_ceil(self.factor)?
            .mul_ratio_ceil(doubt)
    }
}

impl ConcentrationParams {
    /// `shock(x) x`, rounded up, for an exposure of at least zero: the shock is zero to the threshold, then grows linearly to
    /// the cap at `full`.
    pub fn charge(&self, exposure: Quote) -> Result<Quote, RiskError> {
        if exposure <= self.threshold || self.cap.raw() <= 0 {
            return Ok(Quote::ZERO);
        }
        let over = exposure.checked_sub(self.threshold)?;
        let ramp = self.full.checked_sub(self.threshold)?;
        if over >= ramp {
            return exposure.mul_ratio_ceil(self.cap);
        }
        // the ramp is positive: it is larger than `over`
        let share = mul_div_ceil(exposure.raw(), over.raw(), ramp.raw());
        let share = share.ok_or(RiskError::Overflow(Field::Quote))?;
        Quote::from_raw(share).mul_ratio_ceil(self.cap)
    }
}

/// Whether a market's options could be concentrated in vega at all: their vega is below `0.4 sum |q| F sqrt(tau) / 100` per
/// point, with forwards of at most 1.5 times the spot and no tenor beyond the last. Saves the vega of books that cannot be.
pub(crate) fn may_concentrate_vega<P: PositionSource, E: ExpirySource>(
    market: &Market<'_, E>,
    positions: &[P],
) -> bool {
    let params = &market.params.concentration_vega;
    let Some(last) = positions.last() else {
        return false;
    };
    if params.cap.raw() <= 0 {
        return false;
    }
    let seconds = last.position().expiry.saturating_sub(market.now).max(0);
    let (mut size, mut any) = (0u64, 0);
    for leg in positions {
        let magnitude = leg.position().quantity.raw().unsigned_abs();
        size = size.wrapping_add(magnitude);
        any |= magnitude;
    }
    // 2^15 sizes below 2^47 sum to less than 2^62
    if any >> 47 != 0 || positions.len() >> 15 != 0 {
        return true;
    }
    let Ok(notional) = Quantity::from_raw(size as i64).notional(market.spot) else {
        return true;
    };
    // 1.5 x 0.4 / 100 is 0.006; the notional is below 2^63
    let share = (notional.raw().unsigned_abs() / 166).saturating_add(1);
    let threshold = params.threshold.raw().max(0).unsigned_abs();
    reaches(share, seconds, threshold) || market.expiries.iter().any(ExpirySource::is_explicit)
}

/// Whether `share sqrt(tau)`, rounded up, reaches a threshold; `share` below 2^57.
fn reaches(share: u64, seconds: i64, threshold: u64) -> bool {
    // no root within the engine's tenors is above 2.0, which spares most books the root
    if share.saturating_mul(3) < threshold && seconds <= MAX_TENOR_SECONDS {
        return false;
    }
    // sqrt(tau) in Q38, at most 2.0 within the engine's tenors, in Q6 rounded up: products below 2^64
    let root = (sqrt_tenor(seconds) >> 32).saturating_add(1);
    share.saturating_mul(root) >> 6 >= threshold
}

/// `weight n(d1)` of an option at unshocked volatility in quote units of the grid's shift, Q19; below 2^57.
pub(crate) fn leg_vega(option: &GridOption) -> i64 {
    let v = option.std_dev[1].max(1).unsigned_abs(); // Q36, at most 2^40
    let magnitude = option.moneyness.unsigned_abs().min(1 << 43);
    let high = (magnitude << 18) / v; // Q18
    if high >= 64 << 18 {
        return 0;
    }
    let rest = (magnitude << 18).wrapping_sub(high.wrapping_mul(v));
    let quotient = ((high << 18) | ((rest << 18) / v)) as i64; // Q36
    let x = if option.moneyness < 0 {
        quotient.wrapping_neg()
    } else {
        quotient
    };
    let density = pdf(x.wrapping_add((v >> 1) as i64)); // Q38, below 2^37
    let (whole, part) = (
        option.forward_weight >> 19,
        option.forward_weight & ((1 << 19) - 1),
    );
    whole
        .wrapping_mul(density)
        .wrapping_add(part.wrapping_mul(density) >> 19)
}

impl Scan<'_> {
    /// Adds to the gross notional and charges what the arithmetic can be wrong by: `gross` has at most 2^57 units, `rounding`
    /// 2^30. Returns the charge.
    pub fn add_gross<E>(
        &mut self,
        market: &Market<'_, E>,
        gross: u64,
        rounding: u64,
    ) -> Result<i64, RiskError> {
        // at most 2^57: in range
        let notional = Quote::from_raw(gross as i64);
        self.risk.gross_notional = self.risk.gross_notional.checked_add(notional)?;
        self.add_cushion(market, gross, rounding)
    }

    /// The cushion alone.
    pub fn add_cushion<E>(
        &mut self,
        market: &Market<'_, E>,
        gross: u64,
        rounding: u64,
    ) -> Result<i64, RiskError> {
        let error = (gross >> CUSHION_BITS).wrapping_add(rounding);
        let cushion = error.wrapping_mul(market.scenarios.reach) as i64;
        let charges = &mut self.risk.contingencies;
        charges.cushion = charges.cushion.checked_add(Quote::from_raw(cushion))?;
        Ok(cushion)
    }

    /// Charges shares of the notional at spot of a perpetual; returns that notional with its sign.
    pub fn charge_perp<E>(
        &mut self,
        market: &Market<'_, E>,
        quantity: Quantity,
    ) -> Result<Quote, RiskError> {
        let signed = quantity.notional(market.spot)?;
        let (exposure, params) = (signed.saturating_abs(), market.params);
        let charges = &mut self.risk.contingencies;
        let maintenance = exposure.mul_ratio_ceil(params.perp_maintenance)?;
        charges.perp_maintenance = charges.perp_maintenance.checked_add(maintenance)?;
        let initial = exposure.mul_ratio_ceil(params.perp_initial)?;
        charges.perp_initial = charges.perp_initial.checked_add(initial)?;
        Ok(signed)
    }

    /// Charges shares of the notional of naked shorts.
    pub fn add_naked<E>(
        &mut self,
        market: &Market<'_, E>,
        naked: Quantity,
    ) -> Result<(), RiskError> {
        if naked == Quantity::ZERO {
            return Ok(());
        }
        let (exposure, params) = (naked.notional(market.spot)?, market.params);
        let charges = &mut self.risk.contingencies;
        let maintenance = exposure.mul_ratio_ceil(params.option_maintenance)?;
        charges.option_maintenance = charges.option_maintenance.checked_add(maintenance)?;
        let initial = exposure.mul_ratio_ceil(params.option_initial)?;
        charges.option_initial = charges.option_initial.checked_add(initial)?;
        Ok(())
    }

    /// Charges what is not certain of the perpetual.
    pub fn charge_perp_confidence<E>(
        &mut self,
        market: &Market<'_, E>,
        exposure: Quote,
    ) -> Result<(), RiskError> {
        let confidence = market.spot_confidence.min(market.perp_confidence);
        self.charge_confidence(market, confidence, exposure)
    }

    /// Charges what is not certain of an expiry whose sizes sum to `size`: of its prices, and of samples of the settlement average
    /// that others may still take the place of; the perpetual's price counts where one is held,
    /// since its delta is then hedged at that price.
    pub fn charge_expiry_confidence<E>(
        &mut self,
        market: &Market<'_, E>,
        listed: &Expiry,
        size: u64,
    ) -> Result<(), RiskError> {
        let mut confidence = market.spot_confidence.min(listed.confidence);
        if self.holds_perp {
            confidence = confidence.min(market.perp_confidence);
        }
        let is_provisional = listed.open_seconds.is_some();
        if confidence.raw() == RATIO_ONE && !is_provisional {
            return Ok(());
        }
        let size = i64::try_from(size).map_err(|_| RiskError::Overflow(Field::Quantity))?;
        let notional = Quantity::from_raw(size).notional(market.spot)?;
        if is_provisional {
            let charges = &mut self.risk.contingencies;
            // unsigned, since sBPF divides nothing else; at most 2^63, rounded up
            let rounded = notional
                .raw()
                .unsigned_abs()
                .saturating_add(PROVISIONAL_PART - 1);
            let charge = Quote::from_raw((rounded / PROVISIONAL_PART) as i64);
            charges.confidence = charges.confidence.checked_add(charge)?;
        }
        self.charge_confidence(market, confidence, notional)
    }

    fn charge_confidence<E>(
        &mut self,
        market: &Market<'_, E>,
        confidence: Ratio,
        notional: Quote,
    ) -> Result<(), RiskError> {
        let charge = market.params.confidence.charge(confidence, notional)?;
        let charges = &mut self.risk.contingencies;
        charges.confidence = charges.confidence.checked_add(charge)?;
        Ok(())
    }

    /// Charges what depends on the net Greeks of the market.
    pub fn charge_greeks<E>(&mut self, market: &Market<'_, E>) -> Result<(), RiskError> {
        let params = market.params;
        let exposure = self.delta.exposure()?;
        if let Some(stable) = market.stable_price {
            self.risk.contingencies.stable_price = stable_charge(exposure, market.spot, stable)?;
        }
        let charges = &mut self.risk.contingencies;
        charges.concentration_delta = params.concentration_delta.charge(exposure)?;
        if self.with_vega {
            let error = self.vega_error.unsigned_abs();
            let vega = self.vega.unsigned_abs().saturating_add(error);
            // rounded up to whole units per volatility point; below 2^64 / 100
            let vega = Quote::from_raw(vega.saturating_add(99).div_euclid(100) as i64);
            charges.concentration_vega = params.concentration_vega.charge(vega)?;
        }
        Ok(())
    }

    /// Adds an expiry's vega per 1.00 of volatility, quote units, and what it can be wrong by.
    pub fn add_vega(&mut self, vega: i64, error: u64) -> Result<(), RiskError> {
        let overflow = RiskError::Overflow(Field::Quote);
        self.vega = self.vega.checked_add(vega).ok_or(overflow)?;
        let error = i64::try_from(error).map_err(|_| overflow)?;
        self.vega_error = self.vega_error.checked_add(error).ok_or(overflow)?;
        Ok(())
    }
}

/// `|delta| |S - S_stable|`, with the delta as cash at spot: rounded up.
pub(crate) fn stable_charge(
    exposure: Quote,
    spot: Price,
    stable: Price,
) -> Result<Quote, RiskError> {
    let overflow = RiskError::Overflow(Field::Quote);
    let distance = i64::try_from(spot.raw().abs_diff(stable.raw())).map_err(|_| overflow)?;
    if distance == 0 {
        return Ok(Quote::ZERO);
    }
    let spot = i64::try_from(spot.raw()).map_err(|_| overflow)?;
    mul_div_ceil(exposure.raw(), distance, spot.max(1))
        .map(Quote::from_raw)
        .ok_or(overflow)
}
